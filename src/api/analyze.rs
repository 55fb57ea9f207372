//! `POST /analyze`: how toxic is a text.
//!
//! `simple` answers at once. `bert` is asked and answers later, [`resume`]d, and so is a user's model over word pieces.
//! `auto` is answered by `simple` where that is sure and by `bert` where it is not; and by `simple` after all if `bert` is
//! not there, has no room, is late or fails.

pub(super) mod asked;
mod waiting;

use std::sync::Arc;
use std::time::Instant;

use super::{Request, Worker, spans};
use crate::json::write::Writer;
use crate::metrics::drift;
use crate::metrics::labels::{AskedModel, Shed, Stage, ToxicityModel};
use crate::metrics::{Shard, Stages, Trace};
use crate::model::bert::Bert;
use crate::model::custom::Custom;
use crate::model::executor::{Executor, Failure, Found, Full, Ticket};
use crate::model::manifest::MAX_NAMED_BYTES;
use crate::model::toxicity::{Prior, Scores, Toxicity};
use crate::model::{Loaded, Models};
use crate::problem::{Fault, Problem};
use crate::text::Scratch;
use asked::{Asked, Choice, parse};
use waiting::Explain;
pub use waiting::Waiting;

/// How far a request has come.
#[expect(clippy::large_enum_variant, reason = "it is moved twice; a box would be an allocation")]
pub enum Step {
    /// The answer is written; its length.
    Answered(usize),
    /// A model with threads of its own is asked.
    Waiting(Waiting),
}

/// Scores, and the model that gave them.
pub(super) struct Verdict<'m> {
    pub(super) model: &'m Toxicity,
    pub(super) counted: ToxicityModel,
    pub(super) scores: Scores,
}

/// What has become of a text.
pub(super) enum Scored<'m> {
    Now(Verdict<'m>),
    /// With the place of the user's model that is asked, or with what `auto` answers without `bert`.
    Later((Ticket, Prior), Option<usize>, Option<Scores>),
}

/// Scores the text of `request`, or has it scored.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::ModelUnavailable`] while the model is not there, [`Problem::Overloaded`]
/// while it has no room.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<Step, Fault> {
    let Worker { reader, text: scratch, loaded, limits, shard, started, stages, .. } = worker;
    // A body that cannot be read names no model: it counts as the default's.
    let (mut choice, mut explain) = (Choice::Simple, false);
    let mut spans = 0;
    let scored = reader.read(request.body, |root| {
        let asked = parse(root, limits.text, loaded.models())?;
        stages.lap(Stage::Parse);
        (choice, explain) = (asked.choice, asked.explain);
        // The answer's room was chosen by the body as it stands.
        if explain && !spans::may_be_asked(request.body) {
            let fault = Fault::new(Problem::UnknownField).field("explain");
            return Err(fault.expected("write its name without escapes", ""));
        }
        let scored = score(loaded, &asked, scratch, stages)?;
        if let (true, Scored::Now(verdict)) = (explain, &scored) {
            spans = render_spans(verdict.model, asked.text, scratch, out);
        }
        Ok(scored)
    });
    let &Request { received, client, trace, .. } = request;
    match scored {
        Ok(Scored::Now(verdict)) => {
            let nanoseconds = nanoseconds(received);
            count(shard, &verdict, nanoseconds, trace);
            count_drift(shard, loaded, choice.asked(), &verdict.scores);
            shard.normalized(scratch.rules());
            shard.client_seen(client, started.elapsed().as_secs());
            let length = render(verdict.model, &verdict.scores, nanoseconds, out);
            let length = with_spans(spans, length, out);
            stages.lap(Stage::Render);
            Ok(Step::Answered(length))
        }
        Ok(Scored::Later((ticket, prior), custom, otherwise)) => {
            let asked = asked_later(loaded, custom);
            let weighs = asked.is_some_and(|(model, _)| model.weighs_pieces());
            let explain = explain.then_some(if weighs { Explain::Pieces } else { Explain::Null });
            stages.lap(Stage::Features);
            shard.normalized(scratch.rules());
            let loaded = Arc::clone(loaded);
            Ok(Step::Waiting(Waiting { loaded, ticket, prior, custom, otherwise, explain, received, client, trace }))
        }
        Err(fault) => {
            count_failure(shard, choice, &fault);
            Err(fault)
        }
    }
}

/// The model with threads of its own that is asked, and the name under which it is counted.
fn asked_later(loaded: &Loaded, custom: Option<usize>) -> Option<(&Toxicity, ToxicityModel)> {
    match custom {
        Some(place) => Some((loaded.models()?.custom.get(place)?.model(), ToxicityModel::Custom)),
        None => Some((loaded.bert()?.model(), ToxicityModel::Bert)),
    }
}

