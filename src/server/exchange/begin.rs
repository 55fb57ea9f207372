//! The beginning of a request: what its head says, and what is to become of its body.

use std::rc::Rc;
use std::time::Instant;

use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};

use super::tally::Tally;
use super::{Connection, Exchange, OwnShard, Service, Stage};
use crate::api::fault;
use crate::api::oip::{self, Inference};
use crate::api::route::{Action, Route, route};
use crate::metrics::labels::{Handler, Method};
use crate::metrics::{InProgress, Representation, Stages};
use crate::problem::{Fault, Problem};
use crate::server::admission::{self, Refusal};
use crate::server::body::ClientGone;
use crate::server::fields::{Field, Fields};
use crate::server::headers::{
    Traceparent, is_form, is_json, is_lines, is_tensors, json_bytes, origin, page, representation, request_id,
};
use crate::server::patience::Patience;
use crate::server::reply::Reply;
use crate::server::{coding, framing, timing};

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Reply>;
    type Error = ClientGone;
    type Future = Exchange;

    fn call(&self, request: Request<Incoming>) -> Exchange {
        let started = Instant::now();
        let connection = &self.0;
        connection.wire.request_begins(started);
        let (head, incoming) = request.into_parts();
        let mut route = route(connection.surface, head.method.as_str(), head.uri.path());
        if route.handler == Handler::Token && !connection.station.issues_tokens() {
            route = route.unknown();
        }
        let is_chunked = incoming.size_hint().exact().is_none();
        let mut headers = head.headers;
        let fields = Fields::of(&headers);
        let ambiguous = framing::fault(head.version, &fields, &headers, is_chunked);
        if ambiguous.is_some() {
            // Whoever it is for.
            route = Route {
                handler: Handler::None,
                method: Method::Other,
                action: Action::Refuse(Problem::MalformedRequest),
            };
        }
        let in_progress = InProgress::start(OwnShard(Rc::clone(connection)), route.handler, route.method);
        let traceparent = fields.has(Field::Traceparent).then(|| Traceparent::of(&headers)).flatten();
        let scrape = route.handler == Handler::Metrics;
        let representation = if scrape { representation(&headers) } else { Representation::default() };
        let for_model =
            route.action == Action::ReadJson && matches!(route.handler, Handler::Analyze | Handler::Predict);
        let tells_timing = for_model && fields.has(Field::Prefer) && timing::is_preferred(&headers);
        // The first of the two counts the request whatever the other says.
        let watched = for_model && (connection.station.watches_next() | tells_timing);
        let inference = connection.inference(route, head.uri.path(), &headers);
        let page = if route.action == Action::Answer { page(route.handler, &headers) } else { None };
        let origin = (route.handler == Handler::Discovery).then(|| origin(&head.uri, &headers));
        let allowed_origin = connection.station.cors.as_ref().and_then(|cors| cors.allowed(&headers));
        let echo = &connection.echo;
        let request_id = fields.has(Field::RequestId).then(|| request_id(&headers, &mut echo.borrow_mut())).flatten();
        let takes_gzip =
            fields.has(Field::AcceptEncoding) && may_be_compressed(route.handler) && coding::takes_gzip(&headers);
        let (stage, client, challenge) = match connection.admit(route, &headers, head.uri.query()) {
            Ok(client) => {
                let stage = match (ambiguous, &inference) {
                    (Some(fault), _) => Stage::Refuse(fault),
                    (None, Ok(_)) => connection.stage(route, &headers, &fields, incoming),
                    (None, Err(fault)) => connection.refusal(&headers, incoming, fault.clone()),
                };
                (stage, client, None)
            }
            Err(Refusal { fault, challenge }) => {
                (connection.refusal(&headers, incoming, fault), connection.client, Some(challenge))
            }
        };
        // hyper hands the map's memory to the next request, so a response in it costs no allocation; what the
        // request's values point to must go before hyper reads again.
        headers.clear();
        Exchange {
            connection: Rc::clone(connection),
            tally: Tally { in_progress: Some(in_progress), route, traceparent, request_id, started, received_bytes: 0 },
            representation,
            page,
            inference: inference.unwrap_or(Inference { is_spoken: true, ..Inference::default() }),
            origin,
            client,
            challenge,
            headers,
            allowed_origin,
            takes_gzip,
            is_compressed: false,
            is_cut: false,
            stage,
            patience: Patience::default(),
            stages: if watched { Stages::watched(started) } else { Stages::UNWATCHED },
            tells_timing,
        }
    }
}

