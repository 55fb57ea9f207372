//! The Open Inference Protocol v2 on models that take their time or are a user's: order, queues, time limits, clients that
//! leave, who else is served meanwhile, and answers at their longest.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::batch::{TEXTS, analyses};
use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{FOUND, Gate, Inference, analyze, json as body_of};
use common::tensors::{body, infer, output, parts};
use common::user_model::{UserModel, empty_directory, many_labels};
use serde_json::{Value, json};
use tamis::model::manifest::Band;

fn texts(model: &str, texts: &[impl serde::Serialize]) -> Request {
    infer(model, &body("BYTES", &json!([texts.len()]), &json!(texts)))
}

#[test]
fn more_texts_than_the_queue_holds_pass_through_it_in_order() {
    for queue in ["0", "2", "64"] {
        // The stand-in for `bert` says how many n-grams the text has, so no two texts have one answer.
        let told = |ids: &[u32]| {
            std::thread::sleep(Duration::from_millis((ids.len() % 3) as u64));
            Ok([(ids.len() % 100) as f32 / 100.0, 0.1, 0.2, 0.3, 0.4, 0.5])
        };
        let server = Inference::start(&["--bert-queue", queue, "--bert-threads", "2"], None, told);
        let many: Vec<_> = (1..=100).map(|count| "xyz w".repeat(count)).collect();
        let alone: Vec<_> =
            many[..10].iter().map(|text| body_of(&server.ask(&analyze(text, "bert")))["score"].clone()).collect();
        let answer = server.ask(&texts("bert", &many));
        let told = body_of(&answer);
        assert_eq!(answer.status, 200, "{told}");
        let scores = output(&told, "score")["data"].as_array().expect("a list");
        assert_eq!((scores.len(), &scores[..10]), (100, &alone[..]), "queue of {queue}");
        assert!(output(&told, "model_used")["data"].as_array().expect("a list").iter().all(|used| used == "bert"));
        let samples = server.scrape();
        assert_eq!(analyses(&samples, "bert", "success"), 110.0);
        assert_eq!(samples.value("tamis_requests_shed_total", &[("reason", "queue")]), 0.0);
        assert_eq!(samples.value("tamis_inference_queue_depth", &[]), 0.0);
    }
}

#[test]
fn auto_asks_bert_about_the_texts_of_which_simple_is_not_sure() {
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(FOUND)
    };
    let server = Inference::start(&[], Some(Band { low: 0.2, high: 0.95 }), slow);
    let many: Vec<_> = TEXTS.iter().cycle().take(40).collect();
    let told = body_of(&server.ask(&texts("auto", &many)));
    let used = output(&told, "model_used")["data"].as_array().expect("a list");
    assert!(used.iter().any(|used| used == "bert") && used.iter().any(|used| used == "simple"), "{told}");
    for (row, text) in TEXTS.iter().enumerate() {
        let request = Request::json("/analyze", json!({"text": text, "model": "auto"}).to_string());
        let alone = body_of(&server.ask(&request));
        assert_eq!((&used[row], &used[row + 35]), (&alone["model_used"], &alone["model_used"]));
        assert_eq!(output(&told, "score")["data"][row], alone["score"]);
    }
}

