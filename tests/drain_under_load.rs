//! SIGTERM under load loses nothing: every request that the daemon began is answered, each answer is in the books, and a
//! request that it did not begin is known to the client not to have been (RFC 9112, section 9.6), so it may be sent again.

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use common::daemon::Daemon;
use common::http::{Connection, Request, Response};
use common::inference::analyze;

const PATIENCE: Duration = Duration::from_mins(1);
/// Clients of each kind.
const CLIENTS: usize = 4;
/// Requests that a client sends at once.
const PIPELINED: usize = 8;

fn predict() -> Request {
    Request::json("/predict", r#"{"features":[5.1,3.5,1.4,0.2]}"#)
}

fn closes(answer: &Response) -> bool {
    answer.header("connection") == Some("close")
}

/// Asks on one connection, until an answer says that it is the last; answers how many there were. A balancer does the same: it
/// looks elsewhere once it has been told.
fn keep_alive(address: SocketAddr) -> u64 {
    let mut connection = Connection::open(address).expect("it accepts");
    let mut answers = 0;
    loop {
        let answer = connection.exchange(&predict()).expect("a connection ends with an answer that says so");
        assert_eq!(answer.status, 200);
        answers += 1;
        if closes(&answer) {
            return answers;
        }
    }
}

/// The same with several requests on their way at once: those behind the last answer were not begun.
fn pipelined(address: SocketAddr) -> u64 {
    let requests = predict().to_bytes().repeat(PIPELINED);
    let mut connection = Connection::open(address).expect("it accepts");
    let mut answers = 0;
    loop {
        connection.send(&requests).expect("sent");
        for _ in 0..PIPELINED {
            let answer = connection.read_response().expect("answers up to the one that closes");
            assert_eq!(answer.status, 200);
            answers += 1;
            if closes(&answer) {
                return answers;
            }
        }
    }
}

/// The same on a new connection each time, with a head that comes in two parts, and a body in two more.
fn slow(address: SocketAddr) -> u64 {
    let bytes = predict().to_bytes();
    let mut answers = 0;
    loop {
        let mut connection = Connection::open(address).expect("it accepts");
        let parts = [&bytes[..9], &bytes[9..bytes.len() - 7], &bytes[bytes.len() - 7..]];
        connection.send_segments(&parts, Duration::from_millis(20)).expect("sent");
        let answer = connection.read_response().expect("an answer");
        assert_eq!(answer.status, 200);
        answers += 1;
        if closes(&answer) {
            return answers;
        }
    }
}

#[test]
fn a_drain_under_load_loses_nothing() {
    for _ in 0..2 {
        let mut daemon = Daemon::start(&["--workers", "2", "--bert", "off", "--drain-delay", "3s"]);
        let address = daemon.address();
        let seen: u64 = std::thread::scope(|scope| {
            let kinds: [fn(SocketAddr) -> u64; 3] = [keep_alive, pipelined, slow];
            let clients: Vec<_> = kinds
                .iter()
                .flat_map(|&kind| (0..CLIENTS).map(move |_| kind))
                .map(|kind| scope.spawn(move || kind(address)))
                .collect();
            std::thread::sleep(Duration::from_millis(300));
            daemon.signal("TERM");
            daemon.wait_for("draining", PATIENCE);
            clients.into_iter().map(|client| client.join().expect("nothing was lost")).sum()
        });
        let (status, lines) = daemon.wait(PATIENCE);
        let last = lines.last().expect("a line");
        assert!(status.success() && last["gentle"] == true, "{status} {last}");
        assert_eq!(answered(&lines), BTreeMap::from([(("/predict".to_owned(), "200".to_owned()), seen)]));
    }
}

/// What the last lines say, by handler and status.
fn answered(lines: &[serde_json::Value]) -> BTreeMap<(String, String), u64> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let told = lines.iter().filter(|line| line["message"] == "answered");
    told.map(|line| ((text(&line["handler"]), text(&line["status"])), line["requests"].as_u64().expect("a count")))
        .collect()
}

