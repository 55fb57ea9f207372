//! Arrivals at a constant rate, whatever becomes of those before: each takes a connection that is free, or is turned away where
//! none is, as a balancer with a bound on the connections of a backend does. A latency counts from the moment at which
//! the request was due.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Connections to one route; one thread looks after them by looking at each again and again.
pub struct Clients {
    connections: Vec<Connection>,
    request: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// When the request was due whose answer is to come.
    due: Option<Instant>,
}

/// What became of the arrivals.
pub struct Outcome {
    /// How long the answers of 200 took, in nanoseconds.
    pub good: Histogram<u64>,
    /// Answers of 503, each with `Retry-After`, in nanoseconds.
    pub refused: Histogram<u64>,
    /// The least and the greatest `Retry-After`, in seconds.
    pub retry_after: Option<(u64, u64)>,
    /// Arrivals for which no connection was free.
    pub turned_away: u64,
}

impl Clients {
    /// Connects `connections` times, to send `request`.
    pub fn connect(port: u16, connections: usize, request: &str) -> Self {
        let connect = |_| {
            let stream = TcpStream::connect(("127.0.0.1", port)).expect("the daemon");
            stream.set_nodelay(true).expect("a TCP socket");
            stream.set_nonblocking(true).expect("a TCP socket");
            Connection { stream, due: None }
        };
        Self { connections: (0..connections).map(connect).collect(), request: request.into() }
    }

    /// Has `per_second` arrive for so long, or, without a rate, one whenever a connection is free; what is under way then is
    /// waited for, and counts no more.
    pub fn arrive(&mut self, per_second: Option<f64>, duration: Duration) -> Outcome {
        let new = || Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("good bounds");
        let mut outcome = Outcome { good: new(), refused: new(), retry_after: None, turned_away: 0 };
        let (begin, mut arrived) = (Instant::now(), 0_u64);
        loop {
            let now = Instant::now();
            let is_over = now - begin >= duration;
            let mut is_idle = true;
            for connection in &mut self.connections {
                if let Some(due) = connection.due {
                    let Some(answer) = connection.answer() else {
                        is_idle = false;
                        continue;
                    };
                    connection.due = None;
                    if !is_over {
                        outcome.count(&answer, due.elapsed());
                    }
                }
                // When the next one was or is due; without a rate, now.
                let due = per_second.map_or(now, |rate| begin + Duration::from_secs_f64(arrived as f64 / rate));
                if due <= now && !is_over {
                    arrived += 1;
                    connection.stream.write_all(&self.request).expect("room for a short request");
                    connection.due = Some(due);
                    is_idle = false;
                }
            }
            if let (Some(rate), false) = (per_second, is_over) {
                let due = ((now - begin).as_secs_f64() * rate) as u64;
                outcome.turned_away += due.saturating_sub(arrived);
                arrived = arrived.max(due);
            }
            if is_over && is_idle {
                return outcome;
            }
        }
    }
}

impl Connection {
    /// The answer if it is there, which is short and comes in one piece.
    fn answer(&mut self) -> Option<String> {
        let mut answer = [0; 2048];
        match self.stream.read(&mut answer) {
            Ok(length) => Some(String::from_utf8_lossy(&answer[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Outcome {
    fn count(&mut self, answer: &str, taken: Duration) {
        let nanoseconds = taken.as_nanos() as u64;
        if answer.starts_with("HTTP/1.1 200") {
            return self.good.saturating_record(nanoseconds);
        }
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        let seconds = answer.lines().find_map(|line| line.strip_prefix("retry-after: ")?.trim().parse::<u64>().ok());
        let seconds = seconds.expect("Retry-After");
        let (least, most) = self.retry_after.unwrap_or((seconds, seconds));
        self.retry_after = Some((least.min(seconds), most.max(seconds)));
        self.refused.saturating_record(nanoseconds);
    }
}
