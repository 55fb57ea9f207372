//! `POST /analyze/batch` with a list of texts: their order, what is told of each, limits, counters, and who else is served.

mod common;

use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{FOUND, Gate, Inference, json};
use common::metrics::{Samples, delta};
use common::user_model::{UserModel, empty_directory};
use serde_json::{Value, json};
use tamis::model::manifest::Band;

const TEXTS: [&str; 5] = [
    "You are kind.",
    "You are stupid and I hate you!",
    "Thank you \"very\" much,\n naïve 👍",
    "Idiot.",
    "The cat sat.",
];

fn batch(body: &Value) -> Request {
    Request::json("/analyze/batch", body.to_string())
}

fn results(body: &Value) -> &Vec<Value> {
    body["results"].as_array().unwrap_or_else(|| panic!("no results: {body}"))
}

/// A result without what differs from one time to the next.
fn settled(mut result: Value) -> Value {
    let took = result.as_object_mut().expect("an object").remove("processing_time_ms");
    assert!(took.is_none_or(|took| took.is_number()));
    result
}

fn requests(samples: &Samples, status: &str) -> f64 {
    let labels = [("method", "POST"), ("handler", "/analyze/batch"), ("status", status)];
    samples.get("http_requests_total", &labels).unwrap_or_default()
}

fn analyses(samples: &Samples, model: &str, status: &str) -> f64 {
    samples.value("toxicity_api_requests_total", &[("model_type", model), ("status", status)])
}

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
fn a_batch_longer_than_the_queue_passes_through_it_in_order() {
    for queue in ["0", "2", "64"] {
        // The stand-in for `bert` says how many n-grams the text has, so no two texts have one answer.
        let told = |ids: &[u32]| {
            std::thread::sleep(Duration::from_millis((ids.len() % 3) as u64));
            Ok([(ids.len() % 100) as f32 / 100.0, 0.1, 0.2, 0.3, 0.4, 0.5])
        };
        let server =
            Inference::start(&["--bert-queue", queue, "--bert-threads", "2", "--max-batch", "100"], None, told);
        let texts: Vec<_> = (1..=100).map(|count| "xyz w".repeat(count)).collect();
        let alone: Vec<_> = texts[..10]
            .iter()
            .map(|text| {
                let body = json!({"text": text, "model": "bert"}).to_string();
                settled(json(&server.ask(&Request::json("/analyze", body))))
            })
            .collect();
        let answer = server.ask(&batch(&json!({"texts": texts, "model": "bert"})));
        let body = json(&answer);
        assert_eq!((answer.status, results(&body).len()), (200, 100));
        let found: Vec<_> = results(&body).iter().cloned().map(settled).collect();
        assert_eq!(found[..10], alone, "queue of {queue}");
        assert!(found.iter().all(|result| result["model_used"] == "bert"), "queue of {queue}: {body}");
        let samples = server.scrape();
        assert_eq!(analyses(&samples, "bert", "success"), 110.0);
        assert_eq!(samples.value("tamis_requests_shed_total", &[("reason", "queue")]), 0.0);
        assert_eq!(samples.value("tamis_inference_queue_depth", &[]), 0.0);
    }
}

#[test]
fn auto_keeps_the_order_where_some_texts_go_to_bert_and_some_do_not() {
    let band = Band { low: 0.2, high: 0.95 };
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(FOUND)
    };
    let server = Inference::start(&[], Some(band), slow);
    let texts: Vec<_> = TEXTS.iter().cycle().take(40).collect();
    let body = json(&server.ask(&batch(&json!({"texts": texts, "model": "auto"}))));
    let alone: Vec<_> = TEXTS
        .iter()
        .map(|text| {
            let body = json!({"text": text, "model": "auto"}).to_string();
            settled(json(&server.ask(&Request::json("/analyze", body))))
        })
        .collect();
    let found: Vec<_> = results(&body).iter().cloned().map(settled).collect();
    assert!(
        alone.iter().any(|one| one["model_used"] == "bert") && alone.iter().any(|one| one["model_used"] == "simple")
    );
    assert_eq!(found, alone.iter().cycle().take(40).cloned().collect::<Vec<_>>());
}

#[test]
fn a_text_that_waits_too_long_is_told_so_in_its_place_and_a_full_queue_refuses_the_whole() {
    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "64", "--bert-timeout", "300ms"], None, move |ids| run.run(ids));
    let mut slow = server.connect();
    slow.send(&batch(&json!({"texts": ["one", "two", "three"], "model": "bert"})).to_bytes()).expect("sent");
    gate.wait_begun(1);
    std::thread::sleep(Duration::from_millis(500));
    gate.open();
    let body = json(&slow.read_response().expect("an answer"));
    assert_eq!(results(&body)[0]["model_used"], "bert", "{body}");
    assert!(results(&body).iter().any(|result| result["error_type"] == "inference_timeout"), "{body}");
    assert_eq!(results(&body).len(), 3);

    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "0", "--bert-timeout", "100m"], None, move |ids| run.run(ids));
    let mut first = server.connect();
    first.send(&batch(&json!({"texts": ["one", "two"], "model": "bert"})).to_bytes()).expect("sent");
    gate.wait_begun(1);
    let refused = server.ask(&batch(&json!({"texts": ["three"], "model": "bert"})));
    assert_eq!((refused.status, json(&refused)["error_type"].as_str()), (503, Some("overloaded")));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.scrape().value("tamis_requests_shed_total", &[("reason", "queue")]), 1.0);
    gate.open();
    assert_eq!(results(&json(&first.read_response().expect("an answer"))).len(), 2);
}

