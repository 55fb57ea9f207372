//! The log: lines that Cloud Logging understands, an access log that is sampled, bounded and never quotes a text, and
//! traces that go back to whoever sent them.

mod common;

use std::time::Duration;

use common::daemon::Daemon;
use common::http::Request;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_request_is_logged_with_its_trace_and_without_its_text() {
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--access-log"]);
    let request = Request::json("/analyze", r#"{"text":"unmistakable words","explain":true}"#);
    let length = request.to_bytes().split(|&byte| byte == b'\n').next_back().map_or(0, <[u8]>::len);
    let answer = daemon.ask(&request.header("traceparent", TRACE));
    assert_eq!((answer.status, answer.header("traceparent")), (200, Some(TRACE)));
    let line = daemon.wait_for("request", PATIENCE);
    let http = &line["httpRequest"];
    assert_eq!((&line["severity"], &http["requestMethod"]), (&"INFO".into(), &"POST".into()));
    assert_eq!((&http["requestUrl"], &http["status"]), (&"/analyze".into(), &200.into()));
    assert_eq!(http["requestSize"], length.to_string());
    assert_eq!(http["responseSize"], answer.body.len().to_string());
    let latency = http["latency"].as_str().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok());
    assert!(latency.is_some_and(|seconds| seconds > 0.0 && seconds < 10.0), "{http}");
    assert_eq!(line["logging.googleapis.com/trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["logging.googleapis.com/spanId"], "00f067aa0ba902b7");
    let strange = daemon.ask(&Request::get("/unmistakable?text=words").header("traceparent", "00-no-trace-01"));
    assert_eq!((strange.status, strange.header("traceparent")), (404, None));
    daemon.signal("TERM");
    let (_, lines) = daemon.wait(PATIENCE);
    let refused = lines.iter().find(|line| line["error_type"] == "not_found").expect("a line");
    assert_eq!((&refused["httpRequest"]["status"], refused.get("logging.googleapis.com/trace")), (&404.into(), None));
    assert!(!lines.iter().any(|line| line.to_string().contains("unmistakable")), "{lines:?}");
}

#[test]
fn nothing_is_logged_of_requests_unless_asked_for() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    for path in ["/health", "/nope"] {
        daemon.ask(&Request::get(path));
    }
    daemon.signal("TERM");
    let (_, lines) = daemon.wait(PATIENCE);
    assert!(lines.iter().all(|line| line.get("httpRequest").is_none()), "{lines:?}");
}

#[test]
fn the_access_log_is_sampled_and_its_lines_in_a_second_are_bounded() {
    let flags = ["--workers", "1", "--bert", "off", "--access-log"];
    let logged = |more: &[&str], count: usize| {
        let daemon = Daemon::start(&[&flags, more].concat());
        let mut connection = daemon.connect();
        for _ in 0..count {
            connection.send(&Request::get("/health").to_bytes()).expect("sent");
            assert_eq!(connection.read_response().expect("an answer").status, 200);
        }
        drop(connection);
        daemon.signal("TERM");
        daemon.wait(PATIENCE).1
    };
    let requests = |lines: &[serde_json::Value]| lines.iter().filter(|line| line["message"] == "request").count();
    assert_eq!(requests(&logged(&["--access-log-sample", "50", "--access-log-limit", "1000000"], 500)), 10);
    let lines = logged(&["--access-log-limit", "5"], 2000);
    let seconds = lines.iter().filter(|line| line["message"] == "requests left out of the access log").count() + 1;
    assert!((5..=5 * seconds).contains(&requests(&lines)), "{} in {seconds} seconds", requests(&lines));
}
