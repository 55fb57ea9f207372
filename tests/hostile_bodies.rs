//! Bodies that are meant to break whoever reads them, sent to every route that reads one: JSON of great depth, numbers without
//! measure, names twice, halves of characters, NUL, what is no UTF-8, and gzip that becomes more than it is.

mod common;

use std::io::Write as _;

use common::credentials::Credentials;
use common::daemon::Daemon;
use common::hostile::{LONG, answers_to, is_served, nothing_is_left, resident};
use common::http::{Request, Response};
use common::metrics::{Samples, delta};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A route, what stands around the value that is attacked, and a value that is good there.
struct Route {
    path: &'static str,
    before: &'static str,
    after: &'static str,
    good: &'static str,
    /// Whether 422 is 400 here, as the service has it whose shape the route has.
    is_foreign: bool,
}

const ROUTES: [Route; 8] = [
    Route::new("/predict", "{\"features\":[", ",3.5,1.4,0.2]}", "5.1"),
    Route::new("/analyze", "{\"text\":", "}", "\"a\""),
    Route::new("/analyze/batch", "{\"texts\":[", "]}", "\"a\""),
    Route::foreign("/v1/moderations", "{\"input\":", "}", "\"a\""),
    Route::foreign(
        "/v1alpha1/comments:analyze",
        "{\"comment\":{\"text\":",
        "},\"requestedAttributes\":{\"TOXICITY\":{}},\"languages\":[\"en\"]}",
        "\"a\"",
    ),
    Route::foreign(
        "/v1alpha1/comments:suggestscore",
        "{\"comment\":{\"text\":",
        "},\"attributeScores\":{\"TOXICITY\":{\"summaryScore\":{\"value\":0.5}}}}",
        "\"a\"",
    ),
    Route::foreign(
        "/v2/models/iris/infer",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,4],\"data\":[",
        ",3.5,1.4,0.2]}]}",
        "5.1",
    ),
    Route::foreign(
        "/v2/models/simple/infer",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[",
        "]}]}",
        "\"a\"",
    ),
];

impl Route {
    const fn new(path: &'static str, before: &'static str, after: &'static str, good: &'static str) -> Self {
        Self { path, before, after, good, is_foreign: false }
    }

    const fn foreign(path: &'static str, before: &'static str, after: &'static str, good: &'static str) -> Self {
        Self { path, before, after, good, is_foreign: true }
    }

    /// The body with this value.
    fn with(&self, value: &[u8]) -> Vec<u8> {
        [self.before.as_bytes(), value, self.after.as_bytes()].concat()
    }

    /// A body with which nothing is wrong.
    fn good(&self) -> Vec<u8> {
        self.with(self.good.as_bytes())
    }

    fn status(&self, status: u16) -> u16 {
        if self.is_foreign && status == 422 { 400 } else { status }
    }

    /// The status that `/analyze/batch` has for what is wrong with one text of it: that of the others.
    fn is_batch(&self) -> bool {
        self.path == "/analyze/batch"
    }
}

/// How often each problem was counted.
fn errors(moved: &Samples) -> Vec<(String, f64)> {
    let of =
        |series: &str| series.split("error_type=\"").nth(1).map(|rest| rest.split('"').next().unwrap_or("").to_owned());
    moved
        .changed()
        .filter(|(series, _)| series.starts_with("api_errors_total"))
        .filter_map(|(series, value)| of(series).map(|name| (name, value)))
        .collect()
}

/// Sends each body and compares status and problem; a document tells what is wrong.
fn check(daemon: &Daemon, route: &Route, name: &str, request: &Request, status: u16, error_type: &str) {
    let before = daemon.scrape();
    let answer = daemon.ask(request);
    let moved = delta(&before, &daemon.scrape());
    let what = format!("{name} at {}", route.path);
    assert_eq!(answer.status, route.status(status), "{what}: {}", answer.text());
    assert_eq!(errors(&moved), [(error_type.to_owned(), 1.0)], "{what}");
    tells(&answer, &what);
}

/// The answer to what is wrong says so in words.
fn tells(answer: &Response, what: &str) {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let words = ["/detail", "/error/message", "/error"].iter().find_map(|place| body.pointer(place)?.as_str());
    assert!(words.is_some_and(|words| words.len() > 20 && !words.contains('\0')), "{what}: {body}");
}

fn zipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

/// `length` bytes of the same, a mebibyte of which is a kibibyte in gzip.
fn bomb(length: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let piece = vec![b' '; 1 << 16];
    for _ in 0..length >> 16 {
        encoder.write_all(&piece).expect("memory");
    }
    encoder.finish().expect("memory")
}

