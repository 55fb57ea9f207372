//! `POST /analyze/batch`: how toxic are these texts, answered in their order, each by itself.
//!
//! ```text
//! a body ──read──► Texts ─┐                    ┌─► Scored ─┐
//! a line ─────────────────┴─take up─► Flow: ───┼─► Waiting ┼──settle, the oldest first──► one result each
//!                                              └─► Failed ─┘
//! ```
//!
//! `simple` scores a text when it is taken up. For a model with threads of its own so many texts wait at once as
//! [`Limits::window`](super::Limits::window) says, whatever the length of the batch; the next is taken up when the oldest has
//! been answered, so a batch that is longer than the queue passes through it. What is wrong with a text is told in its
//! place and the others go on.

mod line;
mod texts;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::analyze::asked::{Asked, Choice};
use super::analyze::{self, Waiting};
use super::{Limits, Worker, fault};
use crate::json::write::Writer;
use crate::metrics::labels::{Stage, ToxicityModel};
use crate::metrics::{Shard, Stages, Trace};
use crate::model::Loaded;
use crate::model::bert::Bert;
use crate::model::manifest::MAX_NAMED_BYTES;
use crate::model::toxicity::{Scores, Toxicity};
use crate::problem::{Fault, Problem};
use crate::text::Scratch;
pub use texts::Texts;

/// The texts of a batch that are taken up and not yet answered, in order; dropping them takes the questions back.
pub struct Flow {
    /// What was loaded when the batch began: all of it is answered by that.
    pub(super) loaded: Option<Arc<Loaded>>,
    pub(super) queue: Queue,
}

/// The texts, the oldest first.
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// How many of them wait for a model.
    waiting: usize,
    trace: Option<Trace>,
}

/// One text.
enum Entry {
    Scored(Scored),
    /// And whether it is counted as an analysis.
    Waiting(Waiting, bool),
    Failed(Fault),
}

/// A text that has been scored.
pub(super) struct Scored {
    pub(super) scores: Scores,
    /// From the text to the scores.
    nanoseconds: u64,
    /// The user's model that was asked for.
    pub(super) place: Option<usize>,
    /// Which model gave the scores.
    pub(super) counted: ToxicityModel,
}

/// What becomes of a text that is to be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is taken up.
    Up,
    /// Its model has no room: it is to be brought again when one that waits has been answered.
    NotYet,
}

/// What has been settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The result of the oldest text is written, in so many bytes.
    Written(usize),
    /// The oldest text waits for its model.
    Waiting,
    /// No text is taken up.
    Nothing,
}

impl Flow {
    /// No text, with room for all that may be taken up at once.
    pub fn new() -> Self {
        let queue = Queue { entries: VecDeque::with_capacity(MOST_AT_ONCE), waiting: 0, trace: None };
        Self { loaded: None, queue }
    }

    /// Forgets all texts and models: those of another batch follow, which belongs to `trace`, if to any.
    pub fn begin(&mut self, trace: Option<Trace>) {
        self.loaded = None;
        self.queue.entries.clear();
        (self.queue.waiting, self.queue.trace) = (0, trace);
    }

    /// Whether another text may be taken up.
    pub fn has_room(&self, limits: &Limits) -> bool {
        self.queue.has_room(limits)
    }
}

