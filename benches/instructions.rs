//! Instructions that each stage of a request takes, and whole requests: counted by callgrind, which no other load on the
//! machine can disturb.
//!
//! `make instructions` builds it as the release is built, counts, and compares with `benches/instructions/baseline.csv`: a
//! stage that takes 2 % more than written there fails by its name. `make instructions ARGS=--record` writes the file anew.
//! `cargo test --benches` performs every stage once. A count is the difference between two runs, so that what happens once
//! falls out. Whole requests go through the connection code of the server over bytes in memory: all but the kernel's part,
//! accepting and the reactor's turn. hyper alone, with an empty handler, is counted in the same way. valgrind has no AVX-512, so the kernels counted are those of AVX2.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "instructions/baseline.rs"]
mod baseline;
#[path = "instructions/connection.rs"]
mod connection;
#[path = "floor/handler.rs"]
mod handler;
#[path = "instructions/stages.rs"]
mod stages;

use std::process::Command;

use baseline::{Baseline, Verdict};
use stages::STAGES;

/// As in the daemon.
#[global_allocator]
static ALLOCATOR: tamis::alloc::Counting = tamis::alloc::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, perform, name, times] = &arguments[..]
        && perform == "--perform"
    {
        let stage = STAGES.iter().find(|stage| stage.name == name).expect("a stage");
        return (stage.run)(times.parse().expect("a number"));
    }
    if !arguments.iter().any(|word| word == "--count" || word == "--record") {
        for stage in &STAGES {
            (stage.run)(1);
        }
        return println!("instructions: every stage was performed; `make instructions` counts them");
    }
    let before = Baseline::read();
    let mut found = Baseline::here();
    println!("| stage | instructions | before | |\n|---|---|---|---|");
    let mut worse = Vec::new();
    for stage in &STAGES {
        let [few, many] = [stage.times, stage.times * 11].map(|times| instructions(stage.name, times));
        let count = many.saturating_sub(few) / (stage.times * 10);
        let verdict = before.verdict(&found, stage.name, count);
        println!("| {} | {count} | {} | {verdict} |", stage.name, before.count(stage.name).unwrap_or_default());
        if verdict == Verdict::Worse {
            worse.push(stage.name);
        }
        found.counts.push((stage.name.to_owned(), count));
    }
    if arguments.iter().any(|word| word == "--record") {
        return found.write();
    }
    before.explain(&found);
    assert!(worse.is_empty(), "takes more instructions than in {}: {}", baseline::PATH, worse.join(", "));
}

/// What callgrind counts for a process that performs the stage so many times.
fn instructions(stage: &str, times: u64) -> u64 {
    let output = Command::new(std::env::var_os("VALGRIND").unwrap_or_else(|| "valgrind".into()))
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this binary"))
        .args(["--perform", stage, &times.to_string()])
        .output()
        .expect("valgrind: run `make tools`");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stage}: {text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    collected.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{stage}: {text}"))
}
