//! From start to stop: readiness, draining, signals, refusals to start.

mod common;

use std::process::Command;
use std::time::Duration;

use clap::Parser as _;
use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::inference::{Gate, Inference, analyze, json};
use common::tools;
use tamis::config::CommandLine;
use tamis::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn before_the_models_are_there_it_lives_and_says_that_it_is_not_ready() {
    let line = CommandLine::parse_from(["tamis", "--listen", "127.0.0.1:0", "--workers", "1"]);
    let server = Server::start(&line.flags).expect("a free port");
    let ask = |request: Request| request.send_to(server.addresses()[0]).expect("an answer");
    let health = ask(Request::get("/health"));
    let body: serde_json::Value = serde_json::from_slice(&health.body).expect("JSON");
    assert_eq!((health.status, &body["status"], &body["model_loaded"]), (503, &"unhealthy".into(), &false.into()));
    assert_eq!(ask(Request::get("/livez")).status, 200);
    assert_eq!(ask(Request::get("/readyz")).status, 503);
    assert_eq!(ask(Request::get("/startupz")).status, 503);
    for request in [
        Request::json("/predict", r#"{"features":[1,2,3,4]}"#),
        Request::json("/analyze", r#"{"text":"a"}"#),
        Request::get("/model-info"),
    ] {
        let refused = ask(request);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert!(refused.text().contains("model_unavailable"));
    }
    assert!(server.drain(Duration::ZERO, PATIENCE));
}

#[test]
fn a_signal_drains_answers_what_is_under_way_and_exits_0() {
    for signal in ["TERM", "INT"] {
        let mut daemon = Daemon::start(&["--drain-delay", "1s"]);
        let (mut idle, mut busy) = (daemon.connect(), daemon.connect());
        assert_eq!(idle.exchange(&Request::get("/readyz")).expect("an answer").status, 200);
        let bytes = Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#).to_bytes();
        let (first, rest) = bytes.split_at(bytes.len() - 5);
        busy.send(first).expect("sent");
        daemon.signal(signal);
        daemon.wait_for("draining", PATIENCE);
        // Unready at once, and still accepting: whoever routes to us needs time to see it.
        assert_eq!(daemon.ask(&Request::get("/readyz")).status, 503);
        assert_eq!(daemon.ask(&Request::get("/livez")).status, 200);
        assert!(idle.is_closed().expect("an end"), "an idle connection ends");
        let refused = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(4));
            Connection::open(daemon.address()).is_err()
        });
        assert!(refused, "nobody listens any more");
        busy.send(rest).expect("sent");
        let answer = busy.read_response().expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(busy.is_closed().expect("an end"));
        let (status, lines) = daemon.wait(PATIENCE);
        assert!(status.success(), "{signal}: {status}");
        let last = lines.last().expect("a line");
        assert_eq!((&last["message"], &last["gentle"]), (&"stopped".into(), &true.into()));
    }
}

#[test]
fn a_kept_connection_ends_with_an_answer_while_the_daemon_drains_and_not_under_the_next_request() {
    let mut daemon = Daemon::start(&["--drain-delay", "2s"]);
    let mut kept = daemon.connect();
    let predict = Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#);
    assert_eq!(kept.exchange(&predict).expect("an answer").header("connection"), None);
    daemon.signal("TERM");
    daemon.wait_for("draining", PATIENCE);
    let last = kept.exchange(&predict).expect("an answer");
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert!(kept.is_closed().expect("an end"));
    // Whoever still comes is answered: it takes a while until nobody does.
    assert_eq!(daemon.ask(&predict).status, 200);
    assert!(daemon.wait(PATIENCE).0.success());
}

