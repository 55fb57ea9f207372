//! One request and its answer: from hyper's head to hyper's response, through a slot and a handler.

mod head;
pub mod tally;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};

use super::admission::{self, Refusal};
use super::body::{self, Body, ClientGone};
use super::coding;
use super::connection::wire::Wire;
use super::headers::{
    Traceparent, is_form, is_json, is_lines, is_tensors, json_bytes, origin, page, representation, request_id,
};
use super::reply::{Memory, Reply};
use super::slots::Slot;
use super::station::Station;
use super::stream::{Begun, make_way};
use super::timing;
use crate::api::oip::{self, Inference};
use crate::api::perspective::discovery::Origin;
use crate::api::route::{Action, Route, Surface, route};
use crate::api::{self, Answered, Content, Outcome, fault};
use crate::metrics::labels::{self, Handler, Shed};
use crate::metrics::{InProgress, Representation, Shard, Stages};
use crate::pages;
use crate::problem::{Fault, Problem};
use tally::Tally;

/// hyper's door to a connection.
pub struct Service(pub Rc<Connection>);

/// The connection as its requests see it.
pub struct Connection {
    /// The worker.
    pub station: Rc<Station>,
    /// The connection's notes.
    pub wire: Rc<Wire>,
    /// What this listener serves.
    pub surface: Surface,
    /// A hash of the peer's address.
    pub client: u64,
    /// Whether the connection may be closed by a header (HTTP/1 only: RFC 9113, section 8.2.2).
    pub closable: bool,
    /// The memory of the headers that go back as they came.
    pub echo: RefCell<BytesMut>,
    /// The memory of the header that tells where the time went, or how many bytes of an answer are JSON.
    pub timing: RefCell<BytesMut>,
}

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
        let in_progress = InProgress::start(OwnShard(Rc::clone(connection)), route.handler, route.method);
        let mut headers = head.headers;
        let traceparent = Traceparent::of(&headers);
        let scrape = route.handler == Handler::Metrics;
        let representation = if scrape { representation(&headers) } else { Representation::default() };
        let for_model =
            route.action == Action::ReadJson && matches!(route.handler, Handler::Analyze | Handler::Predict);
        let tells_timing = for_model && timing::is_preferred(&headers);
        // The first of the two counts the request whatever the other says.
        let watched = for_model && (connection.station.watches_next() | tells_timing);
        let inference = connection.inference(route, head.uri.path(), &headers);
        let page = if route.action == Action::Answer { page(route.handler, &headers) } else { None };
        let origin = (route.handler == Handler::Discovery).then(|| origin(&head.uri, &headers));
        let allowed_origin = connection.station.cors.as_ref().and_then(|cors| cors.allowed(&headers));
        let request_id = request_id(&headers, &mut connection.echo.borrow_mut());
        let takes_gzip = may_be_compressed(route.handler) && coding::takes_gzip(&headers);
        let (stage, client, challenge) = match connection.admit(route, &headers, head.uri.query()) {
            Ok(client) => {
                let stage = match &inference {
                    Ok(_) => connection.stage(route, &headers, incoming),
                    Err(fault) => connection.refusal(&headers, incoming, fault.clone()),
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
            stage,
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

    fn stage(&self, route: Route, headers: &HeaderMap, incoming: Incoming) -> Stage {
        match route.action {
            Action::Answer => Stage::Answer(None),
            Action::Options => Stage::Options,
            Action::Refuse(problem) => self.refusal(headers, incoming, Fault::new(problem)),
            Action::ReadJson | Action::ReadForm | Action::ReadTensors => {
                let is_gzip = match coding::is_gzip(headers) {
                    // Of a password no copy is left.
                    Ok(true) if route.action == Action::ReadForm => {
                        let fault = Fault::new(Problem::UnsupportedMediaType).expected(FORM_ASKED, "");
                        return self.refusal(headers, incoming, fault);
                    }
                    Ok(is_gzip) => is_gzip,
                    Err(fault) => return self.refusal(headers, incoming, fault),
                };
                if route.handler == Handler::AnalyzeBatch && is_lines(headers) {
                    return Stage::Lines(incoming, is_gzip);
                }
                let limit = self.station.limits.body;
                if incoming.size_hint().lower() > limit as u64 {
                    Stage::Refuse(Fault::new(Problem::BodyTooLarge).count(0, limit))
                } else if route.action == Action::ReadJson && !is_json(headers) {
                    let expected = if route.handler == Handler::AnalyzeBatch { TWO_TYPES } else { "" };
                    let fault = Fault::new(Problem::UnsupportedMediaType).expected(expected, "");
                    self.refusal(headers, incoming, fault)
                } else if route.action == Action::ReadForm && !is_form(headers) {
                    let fault = Fault::new(Problem::UnsupportedMediaType).expected(FORM_ASKED, "");
                    self.refusal(headers, incoming, fault)
                } else if route.action == Action::ReadTensors && !is_tensors(headers) {
                    let fault = Fault::new(Problem::UnsupportedMediaType).expected(TENSORS_ASKED, "");
                    self.refusal(headers, incoming, fault)
                } else if let Some(slot) = self.station.borrow_body() {
                    Stage::Read(incoming, Some(slot), None, is_gzip)
                } else {
                    Stage::Refuse(self.no_slot())
                }
            }
        }
    }

    /// The refusal of a request for which there is no slot.
    pub(super) fn no_slot(&self) -> Fault {
        self.station.shard.shed(Shed::Slot);
        Fault::new(Problem::Overloaded)
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

/// The worker's shard, reached through the connection.
pub struct OwnShard(Rc<Connection>);

impl std::ops::Deref for OwnShard {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.0.station.shard
    }
}

/// A request under way.
pub struct Exchange {
    connection: Rc<Connection>,
    tally: Tally,
    representation: Representation,
    /// The page that is the answer, if one is.
    page: Option<pages::Found>,
    inference: Inference,
    /// Of a request for the discovery document, as [`origin`] has it.
    origin: Option<(HeaderValue, bool)>,
    /// A hash of who asks.
    client: u64,
    /// What the answer asks for, if the request was not let in.
    challenge: Option<&'static str>,
    headers: HeaderMap,
    /// What the pages of the client's origin are told, if they may read the answer.
    allowed_origin: Option<HeaderValue>,
    /// Whether the client takes an answer in gzip, where it may be one.
    takes_gzip: bool,
    /// Whether the answer is in gzip.
    is_compressed: bool,
    stage: Stage,
    stages: Stages,
    tells_timing: bool,
}

enum Stage {
    /// The body is arriving: into the slot, in gzip or as it is, or to be dropped before the fault is told.
    Read(Incoming, Option<Slot>, Option<Fault>, bool),
    /// The body, if there is one, is here.
    Answer(Option<Body>),
    /// Something that takes its time is asked; the body's slot is given back unless the answer needs it.
    Wait(api::Waiting, Option<Body>),
    /// The body, in gzip or as it is, is to be read line by line while the answer is sent.
    Lines(Incoming, bool),
    Options,
    Refuse(Fault),
    Answered,
}

impl Future for Exchange {
    type Output = Result<Response<Reply>, ClientGone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        let mut received = exchange.tally.started;
        if let Stage::Read(incoming, slot, ..) = &mut exchange.stage {
            let polled = body::poll(
                incoming,
                slot.as_mut(),
                &mut exchange.tally.received_bytes,
                exchange.connection.station.limits.body,
                context,
            );
            let read = match polled {
                Poll::Pending if exchange.connection.wire.is_expired() => {
                    Err(Some(Fault::new(Problem::RequestTimeout)))
                }
                Poll::Pending => {
                    exchange.connection.wire.body_pending();
                    return Poll::Pending;
                }
                Poll::Ready(read) => read,
            };
            if exchange.connection.wire.body_was_pending() {
                received = Instant::now();
            }
            exchange.stage = match (read, std::mem::replace(&mut exchange.stage, Stage::Answered)) {
                (Ok(()), Stage::Read(_, Some(slot), None, is_gzip)) => exchange.arrived(slot, is_gzip),
                (Ok(()), Stage::Read(_, _, Some(fault), _)) | (Err(Some(fault)), _) => Stage::Refuse(fault),
                (Err(None) | Ok(()), _) => {
                    exchange.connection.wire.request_ends(exchange.tally.started);
                    return Poll::Ready(Err(ClientGone));
                }
            };
        }
        // Before a model is asked, not when it answers.
        if !matches!(exchange.stage, Stage::Wait(..)) {
            exchange.stages.lap(labels::Stage::Read);
        }
        let (reply, outcome) = ready!(exchange.answer(received, context));
        let reply = exchange.compressed(reply, &outcome);
        Poll::Ready(Ok(exchange.complete(reply, &outcome)))
    }
}

impl Exchange {
    /// Brings the request, whose body has come, to its answer.
    fn answer(&mut self, received: Instant, context: &mut Context<'_>) -> Poll<(Reply, Outcome)> {
        let answered = match std::mem::replace(&mut self.stage, Stage::Answered) {
            Stage::Answer(Some(body)) if self.tally.route.handler == Handler::AnalyzeBatch => {
                self.stream(Begun::Body(body))
            }
            Stage::Lines(incoming, is_gzip) => self.stream(Begun::Lines(incoming, is_gzip)),
            Stage::Answer(mut body) => match self.watched(|exchange| exchange.handle(body.as_mut(), received)) {
                (reply, Answered::Now(outcome)) => (reply, outcome),
                (_, Answered::Later(waiting)) => {
                    self.connection.wire.model_awaited();
                    let kept = body.filter(|_| waiting.needs_body());
                    self.stage = Stage::Wait(waiting, kept);
                    return self.answer(received, context);
                }
            },
            Stage::Wait(mut waiting, body) => {
                let polled = self.connection.station.api.borrow_mut().poll(&mut waiting, context);
                let Poll::Ready(found) = polled else {
                    if waiting.takes_rest() {
                        make_way(context);
                    }
                    self.stage = Stage::Wait(waiting, body);
                    return Poll::Pending;
                };
                self.connection.wire.model_answered(Instant::now());
                let body = body.as_ref().map_or(&[][..], Body::bytes);
                let written = self.watched(|exchange| {
                    exchange.write(body, |out| {
                        let outcome = exchange.connection.station.api.borrow_mut().resume(&waiting, found, body, out);
                        (outcome.length, outcome)
                    })
                });
                written.unwrap_or_else(|| self.refuse(&self.connection.no_slot()))
            }
            Stage::Options => {
                let outcome = Outcome { status: 204, content: Content::Json, length: 0, problem: None, retry_after: 1 };
                (Reply::Empty, outcome)
            }
            Stage::Refuse(fault) => self.refuse(&fault),
            Stage::Read(..) | Stage::Answered => self.refuse(&Fault::new(Problem::MalformedRequest)),
        };
        Poll::Ready(answered)
    }

    /// The body has arrived in `slot`, in gzip or as it is.
    fn arrived(&self, slot: Slot, is_gzip: bool) -> Stage {
        let station = &self.connection.station;
        let length = self.tally.received_bytes;
        if !is_gzip {
            return Stage::Answer(Some(Body::new(slot, length)));
        }
        let Some(mut expanded) = station.borrow_body() else { return Stage::Refuse(self.connection.no_slot()) };
        match station.codings.expand(&slot.bytes()[..length], expanded.bytes_mut()) {
            Ok(length) => Stage::Answer(Some(Body::new(expanded, length))),
            Err(fault) => Stage::Refuse(fault),
        }
    }

    /// The reply in gzip where the client takes that, it is worth while and there is memory for it.
    fn compressed(&mut self, reply: Reply, outcome: &Outcome) -> Reply {
        let (Reply::Whole(bytes), true) = (&reply, self.takes_gzip) else { return reply };
        if !coding::is_worth_it(outcome.content, outcome.length) {
            return reply;
        }
        let station = &self.connection.station;
        let Some(mut slot) = station.replies.borrow() else { return reply };
        let Some(length) = station.codings.compress(bytes.chunk(), slot.bytes_mut()) else { return reply };
        self.is_compressed = true;
        Reply::Whole(Memory::Slot(slot).into_bytes(length))
    }

    /// Has the handler that `answer` calls time its stages, if they are watched.
    fn watched<T>(&mut self, answer: impl FnOnce(&Self) -> T) -> T {
        if !self.stages.is_watched() {
            return answer(self);
        }
        self.connection.station.api.borrow_mut().watch(self.stages);
        let answered = answer(self);
        self.stages = self.connection.station.api.borrow_mut().watched();
        answered
    }

    /// Begins an answer that is sent as it comes about.
    fn stream(&mut self, begun: Begun) -> (Reply, Outcome) {
        let Some(mut stream) = self.connection.station.streams.borrow() else {
            return self.refuse(&self.connection.no_slot());
        };
        match stream.begin(&self.connection, self.client, &mut self.tally, begun, self.takes_gzip) {
            Ok(content) => {
                self.is_compressed = self.takes_gzip;
                (Reply::Stream(stream), Outcome { status: 200, content, length: 0, problem: None, retry_after: 1 })
            }
            Err(fault) => self.refuse(&fault),
        }
    }

    /// Counts the answer, unless it counts itself when it ends, and makes hyper's response of it.
    fn complete(&mut self, reply: Reply, outcome: &Outcome) -> Response<Reply> {
        let ended = Instant::now();
        if !matches!(reply, Reply::Stream(_)) {
            let station = &self.connection.station;
            self.tally.count(station, outcome, reply.length(), &self.stages, ended);
            self.connection.wire.request_ends(ended);
        }
        self.respond(reply, outcome, ended)
    }

    fn handle(&self, mut body: Option<&mut Body>, received: Instant) -> (Reply, Answered) {
        if let Some(found) = self.page {
            return (Reply::constant(found.body()), Answered::Now(Outcome::page(found)));
        }
        let station = &self.connection.station;
        let request = api::Request {
            handler: self.tally.route.handler,
            method: self.tally.route.method,
            body: body.as_deref().map_or(&[], Body::bytes),
            received,
            client: self.client,
            trace: self.tally.traceparent.map(|traceparent| traceparent.trace),
            representation: self.representation,
            inference: self.inference,
            origin: self
                .origin
                .as_ref()
                .map_or_else(Origin::default, |(host, secure)| Origin { host: host.as_bytes(), secure: *secure }),
        };
        let write = |out: &mut [u8]| {
            let answered = station.api.borrow_mut().answer(&request, out);
            (if let Answered::Now(outcome) = &answered { outcome.length } else { 0 }, answered)
        };
        let answered = self.write(request.body, write).unwrap_or_else(|| {
            let (reply, outcome) = self.refuse(&self.connection.no_slot());
            (reply, Answered::Now(outcome))
        });
        if self.tally.route.action == Action::ReadForm
            && let Some(body) = &mut body
        {
            // It held a password.
            body.wipe();
        }
        answered
    }

    fn refuse(&self, fault: &Fault) -> (Reply, Outcome) {
        self.connection.station.small_reply(|out| {
            let outcome = if self.inference.is_spoken {
                oip::error::answer(fault, self.tally.route.handler, out)
            } else {
                fault::answer_at(self.tally.route.handler, fault, out)
            };
            (outcome.length, outcome)
        })
    }

    /// Has `write` fill a reply that is large enough for what `body` asks; `None` where all that are large are taken.
    fn write<T>(&self, body: &[u8], write: impl FnOnce(&mut [u8]) -> (usize, T)) -> Option<(Reply, T)> {
        let station = &self.connection.station;
        if !station.api.borrow().is_large(self.tally.route.handler, body) {
            return Some(station.small_reply(write));
        }
        Some(Reply::in_slot(station.replies.borrow()?, write))
    }
}

impl Drop for Exchange {
    /// The connection goes on after a request that its client gave up.
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Wait(..)) {
            self.connection.wire.model_answered(Instant::now());
        }
        if !matches!(self.stage, Stage::Answered) {
            self.connection.wire.request_ends(self.tally.started);
        }
    }
}

/// What is told of a form that is sent as something else.
const FORM_ASKED: &str = "send the body with content-type: application/x-www-form-urlencoded, without content-encoding";

/// What a body of tensors may be sent as.
const TENSORS_ASKED: &str = "send the body as application/json or application/octet-stream";

/// What a body of texts may be sent as.
const TWO_TYPES: &str = "send the body with content-type: application/json, or lines with application/x-ndjson";

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

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
