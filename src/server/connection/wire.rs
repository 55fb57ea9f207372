//! What one connection is waiting for, and until when: the shared notes of its adapter, its exchange and its
//! deadline. The clock is read only where a wait begins, never on the path of a request that arrives whole.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::owed::Owed;

/// How long a connection may take over what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its header section; for a new connection, from its start.
    pub header: Duration,
    /// From the end of the header section to the end of the body.
    pub body: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Without a sign of life while a request is answered.
    pub answer: Duration,
    /// Without the client taking a byte of the answer.
    pub write: Duration,
}

impl Timeouts {
    /// The same for a worker without a free place: a second at most without a request, so that a place that is held for nothing
    /// is worth little. Requests that have begun keep their time.
    #[must_use]
    pub fn hurried(self) -> Self {
        const HURRIED: Duration = Duration::from_secs(1);
        Self { header: self.header.min(HURRIED), idle: self.idle.min(HURRIED), ..self }
    }
}

/// What the client owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    /// Nothing: the request is being answered.
    Nothing,
    /// Another request, if it wants one.
    Request,
    /// The rest of a header section.
    Head,
    /// The rest of a body.
    Body,
    /// To take the bytes of an answer.
    Reader,
}

/// One connection's notes.
pub struct Wire {
    awaiting: Cell<Awaiting>,
    since: Cell<Instant>,
    stalled_since: Cell<Option<Instant>>,
    bytes_of_head: Cell<bool>,
    exchanges: Cell<usize>,
    begun: Cell<u64>,
    models_awaited: Cell<usize>,
    expired: Cell<bool>,
    linger: Cell<bool>,
    is_http2: Cell<bool>,
    ends: Cell<bool>,
    /// Parts of answers of HTTP/2 that the client has not taken.
    pub owed: Owed,
}

impl Wire {
    /// A connection accepted at `now`, which owes a request.
    pub fn new(now: Instant) -> Self {
        Self {
            awaiting: Cell::new(Awaiting::Head),
            since: Cell::new(now),
            stalled_since: Cell::new(None),
            bytes_of_head: Cell::new(false),
            exchanges: Cell::new(0),
            begun: Cell::new(0),
            models_awaited: Cell::new(0),
            expired: Cell::new(false),
            linger: Cell::new(false),
            is_http2: Cell::new(false),
            ends: Cell::new(false),
            owed: Owed::new(now),
        }
    }

    /// The client speaks HTTP/2, of which bytes that arrive may be anything: only a request ends the wait for one.
    pub fn speaks_http2(&self) {
        self.is_http2.set(true);
    }

    /// No request may follow those that have begun: trailers came behind a body.
    pub fn end(&self) {
        self.ends.set(true);
    }

    /// Whether no request may follow.
    pub fn ends(&self) -> bool {
        self.ends.get()
    }

    /// The same, which is said once.
    pub fn ends_now(&self) -> bool {
        self.ends.get() && self.ends.replace(false)
    }

    /// The header section is complete and a request begins.
    pub fn request_begins(&self, now: Instant) {
        self.bytes_of_head.set(false);
        self.linger.set(false);
        self.awaiting.set(Awaiting::Nothing);
        self.since.set(now);
        self.exchanges.set(self.exchanges.get() + 1);
        self.begun.set(self.begun.get() + 1);
    }

    /// A request is answered, or was given up.
    pub fn request_ends(&self, now: Instant) {
        self.exchanges.set(self.exchanges.get().saturating_sub(1));
        if self.exchanges.get() == 0 {
            self.awaiting.set(Awaiting::Request);
            self.since.set(now);
        }
    }

    /// A request waits for a model: until that has answered, whatever else the client owes has no end but taking the
    /// answers before it.
    pub fn model_awaited(&self) {
        self.models_awaited.set(self.models_awaited.get() + 1);
    }

    /// A request waits no more for a model: what else the client owes, it owes from `now`.
    pub fn model_answered(&self, now: Instant) {
        self.models_awaited.set(self.models_awaited.get().saturating_sub(1));
        self.since.set(now);
    }

    /// The body is not complete and no more of it is here.
    pub fn body_pending(&self) {
        if self.awaiting.get() != Awaiting::Body {
            self.awaiting.set(Awaiting::Body);
            self.since.set(Instant::now());
        }
    }

    /// A part of a body arrived that may take as long as it likes as long as there is more from time to time.
    pub fn body_goes_on(&self, now: Instant) {
        self.awaiting.set(Awaiting::Nothing);
        self.since.set(now);
    }

    /// How many requests have begun.
    pub fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// Whether no request is under way.
    pub fn is_between_requests(&self) -> bool {
        self.exchanges.get() == 0
    }

