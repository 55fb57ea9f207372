//! A request written by hand, and its answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// A request with `body` as JSON.
pub fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// The answer to `request`, head and body.
pub fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("the daemon");
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let length = stream.read(&mut buffer).expect("an answer");
        assert!(length > 0, "the connection has ended");
        answer.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if announced.is_some_and(|announced| body.len() >= announced) {
            return text.into_owned();
        }
    }
}
