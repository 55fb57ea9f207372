//! Every model of the daemon, loaded together, checked against its golden answers, and described.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bert;
use super::custom::Custom;
use super::directory::{self, UserModel};
use super::iris::{self, CLASSES, FEATURE_NAMES};
use super::manifest::Manifest;
use super::toxicity::{Cause, EngineChoice, LoadError, SIMPLE, Toxicity};
use crate::metrics::labels::Model;
use crate::metrics::{EarlierLoads, LoadedModel};

/// All models, read by every worker and written by none.
pub struct Models {
    /// The toxicity model `simple`: ours, or a user's of that name.
    pub toxicity: Toxicity,
    /// A user's `bert` and the time it took to load, for whoever starts its threads to take.
    pub user_bert: Option<(Toxicity, Duration)>,
    /// Whether there is a user's `bert`, taken or not.
    pub has_user_bert: bool,
    /// Whether a user's model stands in the place of `simple` or `bert`: nothing says what languages it reads.
    pub is_replaced: bool,
    /// A user's models of other names, at most [`MAX_MODELS`](directory::MAX_MODELS).
    pub custom: Vec<Custom>,
    /// What the metrics say of each model that they name.
    pub loaded: Vec<LoadedModel>,
    /// The most that any toxicity model asks for with [`Manifest::named_bytes`].
    pub named_bytes: usize,
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
    /// A toxicity model in the binary.
    Toxicity(LoadError),
    /// A user's model.
    User(LoadError),
    /// The iris table departs from scikit-learn's recorded answers.
    Iris(iris::Mismatch),
}

impl Models {
    /// Loads and checks all models: the embedded ones, and a user's from `directory` beside them or, by the same name, in
    /// the place of one.
    ///
    /// # Errors
    /// The first model that cannot be read, cannot be served or departs from its golden answers.
    pub fn load(directory: Option<&Path>, engine: EngineChoice) -> Result<Self, ModelsError> {
        let start = Instant::now();
        iris::verify().map_err(ModelsError::Iris)?;
        let iris_time = start.elapsed();
        let users = directory.map_or_else(|| Ok(Vec::new()), |directory| directory::load(directory, engine));
        let (mut simple, mut user_bert, mut custom, mut descriptions) = (None, None, Vec::new(), Vec::new());
        for UserModel { model, load_time, .. } in users.map_err(ModelsError::User)? {
            let known = know(Model::Simple, model.manifest(), Some((model.engine_name(), load_time)));
            check_description(directory, &model, &known.description)?;
            match model.manifest().name.as_str() {
                "simple" => simple = Some((model, load_time)),
                "bert" => user_bert = Some((model, load_time)),
                _ => {
                    descriptions.extend([b",", &*known.description].concat());
                    custom.push(Custom::new(model));
                }
            }
        }
        let is_replaced = simple.is_some() || user_bert.is_some();
        let (toxicity, toxicity_time) = if let Some(users) = simple {
            users
        } else {
            let start = Instant::now();
            let model = Toxicity::embedded_at_start(&SIMPLE, engine).map_err(ModelsError::Toxicity)?;
            (model, start.elapsed())
        };
        if let Some(reason) = toxicity.fallback_reason() {
            tracing::warn!(reason, "the graph of 'simple' is not the kernel's: tract serves it, and allocates");
        }
        let simple = know(Model::Simple, toxicity.manifest(), Some((toxicity.engine_name(), toxicity_time)));
        let iris = LoadedModel {
            model: Model::Iris,
            load_ns: Some(nanoseconds(iris_time)),
            earlier: EarlierLoads::default(),
            sha256: iris::info().sha256.to_owned(),
        };
        let description = describe_iris(iris_time).to_string();
        let bert_manifest = match &user_bert {
            Some((model, _)) => Some(model.manifest().clone()),
            None => bert::manifest().map_err(ModelsError::Toxicity)?,
        };
        let manifests =
            custom.iter().map(|custom| custom.model().manifest()).chain([toxicity.manifest()]).chain(&bert_manifest);
        Ok(Self {
            has_user_bert: user_bert.is_some(),
            is_replaced,
            named_bytes: manifests.map(Manifest::named_bytes).max().unwrap_or_default(),
            loaded: vec![simple.metrics, iris],
            descriptions: [&*simple.description, b",", description.as_bytes(), &descriptions].concat().into(),
            bert_before: bert_manifest.map(|manifest| know(Model::Bert, &manifest, None)),
            user_bert,
            toxicity,
            custom,
        })
    }

    /// Every toxicity model that is loaded.
    pub fn toxicity_models(&self) -> impl Iterator<Item = &Toxicity> {
        std::iter::once(&self.toxicity)
            .chain(self.user_bert.iter().map(|(model, _)| model))
            .chain(self.custom.iter().map(Custom::model))
    }
}

/// Refuses a model that would not leave `/model-info` its bound.
fn check_description(directory: Option<&Path>, model: &Toxicity, description: &[u8]) -> Result<(), ModelsError> {
    let found = description.len();
    if found <= MAX_DESCRIPTION {
        return Ok(());
    }
    let name = &model.manifest().name;
    let file = directory.map(|directory| directory.display().to_string()).unwrap_or_default();
    let reason = format!("the manifest of {name:?} takes {found} bytes in /model-info; the most is {MAX_DESCRIPTION}");
    Err(ModelsError::User(LoadError { file, cause: Cause::Directory(reason) }))
}

impl fmt::Display for ModelsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toxicity(error) | Self::User(error) => error.fmt(formatter),
            Self::Iris(mismatch) => mismatch.fmt(formatter),
        }
    }
}

impl std::error::Error for ModelsError {}

/// The most bytes that a user's model takes in `/model-info`.
pub const MAX_DESCRIPTION: usize = 8 * 1024;

/// The manifest, with what loading added if it is loaded: the engine and the time it took.
pub fn know(model: Model, manifest: &Manifest, loaded: Option<(&'static str, Duration)>) -> Known {
    // A structure of strings and numbers always has a JSON form.
    let mut described = serde_json::to_value(manifest).unwrap_or_default();
    described["loaded"] = loaded.is_some().into();
    if let Some((engine, time)) = loaded {
        described["engine"] = engine.into();
        described["load_seconds"] = time.as_secs_f64().into();
    }
    let load_ns = loaded.map(|(_, time)| nanoseconds(time));
    Known {
        metrics: LoadedModel { model, load_ns, earlier: EarlierLoads::default(), sha256: manifest.sha256.clone() },
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
        "version": iris::VERSION,
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
