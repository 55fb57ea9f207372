//! What each endpoint answers. A handler is a pure function: slices and this worker's state in, bytes and an
//! [`Outcome`] out; it knows neither hyper nor sockets.

pub mod analyze;
pub mod batch;
pub mod fault;
pub mod form;
pub mod health;
pub mod model_info;
pub mod moderations;
pub mod oip;
pub mod openapi;
pub mod perspective;
pub mod predict;
pub mod root;
pub mod round;
pub mod route;
pub mod scrape;
pub mod spans;
pub mod status;
pub mod token;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::auth::Auth;
use crate::json::read::Reader;
use crate::metrics::labels::{Handler, Method};
use crate::metrics::{Representation, Shard, Stages, TlsCounts, Trace};
use crate::model::Loaded;
use crate::model::executor;
use crate::model::iris::Prediction;
use crate::model::manifest::MAX_NAMED_BYTES;
use crate::pages;
use crate::pool::{Lent, Pool};
use crate::problem::{Fault, Problem};
use crate::text::Scratch;
use analyze::asked::Choice;
use health::SharedPhase;
use perspective::discovery::{self, Origin};
use round::{ROUNDS, Round};
use route::Surface;
use scrape::Scrape;

/// The model that answers requests in the shape of another service, unless they name one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CompatibleModel {
    Simple,
    Bert,
    Auto,
}

/// Replies of every handler but the large ones fit in this many bytes.
pub const SMALL_REPLY: usize = 512;

/// What one request may ask for at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of body.
    pub body: usize,
    /// Bytes of `text`.
    pub text: usize,
    /// Rows of `features`.
    pub rows: usize,
    /// Texts of a batch.
    pub batch: usize,
    /// Texts of one batch that may be with a model, or wait for it, at once.
    pub window: usize,
}

/// What one worker thread owns to answer requests, allocated once.
pub struct Worker {
    shard: Arc<Shard>,
    loaded: Arc<Loaded>,
    /// The most that any model asked for with [`Manifest::named_bytes`](crate::model::manifest::Manifest::named_bytes) before
    /// this was loaded: some may answer yet.
    named_bytes_before: usize,
    scrape: Scrape,
    reader: Reader,
    text: Scratch,
    limits: Limits,
    phase: SharedPhase,
    started: Instant,
    /// Of the request that is being answered.
    stages: Stages,
    auth: Option<Arc<Auth>>,
    /// Of a request for the irises of a tensor.
    predictions: Vec<Prediction>,
    rounds: Pool<Round>,
    /// The model that answers requests in the shape of another service.
    compatible: Choice,
    ids: (RandomState, u64),
}

/// A request whose body has arrived in full.
pub struct Request<'a> {
    /// The route it took.
    pub handler: Handler,
    /// `GET`, `HEAD` or `POST`.
    pub method: Method,
    /// What the listener serves that it came to.
    pub surface: Surface,
    /// The body; empty for `GET` and `HEAD`.
    pub body: &'a [u8],
    /// When the last byte of it was there.
    pub received: Instant,
    /// A hash of who asks: of the authenticated subject, else of the address.
    pub client: u64,
    /// The trace that it belongs to, if it says so.
    pub trace: Option<Trace>,
    /// How metrics are to be represented.
    pub representation: Representation,
    /// What a request of the Open Inference Protocol says outside its body.
    pub inference: oip::Inference,
    /// Where the client found the daemon, of a request for the discovery document.
    pub origin: Origin<'a>,
}

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `application/json`
    Json,
    /// `application/problem+json` (RFC 9457)
    Problem,
    /// `application/x-ndjson`
    Lines,
    /// That of a page, which is not written but sent from where it lies.
    Page(pages::Found),
    /// `application/octet-stream`: JSON, and binary tensors behind it.
    Tensors {
        /// Bytes of the JSON.
        json: usize,
    },
    /// That of an exposition format
    Metrics(Representation),
}

/// What a handler says about the bytes it wrote.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The HTTP status code.
    pub status: u16,
    /// The media type.
    pub content: Content,
    /// How many bytes were written.
    pub length: usize,
    /// What went wrong, if something did.
    pub problem: Option<Problem>,
    /// Of a 429 or 503: when it is worth while to come back, in seconds.
    pub retry_after: u64,
}

/// What a request waits for.
#[expect(clippy::large_enum_variant, reason = "it is moved twice; a box would be an allocation")]
pub enum Waiting {
    /// A model.
    Model(analyze::Waiting),
    /// A password to be verified.
    Password(token::Waiting),
    /// Several texts to be scored.
    Round(Lent<Round>),
}

/// What a request has waited for.
pub enum Found {
    /// What the model found.
    Scores(executor::Found),
    /// Whether the password is the user's.
    Password(bool),
    /// Whether all of the texts are scored.
    Round(Result<(), Fault>),
}

impl Waiting {
    /// Whether [`Worker::resume`] must be given the request's body again.
    pub fn needs_body(&self) -> bool {
        matches!(self, Self::Model(waiting) if waiting.needs_body())
    }