impl Queue {
    /// Whether another text may be taken up.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        self.waiting < limits.window && self.entries.len() < MOST_AT_ONCE
    }

    /// Takes up a text of the batch, or what is wrong with it; `place` is its place in a list, if it stands in one.
    pub(super) fn take_up(
        &mut self,
        asked: Result<Asked<'_>, Fault>,
        place: Option<usize>,
        scorer: &mut Scorer<'_>,
    ) -> Taken {
        let received = Instant::now();
        let choice = asked.as_ref().map_or(Choice::Simple, |asked| asked.choice);
        let Scorer { loaded, scratch, shard, counts } = scorer;
        let scored = asked.and_then(|asked| analyze::score(loaded, &asked, scratch, &mut Stages::UNWATCHED.clone()));
        let named = |fault: Fault| match (&fault.field, place) {
            (Some(field), Some(_)) if field.name() == "text" => fault.field("texts").element(place, None),
            _ => fault,
        };
        self.entries.push_back(match scored {
            Ok(analyze::Scored::Now(verdict)) => {
                shard.normalized(scratch.rules());
                let nanoseconds = analyze::nanoseconds(received);
                if *counts {
                    analyze::count(shard, &verdict, nanoseconds, self.trace);
                    analyze::count_drift(shard, loaded, choice.asked(), &verdict.scores);
                }
                let place = if let Choice::Custom(place) = choice { Some(place) } else { None };
                Entry::Scored(Scored { scores: verdict.scores, nanoseconds, place, counted: verdict.counted })
            }
            Ok(analyze::Scored::Later(submitted, custom, otherwise)) => {
                shard.normalized(scratch.rules());
                self.waiting += 1;
                let loaded = Arc::clone(loaded);
                Entry::Waiting(Waiting::plain(loaded, submitted, custom, otherwise, received), *counts)
            }
            Err(fault) if fault.problem == Problem::Overloaded && self.waiting > 0 => return Taken::NotYet,
            Err(fault) => {
                if *counts {
                    analyze::count_failure(shard, choice, &fault);
                }
                Entry::Failed(named(fault))
            }
        });
        Taken::Up
    }

    /// What has become of the oldest text, once; `None` if no text is taken up. While it waits for its model the task of
    /// `context` is woken when there is something; without a context a text that waits is not looked at.
    pub(super) fn conclude(
        &mut self,
        scorer: &mut Scorer<'_>,
        context: Option<&mut Context<'_>>,
    ) -> Poll<Option<Result<Scored, Fault>>> {
        let Scorer { scratch, shard, .. } = scorer;
        if let Some(Entry::Waiting(waiting, counts)) = self.entries.front_mut() {
            let Some(context) = context else { return Poll::Pending };
            let found = ready!(waiting.poll(context, scratch));
            self.waiting -= 1;
            shard.staged(Stage::Queue, waiting.ticket.waited_ns());
            let entry = match analyze::conclude(shard, waiting, found) {
                Ok(verdict) => {
                    let nanoseconds = analyze::nanoseconds(waiting.received);
                    if *counts {
                        analyze::count(shard, &verdict, nanoseconds, self.trace);
                        analyze::count_drift(shard, &waiting.loaded, waiting.asked(), &verdict.scores);
                    }
                    let (place, counted) = (waiting.custom, verdict.counted);
                    Entry::Scored(Scored { scores: verdict.scores, nanoseconds, place, counted })
                }
                Err(fault) => Entry::Failed(fault),
            };
            self.entries[0] = entry;
        }
        Poll::Ready(match self.entries.pop_front() {
            Some(Entry::Scored(scored)) => Some(Ok(scored)),
            Some(Entry::Failed(fault)) => Some(Err(fault)),
            Some(Entry::Waiting(..)) | None => None,
        })
    }

    /// What is wrong with the newest text, if that alone refuses the batch: nothing can be asked now.
    fn refusal(&mut self) -> Option<Fault> {
        match self.entries.back() {
            Some(Entry::Failed(fault)) if fault.problem.status() == 503 => Some(fault.clone()),
            _ => None,
        }
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}

/// What scoring a text needs.
pub(super) struct Scorer<'w> {
    pub(super) loaded: &'w Arc<Loaded>,
    pub(super) scratch: &'w mut Scratch,
    pub(super) shard: &'w Shard,
    /// Whether the next text counts as an analysis.
    pub(super) counts: bool,
}

impl Worker {
    /// Reads the `body` of a batch into `texts`, and takes up the first of them; `client` is a hash of who asks.
    ///
    /// # Errors
    /// Whatever is wrong with the body; [`Problem::ModelUnavailable`] and [`Problem::Overloaded`], if the first text is
    /// refused so: the others would be too.
    pub fn begin_batch(&mut self, body: &[u8], client: u64, flow: &mut Flow, texts: &mut Texts) -> Result<(), Fault> {
        let Self { reader, loaded, limits, shard, started, .. } = self;
        flow.loaded = Some(Arc::clone(loaded));
        let read = reader.read(body, |root| texts.read(root, limits, loaded.models()));
        read.inspect_err(|fault| analyze::count_failure(shard, Choice::Simple, fault))?;
        shard.client_seen(client, started.elapsed().as_secs());
        self.take_up_next(flow, texts);
        flow.queue.refusal().map_or(Ok(()), Err)
    }

