//! A text classifier: text to ids, ids to the probability of each label, a score and a level.
//!
//! ```text
//!  &str ──ids──► [n] u32 ──run──► probabilities ──finish──► Scores ──level──► low, medium, high
//!    │  n-grams or word pieces   kernel or tract     ▲
//!    └──prior─────────── the partner's logits ───────┘
//! ```
//!
//! The two halves may run on two threads: `prior` and `ids` need the caller's scratch and take microseconds, `run` needs
//! nothing but the ids and takes as long as the model does.

mod compiled;
mod load;
mod occlusion;
mod partner;

use super::engine::{Engine, EngineError, Outputs};
use super::executor::Wanted;
use super::explain::Explanation;
use super::manifest::{Activation, Levels, MAX_LABELS, Manifest};
use super::simple::{LABEL_COUNT, sigmoid};
use crate::text::{Scratch, vocabulary::Vocabulary};
use compiled::Compiled;

use partner::Partner;

pub use load::{BERT, Cause, Embedded, EngineChoice, LoadError, SIMPLE};
pub use partner::Prior;

/// The labels of the models in the binary, in the order of [`Scores::probabilities`].
pub const LABELS: [&str; LABEL_COUNT] = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"];

/// The model, ready to serve. Immutable; all workers share it.
pub struct Toxicity {
    manifest: Manifest,
    cutter: Cutter,
    serving: Serving,
    partner: Option<Partner>,
    fallback: Option<String>,
    golden_rows: usize,
    score_at: u8,
}

/// What cuts a text into ids.
enum Cutter {
    Ngrams,
    Pieces { vocabulary: Vocabulary, most: usize },
}

enum Serving {
    Kernel(Compiled),
    Tract(Engine),
}

/// A number for each label that a model may have; those beyond its own are 0.
pub type Probabilities = [f32; MAX_LABELS];

/// A text's probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    values: Probabilities,
    count: u8,
    score_at: u8,
}

/// How toxic a text is, by the cut points of the model's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is what `as_str` says")]
pub enum Level {
    Low,
    Medium,
    High,
}

