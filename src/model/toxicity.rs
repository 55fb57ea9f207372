//! The toxicity model `simple`: text to six calibrated probabilities and a level.
//!
//! The ONNX file is the one source of truth. It is recognised and compiled for the kernel where possible, and it runs on
//! tract otherwise; either way no answer is given before the golden rows, written by ONNX Runtime when the model was
//! exported, have come out of the serving engine within 1e-5. A model that is not the embedded one must also give them
//! on tract.

use super::engine::{Engine, EngineError};
use super::explain::Explanation;
use super::golden::{self, GoldenError};
use super::manifest::{Levels, Manifest, ManifestError, Requirements};
use super::simple::{LABEL_COUNT, SimplePlan, Unrecognised};
use crate::text::{FEATURE_SPEC, Scratch, features::HASH_BITS};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The labels, in the order of [`Scores::probabilities`].
pub const LABELS: [&str; LABEL_COUNT] = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"];

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

/// The model, ready to serve. Immutable; all workers share it.
pub struct Toxicity {
    manifest: Manifest,
    serving: Serving,
    fallback: Option<String>,
}

enum Serving {
    Kernel(SimplePlan),
    Tract(Engine),
}

/// Who judges the kernel before it serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// The golden rows. Enough for the embedded files: the tests have held tract to the same rows of the same bytes, and
    /// loading it again at each start would cost several times the rest of the load, in time and in memory.
    Golden,
    /// The golden rows, and tract on the same rows.
    GoldenAndTract,
}

/// A text's probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// The calibrated probability of each of [`LABELS`], 0 to 1.
    pub probabilities: [f32; LABEL_COUNT],
}

/// How toxic a text is, by the cut points of the model's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is what `as_str` says")]
pub enum Level {
    Low,
    Medium,
    High,
}

/// Why a model was not loaded. Each variant's text names the file.
#[derive(Debug)]
pub enum LoadError {
    /// A file could not be read.
    Read(PathBuf, io::Error),
    /// The manifest is not one for this build.
    Manifest(ManifestError),
    /// The ONNX file is not the one that the manifest describes; what differs.
    Identity(String),
    /// tract cannot load the ONNX file.
    Engine(EngineError),
    /// The kernel was asked for and the graph is not the kernel's.
    NotCompiled(Unrecognised),
    /// The golden file is unusable, or an engine does not answer as it says.
    Golden(GoldenError),
}

