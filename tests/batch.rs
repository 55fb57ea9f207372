//! `POST /analyze/batch` with a list of texts: their order, what is told of each, limits, counters.

mod common;

use common::batch::{TEXTS, analyses, batch, requests, results, settled};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::metrics::{Samples, delta};
use serde_json::{Value, json};

#[test]
fn each_text_has_the_answer_that_it_has_alone_in_its_place() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--max-text-bytes", "100"]);
    let alone = |text: &str| settled(json(&daemon.ask(&Request::json("/analyze", json!({"text": text}).to_string()))));
    let expected: Vec<_> = TEXTS.iter().map(|text| alone(text)).collect();
    for model in [json!("simple"), json!("auto"), Value::Null] {
        let answer = daemon.ask(&batch(&json!({"texts": TEXTS, "model": model})));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let found: Vec<_> = results(&json(&answer)).iter().cloned().map(settled).collect();
        assert_eq!(found, expected, "{model}");
    }
    assert_eq!(json(&daemon.ask(&batch(&json!({"texts": []})))), json!({"results": []}));
}

#[test]
fn what_is_wrong_with_one_text_is_told_in_its_place_and_the_others_are_scored() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--max-text-bytes", "100"]);
    let before = daemon.scrape();
    let long = "a".repeat(101);
    let answer = daemon.ask(&batch(&json!({"texts": ["You are kind.", "", &long, 7, null, " \n", "Idiot."]})));
    assert_eq!(answer.status, 200);
    let body = json(&answer);
    let told: Vec<_> = results(&body).iter().map(|result| (&result["error_type"], &result["field"])).collect();
    let wrong = |kind: &str, field: &str| (json!(kind), json!(field));
    let expected = [
        (Value::Null, Value::Null),
        wrong("empty_text", "texts[1]"),
        wrong("text_too_long", "texts[2]"),
        wrong("invalid_type", "texts[3]"),
        wrong("invalid_type", "texts[4]"),
        wrong("empty_text", "texts[5]"),
        (Value::Null, Value::Null),
    ];
    assert_eq!(told, expected.iter().map(|(kind, field)| (kind, field)).collect::<Vec<_>>());
    let detail = |at: usize| results(&body)[at]["detail"].as_str().expect("a detail").to_owned();
    assert!(detail(2).contains("101 bytes long; the limit is 100"), "{}", detail(2));
    assert!(detail(3).contains("'texts[3]' must be a string, not a number"), "{}", detail(3));
    assert_eq!((&results(&body)[1]["status"], &results(&body)[2]["limit"]), (&json!(422), &json!(100)));
    assert!(results(&body)[6]["score"].as_u64().is_some_and(|score| score > 50), "{body}");

    let moved = delta(&before, &daemon.scrape());
    assert_eq!((analyses(&moved, "simple", "success"), analyses(&moved, "simple", "error")), (2.0, 5.0));
    assert_eq!(requests(&moved, "200"), 1.0, "one request, whatever is told of its texts");
    let errors = moved.iter().filter(|(series, value)| series.starts_with("api_errors_total") && *value != 0.0);
    assert_eq!(errors.count(), 0);
    let size = moved.value("http_response_size_bytes_sum", &[("handler", "/analyze/batch")]);
    assert_eq!(size, answer.body.len() as f64);
    let labels = [("method", "POST"), ("handler", "/analyze/batch")];
    assert_eq!(moved.value("http_request_duration_seconds_count", &labels), 1.0);
    assert_eq!(moved.value("http_requests_inprogress", &labels), 0.0);
    assert_eq!(moved.value("toxicity_score_distribution_count", &[]), 2.0);
    assert_eq!(moved.value("toxicity_api_active_users", &[]), 1.0);
}

#[test]
fn the_series_of_the_route_are_there_from_its_first_request_on_and_stay() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let of_route = |samples: &Samples| samples.iter().filter(|(series, _)| series.contains("/analyze/batch")).count();
    let body = || daemon.ask(&Request::get("/metrics")).text().to_owned();
    let (first, plain) = (daemon.scrape(), body());
    assert_eq!(of_route(&first), 0);
    assert_eq!(daemon.ask(&Request::get("/analyze/batch")).status, 405);
    let (used, shown) = (daemon.scrape(), body());
    assert!(of_route(&used) > 20, "{}", of_route(&used));
    assert_eq!(used.len(), first.len() + of_route(&used));
    assert_eq!(of_route(&daemon.scrape()), of_route(&used));
    // The lines that were there keep their order, and no family stands in two places.
    let series = |body: &str| -> Vec<String> {
        body.lines().map(|line| line.rsplit_once(' ').map_or(line, |(series, _)| series).to_owned()).collect()
    };
    let kept: Vec<_> = series(&shown).into_iter().filter(|series| !series.contains("/analyze/batch")).collect();
    assert_eq!(kept, series(&plain));
    for line in shown.lines().filter(|line| line.contains("/analyze/batch")) {
        let name = line.split('{').next().expect("a name");
        let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let before = shown.split(line).next().expect("what stands before");
        let head = before.lines().rfind(|line| line.starts_with("# TYPE")).expect("a head");
        assert!(head.starts_with(&format!("# TYPE {name} ")), "{line} stands under {head}");
    }
    for accept in [
        "application/openmetrics-text;version=1.0.0",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ] {
        let body = daemon.ask(&Request::get("/metrics").header("Accept", accept)).body;
        assert!(body.windows(14).any(|window| window == b"/analyze/batch"), "{accept}");
    }
}

