//! What hyper lets pass and RFC 9112 does not: heads that another reader of the same bytes could take for something else, which
//! is what request smuggling and cache poisoning live on. hyper itself refuses the rest: differing lengths, folded lines, spaces
//! before colons, codings that do not end in `chunked`; and it closes the connection after a request with a length and a coding.

use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, Version};

use super::fields::{Fields, Host};
use crate::problem::{Fault, Problem};

/// What is wrong with the head of a request of this version, whose `fields` are those of `headers` and whose body comes in chunks or not; the connection is to end with
/// the answer, because what follows on it may be meant as something else.
#[inline]
pub fn fault(version: Version, fields: &Fields<'_>, headers: &HeaderMap, is_chunked: bool) -> Option<Fault> {
    let malformed = |field, expected| Some(Fault::new(Problem::MalformedRequest).field(field).expected(expected, ""));
    let has_host = match fields.host {
        // HTTP/1.0 had none, and HTTP/2 has its authority.
        Host::None => version != Version::HTTP_11,
        Host::One(host) => host.as_bytes().iter().all(|&byte| OF_HOST[usize::from(byte)]),
        Host::Several => false,
    };
    if !has_host {
        // RFC 9112, section 3.2.
        return malformed("host", "must be sent once, as a host and perhaps a port");
    }
    if is_chunked && version == Version::HTTP_11 {
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let is_plain = match (codings.next(), codings.next()) {
            (Some(coding), None) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
            (_, second) => second.is_none(),
        };
        if !is_plain {
            // RFC 9112, sections 6.1 and 7: no other coding is known here, and this one may be applied once.
            return malformed("transfer-encoding", "must be sent once, as 'chunked'; compress by content-encoding");
        }
    }
    None
}

/// What a host and a port are written with (RFC 3986, section 3.2): what is left are spaces, delimiters of other parts of an
/// address, and what is no ASCII.
const OF_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let of_host = b"-._~%!$&'()*+,;=:[]";
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let mut special = 0;
        while special < of_host.len() {
            table[at] |= of_host[special] == byte;
            special += 1;
        }
        table[at] |= byte.is_ascii_alphanumeric();
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn field_at_fault(version: Version, fields: &[(&'static str, &'static str)], is_chunked: bool) -> Option<String> {
        let fields = fields.iter().map(|&(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a value"))
        });
        let headers: HeaderMap = fields.collect();
        fault(version, &Fields::of(&headers), &headers, is_chunked)
            .map(|fault| fault.field.expect("named").name().to_owned())
    }

    #[test]
    fn a_host_is_sent_once_and_is_one() {
        for host in ["a", "a:80", "[::1]:8000", "xn--tda.example", "10.0.0.1", ""] {
            assert_eq!(field_at_fault(Version::HTTP_11, &[("host", host)], false), None, "{host}");
        }
        for host in ["a b", "a/b", "u@a", "a, b", "a\\b", "\"a\"", "é", "a?b", "a#b"] {
            assert_eq!(field_at_fault(Version::HTTP_11, &[("host", host)], false).as_deref(), Some("host"), "{host}");
        }
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let found = field_at_fault(version, &[("host", "a"), ("host", "a")], false);
            assert_eq!(found.as_deref(), Some("host"));
            let found = field_at_fault(version, &[], false);
            assert_eq!(found.is_some(), version == Version::HTTP_11);
        }
    }

    #[test]
    fn chunked_is_the_one_coding() {
        let of = |coding| field_at_fault(Version::HTTP_11, &[("host", "a"), ("transfer-encoding", coding)], true);
        assert_eq!((of("chunked"), of("CHUNKED")), (None, None));
        for coding in ["gzip, chunked", "chunked, chunked", ", chunked", "identity, chunked"] {
            assert_eq!(of(coding).as_deref(), Some("transfer-encoding"), "{coding}");
        }
        let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert!(field_at_fault(Version::HTTP_11, &twice, true).is_some());
        assert_eq!(field_at_fault(Version::HTTP_2, &[], true), None, "a stream ends without a length");
    }
}