/// Without a delay nobody is told beforehand: a head that has begun is read to its end, and its request answered.
#[test]
fn a_head_that_is_half_here_is_waited_for() {
    let mut daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let mut kept = daemon.connect();
    assert_eq!(kept.exchange(&predict()).expect("an answer").status, 200);
    let mut new = daemon.connect();
    let bytes = predict().to_bytes();
    for client in [&mut kept, &mut new] {
        client.send(&bytes[..30]).expect("sent");
    }
    // Both have been read when another has been answered.
    assert_eq!(daemon.ask(&Request::get("/livez")).status, 200);
    daemon.signal("TERM");
    daemon.wait_for("draining", PATIENCE);
    std::thread::sleep(Duration::from_millis(200));
    for client in [&mut kept, &mut new] {
        client.send(&bytes[30..]).expect("sent");
        let answer = client.read_response().expect("an answer");
        assert_eq!((answer.status, closes(&answer)), (200, true));
        assert!(client.is_closed().expect("an end"));
    }
    assert!(daemon.wait(PATIENCE).0.success());
}

/// What was sent whole before the signal is answered all the same, also behind
/// other requests of the same connection.
#[test]
fn what_was_sent_before_the_signal_is_answered_or_known_not_to_be() {
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    daemon.signal("STOP");
    let mut clients: Vec<_> = (0..16).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.send(&predict().to_bytes().repeat(PIPELINED)).expect("sent");
    }
    daemon.signal("TERM");
    daemon.signal("CONT");
    let (mut seen, mut told) = (0, 0);
    for client in &mut clients {
        let mut is_told = false;
        for _ in 0..PIPELINED {
            let answer = client.read_response().expect("all answers, or one that says that it is the last");
            assert_eq!(answer.status, 200);
            seen += 1;
            is_told = closes(&answer);
            if is_told {
                break;
            }
        }
        told += u64::from(is_told);
        assert!(client.is_closed().expect("an end"));
    }
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success());
    assert_eq!(answered(&lines), BTreeMap::from([(("/predict".to_owned(), "200".to_owned()), seen)]));
    assert!(seen == 16 * PIPELINED as u64 || told > 0, "{seen} answers, and nobody is told that there are no more");
}

#[test]
fn texts_in_the_queue_of_bert_are_answered_under_a_drain() {
    let mut daemon = Daemon::start(&["--workers", "2", "--bert-threads", "1", "--bert-queue", "64"]);
    daemon.wait_for("bert loaded", PATIENCE);
    let mut clients: Vec<_> = (0..24).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.send(&analyze("You are kind and I thank you for it.", "bert").to_bytes()).expect("sent");
    }
    let mut batch = daemon.connect();
    let texts = serde_json::json!({ "texts": vec!["You are kind."; 12], "model": "bert" });
    batch.send(&Request::json("/analyze/batch", texts.to_string()).to_bytes()).expect("sent");
    // Each has been taken up.
    let under_way = |daemon: &Daemon| {
        let samples = daemon.scrape();
        let done =
            samples.value("http_requests_total", &[("method", "POST"), ("handler", "/analyze"), ("status", "200")]);
        done + samples.value("http_requests_inprogress", &[("method", "POST"), ("handler", "/analyze")])
    };
    while under_way(&daemon) < 24.0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.read_response().expect("an answer").status, 200);
    }
    let results = batch.read_response().expect("an answer");
    let results: serde_json::Value = serde_json::from_slice(&results.body).expect("JSON");
    let scored = results["results"].as_array().expect("results").iter().filter(|result| result["score"].is_number());
    assert_eq!(scored.count(), 12, "{results}");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success() && lines.last().expect("a line")["gentle"] == true);
    assert_eq!(answered(&lines)[&("/analyze".to_owned(), "200".to_owned())], 24);
}
