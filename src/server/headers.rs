//! The values of headers, read and written without allocation.

use bytes::BytesMut;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HOST, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::api::Content;
use crate::json::write::Writer;
use crate::metrics::labels::Handler;
use crate::metrics::negotiate::negotiate;
use crate::metrics::{Representation, Trace};
use crate::pages::{self, Found};
use crate::problem::{Fault, Problem};

/// `application/json`, or a type with the `+json` suffix (RFC 6839), whatever its parameters.
#[inline]
pub fn is_json(content_type: Option<&HeaderValue>) -> bool {
    // As almost everybody writes it.
    content_type.is_some_and(|value| value.as_bytes() == b"application/json" || is_json_essence(essence(value)))
}

fn is_json_essence(essence: &[u8]) -> bool {
    essence.eq_ignore_ascii_case(b"application/json")
        || essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json")
}

/// `application/x-ndjson`, or one of the other names under which one JSON text a line is sent, whatever its parameters.
pub fn is_lines(content_type: Option<&HeaderValue>) -> bool {
    LINES.iter().any(|name| is_of_type(content_type, name))
}

/// What a body of tensors may be sent as: JSON, `application/octet-stream` where binary tensors stand behind it, or anything
/// without a type, as Triton's clients send it.
pub fn is_tensors(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_none() || is_json(content_type) || is_of_type(content_type, "application/octet-stream")
}

/// How many bytes of a body are JSON, where binary tensors stand behind it.
///
/// # Errors
/// The header is no number.
pub fn json_bytes(headers: &HeaderMap) -> Result<Option<usize>, Fault> {
    let Some(value) = headers.get(&INFERENCE_HEADER_CONTENT_LENGTH) else { return Ok(None) };
    let bytes = value.to_str().ok().and_then(|text| text.parse().ok());
    let fault = Fault::new(Problem::InvalidType).field("Inference-Header-Content-Length");
    bytes.map(Some).ok_or(fault.expected("the bytes of the JSON in the body", "something else"))
}

/// How many bytes of an answer are JSON, in the memory of `buffer`, which is used anew once the header before it is gone.
pub fn json_bytes_header(json: usize, buffer: &mut BytesMut) -> Option<HeaderValue> {
    let mut digits = [0; 20];
    let mut writer = Writer::new(&mut digits);
    writer.integer(json as u64);
    let length = writer.finish()?;
    buffer.reserve(digits.len());
    buffer.extend_from_slice(&digits[..length]);
    HeaderValue::from_maybe_shared(buffer.split().freeze()).ok()
}

/// The header of Triton's binary data extension.
pub static INFERENCE_HEADER_CONTENT_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// `application/x-www-form-urlencoded`, whatever its parameters.
pub fn is_form(content_type: Option<&HeaderValue>) -> bool {
    is_of_type(content_type, "application/x-www-form-urlencoded")
}

fn is_of_type(content_type: Option<&HeaderValue>, name: &str) -> bool {
    content_type.is_some_and(|value| essence(value).eq_ignore_ascii_case(name.as_bytes()))
}

/// A media type without its parameters.
fn essence(value: &HeaderValue) -> &[u8] {
    value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii()
}

/// One JSON text a line: the name of the format's own site, and those without the prefix.
const LINES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// What of a request decides about the answer beside its URL (RFC 9110, section 12.5.5), if anything does.
pub const fn vary(accept: bool, encoding: bool, origin: bool) -> Option<&'static str> {
    Some(match (accept, encoding, origin) {
        (false, false, false) => return None,
        (true, false, false) => "Accept",
        (false, true, false) => "Accept-Encoding",
        (true, true, false) => "Accept, Accept-Encoding",
        (false, false, true) => "Origin",
        (true, false, true) => "Accept, Origin",
        (false, true, true) => "Accept-Encoding, Origin",
        (true, true, true) => "Accept, Accept-Encoding, Origin",
    })
}

pub fn content_type(content: Content) -> HeaderValue {
    HeaderValue::from_static(match content {
        Content::Json => "application/json",
        Content::Lines => LINES[0],
        Content::Problem => "application/problem+json",
        Content::Tensors { .. } => "application/octet-stream",
        Content::Page(found) => found.page.content_type,
        Content::Metrics(representation) => representation.format.content_type(),
    })
}

/// Where the client found the daemon: the authority of HTTP/2, else `Host`; and whether a proxy in front was asked by TLS.
pub fn origin(uri: &Uri, headers: &HeaderMap) -> (HeaderValue, bool) {
    let authority = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let host = authority.or_else(|| headers.get(HOST).cloned()).unwrap_or(HeaderValue::from_static(""));
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    (host, secure)
}

/// What a scrape with these headers is to be answered with.
pub fn representation(headers: &HeaderMap) -> Representation {
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    negotiate(|| values(ACCEPT), || values(ACCEPT_ENCODING))
}

/// The page that a request with these headers is to be answered with at the route of `handler`, if it is.
pub fn page(handler: Handler, headers: &HeaderMap) -> Option<Found> {
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    pages::find(handler, || values(ACCEPT), || values(ACCEPT_ENCODING), || values(IF_NONE_MATCH))
}

