//! The values of headers, read and written without allocation.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::api::Content;
use crate::metrics::negotiate::negotiate;
use crate::metrics::{Representation, Trace};

/// `application/json`, or a type with the `+json` suffix (RFC 6839), whatever its parameters.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else { return false };
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/json")
        || essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json")
}

pub fn content_type(content: Content) -> HeaderValue {
    HeaderValue::from_static(match content {
        Content::Json => "application/json",
        Content::Problem => "application/problem+json",
        Content::Metrics(representation) => representation.format.content_type(),
    })
}

/// What a scrape with these headers is to be answered with.
pub fn representation(headers: &HeaderMap) -> Representation {
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    negotiate(|| values(ACCEPT), || values(ACCEPT_ENCODING))
}

/// The trace that a request with these headers belongs to: that of its one `traceparent`.
#[inline]
pub fn trace(headers: &HeaderMap) -> Option<Trace> {
    static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { Trace::parse(value.as_bytes()) }
}

/// `seconds`, or the nearer of 1 and 60: a constant, because making a value allocates (RFC 9110, section 10.2.3).
pub fn retry_after(seconds: u64) -> HeaderValue {
    #[rustfmt::skip]
    const NAMES: [&str; 60] = [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
        "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38",
        "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56",
        "57", "58", "59", "60",
    ];
    HeaderValue::from_static(NAMES[seconds.clamp(1, 60) as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_of_seconds_has_its_own_value() {
        for seconds in 1..=60 {
            assert_eq!(retry_after(seconds), seconds.to_string().as_str());
        }
        assert_eq!(
            (retry_after(0), retry_after(u64::MAX)),
            (HeaderValue::from_static("1"), HeaderValue::from_static("60"))
        );
    }

    #[test]
    fn a_trace_is_that_of_the_one_header_that_says_it() {
        let name = || HeaderName::from_static("traceparent");
        let value = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let mut headers = HeaderMap::new();
        assert_eq!(trace(&headers), None);
        headers.append(name(), value.clone());
        assert_eq!(trace(&headers).map(|trace| trace.span_id), Some(0x00f0_67aa_0ba9_02b7));
        headers.append(name(), value);
        assert_eq!(trace(&headers), None, "of two headers neither can be trusted");
    }

    #[test]
    fn json_is_told_by_its_essence() {
        let is =
            |value: &'static str| is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]));
        for value in ["application/json", "Application/JSON; charset=utf-8", "application/ld+json", "text/x+JSON ;a=b"]
        {
            assert!(is(value), "{value}");
        }
        for value in ["", "text/plain", "+json", "application/jsonp", "application/json-seq", "text/html; a=+json"] {
            assert!(!is(value), "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
