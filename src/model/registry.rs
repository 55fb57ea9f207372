//! Every model of the daemon, loaded together, checked against its golden answers, and described.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bert;
use super::iris::{self, CLASSES, FEATURE_NAMES};
use super::manifest::Manifest;
use super::toxicity::{EngineChoice, LoadError, Toxicity};
use crate::metrics::LoadedModel;
use crate::metrics::labels::Model;

/// All models, read by every worker and written by none.
pub struct Models {
    /// The toxicity model `simple`.
    pub toxicity: Toxicity,
    /// What the metrics say of each model.
    pub loaded: Vec<LoadedModel>,
    /// What `/model-info` tells of them: JSON objects with commas between them.
    pub descriptions: Box<[u8]>,
    /// What is known of `bert` until that is loaded; `None` where the build has none.
    pub bert_before: Option<Known>,
}

/// What is known of a model.
pub struct Known {
    /// What the metrics say of it.
    pub metrics: LoadedModel,
    /// What `/model-info` tells of it, a JSON object.
    pub description: Box<[u8]>,
}

/// Why a model is not fit to serve.
#[derive(Debug)]
pub enum ModelsError {
    /// The toxicity model.
    Toxicity(LoadError),
    /// The iris table departs from scikit-learn's recorded answers.
    Iris(iris::Mismatch),
}

impl Models {
    /// Loads and checks all models: embedded ones, or the toxicity model from `directory`.
    ///
    /// # Errors
    /// The first model that cannot be read or departs from its golden answers.
    pub fn load(directory: Option<&Path>, engine: EngineChoice) -> Result<Self, ModelsError> {
        let start = Instant::now();
        iris::verify().map_err(ModelsError::Iris)?;
        let iris_time = start.elapsed();
        let start = Instant::now();
        let toxicity = Toxicity::load(directory, engine).map_err(ModelsError::Toxicity)?;
        let toxicity_time = start.elapsed();
        if let Some(reason) = toxicity.fallback_reason() {
            tracing::warn!(reason, "the graph of 'simple' is not the kernel's: tract serves it, and allocates");
        }
        let simple = know(Model::Simple, toxicity.manifest(), Some((toxicity.engine_name(), toxicity_time)));
        let iris = LoadedModel {
            model: Model::Iris,
            load_ns: Some(nanoseconds(iris_time)),
            sha256: iris::info().sha256.to_owned(),
        };
        let description = describe_iris(iris_time).to_string();
        Ok(Self {
            loaded: vec![simple.metrics, iris],
            descriptions: [&*simple.description, b",", description.as_bytes()].concat().into(),
            bert_before: bert::known_before().map_err(ModelsError::Toxicity)?,
            toxicity,
        })
    }
}

impl fmt::Display for ModelsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toxicity(error) => error.fmt(formatter),
            Self::Iris(mismatch) => mismatch.fmt(formatter),
        }
    }
}

impl std::error::Error for ModelsError {}

/// The manifest under the name by which requests choose the model, with what loading added if it is loaded: the engine
/// and the time it took.
pub fn know(model: Model, manifest: &Manifest, loaded: Option<(&'static str, Duration)>) -> Known {
    // A structure of strings and numbers always has a JSON form.
    let mut described = serde_json::to_value(manifest).unwrap_or_default();
    described["name"] = model.as_str().into();
    described["loaded"] = loaded.is_some().into();
    if let Some((engine, time)) = loaded {
        described["engine"] = engine.into();
        described["load_seconds"] = time.as_secs_f64().into();
    }
    let load_ns = loaded.map(|(_, time)| nanoseconds(time));
    Known {
        metrics: LoadedModel { model, load_ns, sha256: manifest.sha256.clone() },
        description: described.to_string().into_bytes().into(),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn describe_iris(time: Duration) -> Value {
    let info = iris::info();
    json!({
        "name": "iris",
        "version": "1.0.0",
        "kind": "classification",
        "labels": CLASSES,
        "input": { "name": "features", "type": "float32", "shape": ["N", 4], "fields": FEATURE_NAMES },
        "sha256": info.sha256,
        "bytes": info.table_bytes,
        "license": "Apache-2.0",
        "metrics": {
            "training_accuracy": info.training_accuracy,
            "cross_validated_accuracy": info.cross_validated_accuracy,
        },
        "training": {
            "rows": info.training_rows,
            "form": "random forest of 100 trees, compiled into a table",
            "libraries": { "scikit-learn": info.scikit_learn },
        },
        "loaded": true,
        "engine": "table",
        "load_seconds": time.as_secs_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model_info::MAX_LEN;

    #[test]
    fn every_model_is_described_by_the_same_fields_within_the_answers_room() {
        let models = Models::load(None, EngineChoice::Auto).expect("the embedded models");
        assert_eq!(models.bert_before.is_some(), bert::EMBEDDED);
        let bert = models.bert_before.map_or_else(Vec::new, |bert| [b",", &*bert.description].concat());
        let list = [b"[".as_slice(), &models.descriptions, &bert, b"]"].concat();
        assert!(list.len() + 100 <= MAX_LEN);
        let list: Vec<Value> = serde_json::from_slice(&list).expect("JSON");
        for (model, name) in list.iter().zip(["simple", "iris", "bert"]) {
            for field in ["version", "kind", "labels", "input", "sha256", "bytes", "metrics", "training"] {
                assert!(!model[field].is_null(), "{name} has no {field}");
            }
            assert_eq!(model["name"], name);
            assert_eq!(model["loaded"], name != "bert");
            assert_eq!(model["load_seconds"].is_number(), name != "bert");
        }
        assert!(list[0]["levels"]["high"].is_number(), "the cut points are shown");
    }
}
