//! What the connections of one worker share.

#[cfg(feature = "tls")]
use std::cell::OnceCell;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::bodies::Bodies;
use super::coding::Codings;
use super::connection::outbox;
use super::connection::wire::Timeouts;
use super::cors::Cors;
use super::reply::{Memory as Part, Reply};
use super::slots::{Slot, Slots};
use super::stream::{FRAME, Stream};
use crate::alloc;
use crate::api::health::SharedPhase;
use crate::api::route::Surface;
use crate::api::{self, Limits, SMALL_REPLY};
use crate::auth::Auth;
use crate::auth::gate::Gate;
use crate::config::Flags;
use crate::log::access::AccessLog;
use crate::metrics::Shard;
use crate::metrics::labels::{Handler, Shed};
use crate::pool::Pool;
use crate::problem::{Fault, Problem};
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// One worker's slots, counters and handlers. Lives on the worker's thread.
pub struct Station {
    /// The handlers and their memory.
    pub api: RefCell<api::Worker>,
    /// The counters.
    pub shard: Arc<Shard>,
    /// Where request bodies are collected.
    pub bodies: Bodies,
    /// Where large answers are written.
    pub replies: Slots,
    small_replies: Slots,
    /// What answers that are sent as they come about need.
    pub streams: Pool<Stream>,
    /// Where the parts of such answers are written.
    frames: Slots,
    /// What it takes to read and write gzip.
    pub codings: Codings,
    /// Where answers wait for the socket.
    pub outgoing: Slots,
    /// What a request may ask for.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// The same while every place is taken.
    hurried: Timeouts,
    is_crowded: Cell<bool>,
    /// Which answers are logged, if any are.
    pub access_log: Option<AccessLog>,
    /// The daemon's phase of life.
    pub phase: SharedPhase,
    /// Whether connections are to end after what they have under way.
    pub draining: Cell<bool>,
    /// Wakes every connection when there is something to hear.
    pub call: Notify,
    /// How often there was.
    pub calls: Cell<u32>,
    /// Wakes whoever waits for a connection to end.
    pub closed: Notify,
    /// What requests have to pass, if authentication is on.
    pub gate: Option<RefCell<Gate>>,
    /// Whose pages may read the answers.
    pub cors: Option<Cors>,
    /// What encrypts the clients' connections, if anything does: set before the first is accepted.
    #[cfg(feature = "tls")]
    pub tls: OnceCell<Arc<Tls>>,
    asked_of_models: Cell<u32>,
    /// Places that are held: by clients, and by those of the admin listener.
    held: [Cell<usize>; 2],
    max_connections: usize,
    started: Instant,
}

/// A place among the worker's connections; dropping it frees the place.
pub struct Seat {
    station: Rc<Station>,
    surface: Surface,
    taken: bool,
}

impl Station {
    /// A worker's state, all of its memory allocated; on the worker's own thread.
    pub fn new(api: api::Worker, shard: Arc<Shard>, flags: &Flags, auth: Option<Arc<Auth>>) -> Rc<Self> {
        shard.owned_by_this_thread();
        let (limits, max_connections, phase) = (flags.limits(), flags.max_connections, api.phase());
        Rc::new(Self {
            shard,
            bodies: Bodies::new(max_connections, limits.body, flags.max_buffered_bytes),
            replies: Slots::new(LARGE_REPLIES, api.max_reply()),
            small_replies: Slots::new(max_connections + ADMIN_CONNECTIONS, SMALL_REPLY),
            streams: Pool::new(STREAMS, || Stream::new(&limits)),
            // One more of each stream to expand into, and one to compress from.
            frames: Slots::new(STREAMS * (FRAMES_OF_A_STREAM + 2) + 1, FRAME),
            codings: Codings::default(),
            outgoing: Slots::new(OUTBOXES, outbox::CAPACITY),
            api: RefCell::new(api),
            limits,
            timeouts: flags.timeouts(),
            hurried: flags.timeouts().hurried(),
            is_crowded: Cell::new(false),
            access_log: flags.access_log.then(|| {
                // Each worker has its part of the limit.
                let limit = flags.access_log_limit.div_ceil(flags.workers());
                AccessLog::new(flags.access_log_sample as u32, limit as u32)
            }),
            started: Instant::now(),
            phase,
            draining: Cell::new(false),
            call: Notify::new(),
            calls: Cell::new(0),
            closed: Notify::new(),
            gate: auth.map(|auth| RefCell::new(Gate::new(auth))),
            cors: flags.cors_origins.as_ref().map(Cors::new),
            #[cfg(feature = "tls")]
            tls: OnceCell::new(),
            asked_of_models: Cell::new(0),
            held: Default::default(),
            max_connections,
        })
    }