    /// Takes up the next of `texts`; `None` if there is none.
    pub fn take_up_next(&mut self, flow: &mut Flow, texts: &mut Texts) -> Option<Taken> {
        let (Self { text: scratch, limits, shard, .. }, Flow { loaded, queue }) = (self, flow);
        let (place, loaded) = (Some(texts.place()), loaded.as_ref()?);
        let taken =
            queue.take_up(texts.next(limits.text)?, place, &mut Scorer { loaded, scratch, shard, counts: true });
        if taken == Taken::Up {
            texts.advance();
        }
        Some(taken)
    }

    /// Takes up what a line of a stream asks: a JSON string, or an object as `POST /analyze` takes it.
    pub fn take_up_line(&mut self, flow: &mut Flow, line: &[u8]) -> Taken {
        let Self { reader, text: scratch, loaded, limits, shard, .. } = self;
        let loaded = &*flow.loaded.get_or_insert_with(|| Arc::clone(loaded));
        let mut scorer = Scorer { loaded, scratch, shard, counts: true };
        let queue = &mut flow.queue;
        let taken = reader
            .read(line, |root| Ok(queue.take_up(line::parse(root, limits.text, loaded.models()), None, &mut scorer)));
        // A line that is no JSON.
        taken.unwrap_or_else(|fault| queue.take_up(Err(fault), None, &mut scorer))
    }

    /// Takes up what is wrong with a line that could not be read whole.
    pub fn take_up_fault(&mut self, flow: &mut Flow, fault: Fault) {
        let Self { text: scratch, loaded, shard, .. } = self;
        let loaded = &*flow.loaded.get_or_insert_with(|| Arc::clone(loaded));
        flow.queue.take_up(Err(fault), None, &mut Scorer { loaded, scratch, shard, counts: true });
    }

    /// Counts `client` as one that asks now.
    pub fn batch_begins(&self, client: u64) {
        self.shard.client_seen(client, self.started.elapsed().as_secs());
    }

    /// Writes the result of the oldest text into `out`, which holds [`MAX_RESULT`] bytes, if it is there; if not, the task of
    /// `context` is woken when it is.
    pub fn settle(&mut self, flow: &mut Flow, context: &mut Context<'_>, out: &mut [u8]) -> Settled {
        let Self { text: scratch, shard, .. } = self;
        // Nothing is taken up before there is something to answer it.
        let Some(loaded) = &flow.loaded else { return Settled::Nothing };
        let mut scorer = Scorer { loaded, scratch, shard, counts: true };
        let written = match flow.queue.conclude(&mut scorer, Some(context)) {
            Poll::Ready(Some(Ok(scored))) => scored.render(loaded, out),
            Poll::Ready(Some(Err(fault))) => {
                let mut writer = Writer::new(out);
                fault::item(&fault, &mut writer);
                writer.finish().unwrap_or_default()
            }
            Poll::Ready(None) => return Settled::Nothing,
            Poll::Pending => return Settled::Waiting,
        };
        Settled::Written(written)
    }
}

impl Scored {
    /// Writes the result; answers its length.
    fn render(&self, loaded: &Loaded, out: &mut [u8]) -> usize {
        // It has been loaded, or it would not have answered.
        let model = model_of(loaded, self.counted, self.place);
        model.map_or(0, |model| analyze::render(model, &self.scores, self.nanoseconds, out))
    }
}

/// The model that is counted as `counted`: of a user's, the one at `place`.
pub(super) fn model_of(loaded: &Loaded, counted: ToxicityModel, place: Option<usize>) -> Option<&Toxicity> {
    match counted {
        ToxicityModel::Bert => loaded.bert().map(Bert::model),
        ToxicityModel::Simple => loaded.models().map(|models| &models.toxicity),
        ToxicityModel::Custom => Some(loaded.models()?.custom.get(place?)?.model()),
    }
}

/// The texts that a batch has taken up at once, at most.
pub const MOST_AT_ONCE: usize = 16;

/// Bytes that a result takes at most.
pub const MAX_RESULT: usize = {
    let scored = analyze::FRAME + MAX_NAMED_BYTES;
    if scored > super::SMALL_REPLY { scored } else { super::SMALL_REPLY }
};
