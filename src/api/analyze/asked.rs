//! What a body asks of `POST /analyze`.

use super::not_yet;
use crate::json::read::Value;
use crate::metrics::labels::AskedModel;
use crate::model::Models;
use crate::problem::{Fault, Problem};

/// Which model the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Choice {
    Simple,
    Bert,
    Auto,
    /// A user's model, by its place among [`Models::custom`].
    Custom(usize),
}

/// What the client asks.
pub(in crate::api) struct Asked<'t> {
    pub(in crate::api) text: &'t str,
    pub(in crate::api) choice: Choice,
    /// Whether to name the parts of the text that carried the verdict.
    pub(in crate::api) explain: bool,
}

impl Choice {
    /// The model of ours that is asked for.
    pub(in crate::api) const fn asked(self) -> Option<AskedModel> {
        match self {
            Self::Simple => Some(AskedModel::Simple),
            Self::Bert => Some(AskedModel::Bert),
            Self::Auto => Some(AskedModel::Auto),
            Self::Custom(_) => None,
        }
    }
}

/// `{"text": string, "model"?: "simple" | "bert" | "auto" | a user's model | null, "explain"?: boolean | null}`
pub(in crate::api) fn parse<'t>(root: Value<'t>, max_text: usize, models: Option<&Models>) -> Result<Asked<'t>, Fault> {
    let members = root
        .as_object()
        .ok_or(Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name()))?;
    let (mut text, mut choice, mut explain) = (None, None, None);
    for (key, value) in members {
        match key {
            "text" => {
                let string = value
                    .as_str()
                    .ok_or(Fault::new(Problem::InvalidType).field("text").expected("a string", value.type_name()))?;
                if text.replace(string).is_some() {
                    return Err(Fault::new(Problem::DuplicateField).field("text"));
                }
            }
            "model" => {
                if choice.replace(parse_choice(value, models)?).is_some() {
                    return Err(Fault::new(Problem::DuplicateField).field("model"));
                }
            }
            "explain" => {
                if explain.replace(parse_explain(value)?).is_some() {
                    return Err(Fault::new(Problem::DuplicateField).field("explain"));
                }
            }
            _ => {
                return Err(Fault::new(Problem::UnknownField)
                    .field(key)
                    .expected("send 'text' and, at will, 'model' and 'explain'", ""));
            }
        }
    }
    let text =
        text.ok_or(Fault::new(Problem::MissingField).field("text").expected("send the text to score as a string", ""))?;
    if text.len() > max_text {
        return Err(Fault::new(Problem::TextTooLong).field("text").count(text.len(), max_text));
    }
    Ok(Asked { text, choice: choice.unwrap_or(Choice::Simple), explain: explain.unwrap_or(false) })
}

fn parse_explain(value: Value<'_>) -> Result<bool, Fault> {
    let not_a_boolean = Fault::new(Problem::InvalidType).field("explain").expected("true or false", value.type_name());
    if value.is_null() { Ok(false) } else { value.as_bool().ok_or(not_a_boolean) }
}

/// `"simple" | "bert" | "auto" | a user's model | null`, which is `simple`.
pub(in crate::api) fn parse_choice(value: Value<'_>, models: Option<&Models>) -> Result<Choice, Fault> {
    if value.is_null() {
        return Ok(Choice::Simple);
    }
    match value.as_str() {
        Some("simple") => Ok(Choice::Simple),
        Some("bert") => Ok(Choice::Bert),
        Some("auto") => Ok(Choice::Auto),
        Some(name) => {
            // Until the models are there, nobody knows which of a user's there will be.
            let place =
                models.ok_or_else(not_yet)?.custom.iter().position(|custom| custom.model().manifest().name == name);
            place.map(Choice::Custom).ok_or(Fault::new(Problem::UnknownModel).field("model"))
        }
        None => Err(Fault::new(Problem::InvalidType).field("model").expected("a string", value.type_name())),
    }
}