    /// A place for another connection on `surface`, if there is one. The admin listener has places of its own,
    /// so that probes and scrapes are answered when clients have taken all others.
    pub fn seat(self: &Rc<Self>, surface: Surface) -> Option<Seat> {
        let is_admin = surface == Surface::Admin;
        let (held, places) = (self.held_on(surface), if is_admin { ADMIN_CONNECTIONS } else { self.max_connections });
        (held.get() < places).then(|| {
            held.set(held.get() + 1);
            Seat { station: Rc::clone(self), surface, taken: false }
        })
    }

    /// How long a client may take now.
    #[inline]
    pub fn patience(&self) -> &Timeouts {
        if self.is_crowded.get() { &self.hurried } else { &self.timeouts }
    }

    /// Somebody finds no place: who holds one without a request is to make room, until an eighth of the places is free.
    pub fn crowd(&self) {
        if !self.is_crowded.replace(true) {
            self.call_all();
        }
    }

    /// Has every connection look at what has changed.
    pub fn call_all(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.call.notify_waiters();
    }

    /// How many places are held.
    pub fn connections(&self) -> usize {
        self.held.iter().map(Cell::get).sum()
    }

    fn held_on(&self, surface: Surface) -> &Cell<usize> {
        &self.held[usize::from(surface == Surface::Admin)]
    }

    /// Makes this thread's allocator figures visible to the scrape.
    #[inline]
    pub fn publish_heap(&self) {
        let heap = alloc::of_this_thread();
        self.shard.set_heap(heap.allocations, heap.bytes);
    }

