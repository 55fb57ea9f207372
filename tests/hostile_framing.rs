//! Requests that two readers of the same bytes could understand differently (request smuggling), and heads without measure.
//!
//! Behind every attack stands the request `MARK`. It is a request of its own only where the attack ended as RFC 9112 says;
//! wherever that is in doubt the connection must end before it, so that nobody is answered what somebody else has asked.

mod common;

use common::daemon::Daemon;
use common::hostile::{IRIS, answers_to, is_served, nothing_is_left, resident};
use common::http::Request;
use common::metrics::delta;

/// What becomes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    /// It means one thing to everybody: answered so, and then `MARK` is.
    Clear(u16),
    /// Answered so, and the connection ends before `MARK`.
    Last(u16),
}

use Becomes::{Clear, Last};

const MARK: &str = "GET /startupz HTTP/1.1\r\nHost: a\r\n\r\n";

/// `POST /predict` with these header lines, and `body` behind them.
fn post(lines: &str, body: &str) -> String {
    format!("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}\r\n{body}")
}

/// The same with the body in a chunk.
fn chunked(lines: &str) -> String {
    post(lines, &format!("{:x}\r\n{IRIS}\r\n0\r\n\r\n", IRIS.len()))
}

/// The same with this in the place of chunks.
fn chunks(chunks: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", chunks)
}

fn get(lines: &str) -> String {
    format!("GET /livez HTTP/1.1\r\n{lines}\r\n")
}

