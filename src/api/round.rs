//! Several texts of one request that is answered when all of them are scored: the sentences of a comment, the inputs of a
//! moderation, the rows of a tensor.
//!
//! ```text
//! a body ──read──► Round: texts ──take up──► Flow ──conclude, the oldest first──► scores ──render──► one answer
//! ```
//!
//! A round is lent by the worker, and copies of the body what the answer needs: the parser's memory is lent to the next
//! request before all is scored.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::analyze;
use super::analyze::asked::{Asked, Choice};
use super::batch::{Flow, Scored, Scorer, Taken, model_of};
use super::oip::Target;
use super::{Limits, Outcome, Request, Worker, moderations, oip, perspective};
use crate::metrics::labels::{Handler, Shed};
use crate::model::Loaded;
use crate::model::toxicity::Toxicity;
use crate::pool::{Lent, Reusable};
use crate::problem::{Fault, Problem};

/// The texts of one request.
pub struct Round {
    flow: Flow,
    /// Never more than there was room for at start, which is not touched before it is used.
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    /// As many of the pieces as have been scored; nothing for one that holds nothing to score.
    scored: Vec<Option<Scored>>,
    /// How many pieces have been taken up.
    taken: usize,
    /// Whether others are to have their turn before it goes on.
    rests: bool,
    /// Which model is asked.
    pub(super) choice: Choice,
    /// What else was asked.
    pub(super) asked: What,
}

/// What the answer is to say of the scores.
#[expect(clippy::large_enum_variant, reason = "it stays in its round; a box would be an allocation")]
pub(super) enum What {
    Comment(perspective::asked::Comment),
    Moderation(moderations::asked::Inputs),
    Tensor(oip::Tensor),
}

/// One text: bytes of the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    start: u32,
    end: u32,
    /// Where it begins and ends in the text of the request, in UTF-16 code units.
    pub(super) units: [u32; 2],
}

/// How far a request has come.
pub enum Step {
    /// The answer is written.
    Answered(Outcome),
    /// Some of its texts wait for a model, or for their turn.
    Waiting(Lent<Round>),
}

impl Round {
    /// No text, with room for those of any body within `limits`.
    pub(super) fn new(limits: &Limits) -> Self {
        let most = most_texts(limits);
        Self {
            flow: Flow::new(),
            bytes: Vec::with_capacity(limits.body + perspective::MAX_TAIL),
            pieces: Vec::with_capacity(most),
            scored: Vec::with_capacity(most),
            taken: 0,
            rests: false,
            choice: Choice::Auto,
            asked: What::Moderation(moderations::asked::Inputs::default()),
        }
    }

