//! HTTP/2 without TLS, by prior knowledge (RFC 9113, section 3.3), as curl and h2load speak it; and side by side with HTTP/1.1.

mod common;

use std::path::Path;
use std::process::Command;

use common::daemon::Daemon;
use common::metrics::delta;
use common::tools::tool_or_skip;
use serde_json::Value;

const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;

/// What curl says of an answer: the version of HTTP, the status, the body.
fn curl(curl: &Path, arguments: &[&str]) -> (String, String, String) {
    let ran = Command::new(curl)
        .args(["--silent", "--show-error", "--write-out", "\n%{http_version} %{response_code}"])
        .args(arguments)
        .output()
        .expect("curl runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told = String::from_utf8(ran.stdout).expect("UTF-8");
    let (body, told) = told.rsplit_once('\n').expect("what it was asked to write");
    let (version, status) = told.split_once(' ').expect("both");
    (version.to_owned(), status.to_owned(), body.to_owned())
}

#[test]
fn curl_speaks_it_by_prior_knowledge_and_stays_with_what_it_has_otherwise() {
    let Some(tool) = tool_or_skip("curl") else { return };
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let url = |path: &str| format!("http://{}{path}", daemon.address());
    let json = ["--header", "content-type: application/json", "--data", IRIS];
    // An offer to change to HTTP/2 (RFC 7540, section 3.2, which RFC 9113 took back) is passed over.
    for (asked, version) in [("--http2-prior-knowledge", "2"), ("--http2", "1.1"), ("--http1.1", "1.1")] {
        let predict = url("/predict");
        let (spoken, status, body) = curl(&tool, &[&[asked, predict.as_str()], &json[..]].concat());
        assert_eq!((spoken.as_str(), status.as_str()), (version, "200"), "{asked}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["prediction"], "setosa");
        // And what is wrong, and an answer that comes in parts, and gzip.
        let (_, status, body) = curl(&tool, &[asked, &url("/predict"), "--header", json[1], "--data", "{"]);
        assert!(status == "400" && body.contains("malformed_json"), "{body}");
        let texts = format!("[{}]", vec!["\"You are kind.\""; 200].join(","));
        let batch = format!("{{\"texts\":{texts}}}");
        let target = url("/analyze/batch");
        let batch = [asked, &target, "--compressed", "--header", json[1], "--data", &batch];
        let (_, status, body) = curl(&tool, &batch);
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status.as_str(), body["results"].as_array().map(Vec::len)), ("200", Some(200)));
    }
}

/// The number before `word` in what h2load says.
fn told(report: &str, word: &str) -> u64 {
    let before = report.split(word).next().expect("a part").trim_end();
    let number = before.rsplit(|character: char| !character.is_ascii_digit()).next().expect("a number");
    number.parse().unwrap_or_else(|_| panic!("no number before {word:?}: {report}"))
}

#[test]
fn each_of_many_streams_on_a_connection_has_its_answer_and_is_counted_once() {
    let Some(h2load) = tool_or_skip("h2load") else { return };
    let body = Path::new(env!("CARGO_TARGET_TMPDIR")).join("h2c-iris.json");
    std::fs::write(&body, IRIS).expect("written");
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    let load = |more: &[&str], path: &str| {
        let ran = Command::new(&h2load)
            .args(["--requests", "4000", "--clients", "4", "--max-concurrent-streams", "32", "--threads", "1"])
            .args(more)
            .arg(format!("http://{}{path}", daemon.address()))
            .output()
            .expect("h2load runs");
        let report = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{report}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(report.contains("Application protocol: h2c"), "{report}");
        assert_eq!((told(&report, " succeeded"), told(&report, " 2xx"), told(&report, " errored")), (4000, 4000, 0));
    };
    let before = daemon.scrape();
    load(&[], "/health");
    let file = body.to_str().expect("a path in UTF-8");
    load(&["--data", file, "--header", "content-type: application/json"], "/predict");
    let moved = delta(&before, &daemon.scrape());
    for (method, handler) in [("GET", "/health"), ("POST", "/predict")] {
        let labels = [("method", method), ("handler", handler), ("status", "200")];
        assert_eq!(moved.value("http_requests_total", &labels), 4000.0, "{handler}");
    }
}
