//! One connection from accept to close: protocol, hyper's knobs, deadline, draining, lingering.

mod adapter;
mod deadline;
pub mod outbox;
mod owed;
pub mod refusal;
#[cfg(feature = "tls")]
pub mod secure;
pub mod wire;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Buf as _;
use hyper::server::conn::{http1, http2};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::futures::Notified;

use super::exchange::{Connection, Service};
use super::reply::Reply;
use super::station::{FRAMES_OF_A_STREAM, Seat, Station};
use super::stream::FRAME;
use crate::api::route::Surface;
use crate::problem::Problem;
use adapter::Io;
use deadline::Deadline;
use wire::{Awaiting, Wire};

/// The longest header section that is read, in bytes, request line included.
pub const MAX_HEADER_SECTION: usize = 16 * 1024;

/// What a connection is served over: a socket, or bytes in memory where requests are counted.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Serves `socket` until either side ends it. `seat` is held for as long. The time for the first head begins at the call, which is
/// made inside the worker's runtime.
pub fn serve(
    station: Rc<Station>,
    socket: impl Stream,
    peer: SocketAddr,
    surface: Surface,
    seat: Seat,
) -> impl Future<Output = ()> {
    Watch::new(station).serve(socket, peer, surface, seat)
}

/// hyper's knobs for HTTP/1, each with what it is worth (benches/README.md).
pub fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without it hyper reads ahead while the request's bytes are still in use, and has to allocate a new
        // 8 KiB buffer for it.
        .half_close(true)
        // Copying a short body next to its head is cheaper than a gathering write.
        .writev(false)
        // hyper's timer boxes a sleep per request; the deadline here does not.
        .header_read_timeout(None)
        .max_header_size(MAX_HEADER_SECTION)
        .max_buf_size(4 * MAX_HEADER_SECTION);
    builder
}

fn http2_builder() -> http2::Builder<LocalExecutor> {
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_SECTION as u32)
        .header_table_size(HPACK_TABLE)
        .max_frame_size(SMALLEST_MAX_FRAME)
        // A client that resets its streams before they were accepted is told to calm down (CVE-2023-44487), and one that makes
        // us reset them by breaking rules.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(MAX_STREAMS as usize)
        // What may arrive that nobody reads: only lines are not read at once, by back-pressure.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        // A client that has gone is found out by `--idle-timeout`; pings would need a timer of hyper's.
        .keep_alive_interval(None)
        // What a stream may have on its way before it is asked for more: the frames that there are memory for.
        .max_send_buf_size(FRAMES_OF_A_STREAM * FRAME);
    builder
}

/// Requests that a client may have under way on one connection of HTTP/2.
const MAX_STREAMS: u32 = 128;

/// HTTP/2's own initial value and least allowed limit (RFC 9113, section 6.5.2): more would be memory for nothing.
const HPACK_TABLE: u32 = 4096;
const SMALLEST_MAX_FRAME: u32 = 16 * 1024;

/// Bytes that a client may send ahead on a stream: a body of the default limit; and on all streams of a connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Runs HTTP/2's streams beside their connection, on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Watches over a connection while hyper runs it.
struct Watch {
    station: Rc<Station>,
    wire: Rc<Wire>,
    deadline: Deadline,
}

impl Watch {
    /// Over a connection that begins now.
    fn new(station: Rc<Station>) -> Self {
        Self { station, wire: Rc::new(Wire::new(Instant::now())), deadline: Deadline::new() }
    }

    /// Serves `socket` until either side ends it. `_seat` is held for as long.
    async fn serve(mut self, socket: impl Stream, peer: SocketAddr, surface: Surface, _seat: Seat) {
        let mut io = Io::new(socket, Rc::clone(&self.wire), Rc::clone(&self.station));
        let Some(is_http2) = self.protocol(&mut io).await else { return };
        let client = BuildHasherDefault::<DefaultHasher>::new().hash_one(peer.ip());
        let service = Service(Rc::new(Connection {
            station: Rc::clone(&self.station),
            wire: Rc::clone(&self.wire),
            surface,
            client,
            closable: !is_http2,
            echo: RefCell::default(),
            timing: RefCell::default(),
            spare_timer: Cell::default(),
        }));
        if is_http2 {
            self.wire.speaks_http2();
            self.http2(http2_builder().serve_connection(io, service)).await;
        } else {
            self.http1(http1_builder().serve_connection(io, service)).await;
        }
    }

    /// Whether the client speaks HTTP/2; `None` if it went, or time ran out, before it was known.
    async fn protocol(&mut self, io: &mut Io<impl Stream>) -> Option<bool> {
        let station = Rc::clone(&self.station);
        let mut call = pin!(station.call.notified());
        let mut draining = Draining::new();
        let told = poll_fn(|context| match io.poll_is_http2(context) {
            Poll::Ready(told) => Poll::Ready(told.ok()),
            // A connection on which nothing was ever sent does not hold the drain up.
            Poll::Pending if draining.begins(&station, call.as_mut(), context) && !self.wire.head_began() => {
                Poll::Ready(None)
            }
            Poll::Pending => self.deadline.poll_expired(&self.wire, station.patience(), context).map(|_| None),
        });
        let told = told.await;
        if told.is_none() && self.wire.head_began() {
            self.time_out(io.socket()).await;
        }
        told
    }

