//! Whole requests: a worker's state as the server builds it, and a connection that is served over bytes in memory; beside it hyper
//! alone.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use clap::Parser as _;
use tamis::api;
use tamis::api::health::SharedPhase;
use tamis::api::route::Surface;
use tamis::api::scrape::Scrape;
use tamis::config::CommandLine;
use tamis::metrics::Shard;
use tamis::metrics::labels::Phase;
use tamis::model::toxicity::EngineChoice;
use tamis::model::{Loaded, Models};
use tamis::server::connection;
use tamis::server::station::Station;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinError;

use super::handler::serve_connection;

/// Sends `request` so many times on one connection, each after the answer to the last, and holds every answer to `status`.
pub fn ask(times: u64, request: &str, status: u16) {
    converse(times, request, status, async |client| {
        let station = station();
        let seat = station.seat(Surface::Whole).expect("a place").taken();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        // As a worker has it: a task beside others, not the future that the runtime was entered with.
        tokio::task::spawn_local(connection::serve(station, client, peer, Surface::Whole, seat)).await
    });
}

/// The same of hyper alone, which reads the body and answers `reply`.
pub fn ask_hyper(times: u64, request: &str, reply: &'static str) {
    converse(times, request, 200, async |client| {
        tokio::task::spawn_local(serve_connection(client, reply.as_bytes())).await
    });
}

fn converse(times: u64, request: &str, status: u16, serve: impl AsyncFnOnce(Client) -> Result<(), JoinError>) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    let answered = Rc::new(Cell::new(0));
    let client = Client {
        request: request.as_bytes().to_vec(),
        status: format!("HTTP/1.1 {status} ").into_bytes(),
        left: times,
        sent: request.len(),
        turn: Turn::Rests,
        answered: Rc::clone(&answered),
    };
    runtime.block_on(serve(client)).expect("no panic");
    assert_eq!(answered.get(), times, "answers with {status}");
}

/// One worker's state, ready, without `bert`.
fn station() -> Rc<Station> {
    let flags = CommandLine::parse_from(["tamis", "--workers", "1", "--bert", "off"]).flags;
    let shards: Arc<[Arc<Shard>]> = [Arc::from(Shard::new())].into();
    let (loaded, phase) = (Arc::new(Loaded::new(flags.bert())), SharedPhase::new());
    assert!(loaded.publish(Models::load(None, EngineChoice::Auto).expect("the embedded models")));
    phase.advance(Phase::Ready);
    let scrape = Scrape::new(&shards, flags.max_connections);
    let shard = Arc::clone(&shards[0]);
    let api = api::Worker::new(Arc::clone(&shard), loaded, scrape, flags.limits(), phase, Instant::now());
    Station::new(api, shard, &flags, None)
}

/// A client without a socket. It does next to nothing, because what it does is counted.
struct Client {
    request: Vec<u8>,
    /// With which bytes each answer begins.
    status: Vec<u8>,
    /// Requests that have not begun.
    left: u64,
    /// Bytes of the request that have been read.
    sent: usize,
    turn: Turn,
    answered: Rc<Cell<u64>>,
}

#[derive(PartialEq)]
enum Turn {
    /// The next request is on its way: the first read finds nothing and is woken, as on a socket.
    Rests,
    /// The request can be read.
    Sends,
    /// Nothing of the answer has come.
    Waits,
    /// The answer has begun. Whoever asks for more input after that has ended it.
    Reads,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let client = &mut *self;
        match client.turn {
            Turn::Reads | Turn::Rests if client.left == 0 => return Poll::Ready(Ok(())),
            Turn::Reads | Turn::Rests => {
                client.turn = Turn::Sends;
                client.left -= 1;
                client.sent = 0;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Turn::Waits => return Poll::Pending,
            Turn::Sends => {}
        }
        let unsent = &client.request[client.sent..];
        let count = unsent.len().min(buffer.remaining());
        buffer.put_slice(&unsent[..count]);
        client.sent += count;
        if client.sent == client.request.len() {
            client.turn = Turn::Waits;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.turn == Turn::Waits {
            self.turn = Turn::Reads;
            let right = bytes.starts_with(&self.status);
            self.answered.set(self.answered.get() + u64::from(right));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
