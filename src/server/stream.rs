//! An answer that is sent as it comes about: the results of a batch, while its texts are scored and, of a stream of lines,
//! while they arrive.
//!
//! ```text
//! body ─► Texts ──────┐                                   ┌─► frame ─► hyper, when the client takes it
//! lines ─► Lines ─────┴─ next ─► api (takes up, settles) ─┘
//! ```
//!
//! Nothing is taken up that the answer has no room for, and nothing is read that cannot be taken up: a client that does not
//! read its results is not read from (back-pressure), and memory stays what it is, whatever the length of the stream.
//! After half a millisecond of work the thread goes on with other connections first.

mod lines;
mod pool;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::body::Incoming;

use super::body::ClientGone;
use super::exchange::Connection;
use super::exchange::tally::Tally;
use super::reply::{Bytes, Memory};
use super::slots::Slot;
use crate::api::batch::{Flow, MAX_RESULT, Settled, Taken, Texts};
use crate::api::{Content, Limits, Outcome};
use crate::metrics::Stages;
use crate::problem::{Fault, Problem};
use lines::{Line, Lines};
pub use pool::{Lent, Streams};

/// One answer under way, in memory that is used again by the next.
pub struct Stream {
    flow: Flow,
    texts: Texts,
    now: Option<Now>,
}

/// Of the answer that is under way.
struct Now {
    connection: Rc<Connection>,
    tally: Tally,
    /// `None` where the texts came in one body.
    lines: Option<Lines>,
    /// Whether there is no text to take up any more.
    is_read: bool,
    /// Results written.
    results: usize,
    sent_bytes: usize,
    /// Since when the thread works on this without a pause.
    working_since: Option<Instant>,
    /// Whether others are to have their turn.
    rests: bool,
    model_awaited: bool,
}

/// How a request comes.
pub enum Begun {
    /// With all of its body.
    Body(Slot),
    /// Line by line.
    Lines(Incoming),
}

/// What there is to be taken up.
enum Next {
    /// Something was.
    Taken,
    /// What there is has no room yet.
    Full,
    /// Nothing now.
    Nothing,
}

impl Stream {
    fn new(limits: &Limits) -> Self {
        Self { flow: Flow::new(), texts: Texts::new(limits), now: None }
    }

    /// Forgets the answer that was under way. If it was not finished, its client is gone: nothing is counted.
    fn reset(&mut self) {
        self.flow.begin(None);
        if let Some(mut now) = self.now.take() {
            now.await_model(false);
            now.connection.wire.request_ends(Instant::now());
        }
    }

    /// Begins the answer to the request that `tally` tells of, for the client of this hash; answers its media type.
    ///
    /// # Errors
    /// What is wrong with a body; [`Problem::Overloaded`] where there is no memory for lines.
    pub fn begin(
        &mut self,
        connection: &Rc<Connection>,
        client: u64,
        tally: &mut Tally,
        begun: Begun,
    ) -> Result<Content, Fault> {
        let station = &connection.station;
        self.flow.begin(tally.traceparent.map(|traceparent| traceparent.trace));
        let (lines, content) = match begun {
            Begun::Body(slot) => {
                let body = &slot.bytes()[..tally.received_bytes];
                let mut api = station.api.borrow_mut();
                api.begin_batch(body, client, &mut self.flow, &mut self.texts)?;
                (None, Content::Json)
            }
            Begun::Lines(incoming) => {
                let slot = station.borrow_body().ok_or_else(|| connection.no_slot())?;
                station.api.borrow().batch_begins(client);
                (Some(Lines::new(incoming, slot)), Content::Lines)
            }
        };
        self.now = Some(Now {
            connection: Rc::clone(connection),
            tally: tally.handed_on(),
            lines,
            is_read: false,
            results: 0,
            sent_bytes: 0,
            working_since: None,
            rests: false,
            model_awaited: false,
        });
        Ok(content)
    }

    /// The next part of the answer; `None` after the last.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ClientGone>>> {
        let Self { flow, texts, now: Some(now) } = self else { return Poll::Ready(None) };
        if std::mem::take(&mut now.rests) {
            now.working_since = None;
            make_way(context);
            return Poll::Pending;
        }
        let station = Rc::clone(&now.connection.station);
        let since = *now.working_since.get_or_insert_with(Instant::now);
        let mut frame = station.frame();
        let mut length = 0;
        loop {
            if FRAME - length < MAX_RESULT + AROUND {
                return now.send(frame, length);
            }
            if now.sent_bytes == 0 && length == 0 && now.lines.is_none() {
                length = append(&mut frame, length, b"{\"results\":[");
            }
            let mark = now.mark();
            let out = frame.bytes_mut().get_mut(length + mark.len()..).unwrap_or_default();
            let settled = station.api.borrow_mut().settle(flow, context, out);
            if let Settled::Written(written) = settled {
                append(&mut frame, length, mark);
                length += mark.len() + written;
                if now.lines.is_some() {
                    length = append(&mut frame, length, b"\n");
                }
                now.results += 1;
            }
            now.await_model(settled == Settled::Waiting);
            let next = if now.is_read || !flow.has_room(&station.limits) {
                Next::Nothing
            } else {
                match now.take_up(flow, texts, context) {
                    Ok(next) => next,
                    Err(gone) => return Poll::Ready(Some(Err(gone))),
                }
            };
            let advanced = matches!(settled, Settled::Written(_)) || matches!(next, Next::Taken);
            if !advanced && settled == Settled::Nothing && now.is_read {
                if now.lines.is_none() {
                    length = append(&mut frame, length, b"]}");
                }
                now.sent_bytes += length;
                now.end();
                self.now = None;
                return Poll::Ready((length > 0).then(|| Ok(frame.into_bytes(length))));
            }
            now.rests = advanced && since.elapsed() >= BURST;
            if !advanced || now.rests {
                if length > 0 {
                    return now.send(frame, length);
                }
                if now.rests {
                    return self.poll(context);
                }
                now.working_since = None;
                return Poll::Pending;
            }
        }
    }
}

