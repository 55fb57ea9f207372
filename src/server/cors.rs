//! Which pages of other origins a browser lets read our answers (the Fetch standard, section 3.2: CORS).
//!
//! Credentials of ours are header fields that a page adds itself, never cookies: `Access-Control-Allow-Credentials` is not sent,
//! and so wildcards apply.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN,
};
use http::{HeaderMap, HeaderValue};

use crate::config::Origins;

/// The origins that are let in.
pub enum Cors {
    /// All of them.
    Any,
    /// These, as they stand in `Access-Control-Allow-Origin`.
    Of(Vec<HeaderValue>),
}

impl Cors {
    /// Those of `--cors-origins`.
    pub fn new(origins: &Origins) -> Self {
        match origins {
            Origins::Any => Self::Any,
            Origins::Of(origins) => {
                let values: Vec<_> = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
                // The first copy of a value allocates what it is shared by.
                let _ = values.clone();
                Self::Of(values)
            }
        }
    }

    /// What `Access-Control-Allow-Origin` says to a request with these headers, if anything. No allocation.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Of(origins) => origins.iter().find(|allowed| *allowed == origin).cloned(),
        }
    }

    /// Whether the answer to another origin is another.
    pub const fn varies(&self) -> bool {
        matches!(self, Self::Of(_))
    }
}

/// Lets the page of an `allowed` origin read an answer.
pub fn allow(headers: &mut HeaderMap, allowed: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
}

/// Lets it send what it asks about (section 3.2.3): a request with one of these `methods` and any header, the one included that
/// the wildcard leaves out.
pub fn allow_request(headers: &mut HeaderMap, methods: &'static str) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(origins: &str, origin: &'static str) -> Option<String> {
        let cors = Cors::new(&origins.parse().expect("origins"));
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        cors.allowed(&headers).map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn an_origin_is_let_in_by_its_whole_name() {
        let two = "https://example.org,http://localhost:3000";
        assert_eq!(told(two, "http://localhost:3000").as_deref(), Some("http://localhost:3000"));
        for other in ["http://example.org", "https://example.org:444", "https://example.org.evil", "null", ""] {
            assert_eq!(told(two, other), None, "{other}");
        }
        assert_eq!(told("*", "null").as_deref(), Some("*"));
        assert_eq!(Cors::Any.allowed(&HeaderMap::new()), None, "nobody asks");
    }
}
