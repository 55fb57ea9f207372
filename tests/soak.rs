//! Memory over many requests of every kind, on connections that come and go: flat, and asked for as often at the end as at
//! the beginning; so are descriptors, and times. `make soak-heap` sends ten million to the release binary, `make soak` goes on
//! for an hour and asks `bert` too, the tests send 200,000 to their own.

mod common;

use std::env;
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::{Connection, Request};

/// Without `TAMIS_SOAK_REQUESTS`, and without `TAMIS_SOAK_SECONDS`, by which it goes on for so long.
const REQUESTS: u64 = 200_000;
/// Into how many parts the requests are divided, each with a sample at its end.
const PARTS: u64 = 20;
/// By how much resident memory may rise within the last half, in KiB.
const MOST_RISE: u64 = 256;
/// How often a request of the last half may call the allocator, of what one of the first does.
const MOST_CALLS: f64 = 1.01;
/// Connections that are busy at once.
const CROWD: usize = 4;
/// How often a connection sends the mix at once.
const TIMES: usize = 5;

/// A request of each kind, often asked ones more than once, and the status that answers it; `bert` is loaded or not.
fn mix(bert: bool) -> Vec<(Request, u16)> {
    let predict = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
    let named = r#"{"sepal_length":6.7,"sepal_width":3.0,"petal_length":5.2,"petal_width":2.3}"#;
    let rows = format!(r#"{{"features":[{}]}}"#, ["[5.9,3.0,4.2,1.5]"; 16].join(","));
    let short = r#"{"text":"Thank you for explaining why you made that edit."}"#;
    let long = format!(r#"{{"text":"{}"}}"#, "Please explain on the talk page why, friend. ".repeat(9));
    let explained = r#"{"text":"You are not a stupid person at all, thank you!","explain":true}"#;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    vec![
        (Request::json("/predict", predict), 200),
        (Request::json("/predict", predict), 200),
        (Request::json("/predict", predict).header("traceparent", traceparent), 200),
        (Request::json("/predict", predict).header("prefer", "server-timing"), 200),
        (Request::json("/predict", named), 200),
        (Request::json("/predict", rows), 200),
        (Request::json("/analyze", short), 200),
        (Request::json("/analyze", short), 200),
        (Request::json("/analyze", long), 200),
        (Request::json("/analyze", explained), 200),
        (Request::get("/health"), 200),
        (Request::get("/livez"), 200),
        (Request::get("/model-info"), 200),
        (Request::json("/analyze", r#"{"txt":1}"#), 422),
        (Request::json("/predict", r#"{"features":[1,2,3]}"#), 422),
        (Request::json("/predict", r#"{"features":"#), 400),
        (Request::post("/predict", predict), 415),
        (Request::json("/analyze", r#"{"text":"Some text.","model":"bert"}"#), if bert { 200 } else { 503 }),
        (Request::get("/none"), 404),
        (Request::new("DELETE", "/predict"), 405),
    ]
}

/// How much more the slowest percent of requests may take at the end of an hour's line through the last half than at its
/// beginning, beside the median: a machine has its moods.
const MOST_SLOWER: f64 = 1.0;

/// Where the daemon stands after so many requests.
struct Sample {
    requests: u64,
    seconds: f64,
    descriptors: usize,
    /// Of a request by itself, since the sample before, in microseconds.
    median: f64,
    slowest_percent: f64,
    resident_kib: u64,
    allocator_calls: f64,
}

#[test]
fn memory_is_flat_over_requests_of_every_kind() {
    let total = env::var("TAMIS_SOAK_REQUESTS").map_or(REQUESTS, |number| number.parse().expect("a number"));
    let seconds = env::var("TAMIS_SOAK_SECONDS").ok().map(|number| number.parse::<u64>().expect("a number"));
    let mix = mix(seconds.is_some());
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", if seconds.is_some() { "on" } else { "off" }]);
    if seconds.is_some() {
        daemon.wait_for("bert loaded", Duration::from_mins(1));
    }
    let (batch, statuses) = batch(&mix);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| daemon.connect()).collect();
    let parts = if seconds.is_some() { 3 * PARTS } else { PARTS };
    let begin = Instant::now();
    let (mut requests, mut turns) = (0, 0);
    let mut samples: Vec<Sample> = Vec::new();
    let (mut kept, mut times) = (daemon.connect(), Vec::new());
    for part in 0..=parts {
        let is_over = |requests: u64| match seconds {
            Some(seconds) => begin.elapsed() >= Duration::from_secs(seconds) * part as u32 / parts as u32,
            None => requests >= total * part / parts,
        };
        while !is_over(requests) {
            requests += turn(&daemon, &mut crowd, &batch, &statuses, turns);
            turns += 1;
            let since = Instant::now();
            assert_eq!(kept.exchange(&mix[0].0).expect("an answer").status, 200);
            times.push(since.elapsed());
            requests += 1;
        }
        let now = sample(&daemon, requests, begin.elapsed(), &mut times);
        let Sample { resident_kib, allocator_calls, .. } = &now;
        println!("soak: {requests} requests, resident {resident_kib} KiB, {allocator_calls} calls of the allocator");
        println!(
            "soak: after {:.1} s {} descriptors, alone a request takes {:.0} us, the slowest in a hundred {:.0} us",
            now.seconds, now.descriptors, now.median, now.slowest_percent
        );
        samples.push(now);
    }
    let (first, last) = samples.split_at(samples.len() / 2);
    // What the allocator gives back is no growth, but what it takes again is.
    let rises = last.iter().scan(u64::MAX, |least, sample| {
        *least = sample.resident_kib.min(*least);
        Some(sample.resident_kib - *least)
    });
    let rise = rises.max().expect("samples");
    let [before, after] = [first, last].map(calls);
    println!(
        "soak: in the last half of {requests} requests resident memory rises by {rise} KiB, \
        and a request calls the allocator {after:.4} times, in the first half {before:.4} times"
    );
    let rises = |value: fn(&Sample) -> f64| slope(last, value) * 3600.0;
    let (memory, times) = (rises(|sample| sample.resident_kib as f64), rises(|sample| sample.slowest_percent));
    let spent = last.iter().map(|sample| sample.slowest_percent).sum::<f64>() / last.len() as f64;
    let length = (last[last.len() - 1].seconds - last[0].seconds) / 3600.0;
    println!(
        "soak: by the line through the last half an hour brings {memory:.0} KiB of resident memory and {times:.0} us to the \
        slowest in a hundred, whose mean is {spent:.0} us; no request failed"
    );
    let descriptors: Vec<usize> = last.iter().map(|sample| sample.descriptors).collect();
    let (fewest, most) = (descriptors.iter().min().expect("samples"), descriptors.iter().max().expect("samples"));
    assert!(most - fewest <= CROWD, "descriptors come and go with connections: {descriptors:?}");
    if seconds.is_some() {
        assert!(times * length <= spent * MOST_SLOWER, "requests become slower");
    }
    assert!(rise <= MOST_RISE, "{rise} KiB more than before");
    assert!(after <= before * MOST_CALLS, "{after:.4} calls of the allocator a request, {before:.4} before");
}

/// What a connection sends at once, and the answers' statuses.
fn batch(mix: &[(Request, u16)]) -> (Vec<u8>, Vec<u16>) {
    let bytes: Vec<u8> = mix.iter().flat_map(|(request, _)| request.to_bytes()).collect();
    let statuses: Vec<u16> = mix.iter().map(|&(_, status)| status).collect();
    (bytes.repeat(TIMES), statuses.repeat(TIMES))
}

/// A batch on every connection, and in the place of one of them a new one; now and then a scrape in each format, and a client
/// that does not speak HTTP. Answers how many requests that were.
fn turn(daemon: &Daemon, crowd: &mut [Connection], batch: &[u8], statuses: &[u16], turn: usize) -> u64 {
    crowd[turn % CROWD] = daemon.connect();
    for connection in crowd.iter_mut() {
        connection.send(batch).expect("sent");
    }
    for connection in crowd.iter_mut() {
        let answers = connection.read_responses(statuses.len()).expect("answers");
        let found: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(found, statuses);
    }
    let sent = (crowd.len() * statuses.len()) as u64;
    if !turn.is_multiple_of(10) {
        return sent;
    }
    for accept in ["*/*", "application/openmetrics-text", PROTOBUF] {
        let scrape = Request::get("/metrics").header("accept", accept).header("accept-encoding", "gzip");
        assert_eq!(daemon.ask(&scrape).status, 200);
    }
    let mut stranger = daemon.connect();
    stranger.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n").expect("sent");
    assert_eq!(stranger.read_response().expect("an answer").status, 400);
    sent + 4
}

/// Where it stands now; `times` are emptied.
fn sample(daemon: &Daemon, requests: u64, elapsed: Duration, times: &mut Vec<Duration>) -> Sample {
    let allocator_calls = daemon.scrape().value("tamis_heap_allocations_total", &[]);
    times.sort_unstable();
    let at = |of_hundred: usize| times.get(times.len() * of_hundred / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    let (median, slowest_percent) = (at(50), at(99));
    times.clear();
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("it lives").count();
    let resident_kib = resident_kib(daemon.id());
    Sample {
        requests,
        seconds: elapsed.as_secs_f64(),
        descriptors,
        median,
        slowest_percent,
        resident_kib,
        allocator_calls,
    }
}

/// By how much `value` rises in a second: the slope of the line of least squares.
fn slope(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / samples.len() as f64;
    let (x, y) = (mean(&|sample| sample.seconds), mean(&value));
    let both = mean(&|sample| (sample.seconds - x) * (value(sample) - y));
    let own = mean(&|sample| (sample.seconds - x).powi(2));
    if own > 0.0 { both / own } else { 0.0 }
}

/// Resident memory as the kernel counts it page by page; `VmRSS` is a sum of counters that each core adds to when it likes
/// (proc(5): "this value is inaccurate").
fn resident_kib(process: u32) -> u64 {
    let read = |name| std::fs::read_to_string(format!("/proc/{process}/{name}"));
    // Who is not root may not look at the pages of a process that is not dumpable.
    let told = read("smaps_rollup").or_else(|_| read("status")).expect("a process");
    let line = told.lines().find_map(|line| line.strip_prefix("Rss:").or_else(|| line.strip_prefix("VmRSS:")));
    let line = line.expect("a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Calls of the allocator by a request between the first of `samples` and the last.
fn calls(samples: &[Sample]) -> f64 {
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    (last.allocator_calls - first.allocator_calls) / (last.requests - first.requests) as f64
}

const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