    /// Keeps `bytes`; answers where. `None` if there is no room, which a body within the limits does not bring about.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let kept = self.bytes.len()..self.bytes.len() + bytes.len();
        if kept.end > self.bytes.capacity() {
            return None;
        }
        self.bytes.extend_from_slice(bytes);
        Some(kept)
    }

    /// What was kept.
    pub(super) fn kept(&self, kept: &Range<usize>) -> &[u8] {
        self.bytes.get(kept.clone()).unwrap_or_default()
    }

    /// Adds a text of what was kept, if there is room for another one; `units` is where it stands in the request's text.
    pub(super) fn add(&mut self, kept: &Range<usize>, units: [u32; 2]) -> Option<()> {
        let room = self.pieces.len() < self.pieces.capacity();
        room.then(|| self.pieces.push(Piece { start: kept.start as u32, end: kept.end as u32, units }))
    }

    /// Each text with what was found in it, once all are scored.
    pub(super) fn each(&self) -> impl Iterator<Item = (Piece, Option<&Scored>)> + Clone {
        self.pieces.iter().copied().zip(self.scored.iter().map(Option::as_ref))
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// What was found in the text at `index`.
    pub(super) fn found(&self, index: usize) -> Option<&Scored> {
        self.scored.get(index)?.as_ref()
    }

    /// Whether others are to have their turn before it goes on, for which nobody else wakes the task; asked once.
    pub(super) fn takes_rest(&mut self) -> bool {
        std::mem::take(&mut self.rests)
    }

    /// Brings every text to its scores. While one waits, the task of `context` is woken when there is something, unless it
    /// [rests](Self::takes_rest); without a context only what can be done at once is.
    ///
    /// # Errors
    /// What is wrong with the first text that cannot be scored, but for a part of another text that holds nothing to score.
    fn advance(
        &mut self,
        scorer: &mut Scorer<'_>,
        limits: &Limits,
        mut context: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Fault>> {
        let since = Instant::now();
        let comment = matches!(self.asked, What::Comment(_));
        while self.scored.len() < self.pieces.len() {
            while let Some(piece) = self.pieces.get(self.taken)
                && self.flow.has_room(limits)
            {
                // It was a string when it was kept.
                let text = self.bytes.get(piece.start as usize..piece.end as usize).unwrap_or_default();
                let text = std::str::from_utf8(text).unwrap_or_default();
                // A sentence is scored as a part of its comment, which is the analysis.
                scorer.counts = !comment || self.taken == 0;
                let asked = Ok(Asked { text, choice: self.choice, explain: false });
                if self.flow.queue.take_up(asked, None, scorer) == Taken::NotYet {
                    break;
                }
                self.taken += 1;
            }
            match self.flow.queue.conclude(scorer, context.as_deref_mut()) {
                Poll::Ready(Some(Ok(scored))) => self.scored.push(Some(scored)),
                Poll::Ready(Some(Err(fault))) => {
                    let is_part = comment && !self.scored.is_empty();
                    if !(is_part && fault.problem == Problem::EmptyText) {
                        return Poll::Ready(Err(self.named(fault)));
                    }
                    self.scored.push(None);
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
            if since.elapsed() >= BURST && self.scored.len() < self.pieces.len() {
                self.rests = context.is_some();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What is wrong with the text that is next to be scored, under the name that the client gave it.
    fn named(&self, fault: Fault) -> Fault {
        match (&self.asked, &fault.field) {
            (What::Moderation(inputs), Some(field)) if field.name() == "text" => {
                fault.field("input").element(inputs.is_list().then_some(self.scored.len()), None)
            }
            (What::Tensor(_), _) => oip::placed(fault, self.scored.len()),
            _ => fault,
        }
    }
}

impl Reusable for Round {
    fn reset(&mut self) {
        self.flow.begin(None);
        self.pieces.clear();
        self.scored.clear();
        self.bytes.clear();
        (self.taken, self.rests) = (0, false);
    }
}

impl Scored {
    /// The probability of `label`, if the model that answered has it.
    pub(super) fn probability(&self, loaded: &Loaded, label: &str) -> Option<f32> {
        let model = self.model(loaded)?;
        let at = model.manifest().labels.iter().position(|own| own == label)?;
        self.scores.probabilities().get(at).copied()
    }

    /// The model that scored it.
    pub(super) fn model<'l>(&self, loaded: &'l Loaded) -> Option<&'l Toxicity> {
        model_of(loaded, self.counted, self.place)
    }
}

/// Reads `request` and has its texts scored.
///
/// # Errors
/// Whatever is wrong with the body or the first text that cannot be scored; [`Problem::Overloaded`] where there is no room.
pub fn begin(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<Step, Fault> {
    let Some(mut round) = worker.rounds.borrow() else {
        worker.shard.shed(Shed::Slot);
        return Err(Fault::new(Problem::Overloaded));
    };
    round.flow.begin(request.trace);
    round.choice = worker.compatible;
    let Worker { reader, loaded, limits, shard, started, .. } = worker;
    // The path was read by what was loaded then.
    let loaded = request.inference.target.as_ref().and_then(Target::loaded).unwrap_or(loaded);
    round.flow.loaded = Some(Arc::clone(loaded));
    let read = match request.handler {
        Handler::InferText => oip::read(reader, request, &mut round, limits),
        handler => reader.read(request.body, |root| match handler {
            Handler::Moderations => moderations::asked::read(root, &mut round, limits, loaded),
            _ => perspective::asked::read(root, &mut round, limits, loaded),
        }),
    };
    read.inspect_err(|fault| analyze::count_failure(shard, round.choice, fault))?;
    shard.client_seen(request.client, started.elapsed().as_secs());
    match worker.advance(&mut round, None) {
        Poll::Ready(done) => done.map(|()| Step::Answered(worker.render(&round, out))),
        Poll::Pending => Ok(Step::Waiting(round)),
    }
}

impl Worker {
    /// Goes on with `round`.
    pub(super) fn advance(&mut self, round: &mut Round, context: Option<&mut Context<'_>>) -> Poll<Result<(), Fault>> {
        let Self { text: scratch, shard, limits, loaded, .. } = self;
        // There is always one; nothing holds it back from being borrowed beside the rest of the round.
        let own = round.flow.loaded.take();
        let mut scorer = Scorer { loaded: own.as_ref().unwrap_or(loaded), scratch, shard, counts: true };
        let advanced = round.advance(&mut scorer, limits, context);
        round.flow.loaded = own;
        advanced
    }

    /// Writes the answer of a round whose texts are all scored.
    pub(super) fn render(&mut self, round: &Round, out: &mut [u8]) -> Outcome {
        let id = if matches!(round.asked, What::Moderation(_)) { self.next_id() } else { 0 };
        let loaded = round.flow.loaded.as_ref().unwrap_or(&self.loaded);
        let length = match &round.asked {
            What::Tensor(tensor) => return oip::render(round, tensor, loaded, out),
            What::Comment(comment) => perspective::render(round, comment, loaded, out),
            What::Moderation(inputs) => moderations::render(round, *inputs, loaded, id, out),
        };
        Outcome::good(200, length)
    }
}

/// The route that a round answers.
pub(super) const fn handler(round: &Round) -> Handler {
    match round.asked {
        What::Comment(_) => Handler::CommentsAnalyze,
        What::Moderation(_) => Handler::Moderations,
        What::Tensor(_) => Handler::InferText,
    }
}

/// The most texts that a request within `limits` can have.
pub fn most_texts(limits: &Limits) -> usize {
    // An input has two quotation marks and a comma.
    limits.batch.min(limits.body / 3).max(1 + perspective::MOST_SENTENCES)
}

/// Requests of a worker that may be under way at once.
pub const ROUNDS: usize = 16;

/// How long the thread works on one round before it goes on with others. One text may take longer.
const BURST: Duration = Duration::from_micros(500);