fn daemon() -> Daemon {
    Daemon::start(&["--workers", "1", "--bert", "off"])
}

#[test]
fn values_that_are_no_json_or_no_number_are_refused_everywhere() {
    let daemon = daemon();
    let digits = "1".repeat(400);
    let fraction = format!("{digits}.5");
    let deep = [
        ("[".repeat(30_000), "an open list in a list"),
        ("[".repeat(30_000) + &"]".repeat(30_000), "a list in a list"),
    ];
    let objects = "{\"a\":".repeat(10_000);
    let mut values: Vec<(&str, &[u8], u16, &str)> = vec![
        ("an object in an object", objects.as_bytes(), 400, "malformed_json"),
        ("1e999999", b"1e999999", 422, "number_out_of_range"),
        ("-1e999999", b"-1e999999", 422, "number_out_of_range"),
        ("400 digits", digits.as_bytes(), 422, "number_out_of_range"),
        ("400 digits and a fraction", fraction.as_bytes(), 422, "number_out_of_range"),
        ("a zero in front", b"01", 400, "malformed_json"),
        ("a plus", b"+1", 400, "malformed_json"),
        ("two signs", b"--1", 400, "malformed_json"),
        ("NaN", b"NaN", 400, "malformed_json"),
        ("Infinity", b"Infinity", 400, "malformed_json"),
        ("hexadecimal", b"0x10", 400, "malformed_json"),
        ("no digit before the point", b".5", 400, "malformed_json"),
        ("no digit behind the point", b"5.", 400, "malformed_json"),
        ("no exponent", b"1e", 400, "malformed_json"),
        ("a comment", b"1 /* x */", 400, "malformed_json"),
        ("a comma too many", b"[1,]", 400, "malformed_json"),
        ("other quotes", b"'a'", 400, "malformed_json"),
        ("the first half of a character", b"\"\\ud800\"", 400, "malformed_json"),
        ("the second half of a character", b"\"\\udc00\"", 400, "malformed_json"),
        ("two first halves", b"\"\\ud800\\ud800\"", 400, "malformed_json"),
        ("half an escape", b"\"\\u00\"", 400, "malformed_json"),
        ("NUL in a string", b"\"a\0b\"", 400, "malformed_json"),
        ("NUL in the place of a value", b"\0", 400, "malformed_json"),
        ("a line feed in a string", b"\"a\nb\"", 400, "malformed_json"),
        ("a byte that UTF-8 has not", b"\"\xff\"", 400, "invalid_utf8"),
        ("a longer form than need be", b"\"\xc0\xaf\"", 400, "invalid_utf8"),
        ("half a character in UTF-8", b"\"\xed\xa0\x80\"", 400, "invalid_utf8"),
        ("beyond the last character", b"\"\xf4\x90\x80\x80\"", 400, "invalid_utf8"),
        ("a character cut off", b"\"\xe2\x82\"", 400, "invalid_utf8"),
    ];
    values.extend(deep.iter().map(|(value, name)| (*name, value.as_bytes(), 400, "malformed_json")));
    for route in &ROUTES {
        for (name, value, status, error_type) in &values {
            check(&daemon, route, name, &Request::json(route.path, route.with(value)), *status, error_type);
        }
        assert_eq!(daemon.ask(&Request::json(route.path, route.good())).status, 200, "{}", route.path);
    }
    nothing_is_left(&daemon);
}

#[test]
fn values_that_are_json_are_taken_for_what_they_are() {
    let daemon = daemon();
    // (value, whether it is a number, whether a text has something to score)
    let zeros = format!("0.{}1", "0".repeat(400));
    let long = "1".repeat(300);
    for route in &ROUTES {
        let of_numbers = route.good == "5.1";
        let ask = |value: &str| daemon.ask(&Request::json(route.path, route.with(value.as_bytes()))).status;
        for number in ["-0", "-0.0", "0e0", "1e-999999", "0e999999", zeros.as_str()] {
            let expected = if of_numbers || route.is_batch() { 200 } else { route.status(422) };
            assert_eq!(ask(number), expected, "{number} at {}", route.path);
        }
        // A number of JSON, and of no use: a float of 32 bits does not hold it.
        let expected = if route.is_batch() { 200 } else { route.status(422) };
        assert_eq!(ask(&long), expected, "300 digits at {}", route.path);
        for text in ["\"a\\u0000b\"", "\"\\u0000a\"", "\"\\ud83d\\udc4d a\"", "\"a\u{fffe}\u{ffff}\"", "\"a\u{202e}\""]
        {
            let expected = if !of_numbers || route.is_batch() { 200 } else { route.status(422) };
            assert_eq!(ask(text), expected, "{text:?} at {}", route.path);
        }
    }
    // NUL is a character like others and cuts nothing off.
    let score = |text: &str| {
        let answer = daemon.ask(&Request::json("/analyze", format!("{{\"text\":\"{text}\"}}")));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        body["score"].as_f64().expect("a score")
    };
    assert!(score("fine\\u0000 you are stupid and I hate you") > score("fine") + 20.0);
    nothing_is_left(&daemon);
}

