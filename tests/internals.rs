//! The daemon's figures of itself, by what was sent to it: stages and `Server-Timing`, rules of the normalisation, drift of
//! the scores, workers, refusals, scrapes.

#![cfg(feature = "bert")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::{FOUND, Gate, Inference, analyze, reference};
use common::metrics::{Samples, delta};
use tamis::model::manifest::Band;

const EVERYTHING: Option<Band> = Some(Band { low: 0.0, high: 1.0 });
const TEXT: &str = r#"{"text":"You are kind."}"#;
const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;

fn timed(request: Request) -> Request {
    request.header("Prefer", "server-timing")
}

/// The names and milliseconds of a `Server-Timing` header.
fn timings(response: &Response) -> Vec<(String, f64)> {
    let header = response.header("server-timing").expect("a Server-Timing header");
    let entries = header.split(", ").map(|entry| {
        let (name, milliseconds) = entry.split_once(";dur=").expect("a duration");
        (name.to_owned(), milliseconds.parse().expect("a number"))
    });
    entries.collect()
}

fn stage(samples: &Samples, stage: &str) -> f64 {
    samples.value("tamis_stage_duration_seconds_count", &[("stage", stage)])
}

fn stages(samples: &Samples) -> [f64; 6] {
    ["read", "parse", "features", "infer", "render", "queue"].map(|name| stage(samples, name))
}

fn drift(samples: &Samples, model: &str) -> f64 {
    samples.value("tamis_score_drift_psi", &[("model", model)])
}

#[test]
fn server_timing_is_told_to_who_prefers_it_and_to_nobody_else() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let rows = format!(r#"{{"features":[{}]}}"#, vec!["[6.1,2.8,4.7,1.2]"; 40].join(","));
    for (path, body, names) in [
        ("/analyze", TEXT, &["read", "parse", "features", "infer", "render", "total"][..]),
        ("/predict", IRIS, &["read", "parse", "infer", "render", "total"]),
        ("/predict", &rows, &["read", "parse", "infer", "render", "total"]),
        ("/analyze", "{", &["read", "total"]),
    ] {
        let plain = daemon.ask(&Request::json(path, body));
        assert_eq!((plain.header("server-timing"), plain.header("preference-applied")), (None, None));
        let answer = daemon.ask(&timed(Request::json(path, body)));
        assert_eq!((answer.status, answer.header("preference-applied")), (plain.status, Some("server-timing")));
        let told = timings(&answer);
        assert!(told.iter().map(|(name, _)| name).eq(names), "{path}: {told:?}");
        let (total, stages) = told.split_last().expect("a total");
        let sum: f64 = stages.iter().map(|(_, spent)| spent).sum();
        assert!(stages.iter().all(|(_, spent)| *spent > 0.0) && sum <= total.1 + 1e-9, "{path}: {told:?}");
    }
    let get = daemon.ask(&timed(Request::get("/health")));
    assert_eq!((get.status, get.header("server-timing")), (200, None), "only where a model is asked");
    let both = timed(Request::json("/analyze", TEXT))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let answer = daemon.ask(&both);
    assert!(answer.header("traceparent").is_some() && answer.header("server-timing").is_some());
}

#[test]
fn a_body_that_is_waited_for_is_the_time_of_reading() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let bytes = timed(Request::json("/analyze", TEXT)).to_bytes();
    let (head, body) = bytes.split_at(bytes.len() - TEXT.len());
    let mut connection = daemon.connect();
    // Whoever is late to read the head has less to wait for, but not all of it.
    connection.send_segments(&[head, body], Duration::from_millis(400)).expect("sent");
    let told = timings(&connection.read_response().expect("an answer"));
    assert!(told[0].0 == "read" && told[0].1 >= 200.0, "{told:?}");
    assert!(told[1..5].iter().all(|(_, spent)| *spent < 200.0), "{told:?}");
}