    /// Whether tokens are issued here.
    pub fn issues_tokens(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.borrow().auth().schemes().bearer)
    }

    /// Borrows memory for a body of `length` bytes or more, which [`grow_body`](Self::grow_body) replaces where it becomes too
    /// short.
    ///
    /// # Errors
    /// The refusal, counted, where all is lent.
    pub fn borrow_body(&self, length: u64) -> Result<Slot, Fault> {
        self.lent(self.bodies.borrow(length))
    }

    /// Borrows memory for the longest body that is taken.
    ///
    /// # Errors
    /// As [`borrow_body`](Self::borrow_body).
    pub fn borrow_longest_body(&self) -> Result<Slot, Fault> {
        self.lent(self.bodies.borrow_longest())
    }

    /// Makes room in `slot`, of which `length` bytes are used, for the longest body that is taken.
    ///
    /// # Errors
    /// As [`borrow_body`](Self::borrow_body).
    pub fn grow_body(&self, slot: &mut Slot, length: usize) -> Result<(), Fault> {
        let grown = self.bodies.grow(slot, length).then_some(());
        self.lent(grown)
    }

    #[inline]
    fn lent<T>(&self, memory: Option<T>) -> Result<T, Fault> {
        self.shard.slots_used(self.bodies.lent() as u64);
        memory.ok_or_else(|| self.no_slot())
    }

    /// The refusal of a request for which there is no memory.
    pub fn no_slot(&self) -> Fault {
        self.shard.shed(Shed::Slot);
        Fault::new(Problem::Overloaded)
    }

    /// Where a large answer is written that HTTP/2 may hold until its client takes it: half of the slots are for HTTP/1, whose
    /// scrapes are answered whatever other clients leave lying.
    pub fn large_reply_of_http2(&self) -> Option<Slot> {
        (self.replies.lent() < LARGE_REPLIES / 2).then(|| self.replies.borrow()).flatten()
    }

    /// A request for a model begins: whether its stages are to be timed, which those of one in sixteen are, the first for
    /// one.
    #[inline]
    pub fn watches_next(&self) -> bool {
        let before = self.asked_of_models.get();
        self.asked_of_models.set(before.wrapping_add(1));
        before.is_multiple_of(WATCHED)
    }

    /// A reply of at most [`SMALL_REPLY`] bytes, written by `write`, which answers how many bytes it wrote and what else it
    /// has to say. There is a slot for each connection; only stalled HTTP/2 streams can take them all, and those beyond
    /// are served from the heap.
    pub fn small_reply<T>(&self, write: impl FnOnce(&mut [u8]) -> (usize, T)) -> (Reply, T) {
        if let Some(slot) = self.small_replies.borrow() {
            return Reply::in_slot(slot, write);
        }
        self.shard.slot_fallback();
        Reply::on_heap(write)
    }

    /// Where a part of an answer is written, or of a body. There are two for each stream, and those that HTTP/2 may keep until the client takes
    /// them; those beyond are served from the heap.
    pub fn frame(&self) -> Part {
        if let Some(slot) = self.frames.borrow() {
            return Part::Slot(slot);
        }
        self.shard.slot_fallback();
        Part::Heap(vec![0; FRAME].into())
    }

    /// Counts a request that never became one.
    pub fn count_refusal(&self, problem: Problem) {
        self.shard.error(problem, Handler::None, 0, 0);
        if problem == Problem::RequestTimeout {
            self.shard.timed_out();
        }
        if self.admit_to_log(problem.status(), Instant::now()) {
            tracing::info!(httpRequest.status = problem.status(), error_type = problem.error_type(), "refused");
        }
    }

    /// Whether the access log gets a line about an answer of `status` at `now`.
    pub fn admit_to_log(&self, status: u16, now: Instant) -> bool {
        let Some(log) = &self.access_log else { return false };
        let admission = log.admit(now.saturating_duration_since(self.started).as_secs(), status);
        if admission.left_out > 0 {
            tracing::info!(requests = admission.left_out, "requests left out of the access log");
        }
        admission.write
    }
}

impl Seat {
    /// A connection has come for the place: it is counted from now on.
    #[must_use]
    pub fn taken(mut self) -> Self {
        self.station.shard.connection_opened();
        self.taken = true;
        self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let held = self.station.held_on(self.surface);
        held.set(held.get() - 1);
        let (of_clients, most) = (self.station.held_on(Surface::Whole).get(), self.station.max_connections);
        if of_clients + most / 8 < most {
            self.station.is_crowded.set(false);
        }
        if self.taken {
            self.station.shard.connection_closed();
        }
        self.station.closed.notify_waiters();
    }
}

/// Of how many requests one has its stages timed: reading the clock takes about 22 ns, and a request has six stages.
const WATCHED: u32 = 16;

/// Parts of an answer that HTTP/2 may keep of each stream.
pub const FRAMES_OF_A_STREAM: usize = 4;

/// Batches that may be under way at once.
pub const STREAMS: usize = 16;

/// Connections that only the admin listener may open.
pub const ADMIN_CONNECTIONS: usize = 16;

/// Large answers that may be on their way at once; hyper copies an HTTP/1 answer into its write buffer at
/// once, so only stalled HTTP/2 streams hold one for longer.
const LARGE_REPLIES: usize = 8;

/// Connections whose answers may wait for the client to read; those beyond write through.
const OUTBOXES: usize = 64;
