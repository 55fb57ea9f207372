//! The wire: keep-alive, pipelines, methods, framings, HTTP/2.

mod common;

use std::time::Duration;

use common::daemon::Daemon;
use common::http::Request;
use common::metrics::Samples;

const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const SETOSA: &str = r#"{"prediction":"setosa","class_id":0,"confidence":1.0,"probabilities":{"setosa":1.0,"versicolor":0.0,"virginica":0.0}}"#;

#[test]
fn a_place_that_waits_for_a_connection_is_not_counted_as_one() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut connection = daemon.connect();
    let mut open = || {
        let scrape = connection.exchange(&Request::get("/metrics")).expect("a scrape");
        Samples::parse(scrape.text()).expect("the text format").value("tamis_connections_open", &[])
    };
    // Those that asked whether it is ready may take a moment to end.
    for _ in 0..200 {
        if open() == 1.0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} connections", open());
}

#[test]
fn every_shape_of_features_is_answered() {
    let daemon = Daemon::start(&[]);
    let named = r#"{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}"#;
    for body in [IRIS, named, "  {\"features\" : [ 5.1 , 3.5e0 , 14e-1 , 0.2 ] }  "] {
        let answer = daemon.ask(&Request::json("/predict", body));
        assert_eq!((answer.status, answer.text()), (200, SETOSA));
    }
    let answer = daemon.ask(&Request::json("/predict", r#"{"features":[[5.1,3.5,1.4,0.2],[6.7,3.0,5.2,2.3]]}"#));
    let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(list[0], serde_json::from_str::<serde_json::Value>(SETOSA).expect("JSON"));
    assert_eq!((&list[1]["prediction"], &list[1]["class_id"]), (&"virginica".into(), &2.into()));
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    let integers = daemon.ask(&Request::json("/predict", r#"{"features":[7,7,7,0]}"#));
    assert_eq!(integers.status, 200);
}

#[test]
fn texts_are_scored_as_a_person_would() {
    let daemon = Daemon::start(&["--bert", "off"]);
    for (text, level) in [("This is a friendly test message", "low"), ("You are stupid and I hate you!", "high")] {
        for model in ["", r#","model":"simple""#, r#","model":"auto""#, r#","model":null"#] {
            let answer = daemon.ask(&Request::json("/analyze", format!(r#"{{"text":"{text}"{model}}}"#)));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
            assert_eq!((answer.status, &body["toxicity_level"]), (200, &level.into()), "{body}");
            assert_eq!(body["model_used"], "simple");
            let toxic = body["labels"]["toxic"].as_f64().expect("a probability");
            assert_eq!(body["score"].as_f64(), Some((toxic * 100.0).round()));
            assert_eq!(body["labels"].as_object().map(serde_json::Map::len), Some(6));
            assert!(body["processing_time_ms"].as_f64().is_some_and(|time| time > 0.0));
        }
    }
}

/// Asks for an explanation by `model`, `spoken` for by another one perhaps.
fn explains(daemon: &Daemon, model: &str, spoken: &str) {
    let text = "\u{1f642} Dear Zoë, you are s.t.u.p.i.d and \"kind\"";
    let request = serde_json::json!({"text": text, "explain": true, "model": model}).to_string();
    let answer = daemon.ask(&Request::json("/analyze", request));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status, &body["toxicity_level"], &body["model_used"]), (200, &"high".into(), &spoken.into()));
    let spans = body["spans"].as_array().expect("a list");
    assert!((1..=8).contains(&spans.len()), "{body}");
    assert_eq!(
        (&spans[0]["text"], &spans[0]["start"], &spans[0]["end"]),
        (&"s.t.u.p.i.d".into(), &20.into(), &31.into())
    );
    assert!(spans.is_sorted_by(|before, after| before["weight"].as_f64() >= after["weight"].as_f64()), "{body}");
    for span in spans {
        let place = |end: &str| usize::try_from(span[end].as_u64().expect("an offset")).expect("small");
        let shown: String = text.chars().take(place("end")).skip(place("start")).collect();
        assert_eq!(span["text"], shown, "offsets are code points");
    }
}

#[test]
fn an_explanation_names_the_words_that_carried_the_verdict() {
    let daemon = Daemon::start(&["--bert", "off"]);
    explains(&daemon, "auto", "simple");
    // The longest text, all of it to be quoted with escapes.
    let long = "\u{1}".repeat(8) + &"you are stupid\u{1}".repeat(1000);
    let request = serde_json::json!({"explain": true, "text": long}).to_string();
    let answer = daemon.ask(&Request::json("/analyze", request));
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body["spans"].as_array().map(Vec::len), Some(8));
    for explain in ["false", "null"] {
        let answer = daemon.ask(&Request::json("/analyze", format!(r#"{{"text":"a","explain":{explain}}}"#)));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(answer.status == 200 && body.get("spans").is_none(), "{body}");
    }
}

#[test]
#[cfg(feature = "bert")]
fn bert_comes_by_itself_after_the_start_and_scores_texts_too() {
    let mut daemon = Daemon::start(&[]);
    daemon.wait_for("bert loaded", Duration::from_secs(30));
    let health: serde_json::Value = serde_json::from_slice(&daemon.ask(&Request::get("/health")).body).expect("JSON");
    assert_eq!(health["models"], serde_json::json!({"simple": true, "iris": true, "bert": true}));
    // Two by name, one explained, and what `auto` asks.
    let mut by_bert = 3.0;
    for (text, level) in [("This is a friendly test message", "low"), ("You are stupid and I hate you!", "high")] {
        let answer = daemon.ask(&Request::json("/analyze", format!(r#"{{"text":"{text}","model":"bert"}}"#)));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let found = (answer.status, &body["model_used"], &body["toxicity_level"]);
        assert_eq!(found, (200, &"bert".into(), &level.into()), "{body}");
        let answer = daemon.ask(&Request::json("/analyze", format!(r#"{{"text":"{text}","model":"auto"}}"#)));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((answer.status, &body["toxicity_level"]), (200, &level.into()), "{body}");
        by_bert += f64::from(u8::from(body["model_used"] == "bert"));
    }
    explains(&daemon, "bert", "bert");
    let samples = daemon.scrape();
    assert_eq!(samples.value("model_loaded", &[("model", "bert")]), 1.0);
    assert_eq!(samples.value("model_load_seconds_count", &[("model_type", "bert")]), 1.0);
    assert_eq!(samples.value("toxicity_processing_seconds_count", &[("model_type", "bert")]), by_bert);
}

#[test]
fn one_connection_serves_many_requests_pipelined_or_not() {
    let daemon = Daemon::start(&[]);
    let mut connection = daemon.connect();
    for _ in 0..3 {
        assert_eq!(connection.exchange(&Request::json("/predict", IRIS)).expect("an answer").text(), SETOSA);
    }
    let pipeline = [
        Request::json("/predict", IRIS),
        Request::get("/livez"),
        Request::json("/predict", "{"),
        Request::json("/predict", IRIS),
    ];
    let bytes: Vec<u8> = pipeline.iter().cycle().take(400).flat_map(Request::to_bytes).collect();
    connection.send(&bytes).expect("sent");
    let statuses: Vec<u16> =
        connection.read_responses(400).expect("answers").iter().map(|answer| answer.status).collect();
    assert!(statuses.chunks(4).all(|four| four == [200, 200, 400, 200]));
}

#[test]
fn bodies_come_in_any_framing_and_any_segments() {
    let daemon = Daemon::start(&[]);
    let mut connection = daemon.connect();
    let plain = Request::json("/predict", IRIS).to_bytes();
    for size in [1, 7, 40, plain.len() - 1] {
        let segments: Vec<&[u8]> = plain.chunks(size).collect();
        connection.send_segments(&segments, Duration::from_micros(200)).expect("sent");
        assert_eq!(connection.read_response().expect("an answer").text(), SETOSA, "segments of {size}");
    }
    let head = "POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    let (first, rest) = IRIS.split_at(9);
    let chunks =
        format!("{head}{:x};note=x\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\nx-trailer: y\r\n\r\n", first.len(), rest.len());
    for size in [chunks.len(), 3] {
        let segments: Vec<&[u8]> = chunks.as_bytes().chunks(size).collect();
        // Trailers are dropped, and no request may follow them (tests/hostile_framing.rs).
        let mut connection = daemon.connect();
        connection.send_segments(&segments, Duration::from_micros(200)).expect("sent");
        assert_eq!(connection.read_response().expect("an answer").text(), SETOSA, "segments of {size}");
        assert!(connection.is_closed().expect("an end"));
    }
}

#[test]
fn expect_continue_is_answered_before_the_body_and_only_if_it_is_wanted() {
    let daemon = Daemon::start(&[]);
    let mut connection = daemon.connect();
    let head = |length: usize| {
        format!(
            "POST /predict HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    connection.send(head(IRIS.len()).as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an interim answer").status, 100);
    connection.send(IRIS.as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").text(), SETOSA);
    connection.send(head(1 << 30).as_bytes()).expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 413);
}

#[test]
fn head_options_and_old_clients_are_served() {
    let daemon = Daemon::start(&[]);
    let mut connection = daemon.connect();
    let get = connection.exchange(&Request::get("/livez")).expect("an answer");
    let head = connection.exchange(&Request::new("HEAD", "/livez")).expect("an answer");
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    assert!(head.body.is_empty());
    for (target, allow) in
        [("/predict", "POST, OPTIONS"), ("/metrics", "GET, HEAD, OPTIONS"), ("*", "GET, HEAD, POST, OPTIONS")]
    {
        let options = connection.exchange(&Request::new("OPTIONS", target)).expect("an answer");
        assert_eq!((options.status, options.header("allow")), (204, Some(allow)));
    }
    connection.send(b"GET /livez HTTP/1.0\r\n\r\n").expect("sent");
    assert_eq!(connection.read_response().expect("an answer").status, 200);
    assert!(connection.is_closed().expect("an end"), "HTTP/1.0 closes");
}

#[test]
fn the_admin_listener_takes_probes_and_metrics_with_it() {
    let daemon = Daemon::start(&["--admin-listen", "127.0.0.1:0"]);
    assert_ne!(daemon.address(), daemon.admin());
    let status = |request: Request, address| request.send_to(address).expect("an answer").status;
    assert_eq!(status(Request::get("/metrics"), daemon.admin()), 200);
    assert_eq!(status(Request::get("/metrics"), daemon.address()), 404);
    assert_eq!(status(Request::json("/predict", IRIS), daemon.address()), 200);
    assert_eq!(status(Request::json("/predict", IRIS), daemon.admin()), 404);
}

#[test]
fn the_greeting_lists_what_its_listener_serves_and_nothing_else() {
    let listed = |address| -> Vec<String> {
        let greeting = Request::get("/").send_to(address).expect("an answer");
        let greeting: serde_json::Value = serde_json::from_slice(&greeting.body).expect("JSON");
        let endpoints = greeting["endpoints"].as_array().expect("a list");
        endpoints.iter().map(|endpoint| endpoint.as_str().expect("a name").to_owned()).collect()
    };
    let (one, two) = (Daemon::start(&[]), Daemon::start(&["--admin-listen", "127.0.0.1:0"]));
    let all = listed(one.address());
    assert_eq!(all.len(), 16, "{all:?}");
    for address in [one.address(), two.address(), two.admin()] {
        let there = listed(address);
        for endpoint in &all {
            let (method, path) = endpoint.split_once(' ').expect("a method and a path");
            let status = Request::new(method, path).send_to(address).expect("an answer").status;
            assert_eq!(there.contains(endpoint), status != 404, "{endpoint} at {address}: {status}");
        }
    }
}

#[test]
fn http2_by_prior_knowledge_is_served_stream_by_stream() {
    let daemon = Daemon::start(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(daemon.address()).await.expect("it accepts");
        let (mut client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let mut answers = Vec::new();
        for (path, body, status) in
            [("/predict", IRIS, 200), ("/predict", "{", 400), ("/metrics", "", 200), ("/x", "", 404)]
        {
            let method = if body.is_empty() { "GET" } else { "POST" };
            let request = http::Request::builder()
                .method(method)
                .uri(format!("http://{}{path}", daemon.address()))
                .header("content-type", "application/json");
            let request = request.body(()).expect("a request");
            client = client.ready().await.expect("room for a stream");
            let (answer, mut stream) = client.send_request(request, body.is_empty()).expect("sent");
            if !body.is_empty() {
                stream.send_data(bytes::Bytes::from_static(body.as_bytes()), true).expect("sent");
            }
            answers.push((answer, status));
        }
        for (answer, status) in answers {
            let mut answer = answer.await.expect("an answer");
            assert_eq!(answer.status(), status);
            let mut length = 0;
            while let Some(data) = answer.body_mut().data().await {
                let data = data.expect("the body");
                length += data.len();
                let _ = answer.body_mut().flow_control().release_capacity(data.len());
            }
            assert_eq!(answer.headers()["content-length"], length.to_string());
        }
        drop(client);
        driver.await.expect("no panic").expect("a clean end");
    });
}

#[test]
fn when_every_slot_is_taken_a_request_is_refused_at_once_and_told_when_to_come_back() {
    // One connection has one body slot; the second of two bodies that arrive at once finds none.
    let daemon = Daemon::start(&["--workers", "1", "--max-connections", "1"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(daemon.address()).await.expect("it accepts");
        let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let mut client = client.ready().await.expect("room for a stream");
        let request = || {
            let uri = format!("http://{}/predict", daemon.address());
            let builder = http::Request::post(uri).header("content-type", "application/json");
            builder.body(()).expect("a request")
        };
        let (first, mut stream) = client.send_request(request(), false).expect("sent");
        stream.send_data(bytes::Bytes::from_static(&IRIS.as_bytes()[..10]), false).expect("sent");
        let (second, _) = client.send_request(request(), false).expect("sent");
        let mut refused = second.await.expect("an answer");
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (503, &"1".parse().expect("a value"))
        );
        let body = refused.body_mut().data().await.expect("a body").expect("a body");
        assert!(String::from_utf8_lossy(&body).contains(r#""error_type":"overloaded""#));
        stream.send_data(bytes::Bytes::from_static(&IRIS.as_bytes()[10..]), true).expect("sent");
        assert_eq!(first.await.expect("an answer").status(), 200, "the one under way is not disturbed");
        drop((client, stream, refused));
        driver.await.expect("no panic").expect("a clean end");
    });
    let after = daemon.scrape();
    assert_eq!(after.value("api_errors_total", &[("error_type", "overloaded"), ("endpoint", "/predict")]), 1.0);
    assert_eq!(after.value("tamis_requests_shed_total", &[("reason", "slot")]), 1.0);
}