/// The attack, what becomes of it, and why.
type Case = (&'static str, String, Becomes);

/// RFC 9112, section 6: which of several lengths.
fn lengths() -> Vec<Case> {
    let sized = |lines: &str| post(lines, IRIS);
    vec![
        // "MUST close the connection after responding", 6.1; the coding overrides the length, 6.3.
        ("a length, then a coding", chunked("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), Last(200)),
        ("a coding, then a length", chunked("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), Last(200)),
        // 6.3: an unrecoverable error.
        ("two lengths", sized("Content-Length: 30\r\nContent-Length: 31\r\n"), Last(400)),
        ("the same length twice", sized("Content-Length: 30\r\nContent-Length: 30\r\n"), Clear(200)),
        ("a list of lengths", sized("Content-Length: 30, 30\r\n"), Last(400)),
        ("a sign", sized("Content-Length: +30\r\n"), Last(400)),
        ("a negative length", sized("Content-Length: -1\r\n"), Last(400)),
        ("a length in hexadecimal", sized("Content-Length: 0x1e\r\n"), Last(400)),
        ("a length with a space", sized("Content-Length: 3 0\r\n"), Last(400)),
        ("no length", sized("Content-Length: \r\n"), Last(400)),
        ("zeros before a length", sized("Content-Length: 00030\r\n"), Clear(200)),
        ("2^64 bytes", sized("Content-Length: 18446744073709551616\r\n"), Last(400)),
        ("2^63 bytes", sized("Content-Length: 9223372036854775808\r\n"), Last(413)),
        // 6.1: a coding that is not understood, or chunked that is not last, or not once, is refused; 501 would be as good.
        ("gzip, chunked", chunked("Transfer-Encoding: gzip, chunked\r\n"), Last(400)),
        ("chunked twice in a line", chunked("Transfer-Encoding: chunked, chunked\r\n"), Last(400)),
        ("chunked twice", chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), Last(400)),
        ("chunked, then identity", chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), Last(400)),
        ("identity, then chunked", chunked("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), Last(400)),
        ("nearly chunked", chunked("Transfer-Encoding: xchunked\r\n"), Last(400)),
        ("chunked in quotes", chunked("Transfer-Encoding: \"chunked\"\r\n"), Last(400)),
        ("chunked after a vertical tab", chunked("Transfer-Encoding: \x0bchunked\r\n"), Last(400)),
        ("chunked, and nothing", chunked("Transfer-Encoding: chunked,\r\n"), Last(400)),
        ("nothing, and chunked", chunked("Transfer-Encoding: ,chunked\r\n"), Last(400)),
        ("chunked with a parameter", chunked("Transfer-Encoding: chunked;q=1\r\n"), Last(400)),
        ("no coding", sized("Transfer-Encoding: \r\nContent-Length: 30\r\n"), Last(400)),
        ("codings have no case", chunked("Transfer-Encoding: CHUNKED\r\n"), Clear(200)),
        ("space around a value", chunked("Transfer-Encoding:\t chunked \t\r\n"), Clear(200)),
        ("an underscore is no hyphen", sized("Transfer_Encoding: chunked\r\nContent-Length: 30\r\n"), Clear(200)),
        // 6.1: HTTP/1.0 has no codings.
        (
            "chunks of HTTP/1.0",
            chunked("Transfer-Encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1),
            Last(400),
        ),
        // 10.1.1 of RFC 9110: what follows is sent with the request or after 100; both are the body.
        ("GET with a body", get(&format!("Host: a\r\nContent-Length: {}\r\n", MARK.len())) + MARK, Clear(200)),
    ]
}

/// RFC 9112, section 7.1: chunks. A bare line feed ends nothing here.
fn chunk_lines() -> Vec<Case> {
    vec![
        ("a size ended by a line feed", chunks(&format!("1e\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("data ended by a line feed", chunks(&format!("1e\r\n{IRIS}\n0\r\n\r\n")), Last(400)),
        ("an extension with a line feed", chunks(&format!("1e;a\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("an extension with a carriage return", chunks(&format!("1e;a\rb\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("an extension", chunks(&format!("1e;a=\"b\"\r\n{IRIS}\r\n0\r\n\r\n")), Clear(200)),
        ("extensions without measure", chunks(&format!("1e;{}\r\n{IRIS}\r\n0\r\n\r\n", "a".repeat(20_000))), Last(400)),
        ("a size with 0x", chunks(&format!("0x1e\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a size with a sign", chunks(&format!("+1e\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a negative size", chunks(&format!("-1e\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a size after a space", chunks(&format!(" 1e\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("no size", chunks(&format!("\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a size beyond 64 bits", chunks(&format!("1000000000000001e\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a size that is too short", chunks(&format!("1d\r\n{IRIS}\r\n0\r\n\r\n")), Last(400)),
        ("a chunk longer than any body", chunks(&format!("fffffff\r\n{}", " ".repeat(70_000))), Last(413)),
        // Fields behind a body are dropped (6.5.1 of RFC 9110); none may follow, because hyper passes over bare line feeds.
        ("a length in a trailer", chunks(&format!("1e\r\n{IRIS}\r\n0\r\nContent-Length: 5\r\n\r\n")), Last(200)),
        ("a trailer ended by line feeds", chunks(&format!("1e\r\n{IRIS}\r\n0\r\nX: y\n\n")), Last(200)),
        ("a trailer without a colon", chunks(&format!("1e\r\n{IRIS}\r\n0\r\nX y\r\n\r\n")), Last(400)),
        ("a long trailer", chunks(&format!("1e\r\n{IRIS}\r\n0\r\nX: {}\r\n\r\n", "y".repeat(20_000))), Last(400)),
        ("many trailers", chunks(&format!("1e\r\n{IRIS}\r\n0\r\n{}\r\n", "X: y\r\n".repeat(2000))), Last(400)),
    ]
}

/// RFC 9112, sections 2, 3 and 5: lines.
fn lines() -> Vec<Case> {
    let sized = |lines: &str| post(&format!("{lines}Content-Length: 30\r\n"), IRIS);
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    vec![
        // 5.2: a folded line is refused.
        ("a folded line", sized("X: b\r\n c\r\n"), Last(400)),
        ("a folded coding", chunked("Transfer-Encoding:\r\n chunked\r\n"), Last(400)),
        ("a first line that is folded", get(" Host: a\r\n"), Last(400)),
        // 5.1: so is a space before the colon.
        ("a space before the colon", sized("X : y\r\n"), Last(400)),
        ("a tab before the colon", sized("X\t: y\r\n"), Last(400)),
        ("a coding with a space before the colon", sized("Transfer-Encoding : chunked\r\n"), Last(400)),
        // 2.2: a bare line feed may end a line, and does for everybody in front; a bare carriage return may not.
        ("lines ended by line feeds", sized("").replacen("\r\n", "\n", 5), Clear(200)),
        ("a carriage return in a value", sized("X: a\rY: b\r\n"), Last(400)),
        ("two carriage returns", sized("X: a\r\r\n"), Last(400)),
        ("NUL in a value", sized("X: a\0b\r\n"), Last(400)),
        ("NUL in a name", sized("X\0: a\r\n"), Last(400)),
        ("a control character in a value", sized("X: a\x01b\r\n"), Last(400)),
        ("no colon", sized("X\r\n"), Last(400)),
        ("no name", sized(": x\r\n"), Last(400)),
        // 3.2: no host, two, or none that could be one.
        ("no host", get("X: y\r\n"), Last(400)),
        ("two hosts", get("Host: a\r\nHost: b\r\n"), Last(400)),
        ("the same host twice", get("Host: a\r\nHost: a\r\n"), Last(400)),
        ("a list of hosts", get("Host: a, b\r\n"), Last(400)),
        ("a path in a host", get("Host: a/b\r\n"), Last(400)),
        ("a user in a host", get("Host: u@a\r\n"), Last(400)),
        ("an empty host", get("Host: \r\n"), Clear(200)),
        ("HTTP/1.0 has no host", "GET /livez HTTP/1.0\r\n\r\n".to_owned(), Last(200)),
        // 3: the request line.
        ("two spaces", line("GET  /livez HTTP/1.1"), Last(400)),
        ("a tab", line("GET\t/livez HTTP/1.1"), Last(400)),
        ("a space in the target", line("GET /livez x HTTP/1.1"), Last(400)),
        ("a space at the end", line("GET /livez HTTP/1.1 "), Last(400)),
        ("NUL in the target", line("GET /li\0vez HTTP/1.1"), Last(400)),
        ("another protocol", line("GET /livez http/1.1"), Last(400)),
        ("HTTP/0.9", "GET /livez\r\n\r\n".to_owned(), Last(400)),
        ("HTTP/1.2", line("GET /livez HTTP/1.2"), Last(400)),
        ("HTTP/2 without its preface", line("GET /livez HTTP/2.0"), Last(400)),
        ("a preface that ends otherwise", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), Last(400)),
        ("empty lines before", format!("\r\n\r\n{}", get("Host: a\r\n")), Clear(200)),
        ("an address in full", line("GET http://b/livez HTTP/1.1"), Clear(200)),
        ("CONNECT", line("CONNECT a:80 HTTP/1.1"), Clear(404)),
        // 7.8 of RFC 9110: an upgrade may be passed over.
        (
            "an upgrade to HTTP/2",
            get("Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
            Clear(200),
        ),
    ]
}

/// RFC 9110, section 5.4: what is too long. RFC 9112, section 3, would have 414 for a target; it is a part of the section here.
fn sizes() -> Vec<Case> {
    let line = |line: String| format!("{line}\r\nHost: a\r\n\r\n");
    vec![
        ("a long target", line(format!("GET /{} HTTP/1.1", "a".repeat(8000))), Clear(404)),
        ("a target without measure", line(format!("GET /{} HTTP/1.1", "a".repeat(1 << 20))), Last(431)),
        ("a method without measure", line(format!("{} / HTTP/1.1", "A".repeat(1 << 20))), Last(431)),
        ("a name without measure", get(&format!("Host: a\r\n{}: y\r\n", "X".repeat(1 << 20))), Last(431)),
        ("a value without measure", get(&format!("Host: a\r\nX: {}\r\n", "y".repeat(1 << 20))), Last(431)),
        ("fields without number", get(&format!("Host: a\r\n{}", "X: y\r\n".repeat(100_000))), Last(431)),
        ("one field too many", get(&format!("Host: a\r\n{}", "X: y\r\n".repeat(100))), Last(431)),
        ("as many as there may be", get(&format!("Host: a\r\n{}", "X: y\r\n".repeat(99))), Clear(200)),
    ]
}

#[test]
fn no_request_means_two_things() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let marks = |daemon: &Daemon| {
        let labels = [("method", "GET"), ("handler", "/startupz"), ("status", "200")];
        daemon.scrape().value("http_requests_total", &labels)
    };
    let mut wrong = Vec::new();
    for (name, attack, becomes) in [lengths(), chunk_lines(), lines()].concat() {
        let before = marks(&daemon);
        let (answers, ended) = answers_to(&daemon, &[attack.as_bytes(), MARK.as_bytes()].concat(), 2);
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        let expected = match becomes {
            Clear(status) => (vec![status, 200], false, 1.0),
            Last(status) => (vec![status], true, 0.0),
        };
        let found = (statuses, ended, marks(&daemon) - before);
        if found != expected {
            wrong.push(format!("{name}: {found:?} in the place of {expected:?}"));
        }
        for answer in answers.iter().filter(|answer| answer.status >= 400) {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("a document");
            assert_eq!(body["status"], answer.status, "{name}");
            assert!(body["error_type"].is_string() && body["detail"].is_string(), "{name}: {body}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_is_left(&daemon);
}

#[test]
fn a_host_and_a_coding_at_fault_are_named_and_counted() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let before = daemon.scrape();
    for (attack, field, fix) in [
        (get("X: y\r\n"), "host", "must be sent once"),
        (get("Host: a\r\nHost: b\r\n"), "host", "must be sent once"),
        (chunked("Transfer-Encoding: gzip, chunked\r\n"), "transfer-encoding", "compress by content-encoding"),
    ] {
        let (answers, ended) = answers_to(&daemon, attack.as_bytes(), 2);
        let body: serde_json::Value = serde_json::from_slice(&answers[0].body).expect("a document");
        assert_eq!((answers.len(), ended, &body["field"]), (1, true, &field.into()), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(fix)), "{body}");
        assert_eq!(answers[0].header("connection"), Some("close"));
    }
    let moved = delta(&before, &daemon.scrape());
    let labels = [("method", "other"), ("handler", "none"), ("status", "400")];
    assert_eq!(moved.value("http_requests_total", &labels), 3.0);
    let labels = [("error_type", "malformed_request"), ("endpoint", "none")];
    assert_eq!(moved.value("api_errors_total", &labels), 3.0);
}

#[test]
fn heads_without_measure_are_refused_in_the_memory_of_a_head() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    is_served(&daemon);
    let before = resident(&daemon);
    for _ in 0..8 {
        for (name, attack, becomes) in sizes() {
            let (answers, ended) = answers_to(&daemon, &[attack.as_bytes(), MARK.as_bytes()].concat(), 2);
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            match becomes {
                Clear(status) => assert_eq!(statuses, [status, 200], "{name}"),
                Last(status) => assert_eq!((statuses, ended), (vec![status], true), "{name}"),
            }
        }
    }
    is_served(&daemon);
    let grown = resident(&daemon).saturating_sub(before);
    // 64 requests of up to a mebibyte, one at a time: hyper's buffer of four sections, and what the allocator keeps.
    assert!(grown < 1 << 20, "grew by {grown} bytes");
    nothing_is_left(&daemon);
}

#[test]
fn what_is_smuggled_behind_a_refused_body_is_not_run() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    // The request is refused before its body is read; the body is another request.
    let inner = Request::json("/predict", IRIS).to_bytes();
    let inner = String::from_utf8(inner).expect("text");
    for (lines, status) in [
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/json\r\nContent-Encoding: br\r\n", 415),
        ("Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Encoding: br\r\n", 415),
    ] {
        let head = format!("POST /predict HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {}\r\n\r\n", inner.len());
        let before = daemon.scrape();
        let (answers, _) = answers_to(&daemon, format!("{head}{inner}{MARK}").as_bytes(), 2);
        assert_eq!(answers[0].status, status);
        let moved = delta(&before, &daemon.scrape());
        let labels = [("method", "POST"), ("handler", "/predict"), ("status", "200")];
        assert_eq!(moved.value("http_requests_total", &labels), 0.0, "{lines}");
    }
}
