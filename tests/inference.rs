//! `bert` and `auto` through the whole server: who answers, what waits, what is refused, what the counters say.

#![cfg(feature = "bert")]

mod common;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::http::{PATIENCE, Request, Response};
use common::inference::{FOUND, Gate, Inference, Probabilities, analyze, json};
use common::metrics::{Samples, delta};
use tamis::model::manifest::Band;

const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const EVERYTHING: Option<Band> = Some(Band { low: 0.0, high: 1.0 });

#[expect(clippy::unnecessary_wraps, reason = "a model can fail")]
fn at_once(_: &[u32]) -> Probabilities {
    Ok(FOUND)
}

fn fails(_: &[u32]) -> Probabilities {
    Err("a test of failure")
}

fn analyses(samples: &Samples, model: &str, status: &str) -> f64 {
    samples.value("toxicity_api_requests_total", &[("model_type", model), ("status", status)])
}

fn errors(samples: &Samples, error_type: &str) -> f64 {
    samples.value("api_errors_total", &[("error_type", error_type), ("endpoint", "/analyze")])
}

fn refused(response: &Response, error_type: &str) -> u64 {
    let body = json(response);
    assert_eq!((response.status, &body["error_type"]), (503, &error_type.into()), "{body}");
    response.header("retry-after").expect("a time to come back").parse().expect("seconds")
}

