//! The head of an answer: status and header fields, in the memory of the request's.

use std::time::Instant;

use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, PRAGMA, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};

use super::{Exchange, nanoseconds};
use crate::api::route::allow;
use crate::api::{Content, Outcome};
use crate::metrics::Representation;
use crate::metrics::labels::Handler;
use crate::server::headers::{
    INFERENCE_HEADER_CONTENT_LENGTH, TRACEPARENT, content_type, describe_beside_page, describe_page, json_bytes_header,
    retry_after,
};
use crate::server::reply::Reply;
use crate::server::timing;

impl Exchange {
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
        if let Content::Metrics(Representation { gzip, .. }) = outcome.content {
            headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
            if gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
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
            429 | 503 if outcome.problem.is_some() => {
                headers.insert(RETRY_AFTER, retry_after(outcome.retry_after));
            }
            // The rest of the request is not read: the connection cannot go on.
            408 | 413 if self.connection.closable => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        if outcome.problem.is_some() {
            self.connection.wire.linger();
        }
        *response.headers_mut() = headers;
        response
    }
}