#[test]
fn one_request_in_sixteen_is_timed_the_first_for_one_and_each_that_asks() {
    let inference = Inference::start(&[], EVERYTHING, |_| Ok(FOUND));
    let mut before = inference.scrape();
    let mut moved = |count: usize, request: &Request, status: u16| {
        for _ in 0..count {
            assert_eq!(inference.ask(request).status, status);
        }
        let now = inference.scrape();
        let moved = stages(&delta(&before, &now));
        before = now;
        moved
    };
    let analysis = Request::json("/analyze", TEXT);
    assert_eq!(moved(1, &analysis, 200), [1.0, 1.0, 1.0, 1.0, 1.0, 0.0], "the first");
    assert_eq!(moved(15, &analysis, 200), [0.0; 6]);
    assert_eq!(moved(33, &analysis, 200), [3.0, 3.0, 3.0, 3.0, 3.0, 0.0], "the 17th, 33rd and 49th");
    assert_eq!(moved(5, &timed(Request::json("/predict", IRIS)), 200), [5.0, 5.0, 0.0, 5.0, 5.0, 0.0]);
    assert_eq!(moved(16, &timed(Request::json("/predict", "{")), 400), [0.0; 6], "what is refused is not timed");
    // The 81st request is among these.
    assert_eq!(moved(16, &analyze("Some text.", "bert"), 200), [1.0, 1.0, 1.0, 1.0, 1.0, 16.0], "each waits");
    assert_eq!(moved(2, &timed(analyze("Some text.", "auto")), 200), [2.0; 6]);
    let sum = inference.scrape().value("tamis_stage_duration_seconds_sum", &[("stage", "infer")]);
    assert!(sum > 0.0 && sum < 60.0, "{sum}");
}

#[test]
fn the_time_of_a_slow_model_is_its_own_and_who_waits_for_it_waits_in_the_queue() {
    let inference = Inference::start(&["--bert-threads", "1"], None, |_| {
        std::thread::sleep(Duration::from_millis(200));
        Ok(FOUND)
    });
    let request = timed(analyze("Some text.", "bert")).to_bytes();
    let mut connections = [inference.connect(), inference.connect()];
    for connection in &mut connections {
        connection.send(&request).expect("sent");
    }
    let mut waits = Vec::new();
    for connection in &mut connections {
        let told = timings(&connection.read_response().expect("an answer"));
        let of = |name: &str| told.iter().find(|(found, _)| found == name).expect("the stage").1;
        assert!(of("infer") >= 200.0 && of("total") >= of("infer") + of("queue"), "{told:?}");
        assert!(of("features") < 150.0 && of("render") < 150.0, "{told:?}");
        waits.push(of("queue"));
    }
    assert!(waits.iter().any(|&wait| wait >= 50.0), "one of the two waited for the other: {waits:?}");
    let samples = inference.scrape();
    assert_eq!(stages(&samples)[5], 2.0);
    let seconds = samples.value("tamis_stage_duration_seconds_sum", &[("stage", "queue")]);
    assert!((seconds * 1e3 - waits.iter().sum::<f64>()).abs() < 1e-6, "{seconds} s and {waits:?} ms");
}

