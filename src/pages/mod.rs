//! Pages that are the same for everybody: put together, compressed and named by their digests when the crate is built
//! (`models/build/pages.rs` has the table), answered from where they lie in the binary.

use crate::metrics::labels::Handler;
use crate::metrics::negotiate::{accepts_gzip, closeness, elements, preferred};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The route that it is at.
    pub handler: Handler,
    /// Who gets it there.
    pub when: When,
    /// `Content-Type`
    pub content_type: &'static str,
    /// `Content-Security-Policy`, of a page that a browser runs.
    pub policy: Option<&'static str>,
    /// As it is.
    pub plain: Coded,
    /// Compressed by gzip (RFC 1952).
    pub gzip: Coded,
}

/// A page in one content coding.
#[derive(Debug, PartialEq, Eq)]
pub struct Coded {
    /// What is sent.
    pub bytes: &'static [u8],
    /// `ETag`, strong (RFC 9110, section 8.8.3): of these bytes alone.
    pub etag: &'static str,
}

/// Who gets a page, of those who ask at its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Everybody.
    Always,
    /// All but those who like JSON better, which the route has too.
    UnlessJson,
    /// Those who like HTML better than the JSON that the route has too.
    IfHtml,
}

/// A page as a request is answered with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub page: &'static Page,
    /// Whether it is sent compressed.
    pub gzip: bool,
    /// Whether the client has it already: it is told so, and gets no body (RFC 9110, section 15.4.5).
    pub known: bool,
}

/// The page that a `GET` or `HEAD` of the route of `handler` is answered with, for the values of all `Accept`, all `Accept-Encoding`
/// and all `If-None-Match` headers, as often as asked for; `None` where the route has another answer. No allocation.
pub fn find<'a, A, E, K>(
    handler: Handler,
    accept: impl Fn() -> A,
    accept_encoding: impl Fn() -> E,
    if_none_match: impl Fn() -> K,
) -> Option<Found>
where
    A: Iterator<Item = &'a [u8]>,
    E: Iterator<Item = &'a [u8]>,
    K: Iterator<Item = &'a [u8]>,
{
    let page = at(handler).filter(|page| page.when.holds(accept))?;
    let found = Found { page, gzip: accepts_gzip(accept_encoding), known: false };
    Some(Found { known: matches(found.coded().etag, if_none_match()), ..found })
}

/// The page at the route of `handler`, whoever gets it.
pub fn at(handler: Handler) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.handler == handler)
}

/// Whether an entity tag is among those of `If-None-Match`, compared weakly (RFC 9110, section 13.1.2).
fn matches<'a>(etag: &str, if_none_match: impl Iterator<Item = &'a [u8]>) -> bool {
    elements(if_none_match)
        .any(|element| element == b"*" || element.strip_prefix(b"W/").unwrap_or(element) == etag.as_bytes())
}

impl Found {
    /// What is sent, and its tag.
    pub const fn coded(&self) -> &'static Coded {
        if self.gzip { &self.page.gzip } else { &self.page.plain }
    }

    /// The body: none for who has it already.
    pub const fn body(&self) -> &'static [u8] {
        if self.known { &[] } else { self.coded().bytes }
    }
}

impl When {
    fn holds<'a, A: Iterator<Item = &'a [u8]>>(self, accept: impl Fn() -> A) -> bool {
        let choices = match self {
            Self::Always => return true,
            Self::UnlessJson => [HTML, JSON],
            Self::IfHtml => [JSON, HTML],
        };
        preferred(choices, |name, range| closeness(range, name), accept) == HTML
    }
}