#[test]
fn bert_answers_under_its_own_name_and_is_counted_under_it() {
    let inference = Inference::start(&[], None, at_once);
    let before = inference.scrape();
    let answer = inference.ask(&analyze("Some text.", "bert"));
    let body = json(&answer);
    assert_eq!((answer.status, &body["model_used"], &body["score"]), (200, &"bert".into(), &42.into()), "{body}");
    assert_eq!((&body["labels"]["toxic"], &body["labels"]["identity_hate"]), (&0.42.into(), &0.5.into()));
    assert!(body["processing_time_ms"].as_f64().is_some_and(|time| time > 0.0));
    assert_eq!(json(&inference.ask(&analyze("Some text.", "simple")))["model_used"], "simple");
    let nothing = inference.ask(&analyze("  ", "bert"));
    assert_eq!((nothing.status, &json(&nothing)["error_type"]), (422, &"empty_text".into()));
    let moved = delta(&before, &inference.scrape());
    for (model, good, bad) in [("bert", 1.0, 1.0), ("simple", 1.0, 0.0)] {
        assert_eq!((analyses(&moved, model, "success"), analyses(&moved, model, "error")), (good, bad), "{model}");
        assert_eq!(moved.value("toxicity_processing_seconds_count", &[("model_type", model)]), 1.0);
    }
    assert_eq!(moved.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")]), 0.0);
}

#[test]
fn auto_asks_bert_about_the_texts_of_its_band_and_no_others() {
    let texts = ["You are kind.", "You are stupid and I hate you!", "What a load of rubbish this is."];
    let plain = Inference::without_bert(&[]);
    let toxic = texts.map(|text| json(&plain.ask(&analyze(text, "simple")))["labels"]["toxic"].as_f64());
    let toxic = toxic.map(|toxic| toxic.expect("a probability"));
    // Answers round to a millionth.
    let band = Band { low: toxic[2] - 2e-6, high: toxic[2] + 2e-6 };
    assert!(!band.contains(toxic[0] as f32) && !band.contains(toxic[1] as f32), "{toxic:?}");
    let inference = Inference::start(&[], Some(band), at_once);
    for (text, spoke) in texts.into_iter().zip(["simple", "simple", "bert"]) {
        assert_eq!(json(&inference.ask(&analyze(text, "auto")))["model_used"], spoke, "{text}");
    }
    let without_band = Inference::start(&[], None, at_once);
    assert_eq!(json(&without_band.ask(&analyze(texts[2], "auto")))["model_used"], "simple");
}

#[test]
fn until_bert_is_there_it_is_refused_and_auto_is_simple() {
    let off = Inference::without_bert(&["--bert", "off"]);
    let answer = off.ask(&analyze("Some text.", "bert"));
    assert_eq!(refused(&answer, "model_unavailable"), 1);
    assert!(answer.text().contains("runs without 'bert'"), "{}", answer.text());

    let inference = Inference::without_bert(&[]);
    assert_eq!(inference.ask(&Request::get("/readyz")).status, 200, "readiness does not wait for it");
    let answer = inference.ask(&analyze("Some text.", "bert"));
    assert_eq!(refused(&answer, "model_unavailable"), 1);
    assert!(answer.text().contains("in a moment"), "{}", answer.text());
    assert_eq!(json(&inference.ask(&analyze("Some text.", "auto")))["model_used"], "simple");
    assert_eq!(errors(&inference.scrape(), "model_unavailable"), 1.0);

    let tells = |there: bool| {
        assert_eq!(json(&inference.ask(&Request::get("/health")))["models"]["bert"], there);
        let models = json(&inference.ask(&Request::get("/model-info")))["models"].clone();
        let loaded: Vec<_> = models.as_array().expect("a list").iter().map(|m| (&m["name"], &m["loaded"])).collect();
        let names = ["simple", "iris", "bert"].map(serde_json::Value::from);
        let states = [true, true, there].map(serde_json::Value::from);
        assert_eq!(loaded, names.iter().zip(&states).collect::<Vec<_>>());
        assert_eq!(models[2]["load_seconds"].is_number(), there);
        let samples = inference.scrape();
        let value = |name, label| samples.value(name, &[(label, "bert")]);
        assert_eq!(value("model_loaded", "model"), f64::from(u8::from(there)));
        let sum = if there { 0.077 } else { 0.0 };
        assert_eq!(value("model_load_seconds_sum", "model_type"), sum);
    };
    tells(false);
    inference.load_bert(&[], EVERYTHING, at_once);
    tells(true);
    assert_eq!(json(&inference.ask(&analyze("Some text.", "bert")))["model_used"], "bert");
    assert_eq!(json(&inference.ask(&analyze("Some text.", "auto")))["model_used"], "bert");
}

#[test]
fn a_full_queue_is_refused_at_once_with_the_time_to_come_back_and_auto_is_simple() {
    let gate = Gate::shut();
    let run = gate.clone();
    // The first text tells how long the model takes: 0.6 s, and the queue holds four.
    let first = AtomicBool::new(true);
    let slow = move |ids: &[u32]| {
        if first.swap(false, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(600));
            return Ok(FOUND);
        }
        run.run(ids)
    };
    let inference = Inference::start(&["--bert-queue", "4", "--bert-timeout", "60s"], EVERYTHING, slow);
    let alone = Instant::now();
    assert_eq!(inference.ask(&analyze("Some text.", "bert")).status, 200);
    let at_most = (alone.elapsed().as_secs_f64() * 5.0).ceil() as u64 + 1;
    let mut busy: Vec<_> = (0..5).map(|_| inference.connect()).collect();
    for connection in &mut busy {
        connection.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    }
    inference.wait_for("tamis_inference_queue_depth", 4.0);
    let before = inference.scrape();
    let asked = Instant::now();
    let seconds = refused(&inference.ask(&analyze("Some text.", "bert")), "overloaded");
    assert!(asked.elapsed() < Duration::from_secs(30), "not after its turn");
    assert!((3..=at_most).contains(&seconds), "four texts of 0.6 s and a little: {seconds} s of {at_most}");
    assert_eq!(json(&inference.ask(&analyze("Some text.", "auto")))["model_used"], "simple");
    let moved = delta(&before, &inference.scrape());
    assert_eq!(
        (errors(&moved, "overloaded"), moved.value("tamis_requests_shed_total", &[("reason", "queue")])),
        (1.0, 1.0)
    );
    assert_eq!((analyses(&moved, "bert", "error"), analyses(&moved, "simple", "success")), (1.0, 1.0));
    gate.open();
    for connection in &mut busy {
        assert_eq!(connection.read_response().expect("an answer").status, 200);
    }
    inference.wait_for("tamis_inference_queue_depth", 0.0);
}