    async fn http1<S: Stream>(mut self, mut connection: http1::Connection<Io<S>, Service>) {
        let station = Rc::clone(&self.station);
        let mut call = pin!(station.call.notified());
        let (mut draining, mut ends) = (Draining::new(), false);
        let expired = poll_fn(|context| {
            loop {
                let begun = self.wire.begun();
                if Pin::new(&mut connection).poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                if self.wire.ends_now() {
                    Pin::new(&mut connection).graceful_shutdown();
                    continue;
                }
                // While it drains each answer says that it is the last (`Exchange::is_last`), and hyper ends with that. Here is
                // ended what has no more to answer: not before the first poll, nor after one that began requests, because
                // hyper may have more of them already, which it would throw away.
                let owes_nothing = self.wire.is_between_requests() && !self.wire.head_began();
                if draining.has_begun(&station, call.as_mut(), context) && owes_nothing {
                    if self.wire.begun() != begun {
                        continue;
                    }
                    if !std::mem::replace(&mut ends, true) {
                        Pin::new(&mut connection).graceful_shutdown();
                        continue;
                    }
                }
                match self.deadline.poll_expired(&self.wire, station.patience(), context) {
                    Poll::Pending => return Poll::Pending,
                    // The exchange answers 408 when it is polled next, which is at once.
                    Poll::Ready(Awaiting::Body) if !self.wire.is_expired() => self.wire.expire(),
                    Poll::Ready(awaiting) => return Poll::Ready(Some(awaiting)),
                }
            }
        });
        let expired = expired.await;
        let mut parts = connection.into_parts();
        if expired != Some(Awaiting::Reader) {
            let sent = poll_fn(|context| parts.io.poll_send(context));
            // A client that does not read has `--write-timeout` for this, as for any answer.
            let _ = tokio::time::timeout(station.timeouts.write, sent).await;
        }
        if expired == Some(Awaiting::Head) && (self.wire.head_began() || !parts.read_buf.is_empty()) {
            self.time_out(parts.io.socket()).await;
        } else if expired.is_none() && (self.wire.lingers() || !parts.read_buf.is_empty()) {
            linger(parts.io.socket()).await;
        }
    }

    /// HTTP/2 answers errors of its own kind in its own frames.
    async fn http2<S: Stream>(mut self, connection: http2::Connection<Io<S>, Service, LocalExecutor>) {
        let station = Rc::clone(&self.station);
        let (mut connection, mut call) = (pin!(connection), pin!(station.call.notified()));
        let mut draining = Draining::new();
        let expired = poll_fn(|context| {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            if draining.begins(&station, call.as_mut(), context) {
                connection.as_mut().graceful_shutdown();
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
            }
            self.deadline.poll_expired(&self.wire, station.patience(), context).map(Some)
        });
        let expired = expired.await;
        // An answer that is not taken ends the connection: HTTP/2 holds it where nothing else gets at it. Who only rests is told
        // which requests were not looked at.
        if expired.is_some_and(|awaiting| awaiting != Awaiting::Reader) {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(FAREWELL, connection).await;
        }
    }

    /// Tells the client that its header section came too slowly; the connection ends.
    async fn time_out(&self, socket: &mut impl Stream) {
        self.station.count_refusal(Problem::RequestTimeout);
        let (reply, ()) = self.station.small_reply(|out| (refusal::timeout(out).unwrap_or_default(), ()));
        if let Reply::Whole(answer) = reply {
            // A client that takes nothing either has had its answer: whatever fits the socket's buffer.
            let _ = tokio::time::timeout(FAREWELL, socket.write(answer.chunk())).await;
        }
        linger(socket).await;
    }
}

/// What a connection knows of the worker's draining, and of other calls.
struct Draining {
    /// The last call that was heard.
    heard: Option<u32>,
    has_begun: bool,
}

impl Draining {
    const fn new() -> Self {
        Self { heard: None, has_begun: false }
    }

    /// Whether draining has begun; as [`Self::begins`] otherwise.
    fn has_begun<'s>(&mut self, station: &'s Station, call: Pin<&mut Notified<'s>>, context: &mut Context<'_>) -> bool {
        self.begins(station, call, context) || self.has_begun
    }

    /// Whether draining begins now, which is said once. `call` is polled once a call: that is enough to be woken by the next.
    fn begins<'s>(
        &mut self,
        station: &'s Station,
        mut call: Pin<&mut Notified<'s>>,
        context: &mut Context<'_>,
    ) -> bool {
        let calls = station.calls.get();
        if self.heard != Some(calls) {
            self.heard = Some(calls);
            call.set(station.call.notified());
            // Whether it is ready, `calls` tells as well.
            let _ = call.poll(context);
        }
        !std::mem::replace(&mut self.has_begun, station.draining.get()) && station.draining.get()
    }
}

/// How long a client is told good-bye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Closes so that the last answer survives: ends our side, then reads and drops what the client still sends,
/// for a bounded time and length. Closing at once would answer those bytes with a reset, and a reset makes the
/// client's side throw away what it has not read yet (RFC 9112, section 9.6).
async fn linger(socket: &mut impl Stream) {
    const PATIENCE: Duration = Duration::from_secs(1);
    const MOST: usize = 4 * 1024 * 1024;
    let drained = async {
        socket.shutdown().await?;
        let mut dropped = 0;
        while dropped < MOST {
            let mut scrap = [0; 4096];
            let read = poll_fn(|context| {
                let mut buffer = ReadBuf::new(&mut scrap);
                let polled = Pin::new(&mut *socket).poll_read(context, &mut buffer);
                polled.map_ok(|()| buffer.filled().len())
            });
            match read.await? {
                0 => break,
                count => dropped += count,
            }
        }
        io::Result::Ok(())
    };
    // Either way the connection is over.
    let _ = tokio::time::timeout(PATIENCE, drained).await;
}
