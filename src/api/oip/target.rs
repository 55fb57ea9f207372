//! The model that a path names.

use std::sync::Arc;

use super::path::{self, Place};
use crate::api::Worker;
use crate::api::analyze::asked::Choice;
use crate::api::analyze::not_yet;
use crate::metrics::labels::Handler;
use crate::model::bert::Bert;
use crate::model::manifest::Manifest;
use crate::model::{Loaded, iris};
use crate::problem::{Fault, Problem};

/// A model, as the path of a request names it, and of a model of texts what was loaded when it did: that answers, though
/// the body may take its time and something else be loaded meanwhile.
#[derive(Clone)]
pub struct Target(pub(super) Model, pub(super) Option<Arc<Loaded>>);

impl Target {
    /// What is to answer.
    pub const fn loaded(&self) -> Option<&Arc<Loaded>> {
        self.1.as_ref()
    }
}

/// Which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Iris,
    Text(Choice),
}

impl Worker {
    /// The model that `path` names, if the route of `handler` is one of a model.
    ///
    /// # Errors
    /// [`Problem::UnknownModel`] where there is none of that name and version, [`Problem::ModelUnavailable`] while that cannot
    /// be told.
    pub fn inference_target(&self, handler: Handler, path: &str) -> Result<Option<Target>, Fault> {
        let of_model = handler.infers() || matches!(handler, Handler::InferenceModel | Handler::InferenceModelReady);
        let place = path::place(path).filter(|_| of_model);
        let target = |model| Target(model, matches!(model, Model::Text(_)).then(|| Arc::clone(&self.loaded)));
        place.map(|place| resolve(&self.loaded, place).map(target)).transpose()
    }
}

fn resolve(loaded: &Loaded, Place { model, version, .. }: Place<'_>) -> Result<Model, Fault> {
    let unknown = || Fault::new(Problem::UnknownModel).field(model);
    let is = |name| path::is_named(model, name);
    let found = if is("iris") {
        Model::Iris
    } else if is("simple") {
        Model::Text(Choice::Simple)
    } else if is("bert") && loaded.wants_bert() {
        Model::Text(Choice::Bert)
    } else if is("auto") && labels_agree(loaded) {
        Model::Text(Choice::Auto)
    } else {
        let mut names = loaded.models().ok_or_else(not_yet)?.custom.iter().map(|custom| custom.model().manifest());
        let place = names.position(|manifest| is(&manifest.name));
        Model::Text(Choice::Custom(place.ok_or_else(unknown)?))
    };
    if let Some(version) = version {
        let has = match found {
            // It is two models.
            Model::Text(Choice::Auto) => None,
            Model::Text(choice) => Some(manifest(loaded, choice).ok_or_else(not_yet)?.version.as_str()),
            Model::Iris => Some(iris::VERSION),
        };
        if !has.is_some_and(|has| path::is_named(version, has)) {
            return Err(unknown().expected("does not have that version; its metadata name the one that it has", ""));
        }
    }
    Ok(found)
}

/// Whether the answers of both models behind `auto` are tensors of one shape: a user's may have other labels.
fn labels_agree(loaded: &Loaded) -> bool {
    match (loaded.models(), loaded.bert()) {
        (Some(models), Some(bert)) => models.toxicity.manifest().labels == bert.model().manifest().labels,
        _ => true,
    }
}

/// What the model says of itself, if it is there; `auto` has the labels of `simple`.
pub(super) fn manifest(loaded: &Loaded, choice: Choice) -> Option<&Manifest> {
    let models = loaded.models()?;
    Some(match choice {
        Choice::Simple | Choice::Auto => models.toxicity.manifest(),
        Choice::Bert => loaded.bert().map(Bert::model)?.manifest(),
        Choice::Custom(place) => models.custom.get(place)?.model().manifest(),
    })
}

/// The version of the model's name, if it has one and is there.
pub(super) fn version(loaded: &Loaded, model: Model) -> Option<&str> {
    match model {
        Model::Iris => Some(iris::VERSION),
        Model::Text(Choice::Auto) => None,
        Model::Text(choice) => manifest(loaded, choice).map(|manifest| manifest.version.as_str()),
    }
}

/// The name under which the model is asked for.
pub(super) fn name(loaded: &Loaded, model: Model) -> &str {
    match model {
        Model::Iris => "iris",
        Model::Text(Choice::Simple) => "simple",
        Model::Text(Choice::Bert) => "bert",
        Model::Text(Choice::Auto) => "auto",
        Model::Text(choice) => manifest(loaded, choice).map_or("", |manifest| manifest.name.as_str()),
    }
}