#[test]
fn a_text_counts_once_under_each_rule_that_changed_it() {
    let inference = Inference::start(&[], EVERYTHING, |_| Ok(FOUND));
    let mut expected: Vec<(&str, f64)> = Vec::new();
    let before = inference.scrape();
    for (rule, text) in [
        ("invisible", "a si\u{200b}lly text"),
        ("compatibility", "a \u{ff53}illy text"),
        ("digits", "a text of 2024"),
        ("links", "see https://example.org/x"),
        ("stretched", "a niiiice text"),
        ("confusables", "a p\u{430}ge of text"),
        ("punctuated", "a s.i.l.l.y text"),
        ("leetspeak", "a stup1d text"),
        ("spaced_out", "a s i l l y text"),
    ] {
        let times = expected.len() + 1;
        for (model, explain) in [("simple", false), ("simple", true), ("bert", false), ("auto", false)] {
            let body = format!(r#"{{"text":"{text}","model":"{model}","explain":{explain}}}"#);
            for _ in 0..times {
                assert_eq!(inference.ask(&Request::json("/analyze", body.clone())).status, 200);
            }
        }
        expected.push((rule, 4.0 * times as f64));
    }
    for text in ["A text as people write it, with 12 words; and \u{e9}t\u{e9}, \u{201c}quoted\u{201d}...", " "] {
        inference.ask(&analyze(text, "simple"));
    }
    inference.ask(&Request::json("/analyze", r#"{"text":"a niiiice text","typo":1}"#));
    let moved = delta(&before, &inference.scrape());
    for (rule, count) in expected {
        assert_eq!(moved.value("toxicity_normalization_rules_total", &[("rule", rule)]), count, "{rule}");
    }
}

#[test]
fn scores_drift_when_texts_do_and_under_the_model_that_was_asked_for() {
    let edges = reference();
    let (next, spread) = (AtomicUsize::new(0), std::sync::Arc::new(AtomicUsize::new(1)));
    let shift = std::sync::Arc::clone(&spread);
    // A probability in each tenth by turns, or always in the last.
    let inference = Inference::start(&[], EVERYTHING, move |_| {
        let bin = if shift.load(Ordering::Relaxed) == 1 { next.fetch_add(1, Ordering::Relaxed) % 10 } else { 9 };
        let bounds = [&[0.0], &edges[..], &[1.0]].concat();
        let mut found = FOUND;
        found[0] = f64::midpoint(bounds[bin], bounds[bin + 1]) as f32;
        Ok(found)
    });
    let mut connection = inference.connect();
    let mut send = |count: usize, model: &str| {
        for _ in 0..count {
            assert_eq!(connection.exchange(&analyze("Some text.", model)).expect("an answer").status, 200);
        }
        inference.scrape()
    };
    let few = send(199, "bert");
    assert_eq!(["simple", "bert", "auto"].map(|model| drift(&few, model)), [0.0; 3], "too few to tell");
    let same = send(801, "bert");
    assert!(drift(&same, "bert") < 0.01, "{}", drift(&same, "bert"));
    spread.store(0, Ordering::Relaxed);
    let moved = send(300, "bert");
    assert!(drift(&moved, "bert") > 0.25, "{}", drift(&moved, "bert"));
    assert_eq!([drift(&moved, "simple"), drift(&moved, "auto")], [0.0; 2]);
    // Both models are asked, and it counts as neither.
    let auto = send(300, "auto");
    assert!(drift(&auto, "auto") > 1.0);
    assert_eq!((drift(&auto, "simple"), drift(&auto, "bert")), (0.0, drift(&moved, "bert")));
    let simple = send(200, "simple");
    assert!(drift(&simple, "simple") > 1.0, "one text again and again is a drift");
}

#[test]
fn each_worker_tells_its_time_and_what_it_answers() {
    let gate = Gate::shut();
    let run = gate.clone();
    let inference = Inference::start(&[], None, move |ids| run.run(ids));
    let mut waiting: Vec<_> = (0..3).map(|_| inference.connect()).collect();
    for connection in &mut waiting {
        connection.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    }
    inference.wait_for("tamis_inference_queue_depth", 2.0);
    let worker = |samples: &Samples, name: &str| samples.value(name, &[("worker", "0")]);
    assert_eq!(worker(&inference.scrape(), "tamis_worker_requests_inprogress"), 4.0, "three, and the scrape");
    gate.open();
    for connection in &mut waiting {
        assert_eq!(connection.read_response().expect("an answer").status, 200);
    }
    assert_eq!(worker(&inference.scrape(), "tamis_worker_requests_inprogress"), 1.0);

    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    let busy = |samples: &Samples| {
        ["0", "1"].map(|worker| samples.value("tamis_worker_busy_seconds_total", &[("worker", worker)]))
    };
    let before = daemon.scrape();
    let mut connection = daemon.connect();
    for _ in 0..3000 {
        connection.exchange(&Request::json("/analyze", TEXT)).expect("an answer");
    }
    let after = daemon.scrape();
    let (busy, cpu) = ([busy(&before), busy(&after)], "process_cpu_seconds_total");
    let worked = [busy[1][0] - busy[0][0], busy[1][1] - busy[0][1]];
    let whole = after.value(cpu, &[]) - before.value(cpu, &[]);
    // One connection, one worker: the other did little. A thread's time lags by up to a tick.
    assert!(worked[0].max(worked[1]) > 0.01 && worked[0].max(worked[1]) > 2.0 * worked[0].min(worked[1]), "{worked:?}");
    assert!(worked[0] + worked[1] <= whole + 0.02, "{worked:?} of {whole}");
}

#[test]
fn a_scrape_tells_how_long_the_one_before_was() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let told = |response: &Response| {
        let samples = Samples::parse(response.text()).expect("the text format");
        samples.value("tamis_scrape_response_bytes", &[])
    };
    let first = daemon.ask(&Request::get("/metrics"));
    assert_eq!(told(&first), 0.0);
    let second = daemon.ask(&Request::get("/metrics"));
    assert_eq!(told(&second), first.body.len() as f64);
    for accept in ["application/openmetrics-text", "application/vnd.google.protobuf;encoding=delimited"] {
        for coding in ["identity", "gzip"] {
            let request = Request::get("/metrics").header("Accept", accept).header("Accept-Encoding", coding);
            let other = daemon.ask(&request);
            assert_eq!(told(&daemon.ask(&Request::get("/metrics"))), other.body.len() as f64, "{accept}, {coding}");
        }
    }
}
