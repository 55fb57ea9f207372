//! The discovery document (Google API Discovery Service, v1) of the routes of Perspective: what `google-api-python-client`
//! and `google.discoverAPI` make a client of.

use crate::json::write::Writer;

/// Where the client found the daemon.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// `Host`, or the authority of HTTP/2.
    pub host: &'a [u8],
    /// Whether a proxy in front says that it was asked by TLS.
    pub secure: bool,
}

/// Bytes that the answer takes at most.
pub const MAX_LEN: usize = DOCUMENT.len() + 4 * ("https:///".len() + MAX_HOST);

/// Writes the document, whose addresses are those that the client asked at; answers status and length.
pub fn answer(origin: Origin<'_>, out: &mut [u8]) -> (u16, usize) {
    let host = if is_plain(origin.host) { origin.host } else { b"localhost" };
    let mut writer = Writer::new(out);
    for (index, part) in DOCUMENT.split("{root}").enumerate() {
        if index > 0 {
            writer.raw(if origin.secure { b"https://" } else { b"http://" });
            writer.raw(host);
            writer.raw(b"/");
        }
        writer.raw(part.as_bytes());
    }
    (200, writer.finish().unwrap_or_default())
}

/// Whether `host` is a name or an address, with a port or without: what may stand in the document as it is.
fn is_plain(host: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    (1..=MAX_HOST).contains(&host.len()) && host.iter().all(plain)
}

/// The longest name of a host (RFC 1035, section 2.3.4) and a port.
const MAX_HOST: usize = 255 + ":65535".len();

const DOCUMENT: &str = include_str!("discovery.json");

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn document(origin: Origin<'_>) -> Value {
        let mut out = vec![0; MAX_LEN];
        let (status, length) = answer(origin, &mut out);
        assert_eq!(status, 200);
        serde_json::from_slice(&out[..length]).expect("JSON")
    }

    #[test]
    fn addresses_are_those_that_the_client_asked_at() {
        for (host, secure, root) in [
            ("localhost:8000", false, "http://localhost:8000/"),
            ("[::1]:80", false, "http://[::1]:80/"),
            ("moderation.example", true, "https://moderation.example/"),
            ("", false, "http://localhost/"),
            ("a\"b", false, "http://localhost/"),
            ("a/b", false, "http://localhost/"),
            (&"a".repeat(262), false, "http://localhost/"),
        ] {
            let document = document(Origin { host: host.as_bytes(), secure });
            assert_eq!((&document["rootUrl"], &document["baseUrl"]), (&root.into(), &root.into()));
        }
        assert_eq!(
            document(Origin { host: "a".repeat(261).as_bytes(), secure: true })["rootUrl"].as_str().map(str::len),
            Some(270)
        );
    }

    #[test]
    fn every_reference_has_its_schema() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    for (key, value) in members {
                        match (key.as_str(), value.as_str()) {
                            ("$ref", Some(name)) => found.push(name.to_owned()),
                            _ => references(value, found),
                        }
                    }
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = document(Origin::default());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 10);
        for name in found {
            assert_eq!(document["schemas"][&name]["id"], name.as_str());
        }
    }
}
