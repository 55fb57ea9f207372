//! One pass over the fields of a request's head, by which those that most requests do not have are looked up only where they are
//! there: a look-up hashes its name, which costs as much as the pass.

use http::{HeaderMap, HeaderValue};

/// What a pass over a head has found.
pub struct Fields<'h> {
    seen: u8,
    /// `Host`.
    pub host: Host<'h>,
    /// `Content-Type`, the first if there are several.
    pub content_type: Option<&'h HeaderValue>,
}

/// `Host`, which is to be there once.
#[derive(Clone, Copy)]
pub enum Host<'h> {
    /// It is not there.
    None,
    /// It is there once.
    One(&'h HeaderValue),
    /// It is there more than once.
    Several,
}

/// A field that most requests do not have.
#[derive(Clone, Copy)]
pub enum Field {
    /// `traceparent`
    Traceparent = 1,
    /// `Prefer`
    Prefer = 1 << 1,
    /// `X-Request-ID`
    RequestId = 1 << 2,
    /// `Accept-Encoding`
    AcceptEncoding = 1 << 3,
    /// `Content-Encoding`
    ContentEncoding = 1 << 4,
}

impl<'h> Fields<'h> {
    /// Those of `headers`.
    #[inline]
    pub fn of(headers: &'h HeaderMap) -> Self {
        let mut fields = Self { seen: 0, host: Host::None, content_type: None };
        for (name, value) in headers {
            let field = match name.as_str() {
                "host" => {
                    fields.host = if matches!(fields.host, Host::None) { Host::One(value) } else { Host::Several };
                    continue;
                }
                "content-type" => {
                    fields.content_type.get_or_insert(value);
                    continue;
                }
                "traceparent" => Field::Traceparent,
                "prefer" => Field::Prefer,
                "x-request-id" => Field::RequestId,
                "accept-encoding" => Field::AcceptEncoding,
                "content-encoding" => Field::ContentEncoding,
                _ => continue,
            };
            fields.seen |= field as u8;
        }
        fields
    }

    /// Whether `field` is there.
    #[inline]
    pub const fn has(&self, field: Field) -> bool {
        self.seen & field as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn each_field_is_found_beside_others_and_host_is_counted() {
        let names = [
            (Field::Traceparent, "traceparent"),
            (Field::Prefer, "prefer"),
            (Field::RequestId, "x-request-id"),
            (Field::AcceptEncoding, "accept-encoding"),
            (Field::ContentEncoding, "content-encoding"),
        ];
        for (field, name) in names {
            let mut headers = HeaderMap::new();
            for other in ["host", "accept", name, "content-type", "x-other"] {
                headers.append(HeaderName::from_static(other), HeaderValue::from_static("a"));
            }
            let fields = Fields::of(&headers);
            for (other, _) in names {
                assert_eq!(fields.has(other), other as u8 == field as u8, "{name}");
            }
            assert!(matches!(fields.host, Host::One(host) if host == "a"));
            assert!(fields.content_type.is_some_and(|value| value == "a"));
            headers.append("host", HeaderValue::from_static("b"));
            headers.append("host", HeaderValue::from_static("c"));
            headers.append("content-type", HeaderValue::from_static("b"));
            assert!(Fields::of(&headers).content_type.is_some_and(|value| value == "a"), "the first");
            assert!(matches!(Fields::of(&headers).host, Host::Several));
        }
        let none = HeaderMap::new();
        assert!(matches!(Fields::of(&none), Fields { seen: 0, host: Host::None, content_type: None }));
    }
}
