//! What disturbs those who are answered at once: the 99th percentile of `/predict` and of `simple` while Prometheus scrapes
//! every 100 ms, and while `bert` has more to do than it can, against the same daemon left alone.
//!
//! `cargo bench --bench latency` prints a table; `cargo test --benches` runs one short round. The rounds of each kind come in
//! turn; the table shows the median round by ratio. The daemon has one core and `wrk` another, so `bert` has no core of
//! its own.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![allow(dead_code, reason = "the floor uses the rest of what is shared")]

#[path = "floor/measure.rs"]
mod measure;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use measure::{Load, Server, measure};

/// What goes on beside the load that is measured.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Scrapes,
    #[cfg_attr(not(feature = "bert"), expect(dead_code, reason = "this build has none"))]
    Bert,
}

fn main() {
    let bench = std::env::args().any(|word| word == "--bench");
    let (rounds, seconds) = if bench { (7, 2.0) } else { (1, 0.2) };
    let Some(wrk) = measure::wrk() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "wrk is not installed: run `make tools`");
        return println!("latency: skipped, wrk is not installed (`make tools`)");
    };
    let server = Server::daemon(env!("CARGO_BIN_EXE_tamis"), 1, &["--bert-threads", "1"]);
    wait_for_bert(&server);
    println!("| request | beside it | p99 alone, us | p99, us | ratio |\n|---|---|---|---|---|");
    for (name, path, body) in [("POST /predict", "/predict", FEATURES), ("POST /analyze, simple", "/analyze", TEXT)] {
        let load = Load { name, path, body: Some(body.to_owned()), depth: 1, workers: 1 };
        #[cfg(feature = "bert")]
        let disturbances = [(Beside::Scrapes, "a scrape every 100 ms"), (Beside::Bert, "`bert`, saturated")];
        #[cfg(not(feature = "bert"))]
        let disturbances = [(Beside::Scrapes, "a scrape every 100 ms")];
        for (beside, what) in disturbances {
            let p99 = |beside: Beside| during(beside, &server, || measure(&wrk, &server, &load, seconds).p99);
            let mut samples: Vec<[f64; 2]> = (0..rounds).map(|_| [Beside::Nothing, beside].map(p99)).collect();
            samples.sort_by(|a, b| (a[1] / a[0]).total_cmp(&(b[1] / b[0])));
            let [alone, disturbed] = samples[samples.len() / 2];
            println!("| {name} | {what} | {alone:.0} | {disturbed:.0} | {:.2} |", disturbed / alone);
        }
    }
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
                    stream.write_all(request.as_bytes()).expect("the daemon");
                    read_answer(&mut stream);
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
            Beside::Bert => (0..4).for_each(|_| drop(scope.spawn(repeat(post(BERT), Duration::ZERO)))),
        }
        let done = work();
        ended.store(true, Ordering::Relaxed);
        done
    })
}

fn wait_for_bert(server: &Server) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while cfg!(feature = "bert") {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the daemon");
        stream.write_all(post(BERT).as_bytes()).expect("the daemon");
        if read_answer(&mut stream).starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(Instant::now() < deadline, "bert is not loaded");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /analyze HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// One answer, head and body.
fn read_answer(stream: &mut TcpStream) -> String {
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let length = stream.read(&mut buffer).expect("an answer");
        assert!(length > 0, "the connection has ended");
        answer.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if announced.is_some_and(|announced| body.len() >= announced) {
            return text.into_owned();
        }
    }
}

const FEATURES: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const TEXT: &str =
    r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "}"#;
const BERT: &str = r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. ","model":"bert"}"#;
