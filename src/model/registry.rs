//! Every model of the daemon, loaded together, checked against its golden answers, and described.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::directory::{self, UserModel};
use super::iris::{self, CLASSES, FEATURE_NAMES};
use super::toxicity::{Cause, EngineChoice, LoadError, SIMPLE, Toxicity};
use crate::metrics::LoadedModel;
use crate::metrics::labels::Model;

/// All models, read by every worker and written by none.
pub struct Models {
    /// The toxicity model `simple`: ours, or a user's of that name.
    pub toxicity: Toxicity,
    /// A user's `bert`.
    pub bert: Option<Toxicity>,
    /// A user's models of other names, at most [`MAX_MODELS`](directory::MAX_MODELS).
    pub custom: Vec<Toxicity>,
    /// What the metrics say of each model that they name.
    pub loaded: Vec<LoadedModel>,
    /// The answer of `GET /model-info`.
    pub info: Box<[u8]>,
    /// The most that any of them asks for with [`Manifest::named_bytes`](super::manifest::Manifest::named_bytes).
    pub named_bytes: usize,
}

/// Why a model is not fit to serve.
#[derive(Debug)]
pub enum ModelsError {
    /// The toxicity model in the binary.
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
        let (mut simple, mut bert, mut custom) = (None, None, Vec::new());
        for UserModel { model, load_time, .. } in users.map_err(ModelsError::User)? {
            let description = describe_toxicity(&model, load_time);
            check_description(directory, &model, &description)?;
            match model.manifest().name.as_str() {
                "simple" => simple = Some((model, load_time, description)),
                "bert" => bert = Some((model, description)),
                _ => custom.push((model, description)),
            }
        }
        let (toxicity, toxicity_time, description) = if let Some(users) = simple {
            users
        } else {
            let start = Instant::now();
            let model = Toxicity::embedded(&SIMPLE, engine).map_err(ModelsError::Toxicity)?;
            let time = start.elapsed();
            let description = describe_toxicity(&model, time);
            (model, time, description)
        };
        if let Some(reason) = toxicity.fallback_reason() {
            tracing::warn!(reason, "the graph of 'simple' is not the kernel's: tract serves it, and allocates");
        }
        let loaded = |model, time: Duration, sha256: &str| LoadedModel {
            model,
            load_ns: u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
            sha256: sha256.to_owned(),
        };
        let mut descriptions = vec![description, describe_iris(iris_time)];
        let bert = bert.map(|(model, description)| {
            descriptions.push(description);
            model
        });
        let custom = custom.into_iter().map(|(model, description)| {
            descriptions.push(description);
            model
        });
        let custom: Vec<_> = custom.collect();
        let all = std::iter::once(&toxicity).chain(&bert).chain(&custom);
        Ok(Self {
            named_bytes: all.map(|model| model.manifest().named_bytes()).max().unwrap_or_default(),
            loaded: vec![
                loaded(Model::Simple, toxicity_time, &toxicity.manifest().sha256),
                loaded(Model::Iris, iris_time, iris::info().sha256),
            ],
            info: json!({ "models": descriptions }).to_string().into_bytes().into(),
            toxicity,
            bert,
            custom,
        })
    }

    /// Every toxicity model that is loaded.
    pub fn toxicity_models(&self) -> impl Iterator<Item = &Toxicity> {
        std::iter::once(&self.toxicity).chain(&self.bert).chain(&self.custom)
    }
}

/// Refuses a model that would not leave `/model-info` its bound.
fn check_description(directory: Option<&Path>, model: &Toxicity, description: &Value) -> Result<(), ModelsError> {
    let found = description.to_string().len();
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

/// The manifest, with what loading added.
fn describe_toxicity(toxicity: &Toxicity, time: Duration) -> Value {
    /// The manifest's fields come first.
    #[derive(Serialize)]
    struct Described<'a> {
        #[serde(flatten)]
        manifest: &'a super::manifest::Manifest,
        engine: &'static str,
        load_seconds: f64,
    }
    let described =
        Described { manifest: toxicity.manifest(), engine: toxicity.engine_name(), load_seconds: time.as_secs_f64() };
    // A structure of strings and numbers always has a JSON form.
    serde_json::to_value(described).unwrap_or_default()
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
        assert!(models.info.len() <= MAX_LEN);
        let info: Value = serde_json::from_slice(&models.info).expect("JSON");
        for model in info["models"].as_array().expect("a list") {
            for field in
                ["name", "version", "kind", "labels", "input", "sha256", "bytes", "metrics", "training", "load_seconds"]
            {
                assert!(!model[field].is_null(), "{} has no {field}", model["name"]);
            }
        }
        assert!(info["models"][0]["levels"]["high"].is_number(), "the cut points are shown");
    }
}
