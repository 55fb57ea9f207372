//! `Server-Timing` (W3C Server Timing) for requests that prefer it (RFC 7240): where the time of an answer went.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::json::write::Writer;
use crate::metrics::Stages;
use crate::metrics::labels::Stage;

/// The header that says what a client would like to have.
static PREFER: HeaderName = HeaderName::from_static("prefer");

/// The header that tells where the time went.
pub static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The header that names the preferences that were met.
pub static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preference, as it is met and as it is asked for.
pub const PREFERENCE: &str = "server-timing";

/// Whether some `Prefer` header has the token `server-timing`, whatever its value, its parameters and its neighbours.
#[inline]
pub fn is_preferred(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all(&PREFER).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    preferences.into_iter().any(|preference| {
        let token = preference.split(|byte| matches!(byte, b';' | b'=')).next().unwrap_or_default();
        token.trim_ascii().eq_ignore_ascii_case(PREFERENCE.as_bytes())
    })
}

/// `read;dur=0.0121, ..., total;dur=0.0304`: ms of each stage passed and of the whole, in the memory of `buffer`, which is
/// used anew once the header before it is gone.
pub fn header(stages: &Stages, total_ns: u64, buffer: &mut BytesMut) -> Option<HeaderValue> {
    let mut text = [0; MAX_LEN];
    let mut writer = Writer::new(&mut text);
    for (name, nanoseconds) in stages.each().map(|(stage, spent)| (stage.as_str(), spent)).chain([("total", total_ns)])
    {
        writer.raw(name.as_bytes());
        writer.raw(b";dur=");
        writer.fixed::<6>(nanoseconds);
        writer.raw(if name == "total" { b"" } else { b", " });
    }
    let length = writer.finish()?;
    // For the longest, so that one longer than those before it finds room too.
    buffer.reserve(MAX_LEN);
    buffer.extend_from_slice(&text[..length]);
    HeaderValue::from_maybe_shared(buffer.split().freeze()).ok()
}

/// The most bytes of the header: the longest name, `;dur=`, 14 digits of ms, a point, 6 digits, a comma and a blank, for
/// each stage and the whole.
const MAX_LEN: usize = ("features;dur=, ".len() + 21) * (Stage::ALL.len() + 1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn preferred(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        is_preferred(&headers)
    }

    #[test]
    fn the_preference_is_found_among_others() {
        for values in [
            &["server-timing"][..],
            &["Server-Timing"],
            &["respond-async, server-timing"],
            &["wait=10,server-timing;x=1 "],
            &["return=minimal", " server-timing=1"],
        ] {
            assert!(preferred(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["server-timings"], &["wait=server-timing"], &["x;server-timing"], &["server"]]
        {
            assert!(!preferred(values), "{values:?}");
        }
    }

    #[test]
    fn stages_and_the_whole_are_told_in_milliseconds() {
        let mut stages = Stages::watched(Instant::now());
        stages.add(Stage::Infer, 126);
        stages.add(Stage::Read, 12_100);
        stages.add(Stage::Queue, 1_500_000_000);
        let mut buffer = BytesMut::new();
        let value = header(&stages, 1_500_030_400, &mut buffer).expect("a value");
        assert_eq!(value, "read;dur=0.0121, infer;dur=0.000126, queue;dur=1500.0, total;dur=1500.0304");
        assert_eq!(header(&Stages::UNWATCHED, 0, &mut buffer).expect("a value"), "total;dur=0.0");
    }

    #[test]
    fn a_header_longer_than_those_before_it_finds_room() {
        let mut stages = Stages::watched(Instant::now());
        let mut buffer = BytesMut::new();
        let place = header(&stages, 1, &mut buffer).expect("a value").as_bytes().as_ptr();
        for stage in Stage::ALL {
            stages.add(stage, u64::MAX);
            let longer = header(&stages, u64::MAX, &mut buffer).expect("a value");
            assert_eq!(longer.as_bytes().as_ptr(), place, "{longer:?}");
        }
    }

    #[test]
    fn the_longest_header_has_room_and_the_memory_is_used_again() {
        let mut stages = Stages::watched(Instant::now());
        for stage in Stage::ALL {
            stages.add(stage, u64::MAX);
        }
        let mut buffer = BytesMut::new();
        let places = [0; 3].map(|_| header(&stages, u64::MAX, &mut buffer).expect("a value").as_bytes().as_ptr());
        assert!(places.iter().all(|place| *place == places[0]));
    }
}