impl Toxicity {
    /// Loads the embedded model, or from `dir` the files [`ONNX_FILE`], [`MANIFEST_FILE`] and [`GOLDEN_FILE`].
    ///
    /// # Errors
    /// A file that is absent or damaged, a manifest for another build, or an engine that departs from the golden rows.
    pub fn load(dir: Option<&Path>, choice: EngineChoice) -> Result<Self, LoadError> {
        let read = |name: &str, embedded: &'static [u8]| match dir.map(|dir| dir.join(name)) {
            None => Ok(Cow::Borrowed(embedded)),
            Some(path) => std::fs::read(&path).map(Cow::Owned).map_err(|error| LoadError::Read(path, error)),
        };
        let manifest = read(MANIFEST_FILE, include_bytes!("../../models/toxicity/simple.manifest.json"))?;
        let onnx = read(ONNX_FILE, include_bytes!("../../models/toxicity/simple.onnx"))?;
        let golden = read(GOLDEN_FILE, include_bytes!("../../models/toxicity/golden.json"))?;
        let judge = if dir.is_some() { Judge::GoldenAndTract } else { Judge::Golden };
        Self::from_parts(&manifest, &onnx, &golden, choice, judge)
    }

    /// Loads a model from the contents of its three files.
    ///
    /// # Errors
    /// As [`Self::load`], but for reading.
    pub fn from_bytes(manifest: &[u8], onnx: &[u8], golden: &[u8], choice: EngineChoice) -> Result<Self, LoadError> {
        Self::from_parts(manifest, onnx, golden, choice, Judge::GoldenAndTract)
    }

    fn from_parts(
        manifest: &[u8],
        onnx: &[u8],
        golden: &[u8],
        choice: EngineChoice,
        judge: Judge,
    ) -> Result<Self, LoadError> {
        let manifest = Manifest::parse(MANIFEST_FILE, manifest, &REQUIREMENTS).map_err(LoadError::Manifest)?;
        check_identity(&manifest, onnx)?;
        let model = Engine::parse(onnx).map_err(LoadError::Engine)?;
        let plan = SimplePlan::compile(&model).and_then(SimplePlan::for_this_build);
        let rows = golden::parse(golden).map_err(LoadError::Golden)?;
        golden::check_features(&rows).map_err(LoadError::Golden)?;
        if let Ok(plan) = &plan {
            golden::check_engine("kernel", &rows, |ids| Ok(plan.probabilities(ids))).map_err(LoadError::Golden)?;
        }
        let tract = || {
            let engine = Engine::load(&model).map_err(LoadError::Engine)?;
            golden::check_engine("tract", &rows, |ids| engine.run(ids).map_err(|error| error.to_string()))
                .map_err(LoadError::Golden)?;
            Ok(engine)
        };
        let (serving, fallback) = match (choice, plan) {
            (EngineChoice::Tract, _) => (Serving::Tract(tract()?), None),
            (EngineChoice::Kernel, Err(reason)) => return Err(LoadError::NotCompiled(reason)),
            (EngineChoice::Auto, Err(reason)) => (Serving::Tract(tract()?), Some(reason.to_string())),
            (_, Ok(plan)) => {
                if judge == Judge::GoldenAndTract {
                    tract()?;
                }
                (Serving::Kernel(plan), None)
            }
        };
        Ok(Self { manifest, serving, fallback })
    }

    /// The scores of `text`, or `None` when normalising leaves nothing of it to score. On the kernel this does not
    /// allocate and cannot fail.
    ///
    /// # Errors
    /// tract fails at run time.
    pub fn score(&self, text: &str, scratch: &mut Scratch) -> Result<Option<Scores>, EngineError> {
        let ids = scratch.features(text);
        if ids.is_empty() {
            return Ok(None);
        }
        self.score_ids(ids).map(Some)
    }

    /// The scores of a text whose distinct feature ids (one or more) are `ids`.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn score_ids(&self, ids: &[u32]) -> Result<Scores, EngineError> {
        let probabilities = match &self.serving {
            Serving::Kernel(plan) => plan.probabilities(ids),
            Serving::Tract(engine) => golden::six(&engine.run(ids)?)?,
        };
        Ok(Scores { probabilities })
    }

    /// Which parts of `text` add most to the logit of `toxic`; exact, since the model is linear in a text's features. `None`
    /// where tract serves. Does not allocate.
    pub fn explain(&self, text: &str, scratch: &mut Scratch) -> Option<Explanation> {
        let Serving::Kernel(plan) = &self.serving else { return None };
        let contributions = plan.contributions(scratch.features(text), 0);
        Some(Explanation::of_features(text, scratch, contributions))
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
            Serving::Kernel(plan) if plan.path_name() == "avx2" => "kernel/avx2",
            Serving::Kernel(_) => "kernel/portable",
        }
    }

    /// Why tract serves although the kernel would have been preferred, if so.
    pub fn fallback_reason(&self) -> Option<&str> {
        self.fallback.as_deref()
    }
}

impl Scores {
    /// The calibrated probability of `toxic`, in rounded percent: 0 to 100.
    pub fn score(&self) -> u8 {
        (self.probabilities[0] * 100.0).round() as u8
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

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(formatter, "{}: {error}", path.display()),
            Self::Manifest(error) => error.fmt(formatter),
            Self::Identity(reason) => write!(formatter, "{ONNX_FILE}: {reason}"),
            Self::Engine(error) => write!(formatter, "{ONNX_FILE}: {error}"),
            Self::NotCompiled(reason) => write!(formatter, "{ONNX_FILE}: not a graph for the kernel: {reason}"),
            Self::Golden(error) => write!(formatter, "{GOLDEN_FILE}: {error}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Refuses an ONNX file other than the one that the manifest describes.
fn check_identity(manifest: &Manifest, onnx: &[u8]) -> Result<(), LoadError> {
    if manifest.bytes != onnx.len() as u64 {
        return Err(LoadError::Identity(format!("{} bytes, the manifest says {}", onnx.len(), manifest.bytes)));
    }
    let mut digest = String::with_capacity(64);
    for byte in Sha256::digest(onnx) {
        digest.extend([byte >> 4, byte & 15].map(|nibble| char::from(b"0123456789abcdef"[usize::from(nibble)])));
    }
    if manifest.sha256 != digest {
        return Err(LoadError::Identity(format!("sha256 {digest}, the manifest says {}", manifest.sha256)));
    }
    Ok(())
}

/// The name of the model's file.
pub const ONNX_FILE: &str = "simple.onnx";
/// The name of the manifest's file.
pub const MANIFEST_FILE: &str = "simple.manifest.json";
/// The name of the golden rows' file.
pub const GOLDEN_FILE: &str = "golden.json";

const REQUIREMENTS: Requirements =
    Requirements { kind: "toxicity", labels: &LABELS, feature_spec: FEATURE_SPEC, hash_bits: HASH_BITS };
