//! From files to a model that has proved itself.
//!
//! The ONNX file is the one source of truth. It is recognised and compiled for the kernel where possible, and it runs on
//! tract otherwise; either way no answer is given before the golden rows, written by ONNX Runtime when the model was
//! exported, have come out of the serving engine. A model that is not in the binary must also give them on tract, and
//! is tried with the inputs that are most likely to break it.

use super::compiled::Compiled;
use super::partner::Partner;
use super::{Cutter, Serving, Toxicity, probabilities};
use crate::model::engine::{Engine, EngineError};
use crate::model::files::{self, Files};
use crate::model::golden::{self, GoldenError, GoldenRow};
use crate::model::graph::Unrecognised;
use crate::model::manifest::{Input, Manifest, ManifestError};
use crate::text::features::{HASH_BITS, MAX_FEATURES_PER_BYTE};
use crate::text::{MAX_NORMALIZED_BYTES, Scratch, vocabulary::Vocabulary};
use std::borrow::Cow;
use std::fmt;
use std::io;
use tract_onnx::pb::ModelProto;

/// Which engine serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The kernel if the model's graph is recognised, else tract.
    #[default]
    Auto,
    /// The kernel, or no model.
    Kernel,
    /// tract.
    Tract,
}

/// A model in the binary.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The name of the manifest.
    pub manifest: &'static str,
    /// Name and content of each file, the manifest among them.
    pub files: &'static [(&'static str, Cow<'static, [u8]>)],
}

/// `simple`: hashed n-grams.
pub const SIMPLE: Embedded = Embedded {
    manifest: "simple.toml",
    files: &[
        ("simple.toml", Cow::Borrowed(include_bytes!("../../../models/toxicity/simple.toml"))),
        ("simple.onnx", Cow::Borrowed(include_bytes!("../../../models/toxicity/simple.onnx"))),
        ("simple.golden.json", Cow::Borrowed(include_bytes!("../../../models/toxicity/simple.golden.json"))),
    ],
};

/// `bert`: word pieces. Without the feature `bert`, no files.
pub const BERT: Embedded = Embedded {
    manifest: "bert.toml",
    #[cfg(feature = "bert")]
    files: &[
        ("bert.toml", Cow::Borrowed(include_bytes!("../../../models/toxicity/bert.toml"))),
        ("bert.onnx", Cow::Borrowed(include_bytes!("../../../models/toxicity/bert.onnx"))),
        ("bert.golden.json", Cow::Borrowed(include_bytes!("../../../models/toxicity/bert.golden.json"))),
        ("bert.vocab.txt", Cow::Borrowed(include_bytes!("../../../models/toxicity/bert.vocab.txt"))),
    ],
    #[cfg(not(feature = "bert"))]
    files: &[],
};

/// Why a model was not loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The file, with its directory if it has one.
    pub file: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a model's file.
#[derive(Debug)]
pub enum Cause {
    /// It could not be read.
    Read(io::Error),
    /// The manifest is not one for this build.
    Manifest(ManifestError),
    /// The models of the directory cannot stand beside each other.
    Directory(String),
    /// It is not the file that the manifest describes; what differs.
    Identity(String),
    /// tract cannot run the ONNX file, or does not get what the manifest says.
    Engine(EngineError),
    /// The kernel was asked for and the graph is not the kernel's.
    NotCompiled(Unrecognised),
    /// The vocabulary is unusable.
    Vocabulary(String),
    /// The golden file is unusable, or an engine does not answer as it says.
    Golden(GoldenError),
}

/// Who judges a model before it serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// The golden rows, of an encoder one of each of the least lengths: enough to see that the kernel computes on this
    /// processor what it computed in the tests, which have held it to [`Self::Golden`] on the same bytes.
    Processor,
    /// The digests and all golden rows. Enough for the embedded files: the tests have held tract to the same rows of the
    /// same bytes, and loading it again would cost several times the rest of the load, in time and in memory.
    Golden,
    /// The golden rows, tract on the same rows, and extreme inputs.
    Everyone,
}

impl Embedded {
    /// What the model says of itself.
    ///
    /// # Errors
    /// The manifest is not there, or is not one for this build.
    pub fn manifest(&self) -> Result<Manifest, LoadError> {
        read_manifest(&Files::Memory(self.files), self.manifest)
    }
}

impl Toxicity {
    /// Loads a model that is in the binary, and holds it to its digests and all of its golden rows.
    ///
    /// # Errors
    /// An engine that departs from the golden rows.
    pub fn embedded(model: &Embedded, choice: EngineChoice) -> Result<Self, LoadError> {
        load(Files::Memory(model.files), model.manifest, choice, Judge::Golden)
    }