    /// Whether others are to have their turn before [`Worker::poll`] goes on, for which nobody else wakes the task; asked once.
    pub fn takes_rest(&mut self) -> bool {
        match self {
            Self::Round(round) => round.takes_rest(),
            Self::Model(_) | Self::Password(_) => false,
        }
    }

    /// The route that waits.
    fn handler(&self) -> Handler {
        match self {
            Self::Model(_) => Handler::Analyze,
            Self::Password(_) => Handler::Token,
            Self::Round(round) => round::handler(round),
        }
    }
}

impl Outcome {
    /// An answer of JSON in which nothing went wrong.
    const fn good(status: u16, length: usize) -> Self {
        Self { status, content: Content::Json, length, problem: None, retry_after: 1 }
    }

    /// An answer that is a page, or that the client has it already.
    pub const fn page(found: pages::Found) -> Self {
        let status = if found.known { 304 } else { 200 };
        Self { content: Content::Page(found), ..Self::good(status, found.body().len()) }
    }
}

impl Worker {
    /// Allocates everything that answering will need.
    pub fn new(
        shard: Arc<Shard>,
        loaded: Arc<Loaded>,
        scrape: Scrape,
        limits: Limits,
        phase: SharedPhase,
        started: Instant,
    ) -> Self {
        let reader = Reader::new(limits.body);
        let text = Scratch::new(limits.text);
        Self {
            shard,
            loaded,
            named_bytes_before: 0,
            scrape,
            reader,
            text,
            limits,
            phase,
            started,
            stages: Stages::UNWATCHED,
            auth: None,
            predictions: Vec::with_capacity(limits.rows),
            rounds: Pool::new(ROUNDS, || Round::new(&limits)),
            compatible: Choice::Auto,
            ids: (RandomState::new(), 0),
        }
    }

    /// The daemon's phase of life.
    pub fn phase(&self) -> SharedPhase {
        self.phase.clone()
    }

    /// The same where authentication is on.
    #[must_use]
    pub fn with_auth(self, auth: Option<Arc<Auth>>) -> Self {
        Self { scrape: self.scrape.with_auth(auth.clone()), auth, ..self }
    }

    /// The same where models can be loaded anew.
    #[must_use]
    pub fn with_reloads(self, reloads: bool) -> Self {
        Self { scrape: self.scrape.with_reloads(reloads), ..self }
    }

