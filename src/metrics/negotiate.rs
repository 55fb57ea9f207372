//! Which exposition a scrape gets: content negotiation by `Accept` (RFC 9110, section 12.5.1) and `Accept-Encoding`
//! (section 12.5.3). Pure functions over header values, without allocation.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// The Prometheus text format 0.0.4: what whoever asks for nothing gets.
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily` messages, each behind its length.
    Protobuf,
}

/// What a scrape is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation {
    /// The format.
    pub format: Format,
    /// Whether it is compressed by gzip (RFC 1952).
    pub gzip: bool,
}

impl Format {
    /// Every format, in the order of its discriminants, which is the order of preference of whoever has none.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// How closely a media range names this format; `None` if it does not.
    fn matched(self, range: &[u8]) -> Option<u8> {
        let own = match self {
            Self::Text => "text/plain",
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Protobuf => "application/vnd.google.protobuf",
        };
        let closeness = closeness(range, own)?;
        if closeness < 2 {
            return Some(closeness);
        }
        let parameter =
            |name| parameters(range).find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let version = parameter(&b"version"[..]);
        let is = match self {
            Self::Text => version.is_none_or(|version| version == b"0.0.4"),
            Self::OpenMetrics => version.is_none_or(|version| version == b"1.0.0"),
            Self::Protobuf => {
                parameter(b"proto") == Some(b"io.prometheus.client.MetricFamily")
                    && parameter(b"encoding") == Some(b"delimited")
            }
        };
        is.then_some(if version.is_some() { 3 } else { 2 })
    }
}

impl Default for Representation {
    fn default() -> Self {
        Self { format: Format::Text, gzip: false }
    }
}

/// The representation for the values of all `Accept` and all `Accept-Encoding` headers, as often as asked for. Parameters that no format has
/// (`charset`, `escaping`) are passed over: every name of ours is the same under every escaping.
pub fn negotiate<'a, A, E>(accept: impl Fn() -> A, accept_encoding: impl Fn() -> E) -> Representation
where
    A: Iterator<Item = &'a [u8]>,
    E: Iterator<Item = &'a [u8]>,
{
    Representation { format: format(accept), gzip: accepts_gzip(accept_encoding) }
}

fn format<'a, A: Iterator<Item = &'a [u8]>>(accept: impl Fn() -> A) -> Format {
    preferred(Format::ALL, Format::matched, accept)
}

/// The one of `choices` with the highest weight in the values of all `Accept` headers; of equals, the one named first.
/// `matched` says how closely a media range names a choice, as [`closeness`] does. What cannot be read or names no choice
/// is passed over; if nothing is left, it is the first choice.
pub fn preferred<'a, T: Copy, A: Iterator<Item = &'a [u8]>, const N: usize>(
    choices: [T; N],
    matched: impl Fn(T, &[u8]) -> Option<u8>,
    accept: impl Fn() -> A,
) -> T {
    const { assert!(N > 0, "there is a first choice") };
    let (mut best, mut best_weight, mut best_position) = (choices[0], 0, usize::MAX);
    for choice in choices {
        let (mut closest, mut weight, mut position) = (None, 0, 0);
        for (place, range) in elements(accept()).enumerate() {
            let (matched, of_range) = (matched(choice, range), weight_of(range));
            // The range that names a choice most closely decides for it (RFC 9110, section 12.5.1).
            if let (Some(_), Some(of_range)) = (matched, of_range)
                && matched > closest
            {
                (closest, weight, position) = (matched, of_range, place);
            }
        }
        if weight > best_weight || weight == best_weight && weight > 0 && position < best_position {
            (best, best_weight, best_position) = (choice, weight, position);
        }
    }
    best
}

/// How closely a media range names the media type `own`, parameters aside: 0 as one of all, 1 as one of its main type, 2 by
/// its name; `None` if it does not.
pub fn closeness(range: &[u8], own: &str) -> Option<u8> {
    let essence = Parts { rest: Some(range), separator: b';' }.next().unwrap_or_default();
    let main = own.split_inclusive('/').next().unwrap_or_default();
    if essence == b"*/*" {
        return Some(0);
    }
    if essence.strip_suffix(b"*").is_some_and(|essence| essence.eq_ignore_ascii_case(main.as_bytes())) {
        return Some(1);
    }
    essence.eq_ignore_ascii_case(own.as_bytes()).then_some(2)
}

/// Whether gzip is acceptable by the values of all `Accept-Encoding` headers and nothing says that the plain body is liked better.
pub fn accepts_gzip<'a, E: Iterator<Item = &'a [u8]>>(accept_encoding: impl Fn() -> E) -> bool {
    let weight = |names: &[&str]| {
        elements(accept_encoding()).find_map(|element| {
            let coding = Parts { rest: Some(element), separator: b';' }.next().unwrap_or_default();
            let named = names.iter().any(|name| coding.eq_ignore_ascii_case(name.as_bytes()));
            named.then(|| weight_of(element)).flatten()
        })
    };
    let gzip = weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).unwrap_or(0);
    gzip > 0 && gzip >= weight(&["identity"]).unwrap_or(0)
}

/// The elements of a list (RFC 9110, section 5.6.1) that stands in one header or in several.
pub fn elements<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    values.flat_map(|value| Parts { rest: Some(value), separator: b',' }).filter(|element| !element.is_empty())
}

/// Names and values of an element's parameters, quotes taken off.
fn parameters(element: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    Parts { rest: Some(element), separator: b';' }.skip(1).filter_map(|parameter| {
        let equals = parameter.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (&parameter[..equals], &parameter[equals + 1..]);
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some((name, bare.unwrap_or(value)))
    })
}

/// The weight in thousandths, 1000 where none is given; `None` if it is not one (RFC 9110, section 12.4.2).
fn weight_of(element: &[u8]) -> Option<u16> {
    let Some((_, value)) = parameters(element).find(|(name, _)| name.eq_ignore_ascii_case(b"q")) else {
        return Some(1000);
    };
    let (&whole, fraction) = value.split_first()?;
    let digits = match fraction.split_first() {
        None => &[][..],
        Some((b'.', digits)) if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => digits,
        Some(_) => return None,
    };
    let thousandths =
        (0..3).fold(0, |sum, place| sum * 10 + u16::from(digits.get(place).map_or(0, |byte| byte - b'0')));
    match whole {
        b'0' => Some(thousandths),
        b'1' if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// The parts of a header value between separators that stand outside of quotes, trimmed.
#[derive(Clone)]
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        let end = rest.iter().position(|&byte| {
            quoted ^= byte == b'"';
            byte == self.separator && !quoted
        });
        let (part, rest) = match end {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        Some(part.trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format_of(accept: &str) -> Format {
        format(|| std::iter::once(accept.as_bytes()))
    }

    fn gzip_of(accept_encoding: &str) -> bool {
        accepts_gzip(|| std::iter::once(accept_encoding.as_bytes()))
    }

    #[test]
    fn prometheus_gets_what_it_likes_best() {
        const PROTOBUF: &str =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (accept, format) in [
            // 2.42
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                    .to_owned(),
                Format::OpenMetrics,
            ),
            (
                format!(
                    "{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,\
                     application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                ),
                Format::Protobuf,
            ),
            // 2.53
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
                    .to_owned(),
                Format::OpenMetrics,
            ),
            (
                format!(
                    "{PROTOBUF};q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,\
                     application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
                ),
                Format::Protobuf,
            ),
            // 3.5
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
                    .to_owned(),
                Format::OpenMetrics,
            ),
            (
                format!(
                    "{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                     application/openmetrics-text;version=0.0.1;q=0.4,\
                     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
                ),
                Format::Protobuf,
            ),
        ] {
            assert_eq!(format_of(&accept), format, "{accept}");
        }
    }

    #[test]
    fn weights_and_parameters_decide() {
        use Format::{OpenMetrics, Protobuf, Text};
        for (accept, format) in [
            ("*/*", Text),
            ("text/*", Text),
            ("text/plain", Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            ("application/*", OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Text),
            ("application/openmetrics-text;q=0.3,text/plain;q=0.7", Text),
            ("text/plain;q=0.3,application/openmetrics-text;q=0.7", OpenMetrics),
            ("text/plain;q=0,*/*;q=0.001", OpenMetrics),
            ("application/openmetrics-text,*/*", OpenMetrics),
            ("application/openmetrics-text;q=0,*/*", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/vnd.google.protobuf", Text),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", Text),
            ("application/vnd.google.protobuf;proto=other.Message;encoding=delimited", Text),
            (
                "application/vnd.google.protobuf; encoding=\"delimited\"; proto=\"io.prometheus.client.MetricFamily\"",
                Protobuf,
            ),
            ("text/plain;version=1.0.0", Text),
            ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", OpenMetrics),
            // The range that names it most closely, whatever its place; of two that name it alike, the first.
            ("*/*;q=0.5,text/plain;q=0.1", OpenMetrics),
            ("text/plain;q=0,application/openmetrics-text;q=0,*/*", Protobuf),
            ("text/plain;q=0.1,text/plain;q=0.9,application/openmetrics-text;q=0.5", OpenMetrics),
            // What nobody takes is no choice, wherever it stands.
            ("image/png,text/plain;q=0", Text),
            ("image/png", Text),
            ("application/openmetrics-text;q=1.5", Text),
            ("application/openmetrics-text;q=", Text),
            ("application/openmetrics-text;q=0.1234", Text),
            ("a=\"application/openmetrics-text,", Text),
            ("", Text),
            (",;,;;=,\"", Text),
        ] {
            assert_eq!(format_of(accept), format, "{accept}");
        }
        assert_eq!(format(std::iter::empty), Text);
        let lines: [&[u8]; 2] = [b"text/plain;q=0.5", b"application/openmetrics-text"];
        assert_eq!(format(|| lines.into_iter()), OpenMetrics, "two header lines are one list");
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for accepted in
            ["gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", "gzip, deflate, br, zstd", "*", "br;q=1,*;q=0.1"]
        {
            assert!(gzip_of(accepted), "{accepted}");
        }
        for refused in
            ["", "identity", "gzip;q=0", "gzip;q=0,*", "*;q=0", "deflate", "gzip;q=0.5,identity", "gzip;q=x", "gzippy"]
        {
            assert!(!gzip_of(refused), "{refused}");
        }
        assert!(!accepts_gzip(std::iter::empty));
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(accept: Vec<u8>, coding: Vec<u8>) {
            let found = negotiate(|| std::iter::once(&accept[..]), || std::iter::once(&coding[..]));
            prop_assert!(Format::ALL.contains(&found.format));
        }

        #[test]
        fn weights_are_thousandths(weight in 0_u16..=1000) {
            let element = format!("gzip;q={}.{:03}", weight / 1000, weight % 1000);
            prop_assert_eq!(weight_of(element.as_bytes()), Some(weight));
        }
    }
}