#[test]
fn a_model_that_is_not_there_late_or_full_is_told_with_503_and_when_to_come_back() {
    let server = Inference::without_bert(&[]);
    let error = |request: &Request, server: &Inference| {
        let answer = server.ask(request);
        let told = body_of(&answer)["error"].as_str().unwrap_or_default().to_owned();
        (answer.status, answer.header("retry-after").is_some(), told)
    };
    for request in [texts("bert", &["a"]), Request::get("/v2/models/bert")] {
        let (status, comes_back, told) = error(&request, &server);
        assert!(status == 503 && comes_back && told.contains("the model is not loaded"), "{told}");
    }
    let ready = server.ask(&Request::get("/v2/models/bert/ready"));
    assert_eq!((ready.status, body_of(&ready)), (503, json!({"name": "bert", "ready": false})));
    assert_eq!(server.ask(&texts("auto", &["a"])).status, 200, "'simple' answers");
    server.load_bert(&[], None, |_| Ok(FOUND));
    assert_eq!(server.ask(&Request::get("/v2/models/bert/ready")).status, 200);
    assert_eq!(body_of(&server.ask(&Request::get("/v2/models/bert")))["name"], "bert");

    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "0", "--bert-timeout", "100m"], None, move |ids| run.run(ids));
    let mut first = server.connect();
    first.send(&texts("bert", &["one", "two"]).to_bytes()).expect("sent");
    gate.wait_begun(1);
    let (status, comes_back, told) = error(&texts("bert", &["three"]), &server);
    assert!(status == 503 && comes_back && told.contains("try again"), "{told}");
    assert_eq!(server.scrape().value("tamis_requests_shed_total", &[("reason", "queue")]), 1.0);
    gate.open();
    assert_eq!(first.read_response().expect("an answer").status, 200);

    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-timeout", "3s"], None, move |ids| run.run(ids));
    let mut slow = server.connect();
    slow.send(&texts("bert", &["one", "two", "three"]).to_bytes()).expect("sent");
    gate.wait_begun(1);
    std::thread::sleep(Duration::from_millis(3500));
    gate.open();
    let late = slow.read_response().expect("an answer");
    assert_eq!(late.status, 503);
    assert!(body_of(&late)["error"].as_str().is_some_and(|told| told.contains("waited too long")));
    server.wait_for("tamis_inference_queue_depth", 0.0);

    let broken = Inference::start(&[], None, |_| Err("broken"));
    let (status, _, told) = error(&texts("bert", &["one"]), &broken);
    assert!(status == 503 && told.contains("it failed"), "{told}");
}

#[test]
fn the_memory_of_clients_that_leave_is_lent_again() {
    let shut = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&shut);
    let server = Inference::start(&[], None, move |_| {
        while gate.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(FOUND)
    });
    let labels = [("method", "POST"), ("handler", "/v2/models/{model}/infer")];
    let wait_for = |count: f64| {
        let deadline = Instant::now() + Duration::from_secs(10);
        while server.scrape().get("http_requests_inprogress", &labels).unwrap_or_default() != count {
            assert!(Instant::now() < deadline, "{count} are not under way");
        }
    };
    // More of them than are made at start.
    for _ in 0..11 {
        shut.store(true, Ordering::Relaxed);
        let mut open: Vec<Connection> = (0..6).map(|_| server.connect()).collect();
        for connection in &mut open {
            connection.send(&texts("bert", &["You are kind."; 20]).to_bytes()).expect("sent");
        }
        wait_for(6.0);
        drop(open);
        shut.store(false, Ordering::Relaxed);
        wait_for(0.0);
    }
    server.wait_for("tamis_inference_queue_depth", 0.0);
    assert_eq!(server.ask(&texts("bert", &["four"])).status, 200);
    assert_eq!(server.scrape().value("tamis_requests_shed_total", &[("reason", "slot")]), 0.0);
}

#[test]
fn more_requests_than_there_is_memory_for_are_refused_at_once() {
    let gate = Gate::shut();
    let run = gate.clone();
    let server = Inference::start(&["--bert-queue", "100", "--bert-timeout", "100m"], None, move |ids| run.run(ids));
    let request = texts("bert", &["one"]);
    let mut open: Vec<Connection> = (0..16).map(|_| server.connect()).collect();
    for connection in &mut open {
        connection.send(&request.to_bytes()).expect("sent");
    }
    server.wait_for("tamis_inference_queue_depth", 15.0);
    let refused = server.ask(&request);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.scrape().value("tamis_requests_shed_total", &[("reason", "slot")]), 1.0);
    gate.open();
    for connection in &mut open {
        assert_eq!(connection.read_response().expect("an answer").status, 200);
    }
}

