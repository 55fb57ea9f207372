//! Whole connections, bytes in and bytes out, HTTP/1 and HTTP/2: whatever comes, what goes out is well-formed, the books have each
//! answer once, and nothing is kept of the client that has gone.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tamis::api::route::Surface;
use tamis::metrics::family::Id;
use tamis::metrics::labels::{Phase, Status};
use tamis::metrics::process::ProcessReader;
use tamis::metrics::{Format, LiveFacts, RELOADS, Shard, Snapshot, TlsFigures, answered};
use tamis::server::connection;
use tamis::server::station::Station;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::daemon::daemon;
use super::sample::Sample;

struct State {
    runtime: LocalRuntime,
    station: Rc<Station>,
    shards: Arc<[Arc<Shard>]>,
    snapshot: Snapshot,
    process: ProcessReader,
}

thread_local! {
    /// One worker for all connections: what one leaves behind, the next one meets.
    static STATE: RefCell<State> = RefCell::new(state());
}

fn state() -> State {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    let daemon = daemon();
    let shard = Arc::clone(&daemon.shards[0]);
    let station = runtime.block_on(async { Station::new(daemon.worker, shard, &daemon.flags, None) });
    State { runtime, station, shards: daemon.shards, snapshot: Snapshot::new(1), process: ProcessReader::open() }
}

