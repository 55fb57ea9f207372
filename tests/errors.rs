//! Every way in which a request can fail: status, problem document, and the counters it moves.

mod common;

use std::time::Duration;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::metrics::{Samples, delta};

/// What is sent, and what must come back.
struct Case {
    name: &'static str,
    request: Request,
    status: u16,
    error_type: &'static str,
    /// A part of `detail`.
    detail: &'static str,
    field: Option<&'static str>,
    handler: &'static str,
    method: &'static str,
}

#[test]
fn every_error_tells_what_is_wrong_and_counts_once() {
    let daemon =
        Daemon::start(&["--max-rows", "2", "--max-text-bytes", "100", "--max-body-bytes", "1000", "--bert", "off"]);
    for case in cases() {
        let before = daemon.scrape();
        let response = daemon.ask(&case.request);
        let moved = delta(&before, &daemon.scrape());
        check(&case, &response);
        check_counters(&case, &moved);
    }
}

fn check(case: &Case, response: &Response) {
    let name = case.name;
    assert_eq!(response.status, case.status, "{name}: {}", response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{name}");
    let body: serde_json::Value = serde_json::from_slice(&response.body).expect("a JSON document");
    assert_eq!(body["status"], case.status, "{name}");
    assert_eq!(body["type"], "about:blank", "{name}");
    assert_eq!(body["error_type"], case.error_type, "{name}: {body}");
    assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(case.detail)), "{name}: {body}");
    assert_eq!(body["field"].as_str(), case.field, "{name}: {body}");
    let allow =
        (case.status == 405).then_some(if case.handler == "/predict" { "POST, OPTIONS" } else { "GET, HEAD, OPTIONS" });
    assert_eq!(response.header("allow"), allow, "{name}");
    assert_eq!(response.header("retry-after"), (case.status == 503).then_some("1"), "{name}");
}

