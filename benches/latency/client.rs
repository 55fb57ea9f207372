//! A client that asks at a constant rate, whatever the answers take: a latency counts from the moment at which the request was due
//! (Tene, "How NOT to measure latency": coordinated omission).

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Connections that one thread looks after, by looking at each again and again: it wants a core of its own.
pub struct Client {
    connections: Vec<Connection>,
    request: Vec<u8>,
    interval: Duration,
}

struct Connection {
    stream: TcpStream,
    /// When the request was due whose answer is to come.
    due: Option<Instant>,
}

impl Client {
    /// Connects `connections` times, to send `request` that many times per second.
    pub fn connect(port: u16, connections: usize, request: &str, per_second: u32) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("the daemon");
            stream.set_nodelay(true).expect("a TCP socket");
            stream.set_nonblocking(true).expect("a TCP socket");
            Connection { stream, due: None }
        };
        let connections = (0..connections).map(connect).collect();
        Self { connections, request: request.into(), interval: Duration::from_secs(1) / per_second }
    }

    /// Asks for so long, and answers how long the answers took, in nanoseconds.
    pub fn ask(&mut self, duration: Duration) -> Histogram<u64> {
        let mut taken = new_histogram();
        let begin = Instant::now();
        let (end, mut next) = (begin + duration, begin);
        let mut late = VecDeque::new();
        loop {
            let now = Instant::now();
            while next <= now && next < end {
                late.push_back(next);
                next += self.interval;
            }
            for connection in &mut self.connections {
                if connection.due.is_some_and(|_| connection.is_answered()) {
                    let due = connection.due.take().expect("just seen");
                    taken.saturating_record(due.elapsed().as_nanos() as u64);
                }
                if connection.due.is_none()
                    && let Some(due) = late.pop_front()
                {
                    connection.stream.write_all(&self.request).expect("room for a short request");
                    connection.due = Some(due);
                }
            }
            if next >= end && late.is_empty() && self.connections.iter().all(|connection| connection.due.is_none()) {
                return taken;
            }
        }
    }
}

impl Connection {
    /// Whether the answer is there, which is short and comes in one piece.
    fn is_answered(&mut self) -> bool {
        let mut answer = [0; 2048];
        match self.stream.read(&mut answer) {
            Ok(length) => {
                let text = String::from_utf8_lossy(&answer[..length]);
                assert!(text.starts_with("HTTP/1.1 200") && text.ends_with('}'), "{text}");
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Of nanoseconds, to three digits, up to a second.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 1_000_000_000, 3).expect("good bounds")
}