#[test]
fn what_waits_too_long_is_told_so_and_auto_is_simple() {
    let gate = Gate::shut();
    let run = gate.clone();
    let inference = Inference::start(&["--bert-timeout", "3s"], EVERYTHING, move |ids| run.run(ids));
    let mut first = inference.connect();
    first.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    gate.wait_begun(1);
    let before = inference.scrape();
    let (mut bert, mut auto) = (inference.connect(), inference.connect());
    let asked = Instant::now();
    bert.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    auto.send(&analyze("Some text.", "auto").to_bytes()).expect("sent");
    assert!(refused(&bert.read_response().expect("an answer"), "inference_timeout") >= 1);
    assert_eq!(json(&auto.read_response().expect("an answer"))["model_used"], "simple");
    assert!(asked.elapsed() >= Duration::from_secs(3) && asked.elapsed() < Duration::from_secs(40));
    let moved = delta(&before, &inference.scrape());
    assert_eq!((errors(&moved, "inference_timeout"), analyses(&moved, "bert", "error")), (1.0, 1.0));
    assert_eq!(analyses(&moved, "simple", "success"), 1.0);
    gate.open();
    assert_eq!(json(&first.read_response().expect("an answer"))["model_used"], "bert", "it was begun in time");
    assert_eq!(gate.begun(), 1, "what was late was never begun");
}

#[test]
fn a_model_that_fails_is_not_there_for_that_text_and_auto_is_simple() {
    let inference = Inference::start(&[], EVERYTHING, fails);
    assert_eq!(refused(&inference.ask(&analyze("Some text.", "bert")), "model_unavailable"), 1);
    assert_eq!(json(&inference.ask(&analyze("Some text.", "auto")))["model_used"], "simple");
}

#[test]
fn while_one_waits_others_are_answered_and_a_pipeline_keeps_its_order() {
    let gate = Gate::shut();
    let run = gate.clone();
    let inference = Inference::start(&["--bert-timeout", "60s"], None, move |ids| run.run(ids));
    let mut pipeline = inference.connect();
    let requests =
        [Request::json("/predict", IRIS), analyze("a", "bert"), Request::get("/livez"), analyze("b", "bert")];
    let bytes: Vec<u8> = requests.iter().flat_map(Request::to_bytes).collect();
    pipeline.send(&bytes).expect("sent");
    assert!(pipeline.read_response().expect("what comes before the one that waits").text().contains("setosa"));
    gate.wait_begun(1);
    for _ in 0..100 {
        assert_eq!(inference.ask(&Request::json("/predict", IRIS)).status, 200, "the same worker");
    }
    let samples = inference.scrape();
    assert_eq!(samples.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")]), 1.0);
    gate.open();
    let answers = pipeline.read_responses(3).expect("the rest");
    assert_eq!(json(&answers[0])["model_used"], "bert");
    assert!(answers[1].text().contains("alive"));
    assert_eq!(json(&answers[2])["model_used"], "bert");
}

#[test]
fn a_connection_that_waits_for_its_answer_is_not_idle() {
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(1500));
        Ok(FOUND)
    };
    let impatient = ["--idle-timeout", "200ms", "--header-timeout", "200ms", "--body-timeout", "200ms"];
    let inference = Inference::start(&impatient, None, slow);
    let bytes = analyze("a", "bert").to_bytes();
    // At once, and in two parts, so that the body is waited for first.
    for parts in [bytes.chunks(bytes.len()), bytes.chunks(bytes.len() - 5)] {
        let mut connection = inference.connect();
        connection.send_segments(&parts.collect::<Vec<_>>(), Duration::from_millis(50)).expect("sent");
        assert_eq!(connection.read_response().expect("an answer").status, 200);
        let answered = Instant::now();
        assert!(connection.is_closed().expect("an end"), "now it is idle");
        assert!(answered.elapsed() >= Duration::from_millis(150), "from the answer on");
    }
}