/// How the client behaves, and then what it sends.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let surface = [Surface::Whole, Surface::Public, Surface::Admin][sample.below(3)];
    let piece = [1, 7, 64, 1000, 65536][sample.below(5)];
    let taken = [3, 100, 4096, 65536][sample.below(4)];
    STATE.with_borrow_mut(|state| {
        let before = by_status(&state.shards);
        let written = Rc::new(RefCell::new(Vec::new()));
        let client =
            Client { unsent: sample.0.to_vec(), sent: 0, piece, taken, rests: [true; 2], written: Rc::clone(&written) };
        let is_http2 = sample.0.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let seat = state.station.seat(surface).expect("the last client has gone").taken();
        let (station, peer) = (Rc::clone(&state.station), SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        state.runtime.block_on(async {
            let served = tokio::task::spawn_local(connection::serve(station, client, peer, surface, seat));
            let served = tokio::time::timeout(Duration::from_secs(20), served).await;
            served.expect("a client that has sent all it has is answered and let go").expect("no panic");
            // Streams of a connection that has ended end, too.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        });
        let after = by_status(&state.shards);
        let counted: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let written = written.borrow();
        if is_http2 {
            let (headers, counted) = (frames(&written), counted.iter().sum());
            assert!(headers <= counted, "{headers} answers, {counted} in the books");
        } else {
            let Answers { found, endless, breaks_off } = answers(&written);
            // Whether an answer of HTTP/1.0 without a length broke off with its request, nobody can tell.
            let cut = endless.map(|status| {
                let mut found = found.clone();
                found[status] -= 1;
                found
            });
            let told = String::from_utf8_lossy(&written);
            // Lines alone are answered before they have all come.
            let sent = String::from_utf8_lossy(sample.0).to_ascii_lowercase();
            let lines = ["ndjson", "jsonl"].iter().any(|name| sent.contains(name));
            assert!(!breaks_off || lines, "an answer to a whole request breaks off: {told}");
            assert!(found == counted || cut == Some(counted.clone()), "{found:?}, in the books {counted:?}: {told}");
        }
        nothing_is_kept(state);
    });
}

/// Answers that were counted, by status.
fn by_status(shards: &[Arc<Shard>]) -> Vec<u64> {
    let mut counts = vec![0; Status::ALL.len()];
    answered(shards).for_each(|(.., status, count)| counts[status.index()] += count);
    counts
}

fn nothing_is_kept(state: &mut State) {
    let State { station, shards, snapshot, process, .. } = state;
    let lent = [station.bodies.lent(), station.replies.lent(), station.outgoing.lent()];
    assert_eq!(lent, [0; 3], "bodies, replies, outgoing");
    let live = LiveFacts {
        phase: Phase::Ready,
        now_seconds: 0,
        queue_depth: 0,
        auth_reloads: [0; RELOADS],
        model_reloads: [0; 2],
        tls: TlsFigures::NONE,
    };
    snapshot.collect(shards, &live, &process.read(), Format::Text);
    for id in [Id::HttpInProgress, Id::ConnectionsOpen, Id::SlotFallbacks] {
        assert!(snapshot.lines(id).iter().all(|&value| value == 0), "{id:?}: {:?}", snapshot.lines(id));
    }
}

/// The answers of HTTP/1 that a client was given.
struct Answers {
    /// How many there are of each status.
    found: Vec<u64>,
    /// The status of the last one, if it ends with the connection.
    endless: Option<usize>,
    /// Whether another one, which is not among them, broke off in its head or in its chunks: its request did, while it was answered.
    breaks_off: bool,
}

/// The answers in `written`, all of which must be answers.
fn answers(mut written: &[u8]) -> Answers {
    let mut answers = Answers { found: vec![0; Status::ALL.len()], endless: None, breaks_off: false };
    while !written.is_empty() {
        let Some(end) = written.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else {
            return Answers { breaks_off: true, ..answers };
        };
        let head = std::str::from_utf8(&written[..end]).expect("plain");
        written = &written[end..];
        let mut lines = head.split("\r\n");
        let line = lines.next().expect("a status line");
        let code = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
        let code: u16 = code.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status line: {line}"));
        if code == 100 {
            continue;
        }
        assert!(Status::ALL.contains(&code) && code != 500, "{code}");
        answers.found[Status::from_code(code).index()] += 1;
        let header = |wanted: &str| {
            let headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
            let found: Vec<&str> =
                headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value).collect();
            assert!(found.len() < 2, "{wanted} stands twice");
            found.first().copied()
        };
        // The answer to HEAD has a length and no body, and none of our bodies begins as an answer does.
        let is_head = written.is_empty() || written.starts_with(b"HTTP/1.");
        match (header("content-length"), header("transfer-encoding")) {
            (Some(length), None) if !is_head => written = &written[length.parse::<usize>().expect("a length")..],
            (None, Some("chunked")) => {
                let Some(rest) = unchunked(written) else {
                    answers.found[Status::from_code(code).index()] -= 1;
                    return Answers { breaks_off: true, ..answers };
                };
                written = rest;
            }
            (None, None) => assert!(is_head || line.starts_with("HTTP/1.0"), "a body without a length"),
            (Some(_), Some(_)) => panic!("two lengths"),
            _ => {}
        }
        if line.starts_with("HTTP/1.0") && header("content-length").is_none() {
            return Answers { endless: Some(Status::from_code(code).index()), ..answers };
        }
    }
    answers
}

/// What follows a body in chunks; nothing if it breaks off.
fn unchunked(mut written: &[u8]) -> Option<&[u8]> {
    loop {
        let end = written.windows(2).position(|two| two == b"\r\n")?;
        let digits = std::str::from_utf8(&written[..end]).expect("digits");
        let length = usize::from_str_radix(digits, 16).expect("digits");
        let (chunk, rest) = written[end + 2..].split_at_checked(length)?;
        let (ending, rest) = rest.split_at_checked(2)?;
        assert_eq!(ending, b"\r\n");
        written = rest;
        if chunk.is_empty() {
            return Some(written);
        }
    }
}

/// How many HEADERS frames (RFC 9113, section 6.2) are in `written`; all of it must be frames, the last of which may be cut off, as
/// a client that ends its side in the middle of a frame has ended the connection.
fn frames(mut written: &[u8]) -> u64 {
    let mut headers = 0;
    while let Some((head, rest)) = written.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        assert!(head[3] <= 9 && length <= 1 << 14, "a frame of type {}, {length} bytes", head[3]);
        headers += u64::from(head[3] == 1);
        let Some(next) = rest.get(length..) else { break };
        written = next;
    }
    headers
}

/// A client without a socket, which ends its side when it has sent all it has, and reads until the end.
struct Client {
    unsent: Vec<u8>,
    sent: usize,
    /// Bytes that come at once.
    piece: usize,
    /// Bytes that are taken at once.
    taken: usize,
    /// Whether reading and writing have to wait next time.
    rests: [bool; 2],
    written: Rc<RefCell<Vec<u8>>>,
}

impl Client {
    /// Every other time it is not its turn.
    fn rests(&mut self, side: usize, context: &Context<'_>) -> bool {
        self.rests[side] = !self.rests[side];
        if !self.rests[side] {
            context.waker().wake_by_ref();
        }
        !self.rests[side]
    }
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rests(0, context) {
            return Poll::Pending;
        }
        let unsent = &self.unsent[self.sent..];
        let count = unsent.len().min(buffer.remaining()).min(self.piece);
        buffer.put_slice(&unsent[..count]);
        self.sent += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.rests(1, context) {
            return Poll::Pending;
        }
        let count = bytes.len().min(self.taken);
        self.written.borrow_mut().extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