/// Answers a request that was `waiting` for what was `found`; answers the length. `body` is the request's, where
/// [`Waiting::needs_body`], else empty.
///
/// # Errors
/// [`Problem::InferenceTimeout`] and [`Problem::ModelUnavailable`], if nothing was found and `simple` was not asked.
pub fn resume(
    worker: &mut Worker,
    waiting: &Waiting,
    found: Found,
    body: &[u8],
    out: &mut [u8],
) -> Result<usize, Fault> {
    let Worker { reader, text: scratch, shard, started, stages, .. } = worker;
    shard.staged(Stage::Queue, waiting.ticket.waited_ns());
    if stages.is_watched() {
        stages.add(Stage::Queue, waiting.ticket.waited_ns());
        stages.add(Stage::Infer, waiting.ticket.ran_ns());
        stages.skip();
    }
    let verdict = conclude(shard, waiting, found)?;
    let nanoseconds = nanoseconds(waiting.received);
    count(shard, &verdict, nanoseconds, waiting.trace);
    count_drift(shard, &waiting.loaded, waiting.asked(), &verdict.scores);
    shard.client_seen(waiting.client, started.elapsed().as_secs());
    let length = render(verdict.model, &verdict.scores, nanoseconds, out);
    stages.lap(Stage::Render);
    let Some(explain) = waiting.explain else { return Ok(length) };
    // In the place of the answer's last brace.
    let last = length.saturating_sub(1);
    let mut writer = Writer::new(out.get_mut(last..).unwrap_or_default());
    match explain {
        Explain::Null => spans::render(None, "", &mut writer),
        Explain::Pieces => reader.read(body, |root| {
            let text = root.as_object().into_iter().flatten().find(|(key, _)| *key == "text");
            let text = text.and_then(|(_, value)| value.as_str()).unwrap_or_default();
            let by_weights = (verdict.counted == ToxicityModel::Simple).then(|| verdict.model.explain(text, scratch));
            let explanation = by_weights.unwrap_or_else(|| verdict.model.explain_pieces(text, scratch));
            spans::render(explanation.as_ref(), text, &mut writer);
            Ok(())
        })?,
    }
    writer.raw(b"}");
    stages.lap(Stage::Render);
    Ok(writer.finish().map_or(length, |written| last + written))
}

/// What is answered to whoever was `waiting` for what was `found`.
///
/// # Errors
/// As [`resume`]; the failure is counted.
pub(super) fn conclude<'w>(shard: &Shard, waiting: &'w Waiting, found: Found) -> Result<Verdict<'w>, Fault> {
    let loaded = &*waiting.loaded;
    let asked = asked_later(loaded, waiting.custom);
    match (found, asked, loaded.models(), waiting.otherwise) {
        (Ok(values), Some((model, counted)), ..) => {
            Ok(Verdict { model, counted, scores: model.finish(values, waiting.prior) })
        }
        (_, _, Some(models), Some(scores)) => Ok(by_simple(models, scores)),
        (found, ..) => {
            shard.analysis_failed(asked.map_or(ToxicityModel::Bert, |(_, counted)| counted));
            let custom = waiting.custom.and_then(|place| loaded.models()?.custom.get(place));
            let executor = custom.and_then(Custom::executor);
            let retry_after =
                executor.map_or_else(|| loaded.bert().map_or(1, Bert::retry_after), Executor::retry_after);
            Err(match found {
                Err(Failure::Late) => Fault::new(Problem::InferenceTimeout).retry_after(retry_after),
                _ => failed(),
            })
        }
    }
}

/// Counts a text that was refused.
pub(super) fn count_failure(shard: &Shard, choice: Choice, fault: &Fault) {
    if fault.problem == Problem::Overloaded {
        shard.shed(Shed::Queue);
    }
    shard.analysis_failed(match choice {
        Choice::Simple | Choice::Auto => ToxicityModel::Simple,
        Choice::Bert => ToxicityModel::Bert,
        Choice::Custom(_) => ToxicityModel::Custom,
    });
}

/// Explains what `model` makes of `text` into `out`, from [`SPANS_AT`] on; answers the length.
fn render_spans(model: &Toxicity, text: &str, scratch: &mut Scratch, out: &mut [u8]) -> usize {
    let mut writer = Writer::new(out.get_mut(SPANS_AT..).unwrap_or_default());
    spans::render(model.explain(text, scratch).as_ref(), text, &mut writer);
    writer.finish().unwrap_or_default()
}

/// Moves the spans that stand at [`SPANS_AT`] into the answer of `length` bytes, before its last brace; answers the length.
fn with_spans(spans: usize, length: usize, out: &mut [u8]) -> usize {
    if spans == 0 || length == 0 || length > SPANS_AT {
        return length;
    }
    out.copy_within(SPANS_AT..SPANS_AT + spans, length - 1);
    out[length - 1 + spans] = b'}';
    length + spans
}