    /// The adapter is asked for bytes: if some of a header section came before, the rest is owed from now.
    pub fn read_begins(&self) {
        if self.bytes_of_head.get() && self.awaiting.get() == Awaiting::Request {
            self.awaiting.set(Awaiting::Head);
            self.since.set(Instant::now());
        }
    }

    /// Bytes arrived.
    pub fn bytes_read(&self) {
        if !self.is_http2.get() && matches!(self.awaiting.get(), Awaiting::Request | Awaiting::Head) {
            self.bytes_of_head.set(true);
        }
    }

    /// Whether a part of a header section has arrived.
    pub fn head_began(&self) -> bool {
        self.bytes_of_head.get()
    }

    /// The socket takes no more.
    pub fn write_stalled(&self) {
        if self.stalled_since.get().is_none() {
            self.stalled_since.set(Some(Instant::now()));
        }
    }

    /// The socket took bytes.
    pub fn bytes_written(&self) {
        self.stalled_since.set(None);
    }

    /// The body's time is up: its exchange is to answer 408.
    pub fn expire(&self) {
        self.expired.set(true);
    }

    /// Whether the body's time is up.
    pub fn is_expired(&self) -> bool {
        self.expired.get()
    }

    /// The answer went out before the whole request had come in: closing at once could destroy it on its way.
    pub fn linger(&self) {
        self.linger.set(true);
    }

    /// Whether to read on for a while after the answer.
    pub fn lingers(&self) -> bool {
        self.linger.get()
    }

    /// The moment at which patience ends, and what for.
    pub fn due(&self, timeouts: &Timeouts) -> (Instant, Awaiting) {
        let awaiting = self.awaiting.get();
        let patience = match awaiting {
            Awaiting::Head => timeouts.header,
            Awaiting::Body => timeouts.body,
            Awaiting::Request => timeouts.idle,
            Awaiting::Nothing | Awaiting::Reader => timeouts.answer,
        };
        // While a model is awaited the patience has not begun.
        let since = if self.models_awaited.get() > 0 { Instant::now() } else { self.since.get() };
        let due = since + patience;
        let stalled = [self.stalled_since.get(), self.owed.since()].into_iter().flatten().min();
        match stalled.map(|stalled| stalled + timeouts.write) {
            Some(stalled) if stalled < due => (stalled, Awaiting::Reader),
            _ => (due, awaiting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        header: Duration::from_secs(1),
        body: Duration::from_secs(2),
        idle: Duration::from_secs(50),
        answer: Duration::from_secs(50),
        write: Duration::from_secs(3),
    };

    #[test]
    fn each_wait_has_its_own_patience() {
        let start = Instant::now();
        let wire = Wire::new(start);
        assert_eq!(wire.due(&TIMEOUTS), (start + TIMEOUTS.header, Awaiting::Head));
        wire.bytes_read();
        wire.request_begins(start);
        wire.body_pending();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Body);
        wire.body_goes_on(start + TIMEOUTS.body);
        assert_eq!(wire.due(&TIMEOUTS), (start + TIMEOUTS.body + TIMEOUTS.idle, Awaiting::Nothing));
        wire.body_pending();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Body);
        wire.request_ends(start);
        assert_eq!(wire.due(&TIMEOUTS), (start + TIMEOUTS.idle, Awaiting::Request));
        wire.read_begins();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Request);
        wire.bytes_read();
        wire.read_begins();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Head);
        wire.request_begins(start);
        wire.request_ends(start);
        wire.write_stalled();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Reader);
        wire.bytes_written();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Request);
    }

    #[test]
    fn hurry_is_for_those_who_ask_nothing() {
        let (start, hurried) = (Instant::now(), TIMEOUTS.hurried());
        let wire = Wire::new(start);
        wire.request_begins(start);
        assert_eq!(wire.due(&hurried), wire.due(&TIMEOUTS));
        wire.body_pending();
        assert_eq!(wire.due(&hurried), wire.due(&TIMEOUTS));
        wire.request_ends(start);
        assert_eq!(wire.due(&hurried), (start + Duration::from_secs(1), Awaiting::Request));
    }

    #[test]
    fn no_patience_ends_while_a_model_is_awaited_but_that_with_a_client_that_does_not_read() {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(100)).expect("an uptime of two minutes");
        let wire = Wire::new(long_ago);
        wire.request_begins(long_ago);
        wire.model_awaited();
        wire.model_awaited();
        assert!(wire.due(&TIMEOUTS).0 > Instant::now());
        wire.model_answered(long_ago);
        assert!(wire.due(&TIMEOUTS).0 > Instant::now(), "the other one is awaited still");
        wire.write_stalled();
        assert_eq!(wire.due(&TIMEOUTS).1, Awaiting::Reader);
        wire.bytes_written();
        let now = Instant::now();
        wire.model_answered(now);
        assert_eq!(wire.due(&TIMEOUTS).0, now + TIMEOUTS.idle);
    }
}
