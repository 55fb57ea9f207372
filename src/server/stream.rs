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
mod pieces;

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::body::Incoming;

use super::body::{Body, ClientGone};
use super::exchange::Connection;
use super::exchange::tally::Tally;
use super::reply::{Bytes, Memory};
use crate::api::batch::{Flow, MAX_RESULT, Settled, Taken, Texts};
use crate::api::{Content, Limits, Outcome};
use crate::gzip::compress::max_len;
use crate::gzip::{Compressor, Expander};
use crate::metrics::Stages;
use crate::pool::Reusable;
use crate::problem::{Fault, Problem};
use lines::{Line, Lines};
use pieces::{Coding, Pieces};

/// One answer under way, in memory that is used again by the next.
pub struct Stream {
    flow: Flow,
    texts: Texts,
    /// Made by the first body that is compressed, and lent to each like it.
    expander: Option<Box<Expander>>,
    /// The same of answers.
    compressor: Option<Box<Compressor>>,
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
    /// What compresses the answer, if it is to be.
    compressor: Option<Box<Compressor>>,
    /// Since when the thread works on this without a pause.
    working_since: Option<Instant>,
    /// Whether others are to have their turn.
    rests: bool,
    model_awaited: bool,
}

/// How a request comes.
pub enum Begun {
    /// With all of its body.
    Body(Body),
    /// Line by line; whether in gzip.
    Lines(Incoming, bool),
}

/// What there is to be taken up.
enum Next {
    /// Something was, or some of it has come.
    Taken,
    /// What there is has no room yet.
    Full,
    /// Nothing now.
    Nothing,
}

impl Reusable for Stream {
    /// If the answer was not finished, its client is gone: nothing is counted.
    fn reset(&mut self) {
        self.flow.begin(None);
        if let Some(mut now) = self.now.take() {
            now.await_model(false);
            now.connection.wire.request_ends(Instant::now());
            self.take_back(now);
        }
    }
}

impl Stream {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { flow: Flow::new(), texts: Texts::new(limits), expander: None, compressor: None, now: None }
    }

    /// Begins the answer, compressed or not, to the request that `tally` tells of, for the client of this hash; answers its
    /// media type.
    ///
    /// # Errors
    /// What is wrong with a body; [`Problem::Overloaded`] where there is no memory for lines.
    pub fn begin(
        &mut self,
        connection: &Rc<Connection>,
        client: u64,
        tally: &mut Tally,
        begun: Begun,
        is_compressed: bool,
    ) -> Result<Content, Fault> {
        let station = &connection.station;
        self.flow.begin(tally.traceparent.map(|traceparent| traceparent.trace));
        let (lines, content) = match begun {
            Begun::Body(body) => {
                let mut api = station.api.borrow_mut();
                api.begin_batch(body.bytes(), client, &mut self.flow, &mut self.texts)?;
                (None, Content::Json)
            }
            Begun::Lines(incoming, is_gzip) => {
                let slot = station.borrow_longest_body()?;
                station.api.borrow().batch_begins(client);
                let coding = is_gzip.then(|| Coding::new(self.expander.take().unwrap_or_default(), station.frame()));
                (Some(Lines::new(Pieces::new(incoming, coding), slot)), Content::Lines)
            }
        };
        let mut compressor = is_compressed.then(|| self.compressor.take().unwrap_or_default());
        if let Some(compressor) = &mut compressor {
            compressor.begin();
        }
        self.now = Some(Now {
            connection: Rc::clone(connection),
            tally: tally.handed_on(),
            lines,
            is_read: false,
            results: 0,
            sent_bytes: 0,
            compressor,
            working_since: None,
            rests: false,
            model_awaited: false,
        });
        Ok(content)
    }

    /// The next part of the answer; `None` after the last.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ClientGone>>> {
        let Self { flow, texts, now: Some(now), .. } = self else { return Poll::Ready(None) };
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
            if FRAME - length < MAX_RESULT + AROUND + AROUND_COMPRESSED {
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
                let last = now.frame(frame, length, true);
                now.end();
                if let Some(now) = self.now.take() {
                    self.take_back(now);
                }
                return Poll::Ready(last.map(Ok));
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

impl Stream {
    /// Takes back what was lent to an answer that is over.
    fn take_back(&mut self, now: Now) {
        if let Some(expander) = now.lines.and_then(|lines| lines.into_pieces().into_expander()) {
            self.expander = Some(expander);
        }
        if let Some(compressor) = now.compressor {
            self.compressor = Some(compressor);
        }
    }
}

impl Now {
    /// What stands before the next result.
    const fn mark(&self) -> &'static [u8] {
        if self.results > 0 && self.lines.is_none() { b"," } else { b"" }
    }

    fn send(&mut self, frame: Memory, length: usize) -> Poll<Option<Result<Bytes, ClientGone>>> {
        Poll::Ready(self.frame(frame, length, false).map(Ok))
    }

    /// The part of the answer that begins `plain`, compressed if it is to be; nothing if it is empty.
    fn frame(&mut self, plain: Memory, length: usize, is_last: bool) -> Option<Bytes> {
        let (frame, length) = match &mut self.compressor {
            None => (plain, length),
            Some(compressor) => {
                let mut frame = self.connection.station.frame();
                // There is always room: of a frame so much is left.
                let written = compressor.write(&plain.bytes()[..length], is_last, frame.bytes_mut());
                (frame, written.unwrap_or_default())
            }
        };
        self.sent_bytes += length;
        (length > 0).then(|| {
            let bytes = frame.into_bytes(length);
            if self.connection.closable { bytes } else { bytes.watched(&self.connection.wire) }
        })
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
        let Poll::Ready(line) = lines.poll(&self.connection, &mut self.tally.received_bytes, context)? else {
            if !lines.is_late() {
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
            Line::Part => return Ok(Next::Taken),
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

/// Bytes by which a part that cannot be compressed grows at most.
const AROUND_COMPRESSED: usize = max_len(FRAME) - FRAME;

/// How long the thread works on one answer before it goes on with others. One text may take longer.
const BURST: Duration = Duration::from_micros(500);

const _: () = assert!(FRAME >= 2 * (MAX_RESULT + AROUND) + AROUND_COMPRESSED, "a part holds more than one result");