impl Now {
    /// What stands before the next result.
    const fn mark(&self) -> &'static [u8] {
        if self.results > 0 && self.lines.is_none() { b"," } else { b"" }
    }

    fn send(&mut self, frame: Memory, length: usize) -> Poll<Option<Result<Bytes, ClientGone>>> {
        self.sent_bytes += length;
        Poll::Ready(Some(Ok(frame.into_bytes(length))))
    }

    /// Takes up the next text, if there is one.
    fn take_up(&mut self, flow: &mut Flow, texts: &mut Texts, context: &mut Context<'_>) -> Result<Next, ClientGone> {
        let station = &self.connection.station;
        let Some(lines) = &mut self.lines else {
            return Ok(match station.api.borrow_mut().take_up_next(flow, texts) {
                Some(Taken::Up) => Next::Taken,
                Some(Taken::NotYet) => Next::Full,
                None => {
                    self.is_read = true;
                    Next::Nothing
                }
            });
        };
        let Poll::Ready(line) = lines.poll(&self.connection.wire, &mut self.tally.received_bytes, context)? else {
            if !self.connection.wire.is_expired() {
                return Ok(Next::Nothing);
            }
            self.connection.wire.linger();
            station.shard.timed_out();
            station.api.borrow_mut().take_up_fault(flow, Fault::new(Problem::RequestTimeout));
            self.is_read = true;
            return Ok(Next::Taken);
        };
        let taken = match line {
            Line::Whole(line) => station.api.borrow_mut().take_up_line(flow, line),
            Line::Wrong(fault) => {
                station.api.borrow_mut().take_up_fault(flow, fault);
                Taken::Up
            }
            Line::End => {
                self.is_read = true;
                return Ok(Next::Nothing);
            }
        };
        if taken == Taken::NotYet {
            return Ok(Next::Full);
        }
        lines.advance();
        Ok(Next::Taken)
    }

    /// The oldest result waits for a model, or does no more.
    fn await_model(&mut self, awaited: bool) {
        match (self.model_awaited, awaited) {
            (false, true) => self.connection.wire.model_awaited(),
            (true, false) => self.connection.wire.model_answered(Instant::now()),
            _ => {}
        }
        self.model_awaited = awaited;
    }

    /// The last byte is on its way: the request is counted.
    fn end(&mut self) {
        let ended = Instant::now();
        let content = if self.lines.is_some() { Content::Lines } else { Content::Json };
        let outcome = Outcome { status: 200, content, length: self.sent_bytes, problem: None, retry_after: 1 };
        let Connection { station, wire, .. } = &*self.connection;
        self.tally.count(station, &outcome, self.sent_bytes, &Stages::UNWATCHED, ended);
        wire.request_ends(ended);
    }
}

/// Has the task of `context` woken when all others have had their turn, and sockets theirs.
pub fn make_way(context: &mut Context<'_>) {
    // That is what its first poll does.
    let _ = pin!(tokio::task::yield_now()).poll(context);
}

/// Has the runtime of this thread allocate the list of those that make way, for `count` at once.
pub async fn prepare(count: usize) {
    poll_fn(|context| {
        // It leaves out who is its last already.
        let mut nobody = Context::from_waker(Waker::noop());
        for at in 0..count {
            make_way(if at.is_multiple_of(2) { context } else { &mut nobody });
        }
        Poll::Ready(())
    })
    .await;
}

/// Adds `bytes`; answers the length with them.
fn append(frame: &mut Memory, length: usize, bytes: &[u8]) -> usize {
    let end = length + bytes.len();
    if let Some(room) = frame.bytes_mut().get_mut(length..end) {
        room.copy_from_slice(bytes);
    }
    end
}

/// Bytes of a part of an answer, with which an outbox is half full.
pub const FRAME: usize = 8 * 1024;

/// Bytes around a result: what begins and ends the list, a comma or the end of a line.
const AROUND: usize = 16;

/// How long the thread works on one answer before it goes on with others. One text may take longer.
const BURST: Duration = Duration::from_micros(500);

const _: () = assert!(FRAME >= 2 * (MAX_RESULT + AROUND), "a part holds more than one result");
