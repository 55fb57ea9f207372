//! More than it can: what the daemon answers, refuses and takes, from half of its capacity to eight times as much.
//!
//! `cargo bench --bench overload` prints a table, with `-- bert` of the routes that are called so; `cargo test --benches` runs a
//! moment of each. The capacity is what clients get who ask again as soon as they are answered, the median of three times. Then
//! arrivals come at a constant rate, each rate in turn in every round, and a probe and a scrape ten times a second on a connection
//! of their own. What is answered is the median of the rounds. The daemon has one core and the clients another, so `bert` has no
//! core of its own.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(dead_code, reason = "the floor uses the rest of what is shared")]

#[path = "latency/answer.rs"]
mod answer;
#[path = "overload/load.rs"]
mod load;
#[path = "floor/measure.rs"]
mod measure;

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use answer::{ask, post};
use load::{Clients, Outcome};
use measure::Server;

/// Times the capacity.
const TIMES: [f64; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
/// What is asked, on how many connections, and on how many of them for the capacity: `bert` has room for 64 texts that wait.
const ROUTES: [(&str, &str, &str, usize, usize); 3] = [
    ("POST /predict", "/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#, 64, 64),
    ("POST /analyze, simple", "/analyze", r#"{"text":"I do not agree with your last edit, but thank you."}"#, 64, 64),
    (
        "POST /analyze, bert",
        "/analyze",
        r#"{"text":"I do not agree with your last edit, but thank you.","model":"bert"}"#,
        256,
        33,
    ),
];

/// What who looks after the daemon saw meanwhile.
struct Watched {
    slowest: Duration,
    asked: u32,
    resident_bytes: f64,
}

fn main() {
    let bench = std::env::args().any(|word| word == "--bench");
    let (rounds, length) = if bench { (7, Duration::from_secs(2)) } else { (1, Duration::from_millis(50)) };
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let own = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-a", "-c", "-p", "1", &own]).stdout(Stdio::null()).status();
    assert!(moved.is_ok_and(|status| status.success()), "taskset, and a second core");
    let server = Server::daemon(env!("CARGO_BIN_EXE_tamis"), 1, &["--bert-threads", "1"]);
    println!(
        "| request | offered | answered, /s | of the peak | refused, /s | `Retry-After`, s | no connection free, /s | p50, ms | p99, ms | p99 of a refusal, ms | slowest probe or scrape, ms | resident, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, path, body, connections, busy) in ROUTES {
        let is_asked = only.is_empty() || only.iter().any(|word| name.contains(word));
        if !is_asked || name.ends_with("bert") && !is_loaded(&server, path, body) {
            continue;
        }
        let request = post(path, body);
        let seconds = length.as_secs_f64();
        let mut clients = Clients::connect(server.port, busy, &request);
        let mut capacities = [(); 3].map(|()| clients.arrive(None, length).good.len());
        capacities.sort_unstable();
        let capacity = capacities[1] as f64 / seconds;
        let mut rows: Vec<Vec<(Outcome, Watched)>> = TIMES.map(|_| Vec::new()).into();
        for _ in 0..rounds {
            for (row, times) in rows.iter_mut().zip(TIMES) {
                let rate = Some((capacity * times).max(1.0));
                // Anew each time: of those that a low rate does not need the daemon lets go after a while.
                let mut clients = Clients::connect(server.port, connections, &request);
                row.push(watched(server.port, || clients.arrive(rate, length)));
            }
        }
        let per_second = |count: u64| count as f64 / (seconds * f64::from(rounds));
        let answered: Vec<f64> = rows.iter().map(|row| median(row) / seconds).collect();
        let peak = answered.iter().copied().fold(1.0, f64::max);
        let merged = rows.into_iter().filter_map(|row| row.into_iter().reduce(merge));
        for (((outcome, watched), times), answered) in merged.zip(TIMES).zip(answered) {
            let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
            let retry_after =
                outcome.retry_after.map_or_else(|| "-".to_owned(), |(least, most)| format!("{least} to {most}"));
            println!(
                "| {name} | {times}x {capacity:.0}/s | {answered:.0} | {:.3} | {:.0} | {retry_after} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} |",
                answered / peak,
                per_second(outcome.refused.len()),
                per_second(outcome.turned_away),
                milliseconds(outcome.good.value_at_quantile(0.5)),
                milliseconds(outcome.good.value_at_quantile(0.99)),
                milliseconds(outcome.refused.value_at_quantile(0.99)),
                watched.slowest.as_secs_f64() * 1e3,
                watched.resident_bytes / f64::from(1 << 20),
            );
            assert!(watched.asked > 0, "probes and scrapes are answered throughout");
        }
    }
}

/// How many requests were answered in the median round.
fn median(rounds: &[(Outcome, Watched)]) -> f64 {
    let mut counts: Vec<u64> = rounds.iter().map(|(outcome, _)| outcome.good.len()).collect();
    counts.sort_unstable();
    counts[counts.len() / 2] as f64
}

fn merge((mut outcome, mut watched): (Outcome, Watched), (other, seen): (Outcome, Watched)) -> (Outcome, Watched) {
    outcome.good += other.good;
    outcome.refused += other.refused;
    outcome.turned_away += other.turned_away;
    let both = [outcome.retry_after, other.retry_after].into_iter().flatten();
    outcome.retry_after = both.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
    watched.slowest = watched.slowest.max(seen.slowest);
    watched.asked += seen.asked;
    watched.resident_bytes = watched.resident_bytes.max(seen.resident_bytes);
    (outcome, watched)
}

/// Does `work` while a probe and a scrape are asked for ten times a second, each of which must be answered with 200.
fn watched<T>(port: u16, work: impl FnOnce() -> T) -> (T, Watched) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the daemon");
            let mut seen = Watched { slowest: Duration::ZERO, asked: 0, resident_bytes: 0.0 };
            while !ended.load(Ordering::Relaxed) {
                for path in ["/readyz", "/metrics"] {
                    let since = Instant::now();
                    let answer = ask(&mut stream, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    seen.slowest = seen.slowest.max(since.elapsed());
                    seen.asked += 1;
                    let resident = |line: &str| line.strip_prefix("process_resident_memory_bytes ")?.parse().ok();
                    seen.resident_bytes = answer.lines().find_map(resident).unwrap_or(seen.resident_bytes);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            seen
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        (done, watch.join().expect("probes and scrapes are answered throughout"))
    })
}

/// Whether `bert` answers, which is waited for; a build without it never does.
fn is_loaded(server: &Server, path: &str, body: &str) -> bool {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the daemon");
    while cfg!(feature = "bert") && !ask(&mut stream, &post(path, body)).starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < deadline, "bert is not loaded");
        std::thread::sleep(Duration::from_millis(50));
    }
    cfg!(feature = "bert")
}
