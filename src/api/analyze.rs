//! `POST /analyze`: how toxic is a text.

use std::sync::OnceLock;

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
}

/// Scores the text of `request`; answers status and length.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::ModelUnavailable`] while the model is not there.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let Worker { reader, text, models, limits, shard, started, .. } = worker;
    let scored = reader.read(request.body, |root| score(root, text, models, limits.text));
    match scored {
        Ok((model, scores)) => {
            let nanoseconds = u64::try_from(request.received.elapsed().as_nanos()).unwrap_or(u64::MAX);
            shard.analyzed(ToxicityModel::Simple, scores.score(), nanoseconds);
            shard.client_seen(request.client, started.elapsed().as_secs());
            Ok((200, render(model, &scores, nanoseconds, out)))
        }
        Err(fault) => {
            shard.analysis_failed(ToxicityModel::Simple);
            Err(fault)
        }
    }
}

/// The model that `root` asks for, and what it says of the text.
fn score<'m>(
    root: Value<'_>,
    scratch: &mut Scratch,
    models: &'m OnceLock<Models>,
    max_text: usize,
) -> Result<(&'m Toxicity, Scores), Fault> {
    let (text, choice) = parse(root, max_text)?;
    if choice == Choice::Bert {
        return Err(Fault::new(Problem::ModelUnavailable)
            .field("model")
            .expected("this build carries 'simple', which 'auto' takes too", ""));
    }
    let Models { toxicity, .. } =
        models.get().ok_or(Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", ""))?;
    let scored = toxicity.score(text, scratch).map_err(|error| {
        tracing::error!(%error, "the model failed");
        Fault::new(Problem::ModelUnavailable).expected("it failed; see the log", "")
    })?;
    let scores = scored.ok_or(Fault::new(Problem::EmptyText).field("text"))?;
    Ok((toxicity, scores))
}

/// `{"text": string, "model"?: "simple" | "bert" | "auto" | null}`
fn parse(root: Value<'_>, max_text: usize) -> Result<(&str, Choice), Fault> {
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
                if choice.replace(parse_choice(value)?).is_some() {
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

fn parse_choice(value: Value<'_>) -> Result<Choice, Fault> {
    if value.is_null() {
        return Ok(Choice::Simple);
    }
    match value.as_str() {
        Some("simple") => Ok(Choice::Simple),
        Some("bert") => Ok(Choice::Bert),
        Some("auto") => Ok(Choice::Auto),
        Some(_) => Err(Fault::new(Problem::UnknownModel).field("model")),
        None => Err(Fault::new(Problem::InvalidType).field("model").expected("a string", value.type_name())),
    }
}

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
