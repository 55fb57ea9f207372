//! One request and its answer: from hyper's head to hyper's response, through a slot and a handler.

mod begin;
mod head;
pub mod tally;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::body::{self, Body, ClientGone};
use super::coding;
use super::connection::wire::Wire;
use super::patience::Patience;
use super::reply::{Memory, Reply};
use super::slots::Slot;
use super::station::Station;
use super::stream::{Begun, make_way};
use crate::api::oip::{self, Inference};
use crate::api::perspective::discovery::Origin;
use crate::api::route::{Action, Surface};
use crate::api::{self, Content, Outcome, fault};
use crate::metrics::labels::{self, Handler};
use crate::metrics::{Representation, Shard, Stages};
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
    /// A timer that a body has waited by, for the next.
    pub spare_timer: Cell<Option<Pin<Box<Sleep>>>>,
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
#[expect(clippy::struct_excessive_bools, reason = "four switches, each by itself")]
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
    /// Whether the rest of the body is not read, so that no request can follow.
    is_cut: bool,
    stage: Stage,
    patience: Patience,
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
                &exchange.connection.station,
                &exchange.connection.wire,
                context,
            );
            let read = match polled {
                Poll::Pending if exchange.patience.is_over(&exchange.connection, context) => {
                    Err(Some(Fault::new(Problem::RequestTimeout)))
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(read) => read,
            };
            if exchange.patience.has_waited() {
                exchange.patience.ends(&exchange.connection);
                received = Instant::now();
            }
            exchange.is_cut = matches!(read, Err(Some(_)));
            exchange.stage = match (read, std::mem::replace(&mut exchange.stage, Stage::Answered)) {
                (Ok(()), Stage::Read(_, Some(slot), None, is_gzip)) => exchange.arrived(slot, is_gzip),
                // Of a body that is dropped it does not matter what is wrong with it.
                (Ok(()) | Err(Some(_)), Stage::Read(_, _, Some(fault), _)) | (Err(Some(fault)), _) => {
                    Stage::Refuse(fault)
                }
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
            Stage::Answer(mut body) => {
                let mut waiting = None;
                let answered = self.watched(|exchange| exchange.handle(body.as_mut(), received, &mut waiting));
                if let Some(waiting) = waiting {
                    self.connection.wire.model_awaited();
                    let kept = body.filter(|_| waiting.needs_body());
                    self.stage = Stage::Wait(waiting, kept);
                    return self.answer(received, context);
                }
                answered
            }
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
                written.unwrap_or_else(|| self.refuse(&self.connection.station.no_slot()))
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
        let expanded = station.borrow_longest_body().and_then(|mut expanded| {
            let length = station.codings.expand(&slot.bytes()[..length], expanded.bytes_mut())?;
            Ok(Stage::Answer(Some(Body::new(expanded, length))))
        });
        expanded.unwrap_or_else(Stage::Refuse)
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
            return self.refuse(&self.connection.station.no_slot());
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
        let reply = if self.connection.closable { reply } else { reply.watched(&self.connection.wire) };
        self.respond(reply, outcome, ended)
    }

    /// Answers, unless something is left in `waiting`: then what this answers means nothing.
    fn handle(
        &self,
        mut body: Option<&mut Body>,
        received: Instant,
        waiting: &mut Option<api::Waiting>,
    ) -> (Reply, Outcome) {
        if let Some(found) = self.page {
            return (Reply::constant(found.body()), Outcome::page(found));
        }
        let station = &self.connection.station;
        let request = api::Request {
            handler: self.tally.route.handler,
            method: self.tally.route.method,
            surface: self.connection.surface,
            body: body.as_deref().map_or(&[], Body::bytes),
            received,
            client: self.client,
            trace: self.tally.traceparent.map(|traceparent| traceparent.trace),
            representation: self.representation,
            inference: self.inference.clone(),
            origin: self
                .origin
                .as_ref()
                .map_or_else(Origin::default, |(host, secure)| Origin { host: host.as_bytes(), secure: *secure }),
        };
        let write = |out: &mut [u8]| {
            let outcome = station.api.borrow_mut().answer(&request, out, waiting);
            (outcome.length, outcome)
        };
        let answered = self.write(request.body, write);
        let answered = answered.unwrap_or_else(|| self.refuse(&self.connection.station.no_slot()));
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
        let slot = if self.connection.closable { station.replies.borrow() } else { station.large_reply_of_http2() };
        Some(Reply::in_slot(slot?, write))
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

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
