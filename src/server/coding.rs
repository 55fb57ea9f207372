//! Content codings (RFC 9110, section 8.4): bodies that come compressed by gzip, and answers that are worth compressing.

use std::cell::RefCell;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::api::Content;
use crate::gzip::expand::Unreadable;
use crate::gzip::{Compressor, Expander};
use crate::metrics::negotiate::accepts_gzip;
use crate::problem::{Fault, Problem};

/// What a worker needs for bodies that are there in full: made by the first that asks for it, as most workers never see one.
#[derive(Default)]
pub struct Codings {
    expander: RefCell<Option<Box<Expander>>>,
    compressor: RefCell<Option<Box<Compressor>>>,
}

impl Codings {
    /// Expands `body` into `out`, whose length is the limit; answers how many bytes it has become.
    ///
    /// # Errors
    /// It is not gzip, or becomes longer than a body may be.
    pub fn expand(&self, body: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        let limit = out.len();
        let expanded = self.expander.borrow_mut().get_or_insert_default().expand_whole(body, out);
        expanded.map_err(|unreadable| match unreadable {
            Unreadable::Malformed => Fault::new(Problem::MalformedGzip),
            Unreadable::TooLong => Fault::new(Problem::BodyTooLarge).count(limit + 1, limit),
        })
    }

    /// Compresses `body` into `out`; `None` where that would make it longer.
    pub fn compress(&self, body: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut compressor = self.compressor.borrow_mut();
        let compressor = compressor.get_or_insert_default();
        compressor.begin();
        compressor.write(body, true, out.get_mut(..body.len())?)
    }
}

/// Whether a body that comes with these headers is compressed by gzip.
///
/// # Errors
/// It is encoded in another way.
pub fn is_gzip(headers: &HeaderMap) -> Result<bool, Fault> {
    let mut is_gzip = false;
    for coding in headers.get_all(CONTENT_ENCODING) {
        match coding.as_bytes().trim_ascii() {
            coding if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => {
                // Nobody compresses twice.
                if std::mem::replace(&mut is_gzip, true) {
                    return Err(Fault::new(Problem::UnsupportedMediaType).expected(CODINGS, ""));
                }
            }
            coding if coding.eq_ignore_ascii_case(b"identity") => {}
            _ => return Err(Fault::new(Problem::UnsupportedMediaType).expected(CODINGS, "")),
        }
    }
    Ok(is_gzip)
}

/// Whether the client of these headers takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    accepts_gzip(|| headers.get_all(ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes))
}

/// Whether an answer of this kind is compressed where the client takes it. A scrape and a page are before they come here.
pub const fn is_worth_it(content: Content, length: usize) -> bool {
    length >= LEAST && !matches!(content, Content::Metrics(_) | Content::Page(_))
}

/// Shorter answers fit the first packet, compressed or not.
const LEAST: usize = 1024;

/// What is told of another coding.
const CODINGS: &str = "send the body with content-encoding: gzip, or without";