    /// The same in the little time that a start has: what the tests have shown of these very bytes is not shown again,
    /// only that this processor computes as theirs did.
    ///
    /// # Errors
    /// As [`Self::embedded`].
    pub fn embedded_at_start(model: &Embedded, choice: EngineChoice) -> Result<Self, LoadError> {
        load(Files::Memory(model.files), model.manifest, choice, Judge::Processor)
    }

    /// Loads the model that the file called `manifest` describes.
    ///
    /// # Errors
    /// A file that is absent or damaged, a manifest for another build, a graph that cannot be served, or an engine that
    /// departs from the golden rows.
    pub fn load(files: Files<'_>, manifest: &str, choice: EngineChoice) -> Result<Self, LoadError> {
        load(files, manifest, choice, Judge::Everyone)
    }
}

fn load(files: Files<'_>, name: &str, choice: EngineChoice, judge: Judge) -> Result<Toxicity, LoadError> {
    let failed = |name: &str, cause: Cause| LoadError { file: files.display(name), cause };
    let read = |name: &str| files.read(name).map_err(|error| failed(name, Cause::Read(error)));
    let manifest = read_manifest(&files, name)?;
    let cutter = match &manifest.input {
        Input::HashedNgrams { .. } => Cutter::Ngrams,
        Input::Wordpiece { vocabulary: name, vocabulary_sha256, max_pieces, .. } => {
            let content = read(name)?;
            let vocabulary = vocabulary(&content, vocabulary_sha256, judge).map_err(|cause| failed(name, cause))?;
            Cutter::Pieces { vocabulary, most: *max_pieces }
        }
    };
    let rows = match &manifest.golden {
        None => Vec::new(),
        Some(name) => {
            let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
            let parsed = golden::parse(&read(name)?, manifest.labels.len());
            let held = parsed.and_then(|rows| {
                golden::check_ids(&rows, |text, ids| {
                    ids.extend_from_slice(cutter.ids(text, &mut scratch).unwrap_or_default());
                })
                .map(|()| rows)
            });
            held.map_err(|error| failed(name, Cause::Golden(error)))?
        }
    };
    let partner = Partner::of(&manifest, choice).map_err(|cause| failed(name, cause))?;
    let onnx = read(&manifest.onnx)?;
    let embedded = match onnx {
        Cow::Borrowed(content) => Some(content),
        Cow::Owned(_) => None,
    };
    let candidate = Candidate { manifest: &manifest, cutter: &cutter, rows: &rows, judge, embedded };
    let (serving, fallback) = candidate.prove(&onnx, choice).map_err(|cause| {
        let blamed = match (&cause, &manifest.golden) {
            (Cause::Golden(_), Some(golden)) => golden,
            _ => &manifest.onnx,
        };
        failed(blamed, cause)
    })?;
    let (score_at, golden_rows) = (manifest.score_position() as u8, rows.len());
    Ok(Toxicity { manifest, cutter, serving, partner, fallback, golden_rows, score_at })
}

fn read_manifest(files: &Files<'_>, name: &str) -> Result<Manifest, LoadError> {
    let failed = |cause: Cause| LoadError { file: files.display(name), cause };
    let content = files.read(name).map_err(|error| failed(Cause::Read(error)))?;
    Manifest::parse(&content).map_err(|error| failed(Cause::Manifest(error)))
}

/// A model that has not proved itself.
struct Candidate<'a> {
    manifest: &'a Manifest,
    cutter: &'a Cutter,
    rows: &'a [GoldenRow],
    judge: Judge,
    /// The ONNX file, if it is the binary's own.
    embedded: Option<&'static [u8]>,
}