#[test]
fn a_stream_that_is_given_up_gives_its_place_back_and_is_not_begun() {
    let gate = Gate::shut();
    let run = gate.clone();
    let arguments = ["--bert-queue", "1", "--bert-timeout", "60s", "--max-connections", "3"];
    let inference = Inference::start(&arguments, None, move |ids| run.run(ids));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(inference.address()).await.expect("it accepts");
        let (client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        let driver = tokio::spawn(connection);
        let mut client = client.ready().await.expect("room for a stream");
        let mut post = |path: &str, body: &'static [u8]| {
            let uri = format!("http://{}{path}", inference.address());
            let request = http::Request::post(uri).header("content-type", "application/json");
            let (answer, mut stream) = client.send_request(request.body(()).expect("a request"), false).expect("sent");
            stream.send_data(bytes::Bytes::from_static(body), true).expect("sent");
            (answer, stream)
        };
        let depth = async |value: f64| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let found = inference.scrape().value("tamis_inference_queue_depth", &[]);
                tokio::time::sleep(Duration::from_millis(5)).await;
                if found == value {
                    return;
                }
                assert!(Instant::now() < deadline, "the queue's depth is {found}, not {value}");
            }
        };
        let bert = br#"{"text":"a","model":"bert"}"#;
        let (running, _kept) = post("/analyze", bert);
        depth(0.0).await;
        while gate.begun() < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (waiting, mut stream) = post("/analyze", bert);
        depth(1.0).await;
        let (full, _kept) = post("/analyze", bert);
        assert_eq!(full.await.expect("an answer").status(), 503);
        stream.send_reset(h2::Reason::CANCEL);
        assert!(waiting.await.is_err());
        depth(0.0).await;
        let (next, _kept) = post("/analyze", bert);
        depth(1.0).await;
        let (other, _kept) = post("/predict", IRIS.as_bytes());
        assert_eq!(other.await.expect("an answer").status(), 200, "the bodies' slots are free while texts wait");
        gate.open();
        assert_eq!(running.await.expect("an answer").status(), 200);
        assert_eq!(next.await.expect("an answer").status(), 200);
        driver.abort();
    });
    assert_eq!(gate.begun(), 2, "the one given up was not begun");
    let samples = inference.scrape();
    assert_eq!(samples.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")]), 0.0);
    assert_eq!((analyses(&samples, "bert", "success"), analyses(&samples, "bert", "error")), (2.0, 1.0));
}

#[test]
fn many_clients_are_all_answered_whatever_they_ask() {
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(1));
        Ok(FOUND)
    };
    let arguments = ["--bert-threads", "2", "--bert-queue", "2", "--bert-timeout", "30s"];
    let inference = Inference::start(&arguments, EVERYTHING, slow);
    let counts: Vec<[usize; 3]> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let mut connection = inference.connect();
                scope.spawn(move || {
                    let mut counts = [0; 3];
                    for round in 0..60 {
                        let model = ["bert", "auto", "simple"][(client + round) % 3];
                        let answer = connection.exchange(&analyze("Some text.", model)).expect("an answer");
                        let body = json(&answer);
                        let spoke = body["model_used"].as_str();
                        match (model, answer.status) {
                            ("bert", 503) => assert_eq!(body["error_type"], "overloaded"),
                            ("bert", 200) => assert_eq!(spoke, Some("bert")),
                            ("simple", 200) => assert_eq!(spoke, Some("simple")),
                            _ => assert_eq!((model, answer.status), ("auto", 200)),
                        }
                        counts[spoke.map_or(2, |spoke| usize::from(spoke == "bert"))] += 1;
                    }
                    counts
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("no panic")).collect()
    });
    let total = |at: usize| counts.iter().map(|counts| counts[at]).sum::<usize>() as f64;
    let samples = inference.scrape();
    assert_eq!(analyses(&samples, "simple", "success"), total(0));
    assert_eq!(analyses(&samples, "bert", "success"), total(1));
    assert_eq!(analyses(&samples, "bert", "error"), total(2));
    assert!(total(1) > 0.0);
}

/// A panic of the model ends the process, which says where and why: run in a process of its own.
#[test]
fn a_model_that_panics_ends_the_process() {
    const NAME: &str = "a_model_that_panics_ends_the_process";
    if std::env::var_os("TAMIS_TEST_PANIC").is_some() {
        tamis::log::start(tamis::config::LogLevel::Info, tamis::config::LogFormat::Json);
        let inference = Inference::start(&[], None, |_| panic!("an impossible id"));
        // The connection breaks when the process ends.
        let _ = analyze("Some text.", "bert").send_to(inference.address());
        std::thread::sleep(PATIENCE);
        return;
    }
    let test = std::env::current_exe().expect("this test");
    let output = Command::new(test).args([NAME, "--exact", "--nocapture"]).env("TAMIS_TEST_PANIC", "1").output();
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{told}");
    assert!(told.contains("an impossible id") && told.contains("bert-0"), "{told}");
}