impl Connection {
    /// What a request says of inference outside its body.
    fn inference(&self, route: Route, path: &str, headers: &HeaderMap) -> Result<Inference, Fault> {
        if !oip::path::is_of_protocol(path) {
            return Ok(Inference::default());
        }
        let asks = matches!(route.action, Action::Answer | Action::ReadTensors);
        let target = if asks { self.station.api.borrow().inference_target(route.handler, path)? } else { None };
        let json_bytes = if route.action == Action::ReadTensors { json_bytes(headers)? } else { None };
        Ok(Inference { is_spoken: true, target, json_bytes })
    }

    /// Lets a request in, or not; answers what tells who asks from other clients.
    #[inline]
    fn admit(&self, route: Route, headers: &HeaderMap, query: Option<&str>) -> Result<u64, Refusal> {
        let Some(gate) = &self.station.gate else { return Ok(self.client) };
        let subject = admission::admit(&mut gate.borrow_mut(), route, headers, query, &self.station.shard)?;
        Ok(subject.unwrap_or(self.client))
    }

    fn stage(&self, route: Route, headers: &HeaderMap, fields: &Fields<'_>, incoming: Incoming) -> Stage {
        match route.action {
            Action::Answer => Stage::Answer(None),
            Action::Options => Stage::Options,
            Action::Refuse(problem) => self.refusal(headers, incoming, Fault::new(problem)),
            Action::ReadJson | Action::ReadForm | Action::ReadTensors => {
                let is_coded = fields.has(Field::ContentEncoding);
                let is_gzip = match if is_coded { coding::is_gzip(headers) } else { Ok(false) } {
                    // Of a password no copy is left.
                    Ok(true) if route.action == Action::ReadForm => {
                        let fault = Fault::new(Problem::UnsupportedMediaType);
                        let fault = fault.expected(fault::media_type_asked(route.handler), "");
                        return self.refusal(headers, incoming, fault);
                    }
                    Ok(is_gzip) => is_gzip,
                    Err(fault) => return self.refusal(headers, incoming, fault),
                };
                if route.handler == Handler::AnalyzeBatch && is_lines(fields.content_type) {
                    return Stage::Lines(incoming, is_gzip);
                }
                let limit = self.station.limits.body;
                if incoming.size_hint().lower() > limit as u64 {
                    Stage::Refuse(Fault::new(Problem::BodyTooLarge).count(0, limit))
                } else if !is_of_type(route.action, fields.content_type) {
                    let fault = Fault::new(Problem::UnsupportedMediaType);
                    self.refusal(headers, incoming, fault.expected(fault::media_type_asked(route.handler), ""))
                } else {
                    let slot = self.station.borrow_body(incoming.size_hint().lower());
                    slot.map_or_else(Stage::Refuse, |slot| Stage::Read(incoming, Some(slot), None, is_gzip))
                }
            }
        }
    }

    /// A refusal that leaves the connection fit for the next request: the body that comes with it is read and
    /// dropped, unless the client waits to be told to send it or announces too much of it.
    fn refusal(&self, headers: &HeaderMap, incoming: Incoming, fault: Fault) -> Stage {
        let waits = headers.contains_key(EXPECT);
        if incoming.is_end_stream() || waits || incoming.size_hint().lower() > self.station.limits.body as u64 {
            Stage::Refuse(fault)
        } else {
            Stage::Read(incoming, None, Some(fault), false)
        }
    }
}

/// Whether the body is of the type that is to be read.
fn is_of_type(action: Action, content_type: Option<&HeaderValue>) -> bool {
    match action {
        Action::ReadForm => is_form(content_type),
        Action::ReadTensors => is_tensors(content_type),
        _ => is_json(content_type),
    }
}

/// Whether an answer of this route may be worth compressing. Those of the hot path mostly are not, but batches of rows and
/// explanations are.
pub(super) const fn may_be_compressed(handler: Handler) -> bool {
    !matches!(
        handler,
        Handler::Metrics
            | Handler::Root
            | Handler::Health
            | Handler::Livez
            | Handler::Readyz
            | Handler::Startupz
            | Handler::Token
            | Handler::InferenceLive
            | Handler::InferenceReady
            | Handler::InferenceModelReady
            | Handler::None
    )
}