impl Candidate<'_> {
    /// The engine that may serve, and why it is tract if the kernel was preferred.
    fn prove(&self, onnx: &[u8], choice: EngineChoice) -> Result<(Serving, Option<String>), Cause> {
        self.check_identity(onnx)?;
        let model = Engine::parse(onnx).map_err(Cause::Engine)?;
        let plan = self.kernel(&model)?;
        Ok(match (choice, plan) {
            (EngineChoice::Tract, _) => (Serving::Tract(self.tract(&model)?), None),
            (EngineChoice::Kernel, Err(reason)) => return Err(Cause::NotCompiled(reason)),
            (EngineChoice::Auto, Err(reason)) => (Serving::Tract(self.tract(&model)?), Some(reason.to_string())),
            (_, Ok(plan)) => {
                if self.judge == Judge::Everyone {
                    self.tract(&model)?;
                }
                (Serving::Kernel(plan), None)
            }
        })
    }

    /// Refuses an ONNX file other than the one that the manifest describes.
    fn check_identity(&self, onnx: &[u8]) -> Result<(), Cause> {
        let (found, expected) = (onnx.len(), self.manifest.bytes);
        if found as u64 != expected {
            return Err(Cause::Identity(format!("has {found} bytes, the manifest says {expected}")));
        }
        if self.judge == Judge::Processor {
            return Ok(());
        }
        files::check_sha256(onnx, &self.manifest.sha256).map_err(Cause::Identity)
    }

    /// The graph compiled and held to the golden rows; inside, why it is not the kernel's.
    fn kernel(&self, model: &ModelProto) -> Result<Result<Compiled, Unrecognised>, Cause> {
        let plan = Compiled::compile(model, self.embedded, self.manifest, self.cutter);
        if let Ok(plan) = &plan {
            self.hold("kernel", |ids| Ok(plan.probabilities(ids)))?;
        }
        Ok(plan)
    }

    /// tract with the graph, held to the golden rows and, unless the model is in the binary, tried with extremes.
    fn tract(&self, model: &ModelProto) -> Result<Engine, Cause> {
        if let Some(tensor) = self.manifest.input.tensor() {
            Engine::check_input(model, tensor).map_err(Cause::Engine)?;
        }
        let engine = Engine::load(model, &self.manifest.output.tensor).map_err(Cause::Engine)?;
        if self.judge == Judge::Everyone {
            self.try_extremes(&engine)?;
        }
        self.hold("tract", |ids| {
            let answered = engine.try_run(ids).and_then(|output| probabilities(output, self.manifest));
            answered.map_err(|error| error.to_string())
        })?;
        Ok(engine)
    }

    fn hold<P: AsRef<[f32]>>(
        &self,
        engine: &'static str,
        run: impl Fn(&[u32]) -> Result<P, String>,
    ) -> Result<(), Cause> {
        let tolerance = self.manifest.golden_tolerance as f32;
        let rows = match (self.judge, self.cutter) {
            (Judge::Processor, Cutter::Pieces { .. }) => golden::one_of_each_length(self.rows, MOST_IDS_AT_START),
            _ => self.rows.iter().enumerate().collect(),
        };
        golden::check_engine(engine, rows, tolerance, run).map_err(Cause::Golden)
    }

    /// Runs the least and the greatest id, and as many ids as there can be: what the graph does not bear, some text
    /// would bring.
    fn try_extremes(&self, engine: &Engine) -> Result<(), Cause> {
        let (ids, what, most) = match self.cutter {
            Cutter::Ngrams => (1 << HASH_BITS, "hash_bits gives", MAX_NORMALIZED_BYTES * MAX_FEATURES_PER_BYTE),
            Cutter::Pieces { vocabulary, most } => (vocabulary.len() as u32, "the vocabulary has", *most),
        };
        let greatest = ids.saturating_sub(1);
        let longest: Vec<u32> = (0..most as u32).map(|at| at % ids.max(1)).collect();
        let trials: [(&[u32], String); 3] = [
            (&[0], "one id, 0".to_owned()),
            (&[greatest], format!("the id {greatest} ({what} {ids} ids)")),
            (&longest, format!("{most} ids, the most that it must read")),
        ];
        for (ids, trial) in trials {
            engine
                .try_run(ids)
                .and_then(|output| probabilities(output, self.manifest))
                .map_err(|error| Cause::Engine(EngineError::new(format!("tried with {trial}: {error}"))))?;
        }
        Ok(())
    }
}

/// Reads a vocabulary and checks that it is the one that the model was trained with.
fn vocabulary(content: &[u8], sha256: &str, judge: Judge) -> Result<Vocabulary, Cause> {
    if judge != Judge::Processor {
        files::check_sha256(content, sha256).map_err(Cause::Identity)?;
    }
    Vocabulary::parse(content).map_err(|error| Cause::Vocabulary(error.to_string()))
}

/// The longest golden row of an encoder at start: twice the rows that its kernel takes at once, so each remainder occurs.
const MOST_IDS_AT_START: usize = 16;

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: ", self.file)?;
        match &self.cause {
            Cause::Read(error) => write!(formatter, "cannot be read: {error}"),
            Cause::Manifest(error) => error.fmt(formatter),
            Cause::Engine(error) => error.fmt(formatter),
            Cause::NotCompiled(reason) => write!(formatter, "not a graph for the kernel: {reason}"),
            Cause::Golden(error) => error.fmt(formatter),
            Cause::Identity(reason) | Cause::Vocabulary(reason) | Cause::Directory(reason) => {
                formatter.write_str(reason)
            }
        }
    }
}

impl std::error::Error for LoadError {}
