//! What a request costs against the least that hyper could cost: tamis and an empty hyper handler, each one worker
//! on one pinned core, driven in turn by `wrk` from the other, CPU time per request read from the kernel.
//!
//! `cargo bench --bench floor` runs it and prints a Markdown table; `cargo test --benches` checks that both
//! servers answer. Without `wrk` on the PATH it says so and measures nothing.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "floor/empty.rs"]
mod empty;
#[path = "floor/measure.rs"]
mod measure;

use measure::{Load, Server, measure};

/// Each line of the table: what is asked, with which body.
const LOADS: [Load; 5] = [
    Load { name: "GET /livez", path: "/livez", body: None },
    Load { name: "POST /predict", path: "/predict", body: Some(r#"{"features":[5.1,3.5,1.4,0.2]}"#) },
    Load { name: "POST /analyze, 100 characters", path: "/analyze", body: Some(TEXT_100) },
    Load { name: "POST /analyze, 400 characters", path: "/analyze", body: Some(TEXT_400) },
    Load { name: "GET /metrics", path: "/metrics", body: None },
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(port) = arguments.iter().skip_while(|word| *word != "--empty").nth(1) {
        let body = arguments.last().map(String::as_bytes).unwrap_or_default();
        empty::serve(port.parse().expect("a port"), body.to_vec());
    }
    // `cargo bench` passes --bench; `cargo test --benches` does not.
    let bench = arguments.iter().any(|word| word == "--bench");
    let rounds = if bench { 7 } else { 1 };
    let Some(wrk) = measure::wrk() else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "wrk is not installed: run `make tools`");
        println!("floor: skipped, wrk is not installed (apt-get install wrk)");
        return;
    };
    println!("| request | hyper alone, us CPU | tamis, us CPU | ratio | tamis, requests/s |\n|---|---|---|---|---|");
    for load in &LOADS {
        let tamis = Server::tamis();
        // The floor sends exactly the bytes that tamis sends.
        let empty = Server::empty(&tamis.answer(load));
        let seconds = if bench { 3.0 } else { 0.2 };
        // Interleaved, so that what the machine does besides falls on both.
        let mut samples: Vec<_> =
            (0..rounds).map(|_| (measure(&wrk, &empty, load, seconds), measure(&wrk, &tamis, load, seconds))).collect();
        samples.sort_by(|a, b| (a.1.cpu / a.0.cpu).total_cmp(&(b.1.cpu / b.0.cpu)));
        let (floor, ours) = samples[samples.len() / 2];
        assert!(ours.requests > 0.0 && floor.requests > 0.0, "{}: nobody answered", load.name);
        let ratio = ours.cpu / floor.cpu;
        println!("| {} | {:.2} | {:.2} | {ratio:.2} | {:.0} |", load.name, floor.cpu, ours.cpu, ours.requests);
    }
}

const TEXT_100: &str =
    r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "}"#;
const TEXT_400: &str = r#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. The source that you cite is from 1998 and has been superseded, so I would rather keep the older wording until we find a better one. If nobody objects within a week I will restore the paragraph and add the two references from the archive. Please let me know what you think about that plan, friend."}"#;
