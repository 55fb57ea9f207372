//! What a model file says of itself: a TOML file beside the ONNX file. One schema for the models in the binary and for
//! a user's own; `models/custom/README.md` shows it to users.

use crate::metrics::drift::{BINS, Edges};
use crate::text::{FEATURE_SPEC, MAX_PIECES, features::HASH_BITS};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The most labels that a model may have.
pub const MAX_LABELS: usize = 32;
/// The most bytes of a label.
pub const MAX_LABEL_BYTES: usize = 64;
/// The most bytes of a model's name.
pub const MAX_NAME_BYTES: usize = 32;

/// A model's manifest.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name by which requests choose the model: 1 to 32 of `[a-z0-9_-]`.
    pub name: String,
    /// The version of the model, not of the daemon.
    pub version: String,
    /// What the model does.
    pub kind: Kind,
    /// A line for people.
    #[serde(default)]
    pub description: String,
    /// The licence of the model, an SPDX expression.
    pub license: String,
    /// The name of the ONNX file, which lies beside the manifest, as all files do that it names.
    pub onnx: String,
    /// The lower-case hexadecimal SHA-256 of the ONNX file.
    pub sha256: String,
    /// The size of the ONNX file in bytes.
    pub bytes: u64,
    /// The name of the file of golden rows.
    pub golden: Option<String>,
    /// The most by which a probability may differ from the golden one.
    #[serde(default = "default_tolerance")]
    pub golden_tolerance: f64,
    /// The labels, in the order of the output.
    pub labels: Vec<String>,
    /// The label whose probability times 100 is the score.
    pub score: String,
    /// What the model reads.
    pub input: Input,
    /// What the model answers.
    pub output: Output,
    /// Where the levels begin.
    pub levels: Levels,
    /// How the model's probabilities were spread where it was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Which texts `auto` asks this model about too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto: Option<Auto>,
    /// The model whose logits are added to this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blend: Option<Blend>,
    /// How well it did where it was evaluated; shown as it is.
    #[serde(default)]
    pub metrics: Map<String, Value>,
    /// Data, sizes, parameters and library versions of the training; shown as they are.
    #[serde(default)]
    pub training: Map<String, Value>,
}

/// What a model does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text classification: a text to one probability a label.
    Toxicity,
}

/// The ids that a model reads.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// The distinct hashed n-grams that [`text`](crate::text) cuts from a text.
    HashedNgrams {
        /// The name of the graph's input, if it is to be checked.
        #[serde(skip_serializing_if = "Option::is_none")]
        tensor: Option<String>,
        /// The version of the way from text to ids, [`FEATURE_SPEC`].
        feature_spec: u32,
        /// The number of bits of an id, [`HASH_BITS`].
        hash_bits: u32,
    },
    /// `[CLS]`, the text's word pieces, `[SEP]`.
    Wordpiece {
        /// The name of the graph's input, if it has but one and that is to be checked.
        #[serde(skip_serializing_if = "Option::is_none")]
        tensor: Option<String>,
        /// The name of the vocabulary's file: a piece a line, its id the line's number from 0.
        vocabulary: String,
        /// The lower-case hexadecimal SHA-256 of the vocabulary's file.
        vocabulary_sha256: String,
        /// The most ids that are read, the two special ones included.
        max_pieces: usize,
    },
}

/// The graph's answer.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The name of the graph's output: float `[L]` or `[1, L]` for L labels.
    pub tensor: String,
    /// What turns it into probabilities.
    #[serde(default)]
    pub activation: Activation,
}

/// What turns a graph's output into probabilities.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing: they are probabilities.
    #[default]
    None,
    /// The logistic function of each.
    Sigmoid,
    /// Their exponentials, divided by the sum of these.
    Softmax,
}

/// Cut points on the score, 0 to 100: below `medium` is low, from `high` on is high.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// The least score that is medium.
    pub medium: u8,
    /// The least score that is high.
    pub high: u8,
}

/// What another model adds: `logit = own logit + share * the other's logit`, for each label.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// The other model: `simple`, the one in the binary.
    pub model: String,
    /// The lower-case hexadecimal SHA-256 of the other model's ONNX file.
    pub sha256: String,
    /// The share for each label, in the order of the labels: 0 to 2.
    pub shares: Vec<f64>,
}