/// Scores the text that is asked about, or has it scored.
///
/// # Errors
/// As [`answer`], but for what is wrong with a body. Nothing is counted.
pub(super) fn score<'l>(
    loaded: &'l Loaded,
    asked: &Asked<'_>,
    scratch: &mut Scratch,
    stages: &mut Stages,
) -> Result<Scored<'l>, Fault> {
    let Asked { text, choice, explain } = *asked;
    let models = loaded.models().ok_or_else(not_yet)?;
    match choice {
        Choice::Bert => {
            let bert = loaded.bert().ok_or_else(|| {
                let why =
                    if loaded.wants_bert() { "it will be in a moment" } else { "this daemon runs without 'bert'" };
                Fault::new(Problem::ModelUnavailable).field("model").expected(why, "")
            })?;
            let submitted = bert.submit(text, explain, scratch);
            let submitted = submitted.map_err(refused)?;
            Ok(Scored::Later(submitted.ok_or_else(empty)?, None, None))
        }
        Choice::Custom(place) => {
            let custom = models.custom.get(place).ok_or(Fault::new(Problem::UnknownModel).field("model"))?;
            if let Some(executor) = custom.executor() {
                let submitted = custom.submit(executor, text, explain, scratch);
                let submitted = submitted.map_err(refused)?;
                return Ok(Scored::Later(submitted.ok_or_else(empty)?, Some(place), None));
            }
            let (model, counted) = (custom.model(), ToxicityModel::Custom);
            Ok(Scored::Now(Verdict { model, counted, scores: score_now(model, text, scratch, stages)? }))
        }
        Choice::Simple | Choice::Auto => {
            let scores = score_now(&models.toxicity, text, scratch, stages)?;
            if choice == Choice::Auto
                && let Some(bert) = loaded.bert().filter(|bert| bert.decides(&scores))
                && let Ok(Some(submitted)) = bert.submit(text, explain, scratch)
            {
                return Ok(Scored::Later(submitted, None, Some(scores)));
            }
            Ok(Scored::Now(by_simple(models, scores)))
        }
    }
}

fn score_now(model: &Toxicity, text: &str, scratch: &mut Scratch, stages: &mut Stages) -> Result<Scores, Fault> {
    let scored = model.score_in_steps(text, scratch, || stages.lap(Stage::Features));
    stages.lap(Stage::Infer);
    let scored = scored.map_err(|error| {
        tracing::error!(%error, model = model.manifest().name, "the model failed");
        failed()
    })?;
    scored.ok_or_else(empty)
}

const fn by_simple(models: &Models, scores: Scores) -> Verdict<'_> {
    Verdict { model: &models.toxicity, counted: ToxicityModel::Simple, scores }
}

/// Counts an analysis that gave scores.
pub(super) fn count(shard: &Shard, verdict: &Verdict<'_>, nanoseconds: u64, trace: Option<Trace>) {
    shard.analyzed(verdict.counted, verdict.scores.score(), nanoseconds);
    if let Some(trace) = trace {
        shard.analysis_traced(verdict.counted, nanoseconds, trace);
    }
}

/// Counts scores among those of the model that was asked for, if its manifest has a reference for them.
pub(super) fn count_drift(shard: &Shard, loaded: &Loaded, asked: Option<AskedModel>, scores: &Scores) {
    let Some(asked) = asked else { return };
    let bert = || Some(loaded.bert()?.model().manifest());
    let edges = match asked {
        AskedModel::Simple => {
            loaded.models().and_then(|models| Some(&models.toxicity.manifest().reference.as_ref()?.toxic))
        }
        AskedModel::Bert => bert().and_then(|manifest| Some(&manifest.reference.as_ref()?.toxic)),
        AskedModel::Auto => bert().and_then(|manifest| manifest.auto.as_ref()?.reference.as_ref()),
    };
    if let Some(edges) = edges {
        shard.scored(asked, drift::bin_of(edges, scores.scored()));
    }
}

/// How long ago, in ns.
pub(super) fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The refusal of a text for which a model's queue has no room.
const fn refused(full: Full) -> Fault {
    Fault::new(Problem::Overloaded).retry_after(full.retry_after)
}

fn empty() -> Fault {
    Fault::new(Problem::EmptyText).field("text")
}

fn failed() -> Fault {
    Fault::new(Problem::ModelUnavailable).expected("it failed; see the log", "")
}

pub(super) fn not_yet() -> Fault {
    Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", "")
}

/// Bytes that an answer takes at most beside [`Manifest::named_bytes`]: the keys, the score, the level, and a time of up
/// to 21 digits.
///
/// [`Manifest::named_bytes`]: crate::model::manifest::Manifest::named_bytes
pub const FRAME: usize = 128;

/// Where spans wait for the rest of an answer, which is no longer than this.
const SPANS_AT: usize = FRAME + MAX_NAMED_BYTES;

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
    writer.fixed::<6>(nanoseconds);
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
