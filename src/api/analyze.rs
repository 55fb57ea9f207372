//! `POST /analyze`: how toxic is a text.

use super::{Request, Worker};
use crate::json::read::Value;
use crate::json::write::Writer;
use crate::metrics::labels::ToxicityModel;
use crate::model::Models;
use crate::model::toxicity::{Scores, Toxicity};
use crate::problem::{Fault, Problem};
use crate::text::Scratch;

/// Which model the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Simple,
    Bert,
    Auto,
    /// A user's model, by its place among [`Models::custom`].
    Custom(usize),
}

/// Scores the text of `request`; answers status and length.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::ModelUnavailable`] while the model is not there.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let Worker { reader, text, models, limits, shard, started, .. } = worker;
    // A body that cannot be read names no model: it counts as the default's.
    let mut counted = ToxicityModel::Simple;
    let scored = reader.read(request.body, |root| score(root, text, models.get(), limits.text, &mut counted));
    match scored {
        Ok((model, scores)) => {
            let nanoseconds = u64::try_from(request.received.elapsed().as_nanos()).unwrap_or(u64::MAX);
            shard.analyzed(counted, scores.score(), nanoseconds);
            shard.client_seen(request.client, started.elapsed().as_secs());
            Ok((200, render(model, &scores, nanoseconds, out)))
        }
        Err(fault) => {
            shard.analysis_failed(counted);
            Err(fault)
        }
    }
}

/// The model that `root` asks for, and what it says of the text; `counted` becomes the model's name in the metrics.
fn score<'m>(
    root: Value<'_>,
    scratch: &mut Scratch,
    models: Option<&'m Models>,
    max_text: usize,
    counted: &mut ToxicityModel,
) -> Result<(&'m Toxicity, Scores), Fault> {
    let (text, choice) = parse(root, max_text, models)?;
    if let Choice::Custom(_) = choice {
        *counted = ToxicityModel::Custom;
    }
    let models = models.ok_or_else(not_yet)?;
    let model = match choice {
        Choice::Simple | Choice::Auto => &models.toxicity,
        Choice::Bert => models.bert.as_ref().ok_or(
            Fault::new(Problem::ModelUnavailable)
                .field("model")
                .expected("this build carries 'simple', which 'auto' takes too", ""),
        )?,
        Choice::Custom(place) => models.custom.get(place).ok_or(Fault::new(Problem::UnknownModel).field("model"))?,
    };
    let scored = model.score(text, scratch).map_err(|error| {
        tracing::error!(%error, model = model.manifest().name, "the model failed");
        Fault::new(Problem::ModelUnavailable).expected("it failed; see the log", "")
    })?;
    let scores = scored.ok_or(Fault::new(Problem::EmptyText).field("text"))?;
    Ok((model, scores))
}

fn not_yet() -> Fault {
    Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", "")
}

/// `{"text": string, "model"?: "simple" | "bert" | "auto" | a user's model | null}`
fn parse<'t>(root: Value<'t>, max_text: usize, models: Option<&Models>) -> Result<(&'t str, Choice), Fault> {
    let members = root
        .as_object()
        .ok_or(Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name()))?;
    let (mut text, mut choice) = (None, None);
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
            _ => {
                return Err(Fault::new(Problem::UnknownField)
                    .field(key)
                    .expected("send 'text' and, at will, 'model'", ""));
            }
        }
    }
    let text =
        text.ok_or(Fault::new(Problem::MissingField).field("text").expected("send the text to score as a string", ""))?;
    if text.len() > max_text {
        return Err(Fault::new(Problem::TextTooLong).field("text").count(text.len(), max_text));
    }
    Ok((text, choice.unwrap_or(Choice::Simple)))
}

fn parse_choice(value: Value<'_>, models: Option<&Models>) -> Result<Choice, Fault> {
    if value.is_null() {
        return Ok(Choice::Simple);
    }
    match value.as_str() {
        Some("simple") => Ok(Choice::Simple),
        Some("bert") => Ok(Choice::Bert),
        Some("auto") => Ok(Choice::Auto),
        Some(name) => {
            // Until the models are there, nobody knows which of a user's there will be.
            let place = models.ok_or_else(not_yet)?.custom.iter().position(|model| model.manifest().name == name);
            place.map(Choice::Custom).ok_or(Fault::new(Problem::UnknownModel).field("model"))
        }
        None => Err(Fault::new(Problem::InvalidType).field("model").expected("a string", value.type_name())),
    }
}

/// Bytes that an answer takes at most beside [`Manifest::named_bytes`]: the keys, the score, the level, and a time of up
/// to 21 digits.
///
/// [`Manifest::named_bytes`]: crate::model::manifest::Manifest::named_bytes
pub const FRAME: usize = 128;

/// Writes the answer for `scores` of `model`, which took `nanoseconds` from body to score; answers its length.
pub fn render(model: &Toxicity, scores: &Scores, nanoseconds: u64, out: &mut [u8]) -> usize {
    let (manifest, score) = (model.manifest(), scores.score());
    let mut writer = Writer::new(out);
    writer.raw(br#"{"score":"#);
    writer.integer(u64::from(score));
    writer.raw(br#","toxicity_level":""#);
    writer.raw(model.level(score).as_str().as_bytes());
    writer.raw(br#"","model_used":""#);
    writer.raw(manifest.name.as_bytes());
    writer.raw(br#"","processing_time_ms":"#);
    writer.fixed(nanoseconds, 6);
    writer.raw(br#","labels":{"#);
    for (index, (label, &probability)) in manifest.labels.iter().zip(scores.probabilities()).enumerate() {
        writer.raw(if index == 0 { b"\"" } else { b",\"" });
        // The manifest's check has seen that it stands in JSON as it is.
        writer.raw(label.as_bytes());
        writer.raw(b"\":");
        writer.probability(probability);
    }
    writer.raw(b"}}");
    writer.finish().unwrap_or_default()
}
