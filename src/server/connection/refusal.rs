//! hyper's own error answers, recognised and rewritten into problem documents.

use crate::api::fault;
use crate::json::write::Writer;
use crate::problem::{Fault, Problem};

/// The problem that hyper's answer of `status` stands for.
pub const fn problem(status: u16) -> Problem {
    match status {
        431 => Problem::HeaderSectionTooLarge,
        _ => Problem::MalformedRequest,
    }
}

/// The status of the bare error answer with which `bytes` ends, if it does.
///
/// No answer of ours looks like it: our errors have a body, and the head of an error to `HEAD` tells its length.
pub fn at_end(bytes: &[u8]) -> Option<u16> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = &bytes[start_of_head(bytes)?..];
    let bare = contains(head, b"content-length: 0\r\n") && contains(head, b"connection: close\r\n");
    let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    (bare && matches!(status, 400 | 431)).then_some(status)
}

/// Rewrites `bytes`, of which [`at_end`] told `status`, into `out`; answers the length, or `None` if `out` is too short.
pub fn rewrite(status: u16, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let head_start = start_of_head(bytes)?;
    let line_end = head_start + find(&bytes[head_start..], b"\r\n")? + 2;
    let mut body = [0; crate::api::SMALL_REPLY];
    let outcome = fault::answer(&Fault::new(problem(status)), &mut body);
    let mut writer = Writer::new(out);
    writer.raw(&bytes[..line_end]);
    writer.raw(b"content-type: application/problem+json\r\ncontent-length: ");
    writer.integer(outcome.length as u64);
    writer.raw(b"\r\n");
    for line in bytes[line_end..].split_inclusive(|&byte| byte == b'\n') {
        if !line.starts_with(b"content-length:") {
            writer.raw(line);
        }
    }
    writer.raw(&body[..outcome.length]);
    writer.finish()
}

/// The complete answer to a request whose header section did not arrive in time (RFC 9110, section 15.5.9).
pub fn timeout(out: &mut [u8]) -> Option<usize> {
    let bare = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let mut body = [0; crate::api::SMALL_REPLY];
    let outcome = fault::answer(&Fault::new(Problem::RequestTimeout), &mut body);
    let mut writer = Writer::new(out);
    writer.raw(&bare[..bare.len() - b"content-length: 0\r\n\r\n".len()]);
    writer.raw(b"content-type: application/problem+json\r\ncontent-length: ");
    writer.integer(outcome.length as u64);
    writer.raw(b"\r\n\r\n");
    writer.raw(&body[..outcome.length]);
    writer.finish()
}

fn start_of_head(bytes: &[u8]) -> Option<usize> {
    // hyper's head is a status line and three headers.
    let from = bytes.len().saturating_sub(256);
    let needle = b"HTTP/1.";
    bytes[from..].windows(needle.len()).rposition(|window| window == needle).map(|at| from + at)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    find(haystack, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Fri, 20 Nov 2026 17:00:00 GMT\r\n\r\n";

    #[test]
    fn bare_answers_are_told_from_ours() {
        assert_eq!(at_end(BARE), Some(431));
        assert_eq!(at_end(&[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".as_slice(), BARE].concat()), Some(431));
        assert_eq!(at_end(b"HTTP/1.1 204 No Content\r\nallow: GET\r\nconnection: close\r\n\r\n"), None);
        assert_eq!(at_end(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n{}"), None);
        assert_eq!(at_end(b""), None);
        assert_eq!(at_end(b"\r\n\r\n"), None);
    }

    #[test]
    fn rewritten_answers_keep_what_went_before() {
        let before = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let mut out = [0; 2048];
        let length = rewrite(431, &[before.as_slice(), BARE].concat(), &mut out).expect("room");
        let text = std::str::from_utf8(&out[before.len()..length]).expect("text");
        assert_eq!(&out[..before.len()], before);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("date: Fri") && head.contains("connection: close"));
        assert!(head.contains(&format!("content-length: {}", body.len())) && !head.contains("content-length: 0"));
        assert!(body.contains("header_section_too_large"));
    }
}
