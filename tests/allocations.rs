//! The allocation budget: what each route, method and error class may ask of the allocator per request in the
//! steady state. hyper asks once per request with a body (its private body channel) and once a second for its Date
//! header; we never do.

mod common;

use std::io::Write as _;
use std::time::{Duration, Instant};

use common::credentials::Credentials;
use common::daemon::Daemon;
use common::http::{Connection, Request, Response};
use common::inference::{FOUND, Gate, Inference, analyze, json};
use common::metrics::Samples;
use tamis::alloc;
use tamis::model::manifest::Band;

/// For the server that runs in this process.
#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Connections that are open at once.
const CROWD: usize = 400;
/// hyper's state and buffers, tokio's registration and task, ours.
const MOST_PER_CONNECTION: f64 = 30.0;

const WARM_UP: usize = 50;
const REQUESTS: usize = 1000;

/// hyper's body channel: `ArcInner<hyper::body::chan::Shared>`.
const BODY_CHANNEL: (f64, f64) = (1.0, 224.0);
/// "Fri, 20 Nov 2026 17:00:00 GMT"
const DATE: f64 = 29.0;
const NOTHING: (f64, f64) = (0.0, 0.0);
/// hyper copies the name of a header that it does not know, "traceparent" for one.
const STRANGE_NAME: (f64, f64) = (1.0, 11.0);

/// The same for "x-api-key".
const KEY_NAME: (f64, f64) = (1.0, 9.0);

/// The same for "prefer".
const PREFER: (f64, f64) = (1.0, 6.0);

/// The same for "inference-header-content-length".
const JSON_LENGTH_NAME: (f64, f64) = (1.0, 31.0);

/// The same for "x-request-id".
const REQUEST_ID: (f64, f64) = (1.0, 12.0);

const PAGE: &str = "https://example.org";
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn no_route_allocates_more_than_its_budget() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--cors-origins", PAGE]);
    let worst = over_budget(&daemon, [routes(), coded(), headed()].concat(), |request| request);
    assert!(worst.is_empty(), "{}", worst.join("\n"));
}

