//! One request and its answer: from hyper's head to hyper's response, through a slot and a handler.

mod head;
pub mod tally;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::header::EXPECT;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body, Incoming};

use super::admission::{self, Refusal};
use super::body::{self, ClientGone};
use super::connection::wire::Wire;
use super::headers::{Traceparent, is_form, is_json, is_lines, is_tensors, json_bytes, origin, page, representation};
use super::reply::Reply;
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
            tally: Tally { in_progress: Some(in_progress), route, traceparent, started, received_bytes: 0 },
            representation,
            page,
            inference: inference.unwrap_or(Inference { is_spoken: true, ..Inference::default() }),
            origin,
            client,
            challenge,
            headers,
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
            Action::ReadJson if route.handler == Handler::AnalyzeBatch && is_lines(headers) => Stage::Lines(incoming),
            Action::ReadJson | Action::ReadForm | Action::ReadTensors => {
                let limit = self.station.limits.body;
                if incoming.size_hint().lower() > limit as u64 {
                    Stage::Refuse(Fault::new(Problem::BodyTooLarge).count(0, limit))
                } else if !is_of_type(route.action, headers) {
                    let fault = Fault::new(Problem::UnsupportedMediaType);
                    self.refusal(headers, incoming, fault.expected(fault::media_type_asked(route.handler), ""))
                } else if let Some(slot) = self.station.borrow_body() {
                    Stage::Read(incoming, Some(slot), None)
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
            Stage::Read(incoming, None, Some(fault))
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
    stage: Stage,
    stages: Stages,
    tells_timing: bool,
}

enum Stage {
    /// The body is arriving: into the slot, or to be dropped before the fault is told.
    Read(Incoming, Option<Slot>, Option<Fault>),
    /// The body, if there is one, is here.
    Answer(Option<Slot>),
    /// Something that takes its time is asked; the body's slot is given back unless the answer needs it.
    Wait(api::Waiting, Option<Slot>),
    /// The body is to be read line by line while the answer is sent.
    Lines(Incoming),
    Options,
    Refuse(Fault),
    Answered,
}

impl Future for Exchange {
    type Output = Result<Response<Reply>, ClientGone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = &mut *self;
        let mut received = exchange.tally.started;
        if let Stage::Read(incoming, slot, _) = &mut exchange.stage {
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
                (Ok(()), Stage::Read(_, slot, None)) => Stage::Answer(slot),
                (Ok(()), Stage::Read(_, _, Some(fault))) | (Err(Some(fault)), _) => Stage::Refuse(fault),
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
        Poll::Ready(Ok(exchange.complete(reply, &outcome)))
    }
}

impl Exchange {
    /// Brings the request, whose body has come, to its answer.
    fn answer(&mut self, received: Instant, context: &mut Context<'_>) -> Poll<(Reply, Outcome)> {
        let answered = match std::mem::replace(&mut self.stage, Stage::Answered) {
            Stage::Answer(Some(slot)) if self.tally.route.handler == Handler::AnalyzeBatch => {
                self.stream(Begun::Body(slot))
            }
            Stage::Lines(incoming) => self.stream(Begun::Lines(incoming)),
            Stage::Answer(mut slot) => match self.watched(|exchange| exchange.handle(slot.as_mut(), received)) {
                (reply, Answered::Now(outcome)) => (reply, outcome),
                (_, Answered::Later(waiting)) => {
                    self.connection.wire.model_awaited();
                    let kept = slot.filter(|_| waiting.needs_body());
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
                let body = body.as_ref().map_or(&[][..], |slot| &slot.bytes()[..self.tally.received_bytes]);
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
        match stream.begin(&self.connection, self.client, &mut self.tally, begun) {
            Ok(content) => {
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

    fn handle(&self, mut body: Option<&mut Slot>, received: Instant) -> (Reply, Answered) {
        if let Some(found) = self.page {
            return (Reply::constant(found.body()), Answered::Now(Outcome::page(found)));
        }
        let station = &self.connection.station;
        let request = api::Request {
            handler: self.tally.route.handler,
            method: self.tally.route.method,
            body: body.as_deref().map_or(&[], |slot| &slot.bytes()[..self.tally.received_bytes]),
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
            && let Some(slot) = &mut body
        {
            // It held a password.
            slot.bytes_mut()[..self.tally.received_bytes].fill(0);
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

/// Whether the body is of the type that is to be read.
fn is_of_type(action: Action, headers: &HeaderMap) -> bool {
    match action {
        Action::ReadForm => is_form(headers),
        Action::ReadTensors => is_tensors(headers),
        _ => is_json(headers),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
