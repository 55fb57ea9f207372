//! The Open Inference Protocol v2 (KServe, Triton, MLServer): metadata, health, and inference on tensors, in JSON or in the
//! binary form of Triton's extension.
//!
//! ```text
//! path ─► Target                    ┌─► iris: rows of 4 numbers, answered at once ─┐
//! body ─► JSON [binary tensors] ─► Asked                                           ├─► JSON [binary tensors]
//!                                   └─► texts: taken up as a batch's are ──────────┘
//! ```
//!
//! Sources: `specification/protocol/inference_rest.md` and `open_inference_rest.yaml` of kserve/open-inference-protocol;
//! `docs/protocol/extension_binary_data.md` of triton-inference-server/server. Of what they leave open: each model takes one
//! tensor, whatever its name; members and parameters that nobody knows are passed over, but those that ask for what is not
//! there (shared memory, sequences, classification) are refused.

mod data;
pub mod error;
mod iris;
mod metadata;
mod outputs;
pub mod path;
mod request;
mod response;
mod target;
mod texts;

use std::task::{Context, Poll};

use super::{Answered, Content, Limits, Outcome, Request, Waiting, Worker};
use crate::metrics::labels::Handler;
use crate::model::manifest::MAX_NAMED_BYTES;
use crate::pool::Lent;
use crate::problem::{Fault, Problem};
pub(super) use data::{Datatype, NUMBERS};
use outputs::Wanted;
pub(super) use outputs::{IRIS as IRIS_OUTPUTS, TEXT as TEXT_OUTPUTS};
pub(super) use request::MAX_ID_BYTES;
use response::Written;
use target::Model;
pub use target::Target;
pub use texts::Pending;

/// What a request of the protocol says outside its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inference {
    /// Whether the path is one of the protocol's, known or not.
    pub is_spoken: bool,
    /// The model that the path names.
    pub target: Option<Target>,
    /// Bytes of the body that are JSON, where binary tensors follow (`Inference-Header-Content-Length`).
    pub json_bytes: Option<usize>,
}

/// Bytes that the longest answer takes.
pub const fn max_len(limits: &Limits) -> usize {
    let (irises, texts) = (limits.rows * iris::MAX_ROW, limits.batch * texts::MAX_ROW);
    let rows = if irises > texts { irises } else { texts };
    metadata::MAX_LEN + response::FRAME + MAX_ID_BYTES * 6 + MAX_NAMED_BYTES + rows
}

/// Requests for texts that a worker may have under way at once; each takes about 10 KiB that is touched at start.
pub const PENDING: usize = 16;

/// Whether the answer of `handler` may take more than [`SMALL_REPLY`](super::SMALL_REPLY).
pub const fn is_large(handler: Handler) -> bool {
    handler.infers() || matches!(handler, Handler::InferenceModel)
}

/// Answers a request of the protocol, or begins to.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Answered {
    let handler = request.handler;
    let answered = match (handler, request.inference.target) {
        (Handler::InferenceServer, _) => Ok(metadata::server(out)),
        (Handler::InferenceLive, _) => Ok(metadata::live(out)),
        (Handler::InferenceReady, _) => Ok(metadata::ready(worker, out)),
        (Handler::InferenceModel, Some(target)) => metadata::model(worker, target, out),
        (Handler::InferenceModelReady, Some(target)) => Ok(metadata::model_ready(worker, target, out)),
        (Handler::InferIris, Some(_)) => {
            let written = iris::answer(worker, request, out);
            return Answered::Now(told(written, handler, out));
        }
        (Handler::InferText, Some(Target(Model::Text(choice)))) => match texts::begin(worker, request, choice) {
            Ok(pending) => return Answered::Later(Waiting::Texts(pending)),
            Err(fault) => Err(fault),
        },
        _ => Err(Fault::new(Problem::NotFound)),
    };
    Answered::Now(match answered {
        Ok((status, length)) => Outcome::good(status, length),
        Err(fault) => error::answer(&fault, handler, out),
    })
}

/// Goes on with the texts of a request.
pub fn poll(worker: &mut Worker, pending: &mut Lent<Pending>, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
    texts::poll(worker, pending, context)
}

/// Answers a request for texts, of which all are scored, or one is at fault.
pub fn resume(worker: &Worker, pending: &Lent<Pending>, scored: Result<(), Fault>, out: &mut [u8]) -> Outcome {
    let written = scored.and_then(|()| texts::resume(worker, pending, out));
    told(written, Handler::InferText, out)
}

/// What is said of `written`.
fn told(written: Result<Written, Fault>, handler: Handler, out: &mut [u8]) -> Outcome {
    match written {
        Ok(Written { length, json: Some(json) }) => {
            Outcome { content: Content::Tensors { json }, ..Outcome::good(200, length) }
        }
        Ok(Written { length, json: None }) => Outcome::good(200, length),
        Err(fault) => error::answer(&fault, handler, out),
    }
}
