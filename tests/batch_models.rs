//! `POST /analyze/batch` by models that take their time, behind their queue: order, time limits, clients that leave, and who else
//! is served meanwhile.

mod common;

use std::time::{Duration, Instant};

use common::batch::{TEXTS, analyses, batch, requests, results, settled};
use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{FOUND, Gate, Inference, json};
use common::user_model::{UserModel, empty_directory};
use serde_json::json;
use tamis::model::manifest::Band;

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
    let server = Inference::start(&["--bert-queue", "64", "--bert-timeout", "3s"], None, move |ids| run.run(ids));
    let mut slow = server.connect();
    slow.send(&batch(&json!({"texts": ["one", "two", "three"], "model": "bert"})).to_bytes()).expect("sent");
    gate.wait_begun(1);
    std::thread::sleep(Duration::from_millis(3500));
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
    std::fs::remove_dir_all(&root).expect("removed");
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