#[test]
fn a_request_that_asks_nothing_that_can_be_answered_is_refused_as_a_whole_and_counted_once() {
    let daemon =
        Daemon::start(&["--max-batch", "3", "--max-text-bytes", "100", "--max-body-bytes", "1000", "--bert", "off"]);
    let post = |body: &[u8]| Request::json("/analyze/batch", body);
    for (request, method, status, error_type, detail, field) in [
        (post(br#"{"texts":["#), "POST", 400, "malformed_json", "byte 10", None),
        (post(b""), "POST", 400, "malformed_json", "byte 0", None),
        (post(b"{\"texts\":[\"\xff\"]}"), "POST", 400, "invalid_utf8", "byte 11", None),
        (post(b"[]"), "POST", 422, "invalid_type", "an object, not a list", Some("body")),
        (post(br#"{"texts":"a"}"#), "POST", 422, "invalid_type", "a list, not a string", Some("texts")),
        (post(b"{}"), "POST", 422, "missing_field", "list of texts", Some("texts")),
        (post(br#"{"texts":["a"],"text":"a"}"#), "POST", 422, "unknown_field", "send 'texts'", Some("text")),
        (post(br#"{"texts":["a"],"texts":["a"]}"#), "POST", 422, "duplicate_field", "twice", Some("texts")),
        (
            post(br#"{"texts":["a","b","c","d"]}"#),
            "POST",
            422,
            "wrong_length",
            "no more texts than 'limit' says, not 4",
            Some("texts"),
        ),
        (post(br#"{"texts":["a"],"model":"gpt"}"#), "POST", 422, "unknown_model", "'simple'", Some("model")),
        (post(br#"{"texts":["a"],"model":"bert"}"#), "POST", 503, "model_unavailable", "without 'bert'", Some("model")),
        (post(br#"{"texts":[1e999]}"#), "POST", 422, "number_out_of_range", "byte 10", None),
        (post(&[b' '; 1001]), "POST", 413, "body_too_large", "1000 bytes", None),
        (Request::post("/analyze/batch", "{}"), "POST", 415, "unsupported_media_type", "application/x-ndjson", None),
        (Request::get("/analyze/batch"), "GET", 405, "method_not_allowed", "Allow", None),
    ] {
        let before = daemon.scrape();
        let answer = daemon.ask(&request);
        let body = json(&answer);
        assert_eq!((answer.status, body["error_type"].as_str()), (status, Some(error_type)), "{body}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
        assert_eq!(body["field"].as_str(), field, "{body}");
        assert!(body["detail"].as_str().is_some_and(|text| text.contains(detail)), "{body}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST, OPTIONS"));
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("1"));
        let moved = delta(&before, &daemon.scrape());
        let code = status.to_string();
        let labels = [("method", method), ("handler", "/analyze/batch"), ("status", code.as_str())];
        assert_eq!(moved.value("http_requests_total", &labels), 1.0, "{body}");
        let labels = [("error_type", error_type), ("endpoint", "/analyze/batch")];
        assert_eq!(moved.value("api_errors_total", &labels), 1.0, "{body}");
        let of_texts = ["malformed_json", "invalid_type", "wrong_length", "model_unavailable"].contains(&error_type);
        assert!(!of_texts || analyses(&moved, "simple", "error") + analyses(&moved, "bert", "error") == 1.0, "{body}");
    }
    let options = daemon.ask(&Request::new("OPTIONS", "/analyze/batch"));
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
}

#[test]
fn a_row_that_is_no_iris_is_told_in_its_place_and_the_others_are_classified() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let before = daemon.scrape();
    let rows = json!([[5.1, 3.5, 1.4, 0.2], [1, 2], [6.7, 3.0, 5.2, 2.3], 5, [1, 2, 3, -1e300], [1, "a", 3, 4]]);
    let answer = daemon.ask(&Request::json("/predict", json!({"features": rows}).to_string()));
    let body = json(&answer);
    let told: Vec<_> = body
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["prediction"], &row["error_type"], &row["field"]))
        .collect();
    let iris = |name: &str| (json!(name), Value::Null, Value::Null);
    let wrong = |kind: &str, field: &str| (Value::Null, json!(kind), json!(field));
    let expected = [
        iris("setosa"),
        wrong("wrong_length", "features[1]"),
        iris("virginica"),
        wrong("invalid_type", "features[3]"),
        wrong("number_out_of_range", "features[4][3]"),
        wrong("invalid_type", "features[5][1]"),
    ];
    assert_eq!(told, expected.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
    assert_eq!(answer.status, 200);
    let moved = delta(&before, &daemon.scrape());
    let predicted = ["setosa", "versicolor", "virginica"]
        .map(|class| moved.value("model_predictions_total", &[("predicted_class", class)]));
    assert_eq!(predicted, [1.0, 0.0, 1.0]);
    // As many rows as a request may have, all of them wrong: there is room to say so.
    let rows = format!(r#"{{"features":[[]{}]}}"#, ",9".repeat(1023));
    assert_eq!(json(&daemon.ask(&Request::json("/predict", rows))).as_array().map(Vec::len), Some(1024));
}
