//! What disturbs those who are answered at once: the time that `/predict` and `simple` take while Prometheus scrapes every
//! 100 ms, and while `bert` has more to do than it can, against the same daemon left alone.
//!
//! `cargo bench --bench latency` prints a table; `cargo test --benches` runs a moment of each. A client asks at a constant
//! rate, the daemon has one core and the client another, so `bert` has no core of its own. Slices of half a second alone and
//! beside come in turn, and percentiles are of all slices of a kind together: whatever the machine does besides falls on both.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(dead_code, reason = "the floor uses the rest of what is shared")]

#[path = "latency/answer.rs"]
mod answer;
#[path = "latency/client.rs"]
mod client;
#[path = "floor/measure.rs"]
mod measure;
#[path = "latency/statistics.rs"]
mod statistics;

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use answer::{ask, post};
use client::Client;
use measure::Server;
use statistics::{Pair, compare};

/// What goes on beside the load that is measured.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Scrapes,
    #[cfg_attr(not(feature = "bert"), expect(dead_code, reason = "this build has none"))]
    Bert,
}

/// Requests per second: an eighth of what one core of a slow host answers.
const RATE: u32 = 10_000;
const CONNECTIONS: usize = 16;

fn main() {
    let bench = std::env::args().any(|word| word == "--bench");
    let (slices, length) = if bench { (60, Duration::from_millis(500)) } else { (1, Duration::from_millis(50)) };
    take_the_second_core();
    let server = Server::daemon(env!("CARGO_BIN_EXE_tamis"), 1, &["--bert-threads", "1"]);
    wait_for_bert(&server);
    println!(
        "| request | beside it | | alone, us | beside, us | ratio | nine in ten ratios |\n|---|---|---|---|---|---|---|"
    );
    for (name, path, body) in [("POST /predict", "/predict", FEATURES), ("POST /analyze, simple", "/analyze", TEXT)] {
        let mut client = Client::connect(server.port, CONNECTIONS, &post(path, body), RATE);
        client.ask(length);
        #[cfg(feature = "bert")]
        let disturbances = [(Beside::Scrapes, "a scrape every 100 ms"), (Beside::Bert, "`bert`, saturated")];
        #[cfg(not(feature = "bert"))]
        let disturbances = [(Beside::Scrapes, "a scrape every 100 ms")];
        for (beside, what) in disturbances {
            let mut slice = |beside: Beside| during(beside, &server, || client.ask(length));
            let pairs: Vec<Pair> = (0..slices).map(|_| [Beside::Nothing, beside].map(&mut slice)).collect();
            for percentile in [50.0, 90.0, 99.0] {
                let found = compare(&pairs, percentile);
                let [low, high] = found.interval;
                println!(
                    "| {name} | {what} | p{percentile} | {:.0} | {:.0} | {:.2} | {low:.2} to {high:.2} |",
                    found.alone, found.beside, found.ratio
                );
            }
        }
    }
}

/// This process, and the threads that it starts, leave the first core to the daemon.
fn take_the_second_core() {
    let own = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-a", "-c", "-p", "1", &own]).stdout(Stdio::null()).status();
    assert!(moved.is_ok_and(|status| status.success()), "taskset, and a second core");
}

/// Does `work` while `beside` goes on.
fn during<T>(beside: Beside, server: &Server, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    let port = server.port;
    std::thread::scope(|scope| {
        let repeat = |request: String, pause: Duration| {
            let ended = &ended;
            move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the daemon");
                while !ended.load(Ordering::Relaxed) {
                    ask(&mut stream, &request);
                    std::thread::sleep(pause);
                }
            }
        };
        match beside {
            Beside::Nothing => {}
            Beside::Scrapes => {
                scope.spawn(repeat("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".into(), Duration::from_millis(100)));
            }
            // One is read and others wait, always.
            Beside::Bert => (0..4).for_each(|_| drop(scope.spawn(repeat(post("/analyze", BERT), Duration::ZERO)))),
        }
        // Once it goes on.
        std::thread::sleep(Duration::from_millis(30));
        let done = work();
        ended.store(true, Ordering::Relaxed);
        done
    })
}

fn wait_for_bert(server: &Server) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while cfg!(feature = "bert") {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the daemon");
        if ask(&mut stream, &post("/analyze", BERT)).starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < deadline, "bert is not loaded");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const FEATURES: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const TEXT: &str =
    r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "}"#;
const BERT: &str = r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. ","model":"bert"}"#;
