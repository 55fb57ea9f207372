//! What the tests of hostile clients share: a daemon that has to stand it, and the proof that nothing is left of it.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use super::http::{Connection, Request, Response};

/// A request that anybody may send, and what it is answered with.
pub const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;

/// The longest that a test waits for the daemon to do what it must: far above any limit that a test sets, for machines that are
/// busy with other things.
pub const LONG: Duration = Duration::from_mins(1);

/// Resident memory of the process now, in bytes, as the kernel tells it.
pub fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}

/// Asks as a client that means no harm does, on a connection of its own, and has to be answered.
pub fn is_served(daemon: &Daemon) {
    let stream = TcpStream::connect(daemon.address()).expect("the kernel accepts");
    stream.set_read_timeout(Some(LONG)).expect("a socket");
    let answer = Connection::over(stream).exchange(&Request::json("/predict", IRIS)).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Waits until nothing is left of what clients did: no request under way, no connection but that of the scrape.
pub fn nothing_is_left(daemon: &Daemon) {
    let deadline = Instant::now() + LONG;
    loop {
        let samples = daemon.scrape();
        let of =
            |name: &str| samples.iter().filter(|(series, _)| series.starts_with(name)).map(|(_, value)| value).sum();
        let (open, under_way): (f64, f64) = (of("tamis_connections_open"), of("http_requests_inprogress"));
        // The scrape that tells is itself one of each.
        if open <= 1.0 && under_way <= 1.0 {
            return;
        }
        assert!(Instant::now() < deadline, "{open} connections and {under_way} requests are left");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the daemon ends this connection, or there is an error that says so; what came before is dropped.
pub fn is_ended(stream: &TcpStream) {
    let deadline = Instant::now() + LONG;
    let (mut stream, mut scrap) = (stream, [0; 4 * 1024]);
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket");
    loop {
        match stream.read(&mut scrap) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
        assert!(Instant::now() < deadline, "the connection does not end");
    }
}

/// The `error_type` and `detail` of an answer in any of the shapes that errors have.
pub fn problem(answer: &Response) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let told = ["/error_type", "/error/details/0/metadata/error_type", "/error/code", "/error"];
    let told = told.iter().find_map(|place| body.pointer(place).and_then(|told| told.as_str()));
    (answer.status, told.unwrap_or_default().to_owned())
}

/// Sends `bytes` and reads answers until the daemon closes, or until a request that comes after them all has been answered.
pub fn answers_to(daemon: &Daemon, bytes: &[u8], most: usize) -> (Vec<Response>, bool) {
    let mut connection: Connection = daemon.connect();
    // It may be refused before it is sent.
    let _ = connection.send(bytes);
    let mut answers = Vec::new();
    while answers.len() < most {
        match connection.read_response() {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                let ended = matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
                assert!(ended, "{error}: after {answers:?}");
                return (answers, true);
            }
        }
    }
    (answers, false)
}