#[test]
fn bodies_that_are_no_document_are_refused_everywhere() {
    let daemon = daemon();
    for route in &ROUTES {
        let good = route.good();
        let twice = [&good[..good.len() - 1], b",", &good[1..]].concat();
        let inner = [&good[1..good.len() - 1], b","].concat().repeat(40_000 / good.len());
        let often = [b"{", &inner[..inner.len() - 1], b"}"].concat();
        let wide: Vec<_> = (0..4000).map(|at| format!("\"k{at}\":1")).collect();
        let wide = format!("{{{}}}", wide.join(","));
        let utf_16: Vec<u8> = String::from_utf8_lossy(&good).encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (name, body, status, error_type) in [
            ("nothing", Vec::new(), 400, "malformed_json"),
            ("spaces", vec![b' '; 60_000], 400, "malformed_json"),
            ("NUL alone", vec![0; 60_000], 400, "malformed_json"),
            ("open brackets", vec![b'['; 60_000], 400, "malformed_json"),
            ("quotes", vec![b'"'; 60_001], 400, "malformed_json"),
            ("backslashes", [&b"\""[..], &vec![b'\\'; 60_001]].concat(), 400, "malformed_json"),
            ("a byte order mark", [&b"\xef\xbb\xbf"[..], &good].concat(), 400, "malformed_json"),
            ("UTF-16 with its mark", [&b"\xff\xfe"[..], &utf_16].concat(), 400, "invalid_utf8"),
            ("UTF-16", utf_16, 400, "malformed_json"),
            ("something behind", [&good[..], b"x"].concat(), 400, "malformed_json"),
            ("NUL behind", [&good[..], b"\0"].concat(), 400, "malformed_json"),
            ("two documents", good.repeat(2), 400, "malformed_json"),
            ("a name twice", twice, 422, "duplicate_field"),
            ("a name a thousand times", often, 422, "duplicate_field"),
        ] {
            check(&daemon, route, name, &Request::json(route.path, body), status, error_type);
        }
        // The Open Inference Protocol passes over what it does not know, and misses what it needs.
        let unknown = if route.path.starts_with("/v2") { "missing_field" } else { "unknown_field" };
        check(&daemon, route, "many names", &Request::json(route.path, wide), 422, unknown);
        let long = vec![b' '; 65_537];
        check(&daemon, route, "a byte too many", &Request::json(route.path, long), 413, "body_too_large");
    }
    nothing_is_left(&daemon);
}

#[test]
fn gzip_that_is_a_bomb_or_no_gzip_is_refused_everywhere_in_the_same_memory() {
    let daemon = daemon();
    let mebibytes = bomb(60 << 20);
    assert!(mebibytes.len() < 65_536, "{}", mebibytes.len());
    is_served(&daemon);
    for round in 0..2 {
        let before = resident(&daemon);
        for route in &ROUTES {
            let good = zipped(&route.good());
            let fit = |body: &[u8]| Request::json(route.path, body).header("Content-Encoding", "gzip");
            assert_eq!(daemon.ask(&fit(&good)).status, 200, "{}", route.path);
            for (name, body, status, error_type) in [
                ("a bomb", mebibytes.clone(), 413, "body_too_large"),
                ("members without number", zipped(b"").repeat(3000), 413, "body_too_large"),
                ("gzip in gzip", zipped(&good), 400, "malformed_json"),
                ("something behind", [&good[..], b"x"].concat(), 400, "malformed_gzip"),
                ("NUL behind", [&good[..], &[0; 8]].concat(), 400, "malformed_gzip"),
                ("an end missing", good[..good.len() - 1].to_vec(), 400, "malformed_gzip"),
                (
                    "a name without end",
                    [&good[..3], &[8], &good[4..10], &vec![b'a'; 60_000]].concat(),
                    400,
                    "malformed_gzip",
                ),
                ("no gzip", route.good(), 400, "malformed_gzip"),
            ] {
                // Gzip in gzip may hold bytes that UTF-8 has not: they are found first.
                let error_type = if name == "gzip in gzip" { "invalid_utf8" } else { error_type };
                check(&daemon, route, name, &fit(&body), status, error_type);
            }
            let twice = Request::json(route.path, zipped(&good)).header("Content-Encoding", "gzip, gzip");
            check(&daemon, route, "gzip twice, and said so", &twice, 415, "unsupported_media_type");
        }
        let grown = resident(&daemon).saturating_sub(before);
        // The first round makes what reads gzip, and touches the slots for bodies.
        let most = if round == 0 { 4 << 20 } else { 512 << 10 };
        assert!(grown < most, "round {round}: grew by {grown} bytes");
    }
    nothing_is_left(&daemon);
}