    /// The same where TLS is spoken.
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<TlsCounts>>) -> Self {
        Self { scrape: self.scrape.with_tls(tls), ..self }
    }

    /// The same where requests in the shape of another service are answered by the model of this name.
    #[must_use]
    pub fn with_compatible(self, model: CompatibleModel) -> Self {
        let compatible = match model {
            CompatibleModel::Simple => Choice::Simple,
            CompatibleModel::Bert => Choice::Bert,
            CompatibleModel::Auto => Choice::Auto,
        };
        Self { compatible, ..self }
    }

    /// Answers by `loaded` from now on; what is under way is answered by what it began with.
    pub fn load(&mut self, loaded: Arc<Loaded>) {
        self.named_bytes_before = self.named_bytes_before.max(self.named_bytes());
        self.loaded = loaded;
    }

    /// The most that any model that is loaded asks for.
    fn named_bytes(&self) -> usize {
        self.loaded.models().map_or(0, |models| models.named_bytes)
    }

    /// A number that no other answer has, of this process or another.
    fn next_id(&mut self) -> u128 {
        let (keys, count) = &mut self.ids;
        *count += 2;
        u128::from(keys.hash_one(*count)) << 64 | u128::from(keys.hash_one(*count + 1))
    }

    /// The counters of this worker.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Has the stages of the next answer timed, from where `stages` has come to.
    pub fn watch(&mut self, stages: Stages) {
        self.stages = stages;
    }

    /// The stages of the last answer, whose watch is over; those of a request that waits for a model are to be watched again for
    /// [`Self::resume`].
    pub fn watched(&mut self) -> Stages {
        std::mem::replace(&mut self.stages, Stages::UNWATCHED)
    }

    /// Bytes that the longest answer takes.
    pub fn max_reply(&self) -> usize {
        self.scrape
            .max_len()
            .max(model_info::MAX_LEN)
            .max(status::MAX_LEN)
            .max(analyze::FRAME + MAX_NAMED_BYTES + spans::max_len(self.limits.text))
            .max(predict::max_len(self.limits.rows))
            .max(oip::max_len(&self.limits))
            .max(perspective::MAX_LEN)
            .max(discovery::MAX_LEN)
            .max(moderations::max_len(round::most_texts(&self.limits)))
    }

    /// Whether the answer to a request of `handler` with this `body` may take more than [`SMALL_REPLY`].
    pub fn is_large(&self, handler: Handler, body: &[u8]) -> bool {
        match handler {
            Handler::Metrics
            | Handler::ModelInfo
            | Handler::Status
            | Handler::CommentsAnalyze
            | Handler::CommentsSuggest
            | Handler::Discovery
            | Handler::Moderations => true,
            Handler::Predict => predict::may_be_a_list(body),
            // Ours are small unless they quote the text; a user's model may have many labels.
            Handler::Analyze => {
                let named_bytes = self.named_bytes().max(self.named_bytes_before);
                spans::may_be_asked(body) || analyze::FRAME + named_bytes > SMALL_REPLY
            }
            handler => oip::is_large(handler),
        }
    }

    /// Answers `request` into `out`, which holds [`SMALL_REPLY`] bytes or, if the answer [is large](Self::is_large),
    /// [`Worker::max_reply`].
    ///
    /// Where something that takes its time is asked, that is left in `waiting`, nothing is written and what this answers means
    /// nothing: [`Self::resume`] answers when there is something to say. Apart from the outcome, because most requests wait for
    /// nothing and what some wait for is large to move.
    pub fn answer(&mut self, request: &Request<'_>, out: &mut [u8], waiting: &mut Option<Waiting>) -> Outcome {
        const UNTOLD: Outcome = Outcome::good(200, 0);
        let answered = match request.handler {
            Handler::Analyze => match analyze::answer(self, request, out) {
                Ok(analyze::Step::Answered(length)) => Ok((200, length)),
                Ok(analyze::Step::Waiting(model)) => {
                    *waiting = Some(Waiting::Model(model));
                    return UNTOLD;
                }
                Err(fault) => Err(fault),
            },
            Handler::Predict => predict::answer(self, request, out),
            Handler::Token => match token::begin(self, request) {
                Ok(password) => {
                    *waiting = Some(Waiting::Password(password));
                    return UNTOLD;
                }
                Err(fault) => Err(fault),
            },
            Handler::Metrics => return scrape::answer(self, request.representation, out),
            Handler::Status => return status::answer(self, out),
            Handler::Root => Ok(root::answer(self, request.surface, out)),
            Handler::Health => Ok(health::health(self, out)),
            Handler::Livez => Ok(health::livez(out)),
            Handler::Readyz => Ok(health::readyz(self, out)),
            Handler::Startupz => Ok(health::startupz(self, out)),
            Handler::ModelInfo => model_info::answer(self, out),
            Handler::CommentsAnalyze | Handler::Moderations => match round::begin(self, request, out) {
                Ok(round::Step::Answered(outcome)) => return outcome,
                Ok(round::Step::Waiting(round)) => {
                    *waiting = Some(Waiting::Round(round));
                    return UNTOLD;
                }
                Err(fault) => Err(fault),
            },
            Handler::CommentsSuggest => perspective::suggest::answer(self, request, out).map(|length| (200, length)),
            Handler::Discovery => Ok(discovery::answer(request.origin, out)),
            // A batch has a way of its own: it is answered as it goes. And pages are not written.
            Handler::AnalyzeBatch | Handler::OpenApi | Handler::Docs | Handler::None => {
                Err(Fault::new(Problem::NotFound))
            }
            Handler::InferenceServer
            | Handler::InferenceLive
            | Handler::InferenceReady
            | Handler::InferenceModel
            | Handler::InferenceModelReady
            | Handler::InferIris
            | Handler::InferText => return oip::answer(self, request, out, waiting),
        };
        match answered {
            Ok((status, length)) => Outcome::good(status, length),
            Err(fault) => fault::answer_at(request.handler, &fault, out),
        }
    }

    /// What a request is `waiting` for, once; until then the task of `context` is woken when there is
    /// something. [`Self::resume`] must follow before anything else is answered.
    pub fn poll(&mut self, waiting: &mut Waiting, context: &mut Context<'_>) -> Poll<Found> {
        match waiting {
            Waiting::Model(waiting) => waiting.poll(context, &mut self.text).map(Found::Scores),
            Waiting::Password(waiting) => waiting.poll(context).map(Found::Password),
            Waiting::Round(round) => self.advance(round, Some(context)).map(Found::Round),
        }
    }

    /// Answers the request that was `waiting` for what was `found`, into `out` as [`Self::answer`] does; `body` is the
    /// request's where [`Waiting::needs_body`], else empty.
    pub fn resume(&mut self, waiting: &Waiting, found: Found, body: &[u8], out: &mut [u8]) -> Outcome {
        let answered = match (waiting, found) {
            (Waiting::Model(waiting), Found::Scores(found)) => analyze::resume(self, waiting, found, body, out),
            (Waiting::Password(waiting), Found::Password(matches)) => token::resume(self, waiting, matches, out),
            (Waiting::Round(round), Found::Round(Ok(()))) => return self.render(round, out),
            (Waiting::Round(_), Found::Round(Err(fault))) => Err(fault),
            (_, _) => Err(Fault::new(Problem::ModelUnavailable).expected("it failed; see the log", "")),
        };
        match answered {
            Ok(length) => Outcome::good(200, length),
            Err(fault) => fault::answer_at(waiting.handler(), &fault, out),
        }
    }
}
