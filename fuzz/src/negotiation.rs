//! Headers that choose: `Accept`, `Accept-Encoding`, `If-None-Match`, `traceparent`; several lines are one list, elements that name
//! nothing of ours change nothing, names are read in any case.

use tamis::metrics::Trace;
use tamis::metrics::labels::Handler;
use tamis::metrics::negotiate::{accepts_gzip, elements, negotiate};
use tamis::pages;

/// Lines of one header, and after an empty one those of another.
pub fn run(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let (accept, rest) = lines.split_at(lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len()));
    let coding = rest.get(1..).unwrap_or_default();
    chosen(accept, coding);
    traced(lines[0]);
    for handler in [Handler::Root, Handler::Status, Handler::Docs, Handler::OpenApi, Handler::Predict] {
        let found =
            pages::find(handler, || accept.iter().copied(), || coding.iter().copied(), || coding.iter().copied());
        let Some(found) = found else { continue };
        // Gzip is sent only to whoever takes it, and what is known already is not sent again.
        assert!(!found.gzip || accepts_gzip(|| coding.iter().copied()));
        assert_eq!(found.known, found.body().is_empty(), "a 304 has no body, and another answer has one");
    }
}

fn chosen(accept: &[&[u8]], coding: &[&[u8]]) {
    let chosen = negotiate(|| accept.iter().copied(), || coding.iter().copied());
    // An open quotation mark ends with its line; in one line it would reach into the next.
    let is_closed =
        |lines: &[&[u8]]| lines.iter().all(|line| line.iter().filter(|&&byte| byte == b'"').count() % 2 == 0);
    if is_closed(accept) && is_closed(coding) {
        let (accept, coding) = (accept.join(&b", "[..]), coding.join(&b", "[..]));
        let joined = negotiate(|| std::iter::once(&accept[..]), || std::iter::once(&coding[..]));
        assert_eq!(joined, chosen, "of one line instead of several (RFC 9110, section 5.3)");
        let (accept, coding) = ([&accept[..], b",x/y;q=1"].concat(), [&coding[..], b" , x;q=1"].concat());
        let more = negotiate(|| std::iter::once(&accept[..]), || std::iter::once(&coding[..]));
        assert_eq!(more, chosen, "with an element that names nothing of ours");
    }
    let upper: Vec<Vec<u8>> = coding.iter().map(|line| line.to_ascii_uppercase()).collect();
    let in_capitals = accepts_gzip(|| upper.iter().map(Vec::as_slice));
    assert_eq!(in_capitals, chosen.gzip, "in capitals (RFC 9110, section 8.4.1)");
    // Whoever names neither gzip nor everything does not get it.
    let names =
        |line: &&&[u8]| line.to_ascii_lowercase().windows(4).any(|part| part == b"gzip") || line.contains(&b'*');
    assert!(!chosen.gzip || coding.iter().any(|line| names(&line)));
    assert!(elements(coding.iter().copied()).all(|element| !element.is_empty() && element == element.trim_ascii()));
}

/// What is taken as a trace is one, written the one way that version 00 has.
fn traced(value: &[u8]) {
    let Some(Trace { trace_id, span_id }) = Trace::parse(value) else {
        let text = String::from_utf8_lossy(value);
        let parts: Vec<&str> = text.split('-').collect();
        let is_hexadecimal = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let lengths = parts.iter().map(|part| part.len()).eq([2, 32, 16, 2]);
        let is_one = lengths && parts[0] == "00" && parts.iter().all(|part| is_hexadecimal(part));
        let has_zero = is_one && parts[1..3].iter().any(|part| part.bytes().all(|byte| byte == b'0'));
        return assert!(!is_one || has_zero, "{text} is a trace");
    };
    assert!(trace_id != 0 && span_id != 0);
    let again = format!("00-{trace_id:032x}-{span_id:016x}-{}", String::from_utf8_lossy(&value[53..]));
    assert_eq!(again.as_bytes(), value);
}
