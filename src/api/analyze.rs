//! `POST /analyze`: how toxic is a text.
//!
//! `simple` answers at once. `bert` is asked and answers later, [`resume`]d. `auto` is answered by `simple` where that
//! is sure and by `bert` where it is not; and by `simple` after all if `bert` is not there, has no room, is late or fails.

use std::task::{Context, Poll};
use std::time::Instant;

use super::{Request, Worker};
use crate::json::read::Value;
use crate::json::write::Writer;
use crate::metrics::labels::ToxicityModel;
use crate::model::bert::Bert;
use crate::model::executor::{Failure, Found, Ticket};
use crate::model::toxicity::{LABELS, Level, Scores};
use crate::model::{Loaded, Models};
use crate::problem::{Fault, Problem};
use crate::text::Scratch;

/// Which model the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Simple,
    Bert,
    Auto,
}

/// How far a request has come.
pub enum Step {
    /// The answer is written; its length.
    Answered(usize),
    /// `bert` is asked.
    Waiting(Waiting),
}

/// A request whose text `bert` has been asked about; dropping it takes the question back.
pub struct Waiting {
    ticket: Ticket,
    /// What `auto` answers if `bert` does not.
    otherwise: Option<Verdict>,
    received: Instant,
    client: u64,
}

/// What a model says of a text.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// The model.
    pub model: ToxicityModel,
    /// Its probabilities.
    pub scores: Scores,
    /// Where its cut points put them.
    pub level: Level,
}

enum Scored {
    Now(Verdict),
    Later(Ticket, Option<Verdict>),
}

impl Waiting {
    /// What `bert` found, once; until then the task of `context` is woken when there is something.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Found> {
        self.ticket.poll(context)
    }
}

/// Scores the text of `request`, or has it scored.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::ModelUnavailable`] while the model is not there, [`Problem::Overloaded`]
/// while it has no room.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<Step, Fault> {
    let Worker { reader, text: scratch, loaded, limits, .. } = worker;
    // A body that cannot be read names no model: it counts as the default's.
    let mut choice = Choice::Simple;
    let scored = reader.read(request.body, |root| {
        let (text, chosen) = parse(root, limits.text)?;
        choice = chosen;
        score(loaded, choice, text, scratch)
    });
    match scored {
        Ok(Scored::Now(verdict)) => Ok(Step::Answered(tell(worker, &verdict, request.received, request.client, out))),
        Ok(Scored::Later(ticket, otherwise)) => {
            let (received, client) = (request.received, request.client);
            Ok(Step::Waiting(Waiting { ticket, otherwise, received, client }))
        }
        Err(fault) => {
            let bert = choice == Choice::Bert;
            worker.shard.analysis_failed(if bert { ToxicityModel::Bert } else { ToxicityModel::Simple });
            Err(fault)
        }
    }
}

/// Answers a request that was `waiting` for what was `found`; answers the length.
///
/// # Errors
/// [`Problem::InferenceTimeout`] and [`Problem::ModelUnavailable`], if nothing was found and `simple` was not asked.
pub fn resume(worker: &mut Worker, waiting: &Waiting, found: Found, out: &mut [u8]) -> Result<usize, Fault> {
    let verdict = match (found, worker.loaded.bert(), waiting.otherwise) {
        (Ok(probabilities), Some(bert), _) => {
            let scores = Scores { probabilities };
            Verdict { model: ToxicityModel::Bert, scores, level: bert.level(scores.score()) }
        }
        (_, _, Some(verdict)) => verdict,
        (found, bert, None) => {
            worker.shard.analysis_failed(ToxicityModel::Bert);
            let retry_after = bert.map_or(1, Bert::retry_after);
            return Err(match found {
                Err(Failure::Late) => Fault::new(Problem::InferenceTimeout).retry_after(retry_after),
                _ => failed(),
            });
        }
    };
    Ok(tell(worker, &verdict, waiting.received, waiting.client, out))
}

/// Counts a verdict and writes it; answers the length.
fn tell(worker: &Worker, verdict: &Verdict, received: Instant, client: u64, out: &mut [u8]) -> usize {
    let nanoseconds = u64::try_from(received.elapsed().as_nanos()).unwrap_or(u64::MAX);
    worker.shard.analyzed(verdict.model, verdict.scores.score(), nanoseconds);
    worker.shard.client_seen(client, worker.started.elapsed().as_secs());
    render(verdict, nanoseconds, out)
}

fn score(loaded: &Loaded, choice: Choice, text: &str, scratch: &mut Scratch) -> Result<Scored, Fault> {
    let models = loaded.models().ok_or(Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", ""))?;
    if choice == Choice::Bert {
        let bert = loaded.bert().ok_or_else(|| {
            let why = if loaded.wants_bert() { "it will be in a moment" } else { "this daemon runs without 'bert'" };
            Fault::new(Problem::ModelUnavailable).field("model").expected(why, "")
        })?;
        let submitted = bert.submit(text, scratch);
        let submitted = submitted.map_err(|full| Fault::new(Problem::Overloaded).retry_after(full.retry_after))?;
        return Ok(Scored::Later(submitted.ok_or_else(empty)?, None));
    }
    let verdict = score_simple(models, text, scratch)?;
    if choice == Choice::Auto
        && let Some(bert) = loaded.bert().filter(|bert| bert.decides(&verdict.scores))
        && let Ok(Some(ticket)) = bert.submit(text, scratch)
    {
        return Ok(Scored::Later(ticket, Some(verdict)));
    }
    Ok(Scored::Now(verdict))
}

fn score_simple(models: &Models, text: &str, scratch: &mut Scratch) -> Result<Verdict, Fault> {
    let scored = models.toxicity.score(text, scratch).map_err(|error| {
        tracing::error!(%error, "the model failed");
        failed()
    })?;
    let scores = scored.ok_or_else(empty)?;
    Ok(Verdict { model: ToxicityModel::Simple, scores, level: models.toxicity.level(scores.score()) })
}

fn empty() -> Fault {
    Fault::new(Problem::EmptyText).field("text")
}

fn failed() -> Fault {
    Fault::new(Problem::ModelUnavailable).expected("it failed; see the log", "")
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

/// Writes the answer for `verdict`, which took `nanoseconds` from body to score; answers its length.
pub fn render(verdict: &Verdict, nanoseconds: u64, out: &mut [u8]) -> usize {
    let Verdict { model, scores, level } = verdict;
    let mut writer = Writer::new(out);
    writer.raw(br#"{"score":"#);
    writer.integer(u64::from(scores.score()));
    writer.raw(br#","toxicity_level":""#);
    writer.raw(level.as_str().as_bytes());
    writer.raw(br#"","model_used":""#);
    writer.raw(model.as_str().as_bytes());
    writer.raw(br#"","processing_time_ms":"#);
    writer.fixed(nanoseconds, 6);
    writer.raw(br#","labels":{"#);
    for (index, (label, &probability)) in LABELS.iter().zip(&scores.probabilities).enumerate() {
        writer.raw(if index == 0 { b"\"" } else { b",\"" });
        writer.raw(label.as_bytes());
        writer.raw(b"\":");
        writer.probability(probability);
    }
    writer.raw(b"}}");
    writer.finish().unwrap_or_default()
}
