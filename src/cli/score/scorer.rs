//! The models that score, as `POST /analyze` would: each on the thread that asks.

use serde_json::{Value, json};

use crate::config::Flags;
use crate::model::custom::Custom;
use crate::model::engine::EngineError;
use crate::model::manifest::Band;
use crate::model::toxicity::{Scores, Toxicity};
use crate::model::{Models, bert};
use crate::text::Scratch;

/// One model, or the two of `auto`.
pub struct Scorer {
    first: Toxicity,
    /// Who is asked too where the first is not sure, and where that is.
    second: Option<(Toxicity, Band)>,
}

impl Scorer {
    /// Loads what `name` means at `POST /analyze`.
    ///
    /// # Errors
    /// What is wrong with a model, or which names there are.
    pub fn load(flags: &Flags, name: &str) -> Result<Self, String> {
        let mut models =
            Models::load(flags.model_dir.as_deref(), flags.engine.into()).map_err(|error| error.to_string())?;
        let has_bert = flags.bert() && (bert::EMBEDDED || models.user_bert.is_some());
        let user_bert = models.user_bert.take();
        let load_bert = || match user_bert {
            Some((model, _)) => Ok(model),
            None => bert::load(flags.engine.into()).map_err(|error| error.to_string()),
        };
        let first = match name {
            "simple" | "auto" => models.toxicity,
            "bert" if has_bert => return Ok(Self { first: load_bert()?, second: None }),
            _ => {
                let custom = models.custom.into_iter().map(Custom::into_model);
                let (mut named, others): (Vec<_>, Vec<_>) =
                    custom.flatten().partition(|model| model.manifest().name == name);
                let Some(model) = named.pop() else {
                    let mut names = vec!["simple", "auto"];
                    names.extend(has_bert.then_some("bert"));
                    names.extend(others.iter().map(|model| model.manifest().name.as_str()));
                    return Err(format!("--model: there is no {name:?}; there are {}", names.join(", ")));
                };
                model
            }
        };
        let second = if name == "auto" && has_bert { Some(load_bert()?) } else { None };
        let second = second.and_then(|model| {
            let band = model.manifest().auto.as_ref()?.band();
            Some((model, band))
        });
        Ok(Self { first, second })
    }

    /// The scores of `text` and the model that gave them; `None` when nothing of it is left to score.
    ///
    /// # Errors
    /// If the model fails; of `auto`, the first.
    pub fn score(&self, text: &str, scratch: &mut Scratch) -> Result<Option<(&Toxicity, Scores)>, EngineError> {
        let Some(scores) = self.first.score(text, scratch)? else { return Ok(None) };
        if let Some((second, band)) = &self.second
            && band.contains(scores.scored())
            && let Ok(Some(scores)) = second.score(text, scratch)
        {
            return Ok(Some((second, scores)));
        }
        Ok(Some((&self.first, scores)))
    }

    /// Every model that may answer.
    pub fn models(&self) -> impl Iterator<Item = &Toxicity> {
        std::iter::once(&self.first).chain(self.second.iter().map(|(model, _)| model))
    }

    /// What the scores depend on: name and digest of each model.
    pub fn identity(&self) -> Value {
        self.models().map(|model| json!([model.manifest().name, model.manifest().sha256])).collect()
    }
}
