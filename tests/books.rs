//! Exactly once in the books: what clients saw, by method, route and status, is what the daemon counted, whatever became of
//! their connections.
//!
//! Where every answer was read, the counts are equal. Where a connection was cut after a whole request had been sent, its
//! answer may or may not have been counted: seen <= counted <= sent, by method and route, and for each status seen <= counted.

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::{Connection, Request};
use common::metrics::Samples;

const PATIENCE: Duration = Duration::from_mins(1);
/// Clients at once, and how many turns each takes.
const CLIENTS: u64 = 8;
const TURNS: u64 = 120;

/// Method and handler, as they are labels.
type Route = (&'static str, &'static str);

/// A request, its route, and the status that answers it.
struct Kind {
    request: Request,
    route: Route,
    status: u16,
}

/// What one client knows.
#[derive(Default)]
struct Tally {
    seen: BTreeMap<(Route, u16), u64>,
    /// Sent whole, but the connection was cut before the answer was read.
    unseen: BTreeMap<Route, u64>,
}

fn kinds() -> Vec<Kind> {
    let kind = |request, route, status| Kind { request, route, status };
    let predict = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
    let lines = "\"You are kind.\"\n\"You are stupid.\"\n".repeat(40);
    let lines = Request::post("/analyze/batch", lines).header("Content-Type", "application/x-ndjson");
    let tensor = r#"{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"data":["You are kind."]}]}"#;
    vec![
        kind(Request::json("/predict", predict), ("POST", "/predict"), 200),
        kind(Request::json("/predict", r#"{"features":[1,2,3]}"#), ("POST", "/predict"), 422),
        kind(Request::json("/predict", r#"{"features":"#), ("POST", "/predict"), 400),
        kind(Request::post("/predict", predict), ("POST", "/predict"), 415),
        kind(Request::json("/analyze", r#"{"text":"You are kind."}"#), ("POST", "/analyze"), 200),
        kind(Request::json("/analyze", r#"{"text":"You are kind.","model":"auto"}"#), ("POST", "/analyze"), 200),
        kind(Request::json("/analyze", r#"{"txt":1}"#), ("POST", "/analyze"), 422),
        kind(Request::json("/analyze", r#"{"text":"a","model":"bert"}"#), ("POST", "/analyze"), 503),
        kind(Request::json("/analyze/batch", r#"{"texts":["a","b"]}"#), ("POST", "/analyze/batch"), 200),
        kind(lines, ("POST", "/analyze/batch"), 200),
        kind(Request::json("/v2/models/simple/infer", tensor), ("POST", "/v2/models/{model}/infer"), 200),
        kind(Request::get("/health"), ("GET", "/health"), 200),
        kind(Request::get("/livez"), ("GET", "/livez"), 200),
        kind(Request::get("/model-info"), ("GET", "/model-info"), 200),
        kind(Request::get("/none"), ("GET", "none"), 404),
        kind(Request::new("DELETE", "/predict"), ("other", "/predict"), 405),
    ]
}

/// Numbers that look random and are the same each time (Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One client's life: requests one by one, many at once, on connections kept and new; and where `cuts`, connections that
/// are cut inside a request, inside an answer and before one.
fn live(address: SocketAddr, seed: u64, cuts: bool) -> Tally {
    let (kinds, mut dice, mut tally) = (kinds(), Dice(0x9E37_79B9_7F4A_7C15 ^ seed), Tally::default());
    let connect = || Connection::open(address).expect("it accepts");
    let mut kept = connect();
    for _ in 0..TURNS {
        let kind = &kinds[dice.below(kinds.len() as u64) as usize];
        let bytes = kind.request.to_bytes();
        match dice.below(if cuts { 8 } else { 4 }) {
            0 | 1 => {
                kept.send(&bytes).expect("sent");
                read(&mut kept, kind, &mut tally);
            }
            2 => {
                let mut one = connect();
                one.send(&bytes).expect("sent");
                read(&mut one, kind, &mut tally);
            }
            3 => {
                let many: Vec<&Kind> = (0..8).map(|_| &kinds[dice.below(kinds.len() as u64) as usize]).collect();
                kept.send(&many.iter().flat_map(|kind| kind.request.to_bytes()).collect::<Vec<u8>>()).expect("sent");
                for kind in many {
                    read(&mut kept, kind, &mut tally);
                }
            }
            // Cut inside the request: nobody has asked anything.
            4 => connect().send(&bytes[..bytes.len() / 2]).expect("sent"),
            // Cut right behind it.
            5 => {
                connect().send(&bytes).expect("sent");
                *tally.unseen.entry(kind.route).or_default() += 1;
            }
            // Cut inside the answer, or behind it.
            6 => {
                let mut one = connect();
                one.send(&bytes).expect("sent");
                let mut first = [0];
                let _ = one.stream().peek(&mut first);
                *tally.unseen.entry(kind.route).or_default() += 1;
            }
            // Half closed: it is answered all the same.
            _ => {
                let mut one = connect();
                one.send(&bytes).expect("sent");
                one.finish_sending().expect("sent");
                read(&mut one, kind, &mut tally);
            }
        }
    }
    tally
}

fn read(connection: &mut Connection, kind: &Kind, tally: &mut Tally) {
    let answer = connection.read_response().expect("an answer");
    assert_eq!(answer.status, kind.status, "{:?}: {}", kind.request, answer.text());
    *tally.seen.entry((kind.route, answer.status)).or_default() += 1;
}

/// Has all clients live beside a scraper; answers what they know together.
fn run(daemon: &Daemon, cuts: bool) -> Tally {
    let address = daemon.address();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (1..=CLIENTS).map(|seed| scope.spawn(move || live(address, seed, cuts))).collect();
        let mut all = Tally::default();
        while !clients.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            daemon.scrape();
            *all.seen.entry((("GET", "/metrics"), 200)).or_default() += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        for client in clients {
            let Tally { seen, unseen } = client.join().expect("no panic");
            for (key, count) in seen {
                *all.seen.entry(key).or_default() += count;
            }
            for (key, count) in unseen {
                *all.unseen.entry(key).or_default() += count;
            }
        }
        all
    })
}

/// What the daemon has counted by route and status, read from the labels of its scrape.
fn counted(samples: &Samples) -> BTreeMap<(String, String, u16), u64> {
    let of = |series: &str, label: &str| {
        let (_, rest) = series.split_once(&format!("{label}=\"")).expect("the label");
        rest.split('"').next().expect("a value").to_owned()
    };
    let requests = samples.changed().filter(|(series, _)| series.starts_with("http_requests_total{"));
    requests
        .map(|(series, value)| {
            let status = of(series, "status").parse().expect("a status");
            ((of(series, "method"), of(series, "handler"), status), value as u64)
        })
        .collect()
}

/// The sum of all series of a name whose labels hold `with`.
fn sum(samples: &Samples, name: &str, with: &str) -> u64 {
    let all = samples.iter().filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(with));
    all.map(|(_, value)| value as u64).sum()
}

/// Waits until nothing is being answered any more but the scrape that tells.
fn settled(daemon: &Daemon, tally: &mut Tally) -> Samples {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let samples = daemon.scrape();
        let open = sum(&samples, "tamis_worker_requests_inprogress", "");
        if open == 1 && samples.value("tamis_connections_open", &[]) == 1.0 {
            return samples;
        }
        *tally.seen.entry((("GET", "/metrics"), 200)).or_default() += 1;
        assert!(Instant::now() < deadline, "{open} requests are under way and nobody is there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Holds what the families say of the same requests against each other.
fn families_agree(samples: &Samples) {
    let all = sum(samples, "http_requests_total", "");
    for name in
        ["http_request_duration_seconds_count", "http_request_size_bytes_count", "http_response_size_bytes_count"]
    {
        assert_eq!(sum(samples, name, ""), all, "{name}");
    }
    assert_eq!(sum(samples, "http_request_duration_seconds_bucket", "le=\"+Inf\""), all);
    for handler in ["/predict", "/analyze", "/analyze/batch", "/metrics"] {
        let method = if handler == "/metrics" { "GET" } else { "POST" };
        let (route, with) = (format!("handler=\"{handler}\""), format!("method=\"{method}\""));
        let requests = samples.iter().filter(|(series, _)| {
            series.starts_with("http_requests_total{") && series.contains(&route) && series.contains(&with)
        });
        let requests: u64 = requests.map(|(_, value)| value as u64).sum();
        let labels = [("method", method), ("handler", handler)];
        assert_eq!(samples.value("http_request_duration_seconds_count", &labels) as u64, requests, "{handler}");
    }
    let irises = sum(samples, "model_predictions_total", "");
    assert_eq!(sum(samples, "model_confidence_count", ""), irises);
    let scored = sum(samples, "toxicity_api_requests_total", "status=\"success\"");
    assert_eq!(sum(samples, "toxicity_score_distribution_count", ""), scored);
    assert_eq!(sum(samples, "toxicity_processing_seconds_count", ""), scored);
}

/// Ends the daemon, and holds its last lines against `last`, after which one scrape was answered: that which told it.
fn last_lines_agree(daemon: Daemon, last: &Samples) {
    daemon.signal("TERM");
    let (status, lines) = daemon.wait(PATIENCE);
    assert!(status.success());
    let mut expected = counted(last);
    *expected.entry(("GET".to_owned(), "/metrics".to_owned(), 200)).or_default() += 1;
    let told = lines.iter().filter(|line| line["message"] == "answered").map(|line| {
        let text = |key: &str| line[key].as_str().expect("text").to_owned();
        let key = (text("method"), text("handler"), text("status").parse().expect("a status"));
        (key, line["requests"].as_u64().expect("a count"))
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn what_clients_saw_is_what_was_counted() {
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    let mut tally = run(&daemon, false);
    let last = settled(&daemon, &mut tally);
    let seen = tally
        .seen
        .iter()
        .map(|(((method, handler), status), &count)| (((*method).to_owned(), (*handler).to_owned(), *status), count));
    assert_eq!(counted(&last), seen.collect::<BTreeMap<_, _>>());
    families_agree(&last);
    last_lines_agree(daemon, &last);
}

#[test]
fn of_connections_that_are_cut_no_more_is_counted_than_was_sent_and_no_less_than_was_seen() {
    let daemon = Daemon::start(&["--workers", "2", "--bert", "off"]);
    let mut tally = run(&daemon, true);
    let last = settled(&daemon, &mut tally);
    let mut counted: BTreeMap<_, _> = counted(&last);
    let mut beyond: BTreeMap<Route, u64> = BTreeMap::new();
    for (&((method, handler), status), &seen) in &tally.seen {
        let found = counted.remove(&(method.to_owned(), handler.to_owned(), status)).unwrap_or(0);
        assert!(seen <= found, "{method} {handler} {status}: seen {seen}, counted {found}");
        *beyond.entry((method, handler)).or_default() += found - seen;
    }
    assert!(tally.unseen.values().sum::<u64>() > CLIENTS * TURNS / 8, "the test cuts connections");
    for (route, found) in beyond {
        let unseen = tally.unseen.get(&route).copied().unwrap_or(0);
        assert!(found <= unseen, "{route:?}: {found} more than were seen, and {unseen} whose answer nobody read");
    }
    assert!(counted.is_empty(), "what nobody has asked: {counted:?}");
    families_agree(&last);
    last_lines_agree(daemon, &last);
}
