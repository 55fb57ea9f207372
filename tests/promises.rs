//! What the README promises and a test can hold without a clock: memory, cardinality, the shape of the binary.
//! `make promises` points this at the release binary.

mod common;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::Advice;

use common::daemon::Daemon;
use common::http::Request;
use common::tools;

const MIB: f64 = 1024.0 * 1024.0;

/// Starts a copy of the daemon whose file is read as it is needed, as on a machine that starts it for the first time. What has just
/// been written lies in memory in pieces of up to 2 MiB, and of each that is touched all of it counts as resident.
fn start_anew(name: &str, arguments: &[&str]) -> Daemon {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tamis-{name}"));
    std::fs::copy(tools::tamis_binary(), &copy).expect("a copy");
    let file = File::open(&copy).expect("the copy");
    file.sync_all().expect("written");
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("put out of memory");
    drop(file);
    Daemon::start_binary(&copy, arguments)
}

#[test]
fn resident_memory_is_small_and_flat() {
    let daemon = start_anew("flat", &["--workers", "1", "--bert", "off"]);
    let send = |count: usize| {
        let mut connection = daemon.connect();
        let batch: Vec<u8> = [
            Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#),
            Request::json("/analyze", r#"{"text":"Thank you for explaining why you made that edit."}"#),
            Request::json("/analyze", r#"{"txt":1}"#),
            Request::get("/health"),
        ]
        .iter()
        .flat_map(Request::to_bytes)
        .collect();
        let batch = batch.repeat(25);
        for _ in 0..count / 100 {
            connection.send(&batch).expect("sent");
            assert_eq!(connection.read_responses(100).expect("answers").len(), 100);
        }
        daemon.scrape().value("process_resident_memory_bytes", &[]) / MIB
    };
    let early = send(20_000);
    let late = send(200_000);
    println!("resident after 20,000 requests {early:.1} MiB, after 220,000 {late:.1} MiB");
    // The promise is of the release; what the tests are built with carries more code.
    let most = if std::env::var_os("TAMIS_BIN").is_some() { 16.0 } else { 32.0 };
    assert!(late <= most, "{late:.1} MiB resident");
    assert!(late - early <= 1.0, "grew from {early:.1} to {late:.1} MiB");
}

#[test]
#[cfg(feature = "bert")]
fn resident_memory_with_bert_is_bounded_and_flat() {
    let mut daemon = start_anew("bert", &["--workers", "1", "--bert-threads", "1"]);
    let loaded = daemon.wait_for("bert loaded", Duration::from_mins(1));
    let resident = |daemon: &Daemon| daemon.scrape().value("process_resident_memory_bytes", &[]) / MIB;
    let idle = resident(&daemon);
    let texts = ["Thanks.", &"Thank you for explaining why you made that edit. ".repeat(20)];
    let send = |count: usize| {
        let mut connection = daemon.connect();
        for text in texts.iter().cycle().take(count) {
            let request = Request::json("/analyze", format!(r#"{{"text":"{text}","model":"bert"}}"#));
            assert_eq!(connection.exchange(&request).expect("an answer").status, 200);
        }
        resident(&daemon)
    };
    let early = send(100);
    let late = send(400);
    println!(
        "with bert: loaded in {:.0} ms; resident {idle:.1} MiB at first, {early:.1} MiB after 100 texts, {late:.1} MiB after 500",
        loaded["milliseconds"].as_f64().unwrap_or_default()
    );
    // The promise is of the release; what the tests are built with carries more code.
    let most = if std::env::var_os("TAMIS_BIN").is_some() { 96.0 } else { 128.0 };
    assert!(late <= most, "{late:.1} MiB resident");
    assert!(late - early <= 2.0, "grew from {early:.1} to {late:.1} MiB");
}

#[test]
fn a_scrape_has_at_most_400_series_and_traffic_adds_none() {
    let daemon = Daemon::start(&[]);
    let before = daemon.scrape().len();
    for target in ["/a", "/b", "/predict?x=1", "/metrics"] {
        for method in ["GET", "PUT", "BREW"] {
            daemon.ask(&Request::new(method, target));
        }
    }
    assert_eq!(daemon.scrape().len(), before);
    assert!(before <= 400, "{before} series");
}

#[test]
fn the_release_is_one_static_binary() {
    if std::env::var_os("TAMIS_BIN").is_none() {
        println!("skipped: `make promises` runs this on the release binary");
        return;
    }
    let binary = std::fs::read(tools::tamis_binary()).expect("a binary");
    assert_eq!(&binary[..5], b"\x7fELF\x02", "64-bit ELF");
    let word =
        |at: usize, length: usize| (0..length).rev().fold(0, |sum, byte| sum << 8 | usize::from(binary[at + byte]));
    // Program headers (System V ABI, gABI 4.1, chapter 5): PT_INTERP names a dynamic linker.
    let (table, size, count) = (word(32, 8), word(54, 2), word(56, 2));
    assert!((0..count).all(|index| word(table + index * size, 4) != 3), "it asks for a dynamic linker");
    println!("{:.1} MB", binary.len() as f64 / 1e6);
}

#[test]
fn it_answers_soon_after_it_is_started() {
    for bert in if cfg!(feature = "bert") { &["off", "on"][..] } else { &["off"] } {
        let mut times: Vec<[Duration; 2]> = (0..5)
            .map(|_| {
                let start = Instant::now();
                let mut daemon = Daemon::start(&["--bert", bert]);
                assert_eq!(daemon.ask(&Request::get("/readyz")).status, 200);
                let first = start.elapsed();
                if *bert == "on" {
                    daemon.wait_for("bert loaded", Duration::from_mins(1));
                    let request = Request::json("/analyze", r#"{"text":"You are kind.","model":"bert"}"#);
                    assert_eq!(daemon.ask(&request).status, 200);
                }
                [first, start.elapsed()]
            })
            .collect();
        times.sort();
        let ([median, with_bert], least) = (times[2], times[0][0]);
        println!("from exec to the first 200, bert {bert}: median {median:?}, least {least:?}");
        if *bert == "on" {
            println!("from exec to the first 200 by bert: {with_bert:?}");
        }
    }
}
