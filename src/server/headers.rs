//! The values of headers, read and written without allocation.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::api::Content;
use crate::metrics::CONTENT_TYPE as METRICS_TYPE;

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
        Content::Metrics => METRICS_TYPE,
    })
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
