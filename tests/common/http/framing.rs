//! Pure functions over an answer's head: status, fields, and where the content ends.

use std::io;

/// How the end of a content is found (RFC 9112, section 6.3).
pub enum Framing {
    Empty,
    Length(usize),
    Chunked,
    UntilClose,
}

/// Splits a head, without its final empty line, into status and header fields.
pub fn parse_head(head: &[u8]) -> io::Result<(u16, Vec<(String, String)>)> {
    let head = std::str::from_utf8(head).map_err(|_| broken("a head that is not text"))?;
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let after = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let (code, reason) = after.and_then(|after| after.split_once(' ')).ok_or_else(|| broken("status line"))?;
    let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    let status = code.parse().ok().filter(|_| digits && !reason.contains(char::is_control));
    let status = status.ok_or_else(|| broken("status line"))?;
    Ok((status, lines.map(|line| parse_field(line.as_bytes())).collect::<io::Result<_>>()?))
}

/// `name: value` without a space before the colon, without a folded line (RFC 9112, section 5).
pub fn parse_field(line: &[u8]) -> io::Result<(String, String)> {
    let line = std::str::from_utf8(line).map_err(|_| broken("a header that is not text"))?;
    let (name, value) = line.split_once(':').ok_or_else(|| broken("a header without a colon"))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(broken("a header's name"));
    }
    if value.chars().any(|symbol| symbol.is_control() && symbol != '\t') {
        return Err(broken("a control character in a header"));
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

/// Decides where the content of an answer to `method` ends; refuses an answer that says it twice.
pub fn framing(method: &str, status: u16, headers: &[(String, String)]) -> io::Result<Framing> {
    let all = |name: &str| headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
    let (lengths, codings): (Vec<&str>, Vec<&str>) = (all("content-length"), all("transfer-encoding"));
    let bodiless = matches!(status, 100..200 | 204);
    if bodiless && !(lengths.is_empty() && codings.is_empty()) {
        return Err(broken("a length on an answer that has no content (RFC 9110, sections 8.6 and 15.3.5)"));
    }
    let framing = match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Framing::UntilClose,
        ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Framing::Length(length.parse().map_err(|_| broken("content-length"))?)
        }
        ([], ["chunked"]) => Framing::Chunked,
        _ => return Err(broken("two lengths, or one that cannot be read")),
    };
    Ok(if bodiless || status == 304 || method == "HEAD" { Framing::Empty } else { framing })
}

/// The error for an answer that breaks the protocol.
pub fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an HTTP/1.1 answer: {what}"))
}
