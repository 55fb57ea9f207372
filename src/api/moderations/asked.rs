//! What a body asks of `POST /v1/moderations`.

use crate::api::Limits;
use crate::api::analyze::asked::parse_choice;
use crate::api::round::{Round, What, most_texts};
use crate::json::read::Value;
use crate::model::Loaded;
use crate::problem::{Fault, Problem};

/// The form in which the texts came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inputs {
    /// One string.
    #[default]
    One,
    /// A list of strings, each an input of its own.
    Strings,
    /// A list of parts, which are one input together.
    Parts,
}

impl Inputs {
    /// Whether they came in a list.
    pub const fn is_list(self) -> bool {
        !matches!(self, Self::One)
    }

    /// Whether all of them have one result.
    pub const fn is_one(self) -> bool {
        !matches!(self, Self::Strings)
    }
}

/// Models of OpenAI's, in whose place the one of `--compatible-model` answers.
pub const THEIRS: [&str; 4] =
    ["omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable"];

/// Reads `{"input": string | [string, ...] | [{"type":"text","text":string}, ...], "model"?: string | null}` into `round`.
///
/// # Errors
/// What is wrong with it.
pub fn read(root: Value<'_>, round: &mut Round, limits: &Limits, loaded: &Loaded) -> Result<(), Fault> {
    let not_an_object = Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name());
    let (mut input, mut model) = (None, None);
    for (key, value) in root.as_object().ok_or(not_an_object)? {
        let twice = match key {
            "input" => input.replace(value).is_some(),
            "model" => model.replace(value).is_some(),
            _ => {
                let fault = Fault::new(Problem::UnknownField).field(key);
                return Err(fault.expected("send 'input' and, at will, 'model'", ""));
            }
        };
        if twice {
            return Err(Fault::new(Problem::DuplicateField).field(key));
        }
    }
    if let Some(model) = model.filter(|model| !model.is_null() && !is_theirs(*model)) {
        round.choice = parse_choice(model, loaded.models())?;
    }
    let missing = Fault::new(Problem::MissingField).field("input").expected("send a text, or a list of texts", "");
    let input = input.ok_or(missing)?;
    if let Some(text) = input.as_str() {
        round.asked = What::Moderation(Inputs::One);
        return keep(text, None, round, limits);
    }
    let not_a_list = Fault::new(Problem::InvalidType).field("input").expected("a string or a list", input.type_name());
    let (length, inputs) = input.as_array().ok_or(not_a_list)?;
    let most = limits.batch.min(most_texts(limits));
    if length == 0 || length > most {
        let wanted = if length == 0 { "an input or more" } else { "no more inputs than --max-batch" };
        return Err(Fault::new(Problem::WrongLength).field("input").count(length, most).expected(wanted, ""));
    }
    let mut form = None;
    for (place, value) in inputs.enumerate() {
        let (text, own) = match value.as_str() {
            Some(text) => (text, Inputs::Strings),
            None => (part(value, place)?, Inputs::Parts),
        };
        if *form.get_or_insert(own) != own {
            let expected =
                if own == Inputs::Parts { "a string, as those before" } else { "an object, as those before" };
            let fault = Fault::new(Problem::InvalidType).field("input").element(Some(place), None);
            return Err(fault.expected(expected, value.type_name()));
        }
        keep(text, Some(place), round, limits)?;
    }
    round.asked = What::Moderation(form.unwrap_or_default());
    Ok(())
}

fn is_theirs(model: Value<'_>) -> bool {
    model.as_str().is_some_and(|name| THEIRS.contains(&name))
}

/// The text of a part.
fn part(value: Value<'_>, place: usize) -> Result<&str, Fault> {
    let at = |problem| Fault::new(problem).field("input").element(Some(place), None);
    let wrong = at(Problem::InvalidType).expected("a string or an object", value.type_name());
    let (mut text, mut kind) = (None, None);
    for (key, value) in value.as_object().ok_or(wrong)? {
        match key {
            "text" => text = value.as_str(),
            "type" => kind = value.as_str(),
            _ => {}
        }
    }
    match (kind, text) {
        (Some("text"), Some(text)) => Ok(text),
        (Some("image_url"), _) => {
            Err(at(Problem::UnsupportedInput).expected("no model here reads images; send parts of type 'text'", ""))
        }
        _ => Err(at(Problem::UnsupportedInput).expected("a part must be {'type': 'text', 'text': string}", "")),
    }
}

fn keep(text: &str, place: Option<usize>, round: &mut Round, limits: &Limits) -> Result<(), Fault> {
    if text.len() > limits.text {
        let fault = Fault::new(Problem::TextTooLong).field("input").element(place, None);
        return Err(fault.count(text.len(), limits.text));
    }
    let kept = round.keep(text.as_bytes()).and_then(|kept| round.add(&kept, [0; 2]));
    kept.ok_or(Fault::new(Problem::BodyTooLarge).count(0, limits.body))
}