impl Toxicity {
    /// The ids of `text` in buffers of `scratch`, or `None` when nothing of it is left to score. Does not allocate.
    pub fn ids<'s>(&self, text: &str, scratch: &'s mut Scratch) -> Option<&'s [u32]> {
        self.cutter.ids(text, scratch)
    }

    /// What the model's partner adds to the logits of `text`. Does not allocate, nor fail, where kernels serve.
    ///
    /// # Errors
    /// As [`Self::score_ids`].
    pub fn prior(&self, text: &str, scratch: &mut Scratch) -> Result<Prior, EngineError> {
        self.partner.as_ref().map_or(Ok(Prior::default()), |partner| partner.prior(text, scratch))
    }

    /// The scores of a text whose ids (one or more) are `ids`, as its partner left it alone. On the kernel this does not
    /// allocate and cannot fail.
    ///
    /// # Errors
    /// tract fails at run time, or the model's answer holds a number that is no probability.
    pub fn score_ids(&self, ids: &[u32]) -> Result<Scores, EngineError> {
        let values = match &self.serving {
            Serving::Kernel(plan) => widened(&plan.probabilities(ids)),
            Serving::Tract(engine) => widened(&probabilities(engine.run(ids)?, &self.manifest)?),
        };
        Ok(self.finish(values, Prior::default()))
    }

    /// The probabilities of a text whose ids are `ids`, before its partner has its say. To `explain` a model that
    /// [weighs pieces](Self::weighs_pieces) reads the text once more for each word, as long as the explanation is `wanted`; then
    /// the bits of the weight (float32) of each piece take the place of its id.
    ///
    /// # Errors
    /// As [`Self::score_ids`].
    pub fn run(&self, ids: &mut [u32], explain: bool, wanted: Wanted<'_>) -> Result<Probabilities, EngineError> {
        let scores = self.score_ids(ids)?;
        if explain {
            self.weigh(ids, wanted);
        }
        Ok(scores.values())
    }

    fn weigh(&self, ids: &mut [u32], wanted: Wanted<'_>) {
        if let (Serving::Kernel(Compiled::Encoder(encoder)), Cutter::Pieces { vocabulary, .. }) =
            (&self.serving, &self.cutter)
        {
            occlusion::weigh(ids, vocabulary, wanted, |ids| encoder.sum(ids, self.explained_label()));
        }
    }

    /// What [`Self::run`] gave of a text's ids, with the [prior](Self::prior) of the same text.
    pub fn finish(&self, values: Probabilities, prior: Prior) -> Scores {
        Scores { values: prior.add(values), count: self.manifest.labels.len() as u8, score_at: self.score_at }
    }

    /// The scores of `text`; `None` when nothing of it is left to score.
    ///
    /// # Errors
    /// As [`Self::score_ids`].
    pub fn score(&self, text: &str, scratch: &mut Scratch) -> Result<Option<Scores>, EngineError> {
        self.score_in_steps(text, scratch, || ())
    }

    /// As [`Self::score`], telling `ids_are_there` when the text is cut and the model is to begin.
    ///
    /// # Errors
    /// As [`Self::score_ids`].
    pub fn score_in_steps(
        &self,
        text: &str,
        scratch: &mut Scratch,
        ids_are_there: impl FnOnce(),
    ) -> Result<Option<Scores>, EngineError> {
        let prior = self.prior(text, scratch)?;
        let Some(ids) = self.ids(text, scratch) else { return Ok(None) };
        ids_are_there();
        Ok(Some(self.finish(self.score_ids(ids)?.values, prior)))
    }

    /// Which parts of `text` add most to the logit of the label that the score is of, where the model's kernel serves; else
    /// `None`. Of a model that is linear in a text's features, exactly what they add; of an encoder, how far its own logit
    /// falls without them. Does not allocate where [`Self::run`] does not.
    pub fn explain(&self, text: &str, scratch: &mut Scratch) -> Option<Explanation> {
        match (&self.serving, &self.cutter) {
            (Serving::Kernel(Compiled::Bag(plan)), _) => {
                let contributions = plan.contributions(scratch.features(text), self.explained_label());
                Some(Explanation::of_features(text, scratch, contributions))
            }
            (Serving::Kernel(Compiled::Encoder(_)), Cutter::Pieces { vocabulary, most }) => {
                scratch.weigh(text, vocabulary, *most, |ids| self.weigh(ids, &|| true));
                self.explain_pieces(text, scratch)
            }
            _ => None,
        }
    }

    /// As [`Self::explain`], where the weights that [`Self::run`] left for the ids of `text` lie in
    /// [`Scratch::weights`] already; `None` where the model does not weigh pieces.
    pub fn explain_pieces(&self, text: &str, scratch: &mut Scratch) -> Option<Explanation> {
        match &self.cutter {
            Cutter::Pieces { vocabulary, most } if self.weighs_pieces() => {
                Some(Explanation::of_pieces(text, scratch.weighed_pieces(text, vocabulary, *most)))
            }
            _ => None,
        }
    }

    /// Whether [`Self::run`] can leave the weights of pieces.
    pub const fn weighs_pieces(&self) -> bool {
        matches!(self.serving, Serving::Kernel(Compiled::Encoder(_)))
    }

    fn explained_label(&self) -> usize {
        usize::from(self.score_at).min(LABEL_COUNT - 1)
    }

    /// Whether the model reads word pieces: such a one may take milliseconds.
    pub const fn reads_pieces(&self) -> bool {
        matches!(self.cutter, Cutter::Pieces { .. })
    }

    /// The level of a score, 0 to 100.
    pub const fn level(&self, score: u8) -> Level {
        let Levels { medium, high } = self.manifest.levels;
        if score >= high {
            Level::High
        } else if score >= medium {
            Level::Medium
        } else {
            Level::Low
        }
    }

    /// What the model says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The engine that serves: `kernel/avx2`, `kernel/portable` or `tract`.
    pub fn engine_name(&self) -> &'static str {
        match &self.serving {
            Serving::Tract(_) => "tract",
            Serving::Kernel(plan) => plan.engine_name(),
        }
    }

    /// Why tract serves although the kernel would have been preferred, if so.
    pub fn fallback_reason(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// The most ids of a text that the model reads: what [`Self::ids`] gives at most, or what is scored of it.
    pub const fn max_ids(&self) -> usize {
        match self.cutter {
            Cutter::Ngrams => MAX_NGRAMS,
            Cutter::Pieces { most, .. } => most,
        }
    }

    /// How many golden rows the model was held to; 0 for a model without any.
    pub const fn golden_rows(&self) -> usize {
        self.golden_rows
    }
}