#[test]
fn the_last_lines_tell_all_that_was_answered_by_method_handler_and_status() {
    let daemon = Daemon::start(&["--workers", "2"]);
    for _ in 0..20 {
        assert_eq!(daemon.ask(&Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#)).status, 200);
    }
    assert_eq!(daemon.ask(&Request::json("/predict", r#"{"features":[5.1]}"#)).status, 422);
    daemon.signal("TERM");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success());
    let told = |status: &str| {
        let wanted = ["answered", "POST", "/predict", status];
        let line = lines.iter().find(|line| ["message", "method", "handler", "status"].map(|key| &line[key]) == wanted);
        line.map(|line| line["requests"].as_u64().expect("a count"))
    };
    assert_eq!((told("200"), told("422"), told("503")), (Some(20), Some(1), None));
}

#[test]
fn a_connection_on_which_nothing_was_sent_does_not_hold_the_drain_up() {
    // After the header timeout it would end in any case.
    let daemon = Daemon::start(&["--header-timeout", "10m", "--drain-timeout", "10m"]);
    let _silent = daemon.connect();
    std::thread::sleep(Duration::from_millis(100));
    daemon.signal("TERM");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success());
    assert_eq!(lines.last().expect("a line")["gentle"], true);
}

#[test]
fn a_request_that_waits_in_the_backlog_when_the_drain_begins_is_answered() {
    for _ in 0..5 {
        let daemon = Daemon::start(&[]);
        daemon.signal("STOP");
        let mut waiting: Vec<_> = (0..8).map(|_| daemon.connect()).collect();
        for connection in &mut waiting {
            connection.send(&Request::get("/livez").to_bytes()).expect("sent");
        }
        daemon.signal("TERM");
        daemon.signal("CONT");
        for connection in &mut waiting {
            assert_eq!(connection.read_response().expect("an answer").status, 200);
            assert!(connection.is_closed().expect("an end"));
        }
        assert!(daemon.wait(PATIENCE).0.success());
    }
}

#[test]
fn texts_that_wait_for_bert_when_the_drain_begins_are_answered() {
    let gate = Gate::shut();
    let run = gate.clone();
    let inference = Inference::start(&["--bert-timeout", "60s"], None, move |ids| run.run(ids));
    let mut waiting: Vec<_> = (0..3).map(|_| inference.connect()).collect();
    for connection in &mut waiting {
        connection.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    }
    gate.wait_begun(1);
    inference.wait_for("tamis_inference_queue_depth", 2.0);
    let draining = std::thread::spawn(|| inference.server.drain(Duration::ZERO, PATIENCE));
    std::thread::sleep(Duration::from_millis(300));
    assert!(!draining.is_finished(), "it waits for what it has accepted");
    gate.open();
    for connection in &mut waiting {
        let answer = connection.read_response().expect("an answer");
        assert_eq!((answer.status, &json(&answer)["model_used"]), (200, &"bert".into()));
        assert!(connection.is_closed().expect("an end"));
    }
    assert!(draining.join().expect("no panic"), "gently");
}

#[test]
fn a_model_that_never_ends_does_not_keep_the_process() {
    let gate = Gate::shut();
    let run = gate.clone();
    let inference = Inference::start(&[], None, move |ids| run.run(ids));
    let mut stuck = inference.connect();
    stuck.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
    gate.wait_begun(1);
    assert!(!inference.server.drain(Duration::ZERO, Duration::from_millis(200)));
    gate.open();
}

#[test]
fn a_client_that_never_ends_is_left_behind_at_the_deadline() {
    let daemon = Daemon::start(&["--drain-timeout", "200ms"]);
    let mut stuck = daemon.connect();
    stuck
        .send(b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
        .expect("sent");
    std::thread::sleep(Duration::from_millis(100));
    daemon.signal("TERM");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success());
    assert_eq!(lines.last().expect("a line")["gentle"], false);
}

#[test]
fn a_second_signal_ends_the_wait() {
    let mut daemon = Daemon::start(&["--drain-delay", "60s"]);
    daemon.signal("TERM");
    daemon.wait_for("draining", PATIENCE);
    daemon.signal("TERM");
    assert_eq!(daemon.wait(PATIENCE).0.code(), Some(1));
}

#[test]
fn what_cannot_start_says_why_and_exits_with_a_code() {
    let daemon = Daemon::start(&[]);
    let taken = daemon.address().to_string();
    let cases = [
        (vec!["--listen", &taken], 1, "cannot listen on 127.0.0.1"),
        (vec!["--model-dir", "/nonexistent"], 2, "/nonexistent"),
        (vec!["--listen", "nowhere"], 2, "--listen"),
        (vec!["--workers", "0"], 2, "--workers"),
    ];
    for (arguments, code, told) in cases {
        let listen = ["--listen", "127.0.0.1:0"];
        let output = Command::new(tools::tamis_binary()).args(listen).args(&arguments).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
}

#[test]
fn subcommands_do_what_they_say() {
    let daemon = Daemon::start(&[]);
    let run = |arguments: &[&str]| Command::new(tools::tamis_binary()).args(arguments).output().expect("it runs");
    let check = run(&["check"]);
    assert!(check.status.success() && String::from_utf8_lossy(&check.stdout).contains("golden rows agree"));
    assert!(run(&["healthcheck", "--listen", &daemon.address().to_string()]).status.success());
    assert_eq!(run(&["healthcheck", "--listen", "127.0.0.1:1"]).status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run(&["print-metrics"]).stdout).contains("http_requests_total"));
    let listed = run(&["print-metrics", "--format", "json"]).stdout;
    assert!(
        serde_json::from_slice::<serde_json::Value>(&listed)
            .is_ok_and(|listed| listed[0]["name"] == "http_requests_total")
    );
    assert!(String::from_utf8_lossy(&run(&["print-config"]).stdout).contains("--listen"));
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("TAMIS_LISTEN"));
}
