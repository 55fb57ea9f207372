//! The tests' own instruments: an instrument that accepts everything would let every test pass.

mod common;

use std::fs;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use common::http::{Connection, Request, Response};
use common::metrics::{Samples, delta};
use common::tools;

/// A stream that answers with fixed bytes, one at a time, and drops what is written.
struct Script(Cursor<Vec<u8>>);

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn script(answer: &str) -> Connection<Script> {
    Connection::over(Script(Cursor::new(answer.as_bytes().to_vec())))
}

fn refused(answer: &str) -> ErrorKind {
    let response: io::Result<Response> = script(answer).read_response();
    response.expect_err(answer).kind()
}

#[test]
fn pipelined_answers_are_told_apart_by_their_framing() {
    let mut connection = script(concat!(
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: a\r\nX-One: b\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 503 \r\n\r\nuntil the end",
    ));
    let answers = connection.read_responses(5).expect("five answers");
    let seen: Vec<_> = answers.iter().map(|answer| (answer.status, answer.text())).collect();
    assert_eq!(seen, [(100, ""), (200, "ab"), (200, "abc0123456789"), (204, ""), (503, "until the end")]);
    assert_eq!(answers[1].headers[1..], [("x-one".into(), "a".into()), ("x-one".into(), "b".into())]);
    assert_eq!(answers[1].header("content-length"), Some("2"));
    assert!(connection.is_closed().expect("end of stream"));
}

#[test]
fn the_answer_to_head_has_a_length_and_no_content() {
    let mut connection =
        script("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(connection.exchange(&Request::new("HEAD", "/")).expect("an answer").body, b"");
    assert!(!connection.is_closed().expect("more to read"));
    assert_eq!(connection.read_response().expect("an answer").status, 404);
}

#[test]
fn an_answer_that_two_readers_could_read_differently_is_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\nc: d\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 OK\na: b\r\n\r\n",
    ] {
        assert_eq!(refused(answer), ErrorKind::InvalidData, "{answer}");
    }
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"] {
        assert_eq!(refused(answer), ErrorKind::UnexpectedEof, "{answer}");
    }
}

#[test]
fn segments_leave_in_order_and_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut first = [0; 64];
        let length = stream.read(&mut first).expect("the first segment");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the rest");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("an answer");
        (first[..length].to_vec(), rest)
    });
    let bytes = Request::json("/predict", "{}").header("X-A", "1").to_bytes();
    let mut connection = Connection::open(address).expect("a connection");
    connection.send_segments(&[&bytes[..5], &bytes[5..]], Duration::from_millis(100)).expect("sent");
    connection.finish_sending().expect("finished");
    assert_eq!(connection.read_response().expect("an answer").status, 200);
    let (first, rest) = server.join().expect("the server");
    assert_eq!(first, b"POST ");
    assert_eq!(
        String::from_utf8(rest).expect("text"),
        "/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"
    );
}

#[test]
fn samples_are_found_whatever_the_order_of_their_labels() {
    let body =
        "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"q\\\"\\\\\\n,}\"} 2\nb 3e-1 1700000000000\nc{le=\"+Inf\",} +Inf\n";
    let samples = Samples::parse(body).expect("a body");
    assert_eq!(samples.len(), 3);
    assert_eq!(samples.get("a", &[("y", "q\"\\\n,}"), ("x", "1")]), Some(2.0));
    assert_eq!(samples.get("a", &[("x", "1")]), None);
    assert_eq!((samples.value("b", &[]), samples.value("c", &[("le", "+Inf")])), (0.3, f64::INFINITY));
}

#[test]
fn what_is_not_a_sample_is_refused() {
    for body in [
        "a 1",
        "a\n",
        "a  1\n",
        "a x\n",
        "a inf\n",
        "a 1 x\n",
        "a 1 # {} 1\n",
        "1a 1\n",
        "a{b=\"c} 1\n",
        "a{b=c} 1\n",
        "a{b=\"\\t\"} 1\n",
        "a{b=\"1\"c=\"2\"} 1\n",
        "a{b=\"1\",b=\"2\"} 1\n",
        "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n",
    ] {
        assert!(Samples::parse(body).is_err(), "{body}");
    }
}

#[test]
fn a_delta_holds_what_changed_and_knows_every_series() {
    let parse = |body| Samples::parse(body).expect("a body");
    let change = delta(&parse("a 1\nb +Inf\n"), &parse("a 4\nb +Inf\nc 2\nd 0\n"));
    assert_eq!(change.changed().collect::<Vec<_>>(), [("a", 3.0), ("c", 2.0)]);
    assert_eq!(change.get("d", &[]), Some(0.0));
    assert!(std::panic::catch_unwind(|| change.value("typo", &[])).is_err());
    assert!(std::panic::catch_unwind(|| delta(&parse("a 1\n"), &parse("b 1\n"))).is_err());
}

#[test]
fn tools_come_from_their_directory_before_path_and_python_only_from_there() {
    let root = std::env::temp_dir().join(format!("tamis-tools-{}", std::process::id()));
    let (own, path) = (root.join("own"), root.join("path"));
    for directory in [own.join("bin"), own.join("venv/bin"), path.clone()] {
        fs::create_dir_all(&directory).expect("a directory");
    }
    for file in [own.join("bin/both"), path.join("both"), path.join("wrk"), path.join("python")] {
        fs::write(file, "").expect("a file");
    }
    let find = |name| tools::find(name, &own, Some(path.as_os_str()));
    assert_eq!(find("both"), Some(own.join("bin/both")));
    assert_eq!(find("wrk"), Some(path.join("wrk")));
    assert_eq!((find("python"), find("absent")), (None, None));
    fs::write(own.join("venv/bin/python"), "").expect("a file");
    assert_eq!(find("python"), Some(own.join("venv/bin/python")));
    fs::remove_dir_all(root).expect("removed");
}