#[test]
fn a_users_models_have_tensors_of_their_own_labels_and_the_longest_answer_has_room() {
    let root = empty_directory("oip");
    UserModel::good("mood").write(&root, "mood");
    many_labels("many").write(&root, "many");
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--model-dir", root.to_str().expect("UTF-8")]);
    let metadata = body_of(&daemon.ask(&Request::get("/v2/models/mood")));
    assert_eq!((&metadata["versions"], &metadata["outputs"][1]["shape"]), (&json!(["1"]), &json!([-1, 2])));
    assert_eq!(metadata["outputs"][1]["parameters"], json!({"label_0": "calm", "label_1": "angry"}));
    let told = body_of(&daemon.ask(&texts("mood/versions/1", &["bad day", "good day"])));
    let probabilities = output(&told, "probabilities");
    let angry = |row: usize| probabilities["data"][row * 2 + 1].as_f64().expect("a number");
    assert_eq!((&probabilities["shape"], &told["model_version"]), (&json!([2, 2]), &json!("1")));
    assert!(angry(0) > 0.5 && angry(1) < 0.5, "{told}");
    assert_eq!(output(&told, "model_used")["data"], json!(["mood", "mood"]));
    assert_eq!(analyses(&daemon.scrape(), "custom", "success"), 2.0);

    let metadata = body_of(&daemon.ask(&Request::get("/v2/models/many")));
    assert_eq!(metadata["outputs"][1]["parameters"].as_object().map(serde_json::Map::len), Some(32));
    let mut asked = body("BYTES", &json!([256]), &json!(vec!["bad"; 256]));
    asked["id"] = json!("\u{1}".repeat(256));
    for binary in [false, true] {
        asked["parameters"] = json!({"binary_data_output": binary});
        let answer = daemon.ask(&infer("many", &asked));
        let (told, bytes) = parts(&answer);
        assert_eq!((answer.status, &told["id"]), (200, &asked["id"]));
        let count = output(&told, "probabilities")["data"].as_array().map_or(0, Vec::len);
        let size = bytes.get("probabilities").map_or(0, Vec::len);
        assert_eq!((count, size), if binary { (0, 256 * 32 * 4) } else { (256 * 32, 0) });
    }
    std::fs::remove_dir_all(&root).expect("removed");
}

#[test]
fn others_are_answered_while_a_large_tensor_is_scored() {
    let flags = ["--workers", "1", "--bert", "off", "--max-batch", "65536", "--max-body-bytes", "8000000"];
    let daemon = Daemon::start(&[&flags[..], &["--max-connections", "16"]].concat());
    let many: Vec<_> =
        (0..40_000).map(|at| format!("You are kind, reader {at}, and this text is of a usual length.")).collect();
    let request = texts("simple", &many).to_bytes();
    let address = daemon.address();
    let large = std::thread::spawn(move || {
        let mut connection = Connection::open(address).expect("it accepts");
        connection.send(&request).expect("sent");
        let answer = connection.read_response().expect("an answer");
        (Instant::now(), answer)
    });
    let mut connection = daemon.connect();
    let handler = [("method", "POST"), ("handler", "/v2/models/{model}/infer")];
    let mut meanwhile = 0;
    while !large.is_finished() {
        assert_eq!(connection.exchange(&Request::get("/livez")).expect("an answer").status, 200);
        if daemon.scrape().get("http_requests_inprogress", &handler) == Some(1.0) {
            meanwhile += 1;
        }
    }
    let (_, answer) = large.join().expect("no panic");
    let told: Value = body_of(&answer);
    assert_eq!(output(&told, "score")["shape"], json!([40_000, 1]));
    // Without its pauses there would be none.
    assert!(meanwhile >= 5, "{meanwhile} scrapes were answered meanwhile");
}
