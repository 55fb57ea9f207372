//! The graphs that have a kernel, behind one face.

use parking_lot::Mutex;
use tract_onnx::pb::ModelProto;

use super::Cutter;
use crate::model::encoder::{Activity, EncoderPlan, MAX_PIECES};
use crate::model::graph::{Unrecognised, unrecognised};
use crate::model::manifest::Manifest;
use crate::model::simple::{LABEL_COUNT, SimplePlan, check_labels};

/// A graph compiled for a kernel.
pub(super) enum Compiled {
    Bag(SimplePlan),
    Encoder(Encoder),
}

/// An encoder with the memory of those threads that have run it.
pub(super) struct Encoder {
    plan: EncoderPlan,
    /// Taken for the time of a text and given back: as many as ever ran at once.
    idle: Mutex<Vec<Activity>>,
}

impl Compiled {
    /// Recognises the graph that goes with `cutter`; `embedded` is the file that it was read from, if that is the binary's own.
    pub(super) fn compile(
        model: &ModelProto,
        embedded: Option<&'static [u8]>,
        manifest: &Manifest,
        cutter: &Cutter,
    ) -> Result<Self, Unrecognised> {
        match cutter {
            Cutter::Ngrams => {
                let plan = SimplePlan::compile(model, embedded).and_then(SimplePlan::for_this_build)?;
                plan.for_manifest(manifest).map(Self::Bag)
            }
            Cutter::Pieces { vocabulary, most } => {
                let plan = EncoderPlan::compile(model)?;
                check_labels(manifest)?;
                if vocabulary.len() > plan.vocabulary() || *most > MAX_PIECES {
                    return Err(unrecognised(format!(
                        "the tables have {} words and {MAX_PIECES} positions, the manifest's vocabulary {} and {most}",
                        plan.vocabulary(),
                        vocabulary.len(),
                    )));
                }
                let idle = Mutex::new(vec![plan.activity()]);
                Ok(Self::Encoder(Encoder { plan, idle }))
            }
        }
    }

    /// The calibrated probability of each label. Allocates only when more threads run an encoder than ever before.
    pub(super) fn probabilities(&self, ids: &[u32]) -> [f32; LABEL_COUNT] {
        match self {
            Self::Bag(plan) => plan.probabilities(ids),
            Self::Encoder(encoder) => encoder.probabilities(ids),
        }
    }

    /// `kernel/` and the instruction set.
    pub(super) fn engine_name(&self) -> &'static str {
        let path = match self {
            Self::Bag(plan) => plan.path_name(),
            Self::Encoder(encoder) => encoder.plan.path_name(),
        };
        ["kernel/portable", "kernel/avx2", "kernel/avx-vnni", "kernel/avx512-vnni"]
            .into_iter()
            .find(|name| name.ends_with(path))
            .unwrap_or("kernel")
    }
}

impl Encoder {
    fn probabilities(&self, ids: &[u32]) -> [f32; LABEL_COUNT] {
        // No ids: nothing speaks for any label. `Toxicity::ids` gives none for an empty text, so this is not served.
        self.with_activity(|activity| {
            self.plan.read(ids, activity).map_or([0.0; LABEL_COUNT], |read| read.probabilities)
        })
    }

    /// What the pieces add up to for `label`: its logit but for the bias.
    pub(super) fn sum(&self, ids: &[u32], label: usize) -> f32 {
        self.with_activity(|activity| {
            let read = self.plan.read(ids, activity);
            read.map_or(0.0, |read| read.contributions.iter().map(|contribution| contribution[label]).sum())
        })
    }

    fn with_activity<T>(&self, work: impl FnOnce(&mut Activity) -> T) -> T {
        let taken = self.idle.lock().pop();
        let mut activity = taken.unwrap_or_else(|| self.plan.activity());
        let done = work(&mut activity);
        self.idle.lock().push(activity);
        done
    }
}