const HTML: &str = "text/html";
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::{Method, Status};
    use crate::metrics::series::{REQUEST_OVERFLOW, request_index};
    use base64ct::{Base64, Encoding};
    use flate2::read::GzDecoder;
    use sha2::{Digest, Sha256};
    use std::io::Read;

    fn holds(when: When, accept: &str) -> bool {
        when.holds(|| std::iter::once(accept.as_bytes()))
    }

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn browsers_get_pages_and_programs_that_ask_for_json_get_json() {
        for accept in [BROWSER, "text/*", "application/json;q=0.5, text/html", "text/html, application/json"] {
            assert!(holds(When::UnlessJson, accept) && holds(When::IfHtml, accept), "{accept}");
        }
        for accept in ["application/json", "Application/JSON; charset=utf-8", "application/*", "application/json, */*"]
        {
            assert!(!holds(When::UnlessJson, accept) && !holds(When::IfHtml, accept), "{accept}");
        }
        for accept in ["*/*", "image/png", "application/json;q=0", ""] {
            assert!(holds(When::UnlessJson, accept) && !holds(When::IfHtml, accept), "{accept}");
        }
        assert!(When::UnlessJson.holds(std::iter::empty) && !When::IfHtml.holds(std::iter::empty));
        assert!(holds(When::Always, "application/json"));
    }

    #[test]
    fn a_tag_is_found_in_every_form_of_the_list() {
        let found = |values: &[&str]| matches("\"a,b\"", values.iter().map(|value| value.as_bytes()));
        for values in [&["\"a,b\""][..], &["*"], &["W/\"a,b\""], &["\"x\", \"a,b\""], &["\"x\"", "  W/\"a,b\" ,\"y\""]]
        {
            assert!(found(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["\"a\""], &["a,b"], &["w/\"a,b\""], &["\"A,B\""], &["\"*\""], &["\"a,b"]] {
            assert!(!found(values), "{values:?}");
        }
    }

    #[test]
    fn a_page_compressed_is_the_page() {
        for page in &PAGES {
            let mut read = Vec::new();
            GzDecoder::new(page.gzip.bytes).read_to_end(&mut read).expect("gzip");
            assert_eq!(read, page.plain.bytes);
            assert!(page.gzip.bytes.len() < page.plain.bytes.len() / 2, "{} bytes", page.gzip.bytes.len());
        }
    }

    #[test]
    fn each_tag_is_of_its_own_bytes() {
        let mut tags: Vec<_> = PAGES.iter().flat_map(|page| [page.plain.etag, page.gzip.etag]).collect();
        let is_tag = |tag: &&str| tag.len() == 24 && tag.starts_with('"') && tag.ends_with('"');
        assert!(tags.iter().all(is_tag), "{tags:?}");
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 2 * PAGES.len());
    }

    #[test]
    fn that_a_client_has_a_page_already_is_counted_at_its_route() {
        for page in &PAGES {
            for method in [Method::Get, Method::Head] {
                assert_ne!(request_index(page.handler, method, Status::from_code(304)), REQUEST_OVERFLOW);
            }
        }
    }

    /// What stands between the tags of each element of this name.
    fn inside<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
        let (start, end) = (format!("<{name}>"), format!("</{name}>"));
        html.split(&start).skip(1).map(|rest| rest.split(&end).next().unwrap_or_default()).collect()
    }

    #[test]
    fn a_page_may_run_what_stands_in_it_and_asks_nobody_else_for_anything() {
        for page in PAGES.iter().filter(|page| page.content_type.starts_with(HTML)) {
            let html = std::str::from_utf8(page.plain.bytes).expect("UTF-8");
            let policy = page.policy.expect("a policy");
            for (directive, name) in [("style-src", "style"), ("script-src", "script")] {
                let inside = inside(html, name);
                assert_eq!((inside.len(), html.matches(&format!("<{name}")).count()), (1, 1), "{name}");
                let digest = Base64::encode_string(&Sha256::digest(inside[0]));
                assert!(policy.contains(&format!("{directive} 'sha256-{digest}';")), "{policy}");
            }
            assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
            for forbidden in ["src=", "@import", "url(", "innerHTML", "eval(", " style="] {
                assert!(!html.contains(forbidden), "{forbidden}");
            }
            assert!(html.starts_with("<!doctype html>\n") && html.ends_with("</html>\n"));
        }
    }
}