#[test]
fn lines_and_forms_and_tensors_stand_the_same() {
    let credentials = Credentials::new("hostile-bodies");
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let lines = |body: Vec<u8>, coding: &str| {
        let request = Request::post("/analyze/batch", body).header("Content-Type", "application/x-ndjson");
        let answer = daemon.ask(&request.header("Content-Encoding", coding));
        let lines: Vec<serde_json::Value> =
            answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        lines.iter().map(|line| line["error_type"].as_str().unwrap_or("none").to_owned()).collect::<Vec<_>>()
    };
    let deep = [vec![b'['; 30_000], b"\n".to_vec()].concat();
    let attacks =
        [&deep[..], b"\"\\ud800\"\n\"a\0b\"\n1e999999\n\"\xff\"\n{\"text\":\"a\",\"text\":\"b\"}\n\"good\"\n"].concat();
    let told = [
        "malformed_json",
        "malformed_json",
        "malformed_json",
        "number_out_of_range",
        "invalid_utf8",
        "duplicate_field",
        "none",
    ];
    assert_eq!(lines(attacks.clone(), "identity"), told, "each is told of, and the next is read");
    assert_eq!(lines(zipped(&attacks), "gzip"), told);
    assert_eq!(lines([zipped(b"\"good\"\n"), b"x".to_vec()].concat(), "gzip"), ["none", "malformed_gzip"]);
    // A line without an end, of 60 MiB: one result, in the memory of a line.
    let before = resident(&daemon);
    assert_eq!(lines(bomb(60 << 20), "gzip").len(), 1);
    let grown = resident(&daemon).saturating_sub(before);
    assert!(grown < 1 << 20, "grew by {grown} bytes");
    // The length of a tensor's JSON that is longer than the body, or none.
    for length in ["999999", "-1", "18446744073709551616", "1e3", ""] {
        let request = Request::post("/v2/models/iris/infer", "{}").header("Inference-Header-Content-Length", length);
        assert_eq!(daemon.ask(&request).status, 400, "{length}");
    }
    // Forms: what has no end, comes twice, is no UTF-8, or is compressed.
    let daemon = Daemon::start(&[&["--workers", "1", "--bert", "off"], credentials.flags().as_slice()].concat());
    let form = |body: &[u8]| Request::post("/token", body).header("Content-Type", "application/x-www-form-urlencoded");
    let long = format!("username=student&password={}", "%41".repeat(20_000));
    let many = "a=b&".repeat(15_000);
    for body in [
        &b"username=a&username=b&password=c"[..],
        b"username=a&password=%",
        b"username=a&password=%zz",
        b"%00=%00",
        long.as_bytes(),
        many.as_bytes(),
        b"",
    ] {
        let answer = daemon.ask(&form(body));
        assert_eq!(answer.status, 400, "{}", answer.text());
        tells(&answer, "a form");
    }
    assert_eq!(
        daemon.ask(&form(&zipped(b"username=student&password=x")).header("Content-Encoding", "gzip")).status,
        415
    );
    nothing_is_left(&daemon);
}

#[test]
fn a_worker_that_reads_the_worst_bodies_answers_others_between_them() {
    let daemon = daemon();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let worst = zipped(&[vec![b'['; 60_000], vec![b'"'; 5_000]].concat());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let request = Request::json("/analyze", worst.clone()).header("Content-Encoding", "gzip").to_bytes();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let (answers, _) = answers_to(&daemon, &request.repeat(8), 8);
                    assert!(answers.iter().all(|answer| answer.status == 400));
                }
            });
        }
        let begun = std::time::Instant::now();
        (0..50).for_each(|_| is_served(&daemon));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(begun.elapsed() < LONG, "fifty requests took {:?}", begun.elapsed());
    });
    nothing_is_left(&daemon);
}
