//! The head of an answer: status and header fields, in the memory of the request's.

use std::time::Instant;

use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, PRAGMA, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};

use super::begin::may_be_compressed;
use super::{Exchange, nanoseconds};
use crate::api::route::{Route, allow};
use crate::api::{Content, Outcome};
use crate::metrics::Representation;
use crate::metrics::labels::{Handler, Method, Phase};
use crate::pages::{self, When};
use crate::problem::Problem;
use crate::server::cors::{self, Cors};
use crate::server::headers::{
    INFERENCE_HEADER_CONTENT_LENGTH, REQUEST_ID, TRACEPARENT, content_type, describe_beside_page, describe_page,
    json_bytes_header, retry_after, vary,
};
use crate::server::reply::Reply;
use crate::server::timing;

impl Exchange {
    /// Whether no request may follow on the connection: where the rest of this one is not read, it cannot go on; a connection
    /// that a client kept while the daemon drains would be closed at the end of the delay, perhaps under its next request.
    ///
    /// Where somebody else may read the same bytes as other requests none may follow either: after a head that is no HTTP, and
    /// after trailers, which hyper ends at an empty line and others at a bare line feed (RFC 9112, sections 2.2 and 11.2).
    fn is_last(&self, outcome: &Outcome) -> bool {
        self.is_cut
            || matches!(outcome.status, 408 | 413)
            || outcome.problem == Some(Problem::MalformedRequest)
            || self.connection.wire.ends()
            || self.connection.station.phase.get() == Phase::Draining
    }

    /// The head around `reply`.
    pub(super) fn respond(&mut self, reply: Reply, outcome: &Outcome, ended: Instant) -> Response<Reply> {
        let mut response = Response::new(reply);
        *response.status_mut() = StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = std::mem::take(&mut self.headers);
        if !matches!(outcome.status, 204 | 304) {
            headers.insert(CONTENT_TYPE, content_type(outcome.content));
        }
        if let Some(traceparent) = &self.tally.traceparent
            && let Some(value) = traceparent.header(&mut self.connection.echo.borrow_mut())
        {
            headers.insert(&TRACEPARENT, value);
        }
        if self.tells_timing {
            let total = nanoseconds(ended - self.tally.started);
            if let Some(value) = timing::header(&self.stages, total, &mut self.connection.timing.borrow_mut()) {
                headers.insert(&timing::SERVER_TIMING, value);
                headers.insert(&timing::PREFERENCE_APPLIED, HeaderValue::from_static(timing::PREFERENCE));
            }
        }
        if let Some(vary) = self.vary() {
            headers.insert(VARY, HeaderValue::from_static(vary));
        }
        if let Some(request_id) = self.tally.request_id.take() {
            headers.insert(&REQUEST_ID, request_id);
        }
        if let Some(allowed) = self.allowed_origin.take() {
            cors::allow(&mut headers, allowed);
            if outcome.status == 204 {
                cors::allow_request(&mut headers, allow(self.tally.route.handler));
            }
        }
        let of_metrics = matches!(outcome.content, Content::Metrics(Representation { gzip: true, .. }));
        if self.is_compressed || of_metrics {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Content::Tensors { json } = outcome.content
            && let Some(value) = json_bytes_header(json, &mut self.connection.timing.borrow_mut())
        {
            headers.insert(&INFERENCE_HEADER_CONTENT_LENGTH, value);
        }
        if let Content::Page(found) = &outcome.content {
            describe_page(&mut headers, found);
        } else if outcome.content == Content::Json && outcome.status == 200 {
            describe_beside_page(&mut headers, self.tally.route.handler);
        }
        if self.tally.route.handler == Handler::Token {
            // RFC 6749, section 5.1.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        match outcome.status {
            204 | 405 => {
                headers.insert(ALLOW, HeaderValue::from_static(allow(self.tally.route.handler)));
            }
            415 => {
                // RFC 9110, section 12.5.3: what a body may be encoded in.
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            }
            429 | 503 if outcome.problem.is_some() => {
                headers.insert(RETRY_AFTER, retry_after(outcome.retry_after));
            }
            _ => {}
        }
        if self.connection.closable && self.is_last(outcome) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if outcome.problem.is_some() {
            self.connection.wire.linger();
        }
        *response.headers_mut() = headers;
        response
    }

    /// `Vary`: nothing keeps the answer to a POST (RFC 9110, section 9.3.3), and so only its readers are told.
    fn vary(&self) -> Option<&'static str> {
        let Route { handler, method, .. } = self.tally.route;
        let is_kept = matches!(method, Method::Get | Method::Head);
        let page = if is_kept { pages::at(handler) } else { None };
        let is_scrape = handler == Handler::Metrics;
        let accept = is_kept && (is_scrape || page.is_some_and(|page| page.when != When::Always));
        let encoding = is_kept && (is_scrape || page.is_some() || may_be_compressed(handler));
        vary(accept, encoding, self.connection.station.cors.as_ref().is_some_and(Cors::varies))
    }
}