fn check_counters(case: &Case, moved: &Samples) {
    let status = case.status.to_string();
    let labels = [("method", case.method), ("handler", case.handler), ("status", status.as_str())];
    assert_eq!(moved.value("http_requests_total", &labels), 1.0, "{}", case.name);
    let labels = [("error_type", case.error_type), ("endpoint", case.handler)];
    assert_eq!(moved.value("api_errors_total", &labels), 1.0, "{}", case.name);
    let all = moved.iter().filter(|(series, _)| series.starts_with("api_errors_total")).map(|(_, value)| value);
    assert_eq!(all.sum::<f64>(), 1.0, "{}: counted once", case.name);
    let analyzed = if case.handler == "/analyze" && case.method == "POST" { 1.0 } else { 0.0 };
    let labels = [("model_type", "simple"), ("status", "error")];
    if ["malformed_json", "empty_text", "missing_field"].contains(&case.error_type) {
        assert_eq!(moved.value("toxicity_api_requests_total", &labels), analyzed, "{}", case.name);
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let post = |target: &'static str| {
        move |name, body: &[u8], status, error_type, detail, field| Case {
            name,
            request: Request::json(target, body),
            status,
            error_type,
            detail,
            field,
            handler: target,
            method: "POST",
        }
    };
    let (analyze, predict) = (post("/analyze"), post("/predict"));
    let other = |name, request, status, error_type, detail, handler, method| Case {
        name,
        request,
        status,
        error_type,
        detail,
        field: None,
        handler,
        method,
    };
    let long_text = format!(r#"{{"text":"{}"}}"#, "a".repeat(101));
    let rows = |count: usize| format!(r#"{{"features":[{}]}}"#, vec!["[1,2,3,4]"; count].join(","));
    vec![
        analyze("unclosed", br#"{"text":"a""#, 400, "malformed_json", "byte 11", None),
        analyze("no body", b"", 400, "malformed_json", "byte 0", None),
        analyze("bad escape", br#"{"text":"\q"}"#, 400, "malformed_json", "byte 10", None),
        analyze("bad UTF-8", b"{\"text\":\"a\xff\"}", 400, "invalid_utf8", "byte 10", None),
        analyze("a list", b"[]", 422, "invalid_type", "must be an object, not a list", Some("body")),
        analyze("a number beyond all", br#"{"text":1e999}"#, 422, "number_out_of_range", "byte 8", None),
        analyze("text a number", br#"{"text":1}"#, 422, "invalid_type", "must be a string, not a number", Some("text")),
        analyze("model a list", br#"{"text":"a","model":[]}"#, 422, "invalid_type", "not a list", Some("model")),
        analyze(
            "explain a number",
            br#"{"text":"a","explain":1}"#,
            422,
            "invalid_type",
            "must be true or false, not a number",
            Some("explain"),
        ),
        analyze(
            "explain twice",
            br#"{"explain":true,"text":"a","explain":true}"#,
            422,
            "duplicate_field",
            "twice",
            Some("explain"),
        ),
        analyze(
            "explain escaped",
            br#"{"text":"a","\u0065xplain":true}"#,
            422,
            "unknown_field",
            "without escapes",
            Some("explain"),
        ),
        analyze("no text", b"{}", 422, "missing_field", "is missing", Some("text")),
        analyze("misspelt", br#"{"txt":"a"}"#, 422, "unknown_field", "send 'text'", Some("txt")),
        analyze("twice", br#"{"text":"a","text":"b"}"#, 422, "duplicate_field", "twice", Some("text")),
        analyze("empty", br#"{"text":""}"#, 422, "empty_text", "nothing to score", Some("text")),
        analyze("blank", br#"{"text":" \n\t "}"#, 422, "empty_text", "nothing to score", Some("text")),
        analyze(
            "too long",
            long_text.as_bytes(),
            422,
            "text_too_long",
            "101 bytes long; the limit is 100",
            Some("text"),
        ),
        analyze("no such model", br#"{"text":"a","model":"gpt"}"#, 422, "unknown_model", "'simple'", Some("model")),
        analyze(
            "no bert",
            br#"{"text":"a","model":"bert"}"#,
            503,
            "model_unavailable",
            "without 'bert'",
            Some("model"),
        ),
        analyze("body too long", &[b' '; 1001], 413, "body_too_large", "1000 bytes", None),
        analyze("text too large a number", br#"{"text":1e999}"#, 422, "number_out_of_range", "byte 8", None),
        predict("unclosed", br#"{"features":[1"#, 400, "malformed_json", "byte 14", None),
        predict("NaN", br#"{"features":[NaN,1,2,3]}"#, 400, "malformed_json", "byte 13", None),
        predict("no fields", b"{}", 422, "missing_field", "'features'", Some("features")),
        predict(
            "three names",
            br#"{"sepal_length":1,"sepal_width":1,"petal_width":1}"#,
            422,
            "missing_field",
            "missing",
            Some("petal_length"),
        ),
        predict("unknown", br#"{"features":[1,2,3,4],"x":1}"#, 422, "unknown_field", "not known", Some("x")),
        predict(
            "both shapes",
            br#"{"features":[1,2,3,4],"sepal_width":1}"#,
            422,
            "unknown_field",
            "already",
            Some("sepal_width"),
        ),
        predict(
            "twice",
            br#"{"features":[1,2,3,4],"features":[1,2,3,4]}"#,
            422,
            "duplicate_field",
            "twice",
            Some("features"),
        ),
        predict("a string", br#"{"features":"1"}"#, 422, "invalid_type", "a list, not a string", Some("features")),
        predict(
            "a word inside",
            br#"{"features":[1,2,"a",4]}"#,
            422,
            "invalid_type",
            "a number, not a string",
            Some("features[2]"),
        ),
        predict("empty", br#"{"features":[]}"#, 422, "wrong_length", "not 0", Some("features")),
        predict("three", br#"{"features":[1,2,3]}"#, 422, "wrong_length", "4 numbers, not 3", Some("features")),
        predict("too many rows", rows(3).as_bytes(), 422, "wrong_length", "not 3", Some("features")),
        predict(
            "too large",
            br#"{"features":[1e39,1,2,3]}"#,
            422,
            "number_out_of_range",
            "finite",
            Some("features[0]"),
        ),
        predict("far too large", br#"{"features":[1e999,1,2,3]}"#, 422, "number_out_of_range", "byte 13", None),
        other("no such path", Request::get("/nope"), 404, "not_found", "GET /", "none", "GET"),
        other("a traversal", Request::get("/../etc/passwd"), 404, "not_found", "GET /", "none", "GET"),
        other("wrong method", Request::get("/predict"), 405, "method_not_allowed", "Allow", "/predict", "GET"),
        other("odd method", Request::new("BREW", "/health"), 405, "method_not_allowed", "Allow", "/health", "other"),
        other(
            "no type",
            Request::post("/predict", "{}"),
            415,
            "unsupported_media_type",
            "application/json",
            "/predict",
            "POST",
        ),
        other(
            "a form",
            Request::post("/analyze", "text=a").header("Content-Type", "application/x-www-form-urlencoded"),
            415,
            "unsupported_media_type",
            "application/json",
            "/analyze",
            "POST",
        ),
        other(
            "long headers",
            Request::get("/health").header("X-Long", &"x".repeat(20_000)),
            431,
            "header_section_too_large",
            "fewer or shorter",
            "none",
            "other",
        ),
    ]
}

#[test]
fn bytes_that_are_not_http_get_a_document_too_and_what_came_before_is_answered() {
    let daemon = Daemon::start(&[]);
    let before = daemon.scrape();
    let mut connection = daemon.connect();
    connection.send(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n").expect("sent");
    let answers = connection.read_responses(2).expect("two answers");
    assert_eq!(answers[0].status, 200);
    assert_eq!(answers[1].status, 400);
    assert!(answers[1].text().contains("malformed_request"));
    assert!(connection.is_closed().expect("an end"));
    let mut connection = daemon.connect();
    let fields = "x-many: y\r\n".repeat(150);
    connection.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n").as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 431);
    let mut connection = daemon.connect();
    let head =
        b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(&[head.as_slice(), b"zz\r\n"].concat()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 400);
    let moved = delta(&before, &daemon.scrape());
    let count = |handler, method, status| {
        moved.value("http_requests_total", &[("method", method), ("handler", handler), ("status", status)])
    };
    assert_eq!(
        (count("none", "other", "400"), count("none", "other", "431"), count("/predict", "POST", "400")),
        (1.0, 1.0, 1.0)
    );
}

/// What is counted as status 500, or as an error of type "other", is a bug of the daemon by its own words, and no client may cause it:
/// where a request is refused whatever its body says, a body that is no HTTP, or too long, is no reason to count another status.
#[test]
fn a_broken_body_of_a_refused_request_is_not_counted_as_a_bug_of_the_daemon() {
    let daemon = Daemon::start(&["--max-body-bytes", "1024", "--max-text-bytes", "1024"]);
    let before = daemon.scrape();
    let long = format!("800\r\n{}\r\n0\r\n\r\n", "x".repeat(0x800));
    let requests = [("PUT", "/predict", 405), ("POST", "/none", 404), ("GET", "/analyze", 405), ("PUT", "/livez", 405)];
    for (method, path, status) in requests {
        for body in ["zz\r\n", &long] {
            let mut connection = daemon.connect();
            let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
            connection.send((head + body).as_bytes()).expect("sent");
            let answer = connection.read_response().expect("an answer");
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.header("connection"), Some("close"), "what follows cannot be told from the body");
            assert!(connection.is_closed().expect("an end"));
        }
    }
    let mut connection = daemon.connect();
    let head = "POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    connection.send(head.as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 400);
    let moved = delta(&before, &daemon.scrape());
    let overflow = [("method", "other"), ("handler", "none"), ("status", "500")];
    assert_eq!(moved.value("http_requests_total", &overflow), 0.0);
    let errors =
        |error_type, endpoint| moved.value("api_errors_total", &[("error_type", error_type), ("endpoint", endpoint)]);
    assert_eq!((errors("other", "none"), errors("malformed_request", "none")), (0.0, 1.0));
    assert_eq!((errors("method_not_allowed", "/predict"), errors("not_found", "none")), (2.0, 2.0));
}

#[test]
fn slow_requests_are_timed_out_and_told_so() {
    let daemon = Daemon::start(&["--header-timeout", "500ms", "--body-timeout", "500ms", "--idle-timeout", "800ms"]);
    let before = daemon.scrape();
    // A header section that never ends, on a new connection and on a used one.
    let mut fresh = daemon.connect();
    fresh.send(b"GET /livez HTTP/1.1\r\nhost").expect("sent");
    let mut used = daemon.connect();
    assert_eq!(used.exchange(&Request::get("/livez")).expect("an answer").status, 200);
    used.send(b"GET /livez HT").expect("sent");
    // A body that never ends.
    let mut body = daemon.connect();
    let head =
        b"POST /analyze HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"text\":";
    body.send(head).expect("sent");
    for connection in [&mut fresh, &mut used, &mut body] {
        let answer = connection.read_response().expect("an answer");
        assert_eq!(answer.status, 408, "{}", answer.text());
        assert!(answer.text().contains("request_timeout"));
        assert!(connection.is_closed().expect("an end"));
    }
    // Nothing sent, or nothing more: closed without a word.
    let (mut silent, mut idle) = (daemon.connect(), daemon.connect());
    assert_eq!(idle.exchange(&Request::get("/livez")).expect("an answer").status, 200);
    assert!(silent.is_closed().expect("an end") && idle.is_closed().expect("an end"));
    let moved = delta(&before, &daemon.scrape());
    let count = |handler, method| {
        moved.value("http_requests_total", &[("method", method), ("handler", handler), ("status", "408")])
    };
    assert_eq!((count("none", "other"), count("/analyze", "POST")), (2.0, 1.0));
    assert_eq!(moved.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")]), 0.0);
}

#[test]
fn a_client_that_leaves_mid_body_is_not_counted_and_leaves_no_trace() {
    let daemon = Daemon::start(&[]);
    let before = daemon.scrape();
    for _ in 0..3 {
        let mut connection = daemon.connect();
        let head =
            b"POST /analyze HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
        connection.send(head).expect("sent");
    }
    let mut half_closed = daemon.connect();
    half_closed
        .send(b"POST /analyze HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{")
        .expect("sent");
    half_closed.finish_sending().expect("sent");
    assert!(half_closed.is_closed().expect("an end"), "an incomplete request is not answered, least of all with 200");
    std::thread::sleep(Duration::from_millis(300));
    let moved = delta(&before, &daemon.scrape());
    let posts = moved.iter().filter(|(series, _)| series.starts_with("http_requests_total") && series.contains("POST"));
    assert_eq!(posts.map(|(_, value)| value).sum::<f64>(), 0.0);
    assert_eq!(moved.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")]), 0.0);
}