impl Cutter {
    /// The ids of `text`, unless nothing of it is left.
    fn ids<'s>(&self, text: &str, scratch: &'s mut Scratch) -> Option<&'s [u32]> {
        match self {
            Self::Ngrams => Some(scratch.features(text)).filter(|ids| !ids.is_empty()),
            // The two that are always there say nothing of the text.
            Self::Pieces { vocabulary, most } => {
                Some(scratch.pieces(text, vocabulary, *most)).filter(|ids| ids.len() > 2)
            }
        }
    }
}

impl Scores {
    /// The probabilities in a shape that does not depend on the model.
    pub const fn values(&self) -> Probabilities {
        self.values
    }

    /// The probability of the label that the manifest calls `score`.
    pub fn scored(&self) -> f32 {
        self.values[usize::from(self.score_at)]
    }

    /// The probability of each of the model's labels, 0 to 1.
    pub fn probabilities(&self) -> &[f32] {
        &self.values[..usize::from(self.count)]
    }

    /// The probability of the label that the manifest calls `score`, in rounded percent: 0 to 100.
    pub fn score(&self) -> u8 {
        (self.values[usize::from(self.score_at)] * 100.0).round() as u8
    }
}

impl Level {
    /// The level's name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// `values` and zeros.
fn widened(values: &[f32]) -> Probabilities {
    let mut out = [0.0; MAX_LABELS];
    out.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
    out
}

/// What an engine gave, as probabilities of the manifest's labels.
fn probabilities(mut values: Outputs, manifest: &Manifest) -> Result<Outputs, EngineError> {
    let labels = manifest.labels.len();
    let tensor = &manifest.output.tensor;
    if values.len() != labels {
        let found = values.len();
        return Err(EngineError::new(format!(
            "output `{tensor}` has {found} values, the manifest names {labels} labels"
        )));
    }
    match manifest.output.activation {
        Activation::None => {}
        Activation::Sigmoid => values.iter_mut().for_each(|value| *value = sigmoid(*value)),
        Activation::Softmax => softmax(&mut values),
    }
    // Rounding may carry a probability a little beyond its range; a NaN fails too.
    let bad = values.iter().position(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(value));
    if let Some(at) = bad {
        let (value, label, activation) = (values[at], &manifest.labels[at], manifest.output.activation);
        return Err(EngineError::new(format!(
            "output `{tensor}` gives {value} for label {label:?} with activation {activation:?}; needed: 0 to 1"
        )));
    }
    values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    Ok(values)
}

/// e^x of each, divided by their sum; the largest is subtracted first, so nothing overflows.
fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in &mut *values {
        *value = (*value - largest).exp();
    }
    let sum: f32 = values.iter().sum();
    for value in values {
        *value /= sum;
    }
}

/// The most n-grams of a text that are handed to another thread: those of about 4,000 bytes.
const MAX_NGRAMS: usize = 8192;

/// How far beyond 0 and 1 float32 may round a probability.
const ROUNDING: f32 = 1e-5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_one_and_keeps_extremes() {
        let mut values = [1.0, 2.0, 3.0];
        softmax(&mut values);
        // e^-2, e^-1 and 1 over their sum, in double precision.
        for (found, expected) in values.iter().zip([0.090_030_57, 0.244_728_47, 0.665_240_96]) {
            assert!((found - expected).abs() < 1e-6, "{values:?}");
        }
        let mut values = [1e30, -1e30];
        softmax(&mut values);
        assert_eq!(values, [1.0, 0.0]);
        let mut values = [f32::NAN, 0.0];
        softmax(&mut values);
        assert!(values.iter().all(|value| value.is_nan()), "an engine's NaN is not hidden: {values:?}");
    }
}