/// Adds what an answer says that is a page: how it is coded and for whom, that it is to be asked for again, and that it may do no
/// more than it must. Who has it already is told what may have changed (RFC 9110, section 15.4.5).
pub fn describe_page(headers: &mut HeaderMap, found: &Found) {
    headers.insert(ETAG, HeaderValue::from_static(found.coded().etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if found.known {
        return;
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if found.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(policy) = found.page.policy {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
}

/// Adds what JSON says at a route that has a page for others.
pub fn describe_beside_page(headers: &mut HeaderMap, handler: Handler) {
    if handler == Handler::Status {
        // It is of this moment.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// The header by which clients and proxies tell requests apart.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, to be sent back as it came, in the memory of `buffer`, which is used anew once the header before it is
/// gone; none that is longer than [`REQUEST_ID_BYTES`] or has more than visible characters.
pub fn request_id(headers: &HeaderMap, buffer: &mut BytesMut) -> Option<HeaderValue> {
    let id = headers.get(&REQUEST_ID)?.as_bytes();
    if id.is_empty() || id.len() > REQUEST_ID_BYTES || !id.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    // Room for a trace too: while this one is there, no memory can be used anew.
    buffer.reserve(id.len() + TRACEPARENT_BYTES);
    copied(id, buffer)
}

/// `value` in the memory of `buffer`, which is used anew once the values before it are gone.
fn copied(value: &[u8], buffer: &mut BytesMut) -> Option<HeaderValue> {
    buffer.reserve(value.len());
    buffer.extend_from_slice(value);
    HeaderValue::from_maybe_shared(buffer.split().freeze()).ok()
}

/// The longest id that goes back.
const REQUEST_ID_BYTES: usize = 128;

/// The header of W3C Trace Context that names a trace.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request's `traceparent` of version 00, as it came.
#[derive(Clone, Copy)]
pub struct Traceparent {
    /// What it says.
    pub trace: Trace,
    value: [u8; TRACEPARENT_BYTES],
}

/// The length of the value in version 00.
const TRACEPARENT_BYTES: usize = 55;

impl Traceparent {
    /// That of a request which has one, and no more than one.
    #[inline]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let value = values.next()?.as_bytes();
        if values.next().is_some() {
            return None;
        }
        Some(Self { trace: Trace::parse(value)?, value: value.try_into().ok()? })
    }

    /// `trace-id`, 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        std::str::from_utf8(&self.value[3..35]).unwrap_or_default()
    }

    /// `parent-id`, 16 hexadecimal digits.
    pub fn span_id(&self) -> &str {
        std::str::from_utf8(&self.value[36..52]).unwrap_or_default()
    }

    /// The header again, in the memory of `buffer`, which is used anew once the header before it is gone.
    pub fn header(&self, buffer: &mut BytesMut) -> Option<HeaderValue> {
        copied(&self.value, buffer)
    }
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

    const VALUE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traced(values: usize) -> Option<Traceparent> {
        let mut headers = HeaderMap::new();
        for _ in 0..values {
            headers.append("traceparent", HeaderValue::from_static(VALUE));
        }
        Traceparent::of(&headers)
    }

    #[test]
    fn a_trace_goes_back_as_it_came_in_the_memory_of_the_one_before() {
        let found = traced(1).expect("a trace");
        let mut buffer = BytesMut::new();
        let places = [0; 10].map(|_| {
            let value = found.header(&mut buffer).expect("a value");
            assert_eq!(value, VALUE);
            value.as_bytes().as_ptr().addr()
        });
        assert!(places.iter().all(|place| (places[0]..places[0] + 256).contains(place)), "{places:?}");
    }

    #[test]
    fn an_id_goes_back_if_it_is_one() {
        let told = |id: &[u8]| {
            let headers = HeaderMap::from_iter([(REQUEST_ID.clone(), HeaderValue::from_bytes(id).expect("a value"))]);
            request_id(&headers, &mut BytesMut::new()).map(|value| value.as_bytes().to_vec())
        };
        for id in [&b"1"[..], b"01993d52-7a3c-7e90-8f6a-2f1b6c0d9e11", &[b'~'; 128]] {
            assert_eq!(told(id).as_deref(), Some(id));
        }
        for wrong in [&b""[..], b"two words", &[b'a'; 129], b"\xc3\xa9", b"a\tb"] {
            assert_eq!(told(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_trace_is_that_of_the_one_header_that_says_it() {
        let found = traced(1).expect("a trace");
        assert_eq!(found.trace.span_id, 0x00f0_67aa_0ba9_02b7);
        assert_eq!((found.trace_id(), found.span_id()), ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"));
        assert!(traced(0).is_none());
        assert!(traced(2).is_none(), "of two headers neither can be trusted");
    }

    #[test]
    fn lines_are_told_by_their_essence() {
        let is = |value: &'static str| is_lines(Some(&HeaderValue::from_static(value)));
        assert!(is("application/x-ndjson") && is("Application/X-NDJSON; charset=utf-8") && is("application/jsonl"));
        assert!(!is("application/json") && !is("application/x-ndjson2") && !is("") && !is_lines(None));
    }

    #[test]
    fn json_is_told_by_its_essence() {
        let is = |value: &'static str| is_json(Some(&HeaderValue::from_static(value)));
        for value in ["application/json", "Application/JSON; charset=utf-8", "application/ld+json", "text/x+JSON ;a=b"]
        {
            assert!(is(value), "{value}");
        }
        for value in ["", "text/plain", "+json", "application/jsonp", "application/json-seq", "text/html; a=+json"] {
            assert!(!is(value), "{value}");
        }
        assert!(!is_json(None));
    }
}