#[test]
fn checking_a_key_or_a_token_allocates_nothing() {
    let credentials = Credentials::new("allocations");
    let daemon = Daemon::start(&[&["--workers", "1", "--bert", "off"], credentials.flags().as_slice()].concat());
    let form = |body: &str| Request::post("/token", body).header("Content-Type", "application/x-www-form-urlencoded");
    let answer = daemon.ask(&form(&format!("username=student&password={}", Credentials::PASSWORD)));
    let token = json(&answer)["access_token"].as_str().expect("a token").to_owned();
    let predict = || Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#);
    let with_key = |request: Request| request.header("X-API-Key", &credentials.key);
    let with_token = |request: Request, token: &str| request.header("Authorization", &format!("Bearer {token}"));
    let posted_with_key = (BODY_CHANNEL.0 + KEY_NAME.0, BODY_CHANNEL.1 + KEY_NAME.1);
    let bad = format!("{}x", &token[..token.len() - 1]);
    let rows = vec![
        ("a key", with_key(predict()), 200, posted_with_key),
        ("a token", with_token(predict(), &token), 200, BODY_CHANNEL),
        ("a token after a bad key", with_token(predict().header("X-API-Key", "x"), &token), 200, posted_with_key),
        ("GET, a key", with_key(Request::get("/model-info")), 200, KEY_NAME),
        ("GET, a token", with_token(Request::get("/model-info"), &token), 200, NOTHING),
        ("401, nothing", predict(), 401, BODY_CHANNEL),
        ("401, a bad key", predict().header("X-API-Key", "x"), 401, posted_with_key),
        ("401, a bad token", with_token(predict(), &bad), 401, BODY_CHANNEL),
        (
            "a key in a query",
            Request::json(&format!("/v1alpha1/comments:analyze?key={}", credentials.key), "{}"),
            403,
            BODY_CHANNEL,
        ),
        ("a key as a token", with_token(Request::json("/v1/moderations", "{}"), &credentials.key), 403, BODY_CHANNEL),
        ("403", with_key(Request::json("/analyze", r#"{"text":"a"}"#)), 403, posted_with_key),
        ("400 at /token", form("username=student"), 400, BODY_CHANNEL),
    ];
    let worst = over_budget(&daemon, rows, with_key);
    assert!(worst.is_empty(), "{}", worst.join("\n"));
}

/// What of `rows` (name, request, status, allocations and bytes) takes more than it says; `authorized` gives a request the
/// credential that the daemon asks for, if it does.
fn over_budget(
    daemon: &Daemon,
    rows: Vec<(&'static str, Request, u16, (f64, f64))>,
    authorized: impl Fn(Request) -> Request,
) -> Vec<String> {
    let mut worst = Vec::new();
    for (name, request, status, budget) in rows {
        let bytes = request.to_bytes();
        let (head, body) = split(&bytes);
        for (how, segments) in [("at once", vec![bytes.as_slice()]), ("in two segments", vec![head, body])] {
            if segments.last().is_some_and(|last| last.is_empty()) || (how != "at once" && body.len() < 2) {
                continue;
            }
            let requests = if how == "at once" { REQUESTS } else { REQUESTS / 10 };
            let mut connection = with_long_answer(daemon.connect(), &authorized);
            let mut send = |count: usize| {
                for _ in 0..count {
                    connection.send_segments(&segments, Duration::from_micros(300)).expect("sent");
                    let method = if name.starts_with("HEAD") { "HEAD" } else { "GET" };
                    assert_eq!(connection.read_response_to(method).expect("an answer").status, status, "{name}");
                }
                // The same connection tells, so that no other connection's birth is counted.
                connection.send(&Request::get("/metrics").to_bytes()).expect("sent");
                heap(&Samples::parse(connection.read_response().expect("a scrape").text()).expect("the text format"))
            };
            send(WARM_UP);
            let mut measure = || {
                let before = send(WARM_UP);
                let start = Instant::now();
                let after = send(requests);
                // hyper renders its Date header anew each second, whoever asks: 29 bytes.
                let dates = (after.0 - before.0) - requests as f64 * budget.0;
                let others = (after.1 - before.1) - requests as f64 * budget.1 - dates * DATE;
                let within = (0.0..=start.elapsed().as_secs_f64() + 1.0).contains(&dates) && others == 0.0;
                let per_request = ((after.0 - before.0) / requests as f64, (after.1 - before.1) / requests as f64);
                if within { None } else { Some(per_request) }
            };
            // Of a connection hyper's memory for what it reads grows to the longest read that it meets, which is a matter of
            // moments: what happens once is not each request's, so it may happen.
            if measure().is_some()
                && measure().is_some()
                && let Some(per_request) = measure()
            {
                worst.push(format!(
                    "{name}, {how}: {per_request:?} allocations and bytes per request, budget {budget:?}"
                ));
            }
        }
    }
    worst
}

#[test]
fn waiting_for_a_model_on_another_thread_allocates_nothing() {
    let everything = Some(Band { low: 0.0, high: 1.0 });
    let instant = Inference::start(&[], everything, |_| Ok(FOUND));
    let gate = Gate::shut();
    let run = gate.clone();
    // One text is with the model and one waits, for ever: the next is refused.
    let full = Inference::start(&["--bert-queue", "1", "--bert-timeout", "100m"], None, move |ids| run.run(ids));
    let mut taking: Vec<Connection> = (0..2).map(|_| full.connect()).collect();
    for connection in &mut taking {
        connection.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    }
    full.wait_for("tamis_inference_queue_depth", 1.0);
    let run = gate.clone();
    let late = Inference::start(&["--bert-timeout", "1ms"], everything, move |ids| run.run(ids));
    // On a busy machine its thread may not begin within a millisecond at the first try.
    let mut stuck = Vec::new();
    while gate.begun() < 2 {
        assert!(stuck.len() < 1000, "it never begins");
        stuck.push(late.connect());
        stuck.last_mut().expect("just added").send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    for (name, server, model, status, timed) in [
        ("bert", &instant, "bert", 200, false),
        ("bert, timed", &instant, "bert", 200, true),
        ("auto, by bert", &instant, "auto", 200, false),
        ("503 overloaded", &full, "bert", 503, false),
        ("503 inference_timeout", &late, "bert", 503, false),
        ("auto, late", &late, "auto", 200, false),
        ("bert, a batch", &instant, "batch", 200, false),
        ("bert, tensors", &instant, "tensors", 200, false),
        ("auto, a comment with spans", &instant, "comment", 200, false),
        ("bert, inputs", &instant, "inputs", 200, false),
    ] {
        let request = if model == "batch" {
            Request::json("/analyze/batch", format!(r#"{{"model":"bert","texts":{:?}}}"#, vec!["You are kind."; 40]))
        } else if model == "tensors" {
            infer("bert", &format!(r#""BYTES","shape":[40],"data":{:?}"#, vec!["You are kind."; 40]))
        } else if model == "comment" {
            comment(&"You are kind. And you? ".repeat(20), true)
        } else if model == "inputs" {
            Request::json("/v1/moderations", format!(r#"{{"model":"bert","input":{:?}}}"#, vec!["You are kind."; 40]))
        } else {
            analyze("You are kind.", model)
        };
        let request = if timed { request.header("prefer", "server-timing") } else { request }.to_bytes();
        let budget = if timed { (BODY_CHANNEL.0 + PREFER.0, BODY_CHANNEL.1 + PREFER.1) } else { BODY_CHANNEL };
        let mut connection = with_long_answer(server.connect(), |request| request);
        let mut send = |count: usize| {
            for _ in 0..count {
                connection.send(&request).expect("sent");
                assert_eq!(connection.read_response().expect("an answer").status, status, "{name}");
            }
            connection.send(&Request::get("/metrics").to_bytes()).expect("sent");
            let scrape: Response = connection.read_response().expect("a scrape");
            heap(&Samples::parse(scrape.text()).expect("the text format"))
        };
        send(WARM_UP);
        let before = send(WARM_UP);
        let start = Instant::now();
        let after = send(REQUESTS);
        let dates = (after.0 - before.0) - REQUESTS as f64 * budget.0;
        let others = (after.1 - before.1) - REQUESTS as f64 * budget.1 - dates * DATE;
        assert_eq!(others, 0.0, "{name}: bytes beyond hyper's and those of {dates} dates");
        assert!((0.0..=start.elapsed().as_secs_f64() + 1.0).contains(&dates), "{name}: {dates} more than hyper's");
    }
    gate.open();
}

#[test]
fn hundreds_of_connections_that_come_and_go_cost_no_more_a_request_than_one_that_stays() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let request = Request::json("/analyze", r#"{"text":"You are kind."}"#).to_bytes();
    let mut watch = daemon.connect();
    let mut scrape = || {
        watch.send(&Request::get("/metrics").to_bytes()).expect("sent");
        Samples::parse(watch.read_response().expect("a scrape").text()).expect("the text format")
    };
    // All of them are open at once, each asks so often, and all of them end.
    let mut crowd = |requests: usize| {
        let before = heap(&scrape());
        let start = Instant::now();
        let mut open: Vec<Connection> = (0..CROWD).map(|_| daemon.connect()).collect();
        for _ in 0..requests {
            for connection in &mut open {
                connection.send(&request).expect("sent");
            }
            for connection in &mut open {
                assert_eq!(connection.read_response().expect("an answer").status, 200);
            }
        }
        drop(open);
        let samples = scrape();
        let dates = start.elapsed().as_secs_f64() + 1.0;
        (heap(&samples).0 - before.0, dates, samples.value("process_resident_memory_bytes", &[]))
    };
    crowd(2);
    let (few, few_dates, _) = crowd(2);
    let (many, many_dates, _) = crowd(12);
    let per_request = (many - few) / (CROWD * 10) as f64;
    let noise = (few_dates + many_dates) / (CROWD * 10) as f64;
    assert!((per_request - BODY_CHANNEL.0).abs() <= noise, "{per_request} allocations a request, give or take {noise}");
    let birth = few / CROWD as f64 - 2.0 * BODY_CHANNEL.0;
    println!("a connection's birth: {birth:.1} allocations");
    assert!(birth <= MOST_PER_CONNECTION, "a connection's birth takes {birth} allocations");
    // What the allocator gives back for a while comes back: the most of ten crowds is what there is to them, and may take some more
    // of them to show. What is lost with each connection is lost in every ten.
    let mut most_resident = || (0..10).map(|_| crowd(2).2).fold(0.0, f64::max);
    let resident: Vec<f64> = (0..5).map(|_| most_resident()).collect();
    assert!(resident.windows(2).any(|pair| pair[1] - pair[0] <= 512.0 * 1024.0), "grows without end: {resident:?}");
}

/// hyper's write buffer grows to the longest answer of the connection, which this one is.
fn with_long_answer(mut connection: Connection, authorized: impl Fn(Request) -> Request) -> Connection {
    let rows = format!(r#"{{"features":[{}]}}"#, vec!["[1,2,3,4]"; 600].join(","));
    assert_eq!(connection.exchange(&authorized(Request::json("/predict", rows))).expect("an answer").status, 200);
    connection
}

fn heap(samples: &Samples) -> (f64, f64) {
    (samples.value("tamis_heap_allocations_total", &[]), samples.value("tamis_heap_allocated_bytes_total", &[]))
}

fn scrape(accept: &str, accept_encoding: &str) -> Request {
    Request::get("/metrics").header("Accept", accept).header("Accept-Encoding", accept_encoding)
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    // Mid-body, so that both segments carry a part of it.
    bytes.split_at(head + (bytes.len() - head) / 2)
}

fn batch(texts: usize) -> String {
    format!(r#"{{"texts":[{}]}}"#, vec![r#""You are kind, naïve and \"quoted\".""#; texts].join(","))
}

/// A request for tensors from `tensor`, from its datatype on.
fn infer(model: &str, tensor: &str) -> Request {
    let body = format!(r#"{{"id":"7","inputs":[{{"name":"input","datatype":{tensor}}}]}}"#);
    Request::json(&format!("/v2/models/{model}/infer"), body)
}

fn binary_irises() -> Request {
    let json = br#"{"parameters":{"binary_data_output":true},"inputs":[{"name":"features","datatype":"FP32","shape":[2,4],"parameters":{"binary_data_size":32}}]}"#;
    let rows = [5.1_f32, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3].map(f32::to_le_bytes).concat();
    let request = Request::post("/v2/models/iris/infer", [json.as_slice(), &rows].concat());
    request.header("Inference-Header-Content-Length", &json.len().to_string())
}

fn inputs(count: usize) -> String {
    batch(count).replacen("texts", "input", 1)
}

fn comment(text: &str, spans: bool) -> Request {
    let attributes = r#"{"TOXICITY":{},"INSULT":{"scoreThreshold":0.1},"THREAT":{}}"#;
    let body = format!(
        r#"{{"comment":{{"text":"{text}"}},"languages":["en"],"spanAnnotations":{spans},"requestedAttributes":{attributes}}}"#
    );
    Request::json("/v1alpha1/comments:analyze", body)
}

fn lines(count: usize) -> Request {
    let lines = "\"You are kind.\"\n{\"text\":\"Idiot.\"}\n7\n".repeat(count / 3);
    Request::post("/analyze/batch", lines).header("Content-Type", "application/x-ndjson")
}

fn routes() -> Vec<(&'static str, Request, u16, (f64, f64))> {
    let rows = format!(r#"{{"features":[{}]}}"#, vec!["[6.1,2.8,4.7,1.2]"; 20].join(","));
    let long_texts = batch(250).replace("kind", &"kind and patient ".repeat(12));
    let long = format!(r#"{{"text":"{}"}}"#, "The quick brown fox, naïve and \\n escaped. ".repeat(60));
    vec![
        ("GET /", Request::get("/"), 200, NOTHING),
        ("GET /, the console", Request::get("/").header("Accept", "text/html"), 200, NOTHING),
        (
            "GET /, the console, gzip",
            Request::get("/").header("Accept", "text/html").header("Accept-Encoding", "gzip"),
            200,
            NOTHING,
        ),
        ("304 of /", Request::get("/").header("Accept", "text/html").header("If-None-Match", "*"), 304, NOTHING),
        ("GET /health", Request::get("/health"), 200, NOTHING),
        ("GET /livez", Request::get("/livez"), 200, NOTHING),
        ("GET /readyz", Request::get("/readyz"), 200, NOTHING),
        ("GET /startupz", Request::get("/startupz"), 200, NOTHING),
        ("GET /model-info", Request::get("/model-info"), 200, NOTHING),
        ("GET /metrics", Request::get("/metrics"), 200, NOTHING),
        ("GET /metrics, gzip", scrape("*/*", "gzip"), 200, NOTHING),
        ("GET /metrics, OpenMetrics", scrape(OPENMETRICS, "identity"), 200, NOTHING),
        ("GET /metrics, OpenMetrics, gzip", scrape(OPENMETRICS, "gzip"), 200, NOTHING),
        ("GET /metrics, protobuf", scrape(PROTOBUF, "identity"), 200, NOTHING),
        ("GET /metrics, protobuf, gzip", scrape(PROTOBUF, "gzip"), 200, NOTHING),
        ("GET /status, the page", Request::get("/status"), 200, NOTHING),
        ("GET /status, the page, gzip", Request::get("/status").header("Accept-Encoding", "gzip"), 200, NOTHING),
        ("HEAD /status, the page", Request::new("HEAD", "/status"), 200, NOTHING),
        ("304 of /status", Request::get("/status").header("If-None-Match", "*"), 304, NOTHING),
        ("GET /docs", Request::get("/docs"), 200, NOTHING),
        ("GET /openapi.json, gzip", Request::get("/openapi.json").header("Accept-Encoding", "gzip"), 200, NOTHING),
        ("304 of /openapi.json", Request::get("/openapi.json").header("If-None-Match", "*"), 304, NOTHING),
        ("GET /status, the figures", Request::get("/status").header("Accept", "application/json"), 200, NOTHING),
        ("GET /health, traced", Request::get("/health").header("traceparent", TRACE), 200, STRANGE_NAME),
        ("GET /health, strange", Request::get("/health").header("strangename", TRACE), 200, STRANGE_NAME),
        ("HEAD /health", Request::new("HEAD", "/health"), 200, NOTHING),
        ("OPTIONS /predict", Request::new("OPTIONS", "/predict"), 204, NOTHING),
        ("404", Request::get("/nope"), 404, NOTHING),
        ("405", Request::get("/predict"), 405, NOTHING),
        ("404 with a body", Request::json("/nope", "{}"), 404, BODY_CHANNEL),
        ("POST /predict", Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#), 200, BODY_CHANNEL),
        ("POST /predict, 20 rows", Request::json("/predict", rows), 200, BODY_CHANNEL),
        ("POST /analyze", Request::json("/analyze", r#"{"text":"You are kind."}"#), 200, BODY_CHANNEL),
        (
            "POST /analyze, traced",
            Request::json("/analyze", r#"{"text":"You are kind."}"#).header("traceparent", TRACE),
            200,
            (BODY_CHANNEL.0 + STRANGE_NAME.0, BODY_CHANNEL.1 + STRANGE_NAME.1),
        ),
        (
            "POST /analyze, timed",
            Request::json("/analyze", r#"{"text":"You are s.t.u.p.i.d."}"#).header("prefer", "server-timing"),
            200,
            (BODY_CHANNEL.0 + PREFER.0, BODY_CHANNEL.1 + PREFER.1),
        ),
        (
            "POST /predict, timed and traced",
            Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#)
                .header("prefer", "server-timing")
                .header("traceparent", TRACE),
            200,
            (BODY_CHANNEL.0 + PREFER.0 + STRANGE_NAME.0, BODY_CHANNEL.1 + PREFER.1 + STRANGE_NAME.1),
        ),
        (
            "POST /analyze, explained",
            Request::json("/analyze", r#"{"text":"You are s.t.u.p.i.d.","explain":true}"#),
            200,
            BODY_CHANNEL,
        ),
        ("POST /analyze, long", Request::json("/analyze", long), 200, BODY_CHANNEL),
        ("POST /analyze/batch", Request::json("/analyze/batch", batch(3)), 200, BODY_CHANNEL),
        ("POST /analyze/batch, 200 texts", Request::json("/analyze/batch", batch(200)), 200, BODY_CHANNEL),
        // Scored in more than one go: the thread turns to others in between.
        ("POST /analyze/batch, 250 long texts", Request::json("/analyze/batch", long_texts), 200, BODY_CHANNEL),
        ("POST /analyze/batch, 200 lines", lines(200), 200, BODY_CHANNEL),
        (
            "POST /analyze/batch, wrong texts",
            Request::json("/analyze/batch", r#"{"texts":["",1,[]]}"#),
            200,
            BODY_CHANNEL,
        ),
        ("GET /$discovery/rest", Request::get("/$discovery/rest?version=v1alpha1"), 200, NOTHING),
        ("POST comments:analyze", comment("You are kind.", false), 200, BODY_CHANNEL),
        ("POST comments:analyze, spans", comment(&"You are kind. And you? ".repeat(40), true), 200, BODY_CHANNEL),
        ("400 at comments:analyze", comment("", false), 400, BODY_CHANNEL),
        (
            "POST comments:suggestscore",
            Request::json(
                "/v1alpha1/comments:suggestscore",
                r#"{"comment":{"text":"a"},"attributeScores":{"THREAT":{"summaryScore":{"value":0}}},"clientToken":"t"}"#,
            ),
            200,
            BODY_CHANNEL,
        ),
        ("POST /v1/moderations", Request::json("/v1/moderations", r#"{"input":"You are kind."}"#), 200, BODY_CHANNEL),
        ("POST /v1/moderations, 200 inputs", Request::json("/v1/moderations", inputs(200)), 200, BODY_CHANNEL),
        // Scored in more than one go: the thread turns to others in between.
        (
            "POST /v1/moderations, 250 long inputs",
            Request::json("/v1/moderations", inputs(250).replace("kind", &"kind and patient ".repeat(12))),
            200,
            BODY_CHANNEL,
        ),
        ("400 at /v1/moderations", Request::json("/v1/moderations", r#"{"input":[""]}"#), 400, BODY_CHANNEL),
        ("422 wrong_length of texts", Request::json("/analyze/batch", batch(257)), 422, BODY_CHANNEL),
        ("400 malformed_json", Request::json("/predict", r#"{"features":[1"#), 400, BODY_CHANNEL),
        ("400 invalid_utf8", Request::json("/analyze", b"{\"text\":\"\xff\"}".as_slice()), 400, BODY_CHANNEL),
        ("415", Request::post("/predict", "{}"), 415, BODY_CHANNEL),
        ("422 unknown_field", Request::json("/analyze", r#"{"txt":"a"}"#), 422, BODY_CHANNEL),
        ("422 wrong_length", Request::json("/predict", r#"{"features":[1,2]}"#), 422, BODY_CHANNEL),
        ("422 number_out_of_range", Request::json("/predict", r#"{"features":[1e39,1,1,1]}"#), 422, BODY_CHANNEL),
        ("422 number, far", Request::json("/predict", r#"{"features":[1e999,1,1,1]}"#), 422, BODY_CHANNEL),
        ("422 empty_text", Request::json("/analyze", r#"{"text":" "}"#), 422, BODY_CHANNEL),
        ("GET /v2/models/simple", Request::get("/v2/models/simple"), 200, NOTHING),
        ("GET /v2/health/ready", Request::get("/v2/health/ready"), 200, NOTHING),
        ("404 of a model", Request::get("/v2/models/nope"), 404, NOTHING),
        ("infer irises", infer("iris", r#""FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]"#), 200, BODY_CHANNEL),
        (
            "infer irises, binary",
            binary_irises(),
            200,
            (BODY_CHANNEL.0 + JSON_LENGTH_NAME.0, BODY_CHANNEL.1 + JSON_LENGTH_NAME.1),
        ),
        ("infer a text", infer("simple", r#""BYTES","shape":[1],"data":["You are kind."]"#), 200, BODY_CHANNEL),
        // Scored in more than one go, as a batch is.
        (
            "infer 250 texts",
            infer(
                "auto",
                &format!(r#""BYTES","shape":[250,1],"data":{:?}"#, vec!["You are kind and patient. ".repeat(8); 250]),
            ),
            200,
            BODY_CHANNEL,
        ),
        ("400 of a tensor", infer("simple", r#""BYTES","shape":[1],"data":[1]"#), 400, BODY_CHANNEL),
        ("400 of a text", infer("simple", r#""BYTES","shape":[2],"data":["a",""]"#), 400, BODY_CHANNEL),
        ("503 model_unavailable", Request::json("/analyze", r#"{"text":"a","model":"bert"}"#), 503, BODY_CHANNEL),
    ]
}

/// Requests and answers in gzip.
fn coded() -> Vec<(&'static str, Request, u16, (f64, f64))> {
    let rows = format!(r#"{{"features":[{}]}}"#, vec!["[6.1,2.8,4.7,1.2]"; 40].join(","));
    let lines = "\"You are kind.\"\n{\"text\":\"Idiot.\"}\n7\n".repeat(60);
    let zipped = |target: &str, content_type: &str, body: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body.as_bytes()).expect("memory");
        let request = Request::post(target, encoder.finish().expect("memory")).header("Content-Type", content_type);
        request.header("Content-Encoding", "gzip").header("Accept-Encoding", "gzip")
    };
    let json = "application/json";
    vec![
        ("POST /analyze, gzip", zipped("/analyze", json, r#"{"text":"You are kind."}"#), 200, BODY_CHANNEL),
        ("POST /predict, 40 rows in gzip", zipped("/predict", json, &rows), 200, BODY_CHANNEL),
        ("POST /analyze/batch, gzip", zipped("/analyze/batch", json, &batch(200)), 200, BODY_CHANNEL),
        (
            "POST /analyze/batch, lines in gzip",
            zipped("/analyze/batch", "application/x-ndjson", &lines),
            200,
            BODY_CHANNEL,
        ),
        ("400 malformed_gzip", Request::json("/predict", "{}").header("Content-Encoding", "gzip"), 400, BODY_CHANNEL),
        ("GET /model-info, gzip", Request::get("/model-info").header("Accept-Encoding", "gzip"), 200, NOTHING),
    ]
}

/// What goes back in headers.
fn headed() -> Vec<(&'static str, Request, u16, (f64, f64))> {
    let predict = || Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#);
    let asks = Request::new("OPTIONS", "/predict").header("Origin", PAGE);
    vec![
        ("GET /health, of a page", Request::get("/health").header("Origin", PAGE), 200, NOTHING),
        ("POST /predict, of a page", predict().header("Origin", PAGE), 200, BODY_CHANNEL),
        ("OPTIONS /predict, of a page", asks.header("Access-Control-Request-Method", "POST"), 204, NOTHING),
        ("GET /health, with an id", Request::get("/health").header("x-request-id", TRACE), 200, REQUEST_ID),
        (
            "POST /predict, with an id and traced",
            predict().header("x-request-id", TRACE).header("traceparent", TRACE),
            200,
            (BODY_CHANNEL.0 + REQUEST_ID.0 + STRANGE_NAME.0, BODY_CHANNEL.1 + REQUEST_ID.1 + STRANGE_NAME.1),
        ),
    ]
}