/// Deciles of the probabilities that a model gave where it was evaluated, against which its scores are said to drift.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Those of the label that is scored.
    #[serde(deserialize_with = "deciles")]
    pub toxic: Edges,
}

/// The part that `simple` and this model have in `auto`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auto {
    /// The least probability of `simple` at which this model is asked.
    pub low: f64,
    /// The greatest one.
    pub high: f64,
    /// Deciles of what `auto` answered where it was evaluated, as [`Reference`] has them.
    #[serde(default, deserialize_with = "some_deciles", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Edges>,
}

/// A closed interval of probabilities.
#[derive(Clone, Copy, Debug)]
pub struct Band {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// What is wrong with a manifest.
#[derive(Debug)]
pub struct ManifestError {
    /// The field, dotted, or `line N` where the file is no TOML of this shape, or empty.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

impl Manifest {
    /// Reads and checks the manifest in `toml`.
    ///
    /// # Errors
    /// The first thing that is absent, unknown, of the wrong type or not what this build can serve.
    pub fn parse(toml: &[u8]) -> Result<Self, ManifestError> {
        let text = std::str::from_utf8(toml).map_err(|error| wrong("", error.to_string()))?;
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            wrong(&line.map(|line| format!("line {line}")).unwrap_or_default(), error.message().to_owned())
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The position of the label whose probability is the score.
    pub fn score_position(&self) -> usize {
        // `check` has found it.
        self.labels.iter().position(|label| *label == self.score).unwrap_or_default()
    }

    /// Bytes that an answer takes at most for the model's name, the names of the labels and the number of each.
    pub fn named_bytes(&self) -> usize {
        self.name.len() + self.labels.iter().map(|label| label.len() + NUMBER_BYTES).sum::<usize>()
    }

    fn check(&self) -> Result<(), ManifestError> {
        let named = self.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        require(named && (1..=MAX_NAME_BYTES).contains(&self.name.len()), "name", || {
            format!("is {:?}; it must be 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _", self.name)
        })?;
        require(!RESERVED.contains(&self.name.as_str()), "name", || {
            format!("is {:?}, which the daemon keeps for itself", self.name)
        })?;
        require(!self.version.is_empty(), "version", || "is empty".to_owned())?;
        let files = [("onnx", Some(&self.onnx)), ("golden", self.golden.as_ref())];
        for (field, name) in files.into_iter().filter_map(|(field, name)| name.map(|name| (field, name))) {
            check_file_name(field, name)?;
        }
        check_digest("sha256", &self.sha256)?;
        let tolerance = self.golden_tolerance;
        require(tolerance > 0.0 && tolerance <= MAX_TOLERANCE, "golden_tolerance", || {
            format!("is {tolerance}; it must be above 0 and at most {MAX_TOLERANCE}")
        })?;
        self.check_labels()?;
        self.input.check()?;
        let Levels { medium, high } = self.levels;
        require((1..=100).contains(&medium) && (medium..=100).contains(&high), "levels", || {
            format!("{medium} and {high} do not stand in 1 <= medium <= high <= 100")
        })?;
        if let Some(Blend { sha256, shares, .. }) = &self.blend {
            check_digest("blend.sha256", sha256)?;
            require(shares.iter().all(|share| (0.0..=MAX_SHARE).contains(share)), "blend.shares", || {
                format!("are {shares:?}; each must be 0 to {MAX_SHARE}")
            })?;
        }
        if let Some(Reference { toxic }) = &self.reference {
            check_edges("reference.toxic", toxic)?;
        }
        let Some(Auto { low, high, reference }) = &self.auto else { return Ok(()) };
        if let Some(edges) = reference {
            check_edges("auto.reference", edges)?;
        }
        let (low, high) = (*low, *high);
        require((0.0..=1.0).contains(&low) && (low..=1.0).contains(&high), "auto", || {
            format!("{low} and {high} do not stand in 0 <= low <= high <= 1")
        })
    }

    fn check_labels(&self) -> Result<(), ManifestError> {
        let labels = &self.labels;
        require((1..=MAX_LABELS).contains(&labels.len()), "labels", || {
            format!("are {}; there must be 1 to {MAX_LABELS}", labels.len())
        })?;
        for (at, label) in labels.iter().enumerate() {
            // So that an answer's length is bounded and a label stands in JSON as it is.
            let plain = !label.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'));
            require(plain && (1..=MAX_LABEL_BYTES).contains(&label.len()), "labels", || {
                format!(
                    "has {label:?}; a label is 1 to {MAX_LABEL_BYTES} bytes without quotes, backslashes or controls"
                )
            })?;
            require(!labels[..at].contains(label), "labels", || format!("has {label:?} twice"))?;
        }
        require(labels.contains(&self.score), "score", || format!("is {:?}; it must be one of the labels", self.score))
    }
}

impl Input {
    /// The name of the graph's input that the manifest gives, if it gives one.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::HashedNgrams { tensor, .. } | Self::Wordpiece { tensor, .. } => tensor.as_deref(),
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        match self {
            Self::HashedNgrams { feature_spec, hash_bits, .. } => {
                require(*feature_spec == FEATURE_SPEC, "input.feature_spec", || {
                    format!("is {feature_spec}, this build needs {FEATURE_SPEC}")
                })?;
                require(*hash_bits == HASH_BITS, "input.hash_bits", || {
                    format!("is {hash_bits}, this build needs {HASH_BITS}")
                })
            }
            Self::Wordpiece { vocabulary, vocabulary_sha256, max_pieces, .. } => {
                check_file_name("input.vocabulary", vocabulary)?;
                check_digest("input.vocabulary_sha256", vocabulary_sha256)?;
                require((3..=MAX_PIECES).contains(max_pieces), "input.max_pieces", || {
                    format!("is {max_pieces}; it must be 3 to {MAX_PIECES}")
                })
            }
        }
    }
}

impl Auto {
    /// The probabilities of `simple` at which this model is asked.
    pub const fn band(&self) -> Band {
        Band { low: self.low, high: self.high }
    }
}

impl Band {
    /// Whether `probability` lies within; both ends do.
    pub fn contains(self, probability: f32) -> bool {
        (self.low..=self.high).contains(&f64::from(probability))
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { place, reason } = self;
        let separator = match place.as_str() {
            "" => "",
            place if place.starts_with("line ") => ": ",
            _ => " ",
        };
        write!(formatter, "{place}{separator}{reason}")
    }
}

impl std::error::Error for ManifestError {}

/// [`Manifest::named_bytes`] of the largest model that there may be.
pub const MAX_NAMED_BYTES: usize = MAX_NAME_BYTES + MAX_LABELS * (MAX_LABEL_BYTES + NUMBER_BYTES);

/// Quotes, colon and comma around a label, and a probability: `0.123456`.
const NUMBER_BYTES: usize = 4 + 8;

/// Names that requests and metrics use for something else.
const RESERVED: [&str; 2] = ["auto", "iris"];

/// The largest `golden_tolerance`. Dynamic quantization rounds differently from engine to engine; more than this is
/// another model.
const MAX_TOLERANCE: f64 = 0.05;

/// The largest share of another model in a logit.
const MAX_SHARE: f64 = 2.0;

/// As many numbers as there are: of more than an array holds, its own reader leaves the rest out.
fn deciles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Edges, D::Error> {
    let numbers = Vec::<f64>::deserialize(deserializer)?;
    numbers.try_into().map_err(|numbers: Vec<_>| Error::invalid_length(numbers.len(), &"9 numbers"))
}

fn some_deciles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Edges>, D::Error> {
    deciles(deserializer).map(Some)
}

const fn default_tolerance() -> f64 {
    1e-5
}

fn wrong(place: &str, reason: String) -> ManifestError {
    ManifestError { place: place.to_owned(), reason }
}

fn require(held: bool, field: &str, reason: impl FnOnce() -> String) -> Result<(), ManifestError> {
    if held { Ok(()) } else { Err(wrong(field, reason())) }
}

/// A manifest names its neighbours, not paths to elsewhere.
fn check_file_name(field: &str, name: &str) -> Result<(), ManifestError> {
    let plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != "..";
    require(plain, field, || format!("is {name:?}; it must be the name of a file beside the manifest, without a path"))
}

fn check_edges(field: &str, edges: &Edges) -> Result<(), ManifestError> {
    let inside = edges.iter().all(|edge| (0.0..=1.0).contains(edge));
    require(inside && edges.is_sorted_by(|a, b| a < b), field, || {
        format!("is {edges:?}; it must be {} numbers, each greater than the one before, within 0 to 1", BINS - 1)
    })
}

fn check_digest(field: &str, digest: &str) -> Result<(), ManifestError> {
    let digits = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    require(digits, field, || "is not 64 lower-case hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests;