#[test]
fn a_client_that_leaves_takes_its_questions_back_and_its_memory_is_lent_again() {
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(FOUND)
    };
    let server = Inference::start(&[], None, slow);
    let request = batch(&json!({"texts": vec!["You are kind."; 200], "model": "bert"})).to_bytes();
    // More of them than are made at start.
    for _ in 0..20 {
        let mut connection = server.connect();
        connection.send(&request).expect("sent");
        // The head of the answer is there before its end: it is under way.
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut connection.stream(), &mut head).expect("a head");
        assert_eq!(&head, b"HTTP/1.1 200");
        drop(connection);
        let deadline = Instant::now() + Duration::from_secs(10);
        let labels = [("method", "POST"), ("handler", "/analyze/batch")];
        while server.scrape().value("http_requests_inprogress", &labels) != 0.0 {
            assert!(Instant::now() < deadline, "it is still under way");
        }
    }
    server.wait_for("tamis_inference_queue_depth", 0.0);
    assert_eq!(requests(&server.scrape(), "200"), 0.0, "nobody was answered");
    assert_eq!(results(&json(&server.ask(&batch(&json!({"texts": ["four"], "model": "bert"}))))).len(), 1);
}

#[test]
fn more_batches_than_there_is_memory_for_are_refused_at_once() {
    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "64", "--bert-timeout", "100m"], None, move |ids| run.run(ids));
    let request = batch(&json!({"texts": ["one"], "model": "bert"}));
    let mut open: Vec<Connection> = (0..16).map(|_| server.connect()).collect();
    for connection in &mut open {
        connection.send(&request.to_bytes()).expect("sent");
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut connection.stream(), &mut head).expect("a head");
    }
    let refused = server.ask(&request);
    assert_eq!((refused.status, json(&refused)["error_type"].as_str()), (503, Some("overloaded")));
    let samples = server.scrape();
    assert_eq!(samples.value("tamis_requests_shed_total", &[("reason", "slot")]), 1.0);
    gate.open();
    drop(open);
}

#[test]
fn a_users_models_answer_batches_too() {
    let root = empty_directory("batch");
    UserModel::good("mood").write(&root, "mood");
    let daemon = Daemon::start(&[
        "--workers",
        "1",
        "--bert",
        "off",
        "--bert-queue",
        "4",
        "--model-dir",
        root.to_str().expect("UTF-8"),
    ]);
    let texts: Vec<_> = ["bad day", "good day", "", "bad"].into_iter().cycle().take(40).collect();
    let body = json(&daemon.ask(&batch(&json!({"texts": texts, "model": "mood"}))));
    assert_eq!(results(&body).len(), 40);
    for (text, result) in texts.iter().zip(results(&body)) {
        let angry = result["labels"]["angry"].as_f64();
        match *text {
            "" => assert_eq!(result["error_type"], "empty_text"),
            "good day" => assert!(angry.is_some_and(|angry| angry < 0.5), "{result}"),
            _ => assert!(angry.is_some_and(|angry| angry > 0.5), "{result}"),
        }
    }
    assert_eq!(analyses(&daemon.scrape(), "custom", "success"), 30.0);
}

#[test]
fn others_are_answered_while_a_large_batch_is_scored() {
    let daemon = Daemon::start(&[
        "--workers",
        "1",
        "--bert",
        "off",
        "--max-batch",
        "65536",
        "--max-body-bytes",
        "8000000",
        "--max-connections",
        "16",
    ]);
    let texts: Vec<_> =
        (0..40_000).map(|at| format!("You are kind, reader {at}, and this text is of a usual length.")).collect();
    let request = batch(&json!({"texts": texts})).to_bytes();
    let address = daemon.address();
    let (told, begun) = std::sync::mpsc::sync_channel(1);
    let large = std::thread::spawn(move || {
        let mut connection = Connection::open(address).expect("it accepts");
        connection.send(&request).expect("sent");
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut connection.stream(), &mut head).expect("a head");
        told.send(Instant::now()).expect("heard");
        let mut rest = Vec::new();
        let mut piece = vec![0; 1 << 16];
        while !rest.ends_with(b"0\r\n\r\n") {
            let read = std::io::Read::read(&mut connection.stream(), &mut piece).expect("the answer");
            assert_ne!(read, 0, "the answer ends too soon");
            rest.extend_from_slice(&piece[..read]);
        }
        (Instant::now(), rest.windows(12).filter(|window| window == b"\"model_used\"").count())
    });
    let begun = begun.recv().expect("it begins");
    let mut connection = daemon.connect();
    let mut times = Vec::new();
    while !large.is_finished() {
        let asked = Instant::now();
        assert_eq!(connection.exchange(&Request::get("/livez")).expect("an answer").status, 200);
        times.push((Instant::now(), asked.elapsed()));
    }
    let (ended, count) = large.join().expect("no panic");
    let meanwhile: Vec<_> = times.iter().filter(|(at, _)| *at < ended).map(|(_, took)| *took).collect();
    println!(
        "{count} texts in {:?}; {} probes meanwhile, the slowest {:?}",
        ended - begun,
        meanwhile.len(),
        meanwhile.iter().max()
    );
    assert!(count >= 39_990 - 30, "{count} results");
    // One for about each millisecond that the batch takes; without its pauses there would be none.
    assert!(meanwhile.len() >= 10, "{} probes were answered in {:?}", meanwhile.len(), ended - begun);
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
