//! One connection from accept to close: protocol, hyper's knobs, deadline, draining, lingering.

mod adapter;
mod deadline;
pub mod outbox;
pub mod refusal;
pub mod wire;

use std::cell::RefCell;
use std::future::poll_fn;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::server::conn::{http1, http2};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::exchange::{Connection, Service};
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

/// Serves `socket` until either side ends it. `_seat` is held for as long.
pub async fn serve(station: Rc<Station>, socket: impl Stream, peer: SocketAddr, surface: Surface, _seat: Seat) {
    let wire = Rc::new(Wire::new(Instant::now()));
    let mut io = Io::new(socket, Rc::clone(&wire), Rc::clone(&station));
    let mut watch = Watch { deadline: Deadline::new(station.timeouts), wire: Rc::clone(&wire), station };
    let Some(is_http2) = watch.protocol(&mut io).await else { return };
    let client = BuildHasherDefault::<DefaultHasher>::new().hash_one(peer.ip());
    let station = Rc::clone(&watch.station);
    let service = Service(Rc::new(Connection {
        station,
        wire,
        surface,
        client,
        closable: !is_http2,
        echo: RefCell::default(),
        timing: RefCell::default(),
    }));
    if is_http2 {
        watch.http2(http2_builder().serve_connection(io, service)).await;
    } else {
        watch.http1(http1_builder().serve_connection(io, service)).await;
    }
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
        .max_concurrent_streams(128)
        .max_header_list_size(MAX_HEADER_SECTION as u32)
        // What a stream may have on its way before it is asked for more: the frames that there are memory for.
        .max_send_buf_size(FRAMES_OF_A_STREAM * FRAME);
    builder
}

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
    /// Whether the client speaks HTTP/2; `None` if it went, or time ran out, before it was known.
    async fn protocol(&mut self, io: &mut Io<impl Stream>) -> Option<bool> {
        let station = Rc::clone(&self.station);
        let mut drain = pin!(station.drain.notified());
        let mut draining = Draining::Unwatched;
        let told = poll_fn(|context| match io.poll_is_http2(context) {
            Poll::Ready(told) => Poll::Ready(told.ok()),
            // A connection on which nothing was ever sent does not hold the drain up.
            Poll::Pending if draining.begins(&station, drain.as_mut(), context) && !self.wire.head_began() => {
                Poll::Ready(None)
            }
            Poll::Pending => self.deadline.poll_expired(&self.wire, context).map(|_| None),
        });
        let told = told.await;
        if told.is_none() && self.wire.head_began() {
            self.time_out(io.socket()).await;
        }
        told
    }

    async fn http1<S: Stream>(mut self, mut connection: http1::Connection<Io<S>, Service>) {
        let station = Rc::clone(&self.station);
        let mut drain = pin!(station.drain.notified());
        let (mut draining, mut ends) = (Draining::Unwatched, false);
        let expired = poll_fn(|context| {
            loop {
                let begun = self.wire.begun();
                if Pin::new(&mut connection).poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                // While it drains each answer says that it is the last (`Exchange::is_last`), and hyper ends with that. Here is
                // ended what has no more to answer: not before the first poll, nor after one that began requests, because
                // hyper may have more of them already, which it would throw away.
                let owes_nothing = self.wire.is_between_requests() && !self.wire.head_began();
                if draining.has_begun(&station, drain.as_mut(), context) && owes_nothing {
                    if self.wire.begun() != begun {
                        continue;
                    }
                    if !std::mem::replace(&mut ends, true) {
                        Pin::new(&mut connection).graceful_shutdown();
                        continue;
                    }
                }
                match self.deadline.poll_expired(&self.wire, context) {
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
        let (mut connection, mut drain) = (pin!(connection), pin!(station.drain.notified()));
        let mut draining = Draining::Unwatched;
        poll_fn(|context| {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if draining.begins(&station, drain.as_mut(), context) {
                connection.as_mut().graceful_shutdown();
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
            }
            // One stream's unfinished body ends the connection: its other streams share the same client.
            self.deadline.poll_expired(&self.wire, context).map(|_| ())
        })
        .await;
    }

    /// Tells the client that its header section came too slowly; the connection ends.
    async fn time_out(&self, socket: &mut impl Stream) {
        let Some(mut slot) = self.station.replies.borrow() else { return };
        let Some(length) = refusal::timeout(slot.bytes_mut()) else { return };
        self.station.count_refusal(Problem::RequestTimeout);
        // A client that takes nothing either has had its answer: whatever fits the socket's buffer.
        let _ = socket.write(&slot.bytes()[..length]).await;
        linger(socket).await;
    }
}

/// What a connection knows of the worker's draining.
#[derive(PartialEq)]
enum Draining {
    Unwatched,
    Watched,
    Begun,
}

impl Draining {
    /// Whether draining has begun; as [`Self::begins`] otherwise.
    fn has_begun(
        &mut self,
        station: &Station,
        drain: Pin<&mut impl Future<Output = ()>>,
        context: &mut Context<'_>,
    ) -> bool {
        self.begins(station, drain, context) || *self == Self::Begun
    }

    /// Whether draining begins now, which is said once. `drain` is polled once: that is enough to be woken by it.
    fn begins(
        &mut self,
        station: &Station,
        drain: Pin<&mut impl Future<Output = ()>>,
        context: &mut Context<'_>,
    ) -> bool {
        if *self == Self::Unwatched {
            *self = Self::Watched;
            // Whether it is ready, `draining` tells as well.
            let _ = drain.poll(context);
        }
        let begins = *self == Self::Watched && station.draining.get();
        if begins {
            *self = Self::Begun;
        }
        begins
    }
}

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
