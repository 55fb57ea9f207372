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

use super::round::{self, Round, Step};
use super::{Content, Limits, Outcome, Request, Waiting, Worker};
use crate::metrics::labels::Handler;
use crate::model::Loaded;
use crate::model::manifest::MAX_NAMED_BYTES;
use crate::problem::{Fault, Problem};
pub(super) use data::{Datatype, NUMBERS};
use outputs::Wanted;
pub(super) use outputs::{IRIS as IRIS_OUTPUTS, TEXT as TEXT_OUTPUTS};
pub(super) use request::MAX_ID_BYTES;
use response::Written;
pub use target::Target;
pub use texts::{Tensor, placed, read};

/// What a request of the protocol says outside its body.
#[derive(Clone, Default)]
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

/// Whether the answer of `handler` may take more than [`SMALL_REPLY`](super::SMALL_REPLY).
pub const fn is_large(handler: Handler) -> bool {
    handler.infers() || matches!(handler, Handler::InferenceModel)
}

/// Answers a request of the protocol, or begins to, as [`Worker::answer`] does.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8], waiting: &mut Option<Waiting>) -> Outcome {
    let handler = request.handler;
    let answered = match (handler, &request.inference.target) {
        (Handler::InferenceServer, _) => Ok(metadata::server(out)),
        (Handler::InferenceLive, _) => Ok(metadata::live(out)),
        (Handler::InferenceReady, _) => Ok(metadata::ready(worker, out)),
        (Handler::InferenceModel, Some(target)) => metadata::model(worker, target, out),
        (Handler::InferenceModelReady, Some(target)) => Ok(metadata::model_ready(worker, target, out)),
        (Handler::InferIris, Some(_)) => {
            let written = iris::answer(worker, request, out);
            return told(written, handler, out);
        }
        (Handler::InferText, Some(_)) => match round::begin(worker, request, out) {
            Ok(Step::Answered(outcome)) => return outcome,
            Ok(Step::Waiting(round)) => {
                *waiting = Some(Waiting::Round(round));
                return Outcome::good(200, 0);
            }
            Err(fault) => Err(fault),
        },
        _ => Err(Fault::new(Problem::NotFound)),
    };
    match answered {
        Ok((status, length)) => Outcome::good(status, length),
        Err(fault) => error::answer(&fault, handler, out),
    }
}

/// Answers the request for a `tensor` of texts, all of which are scored.
pub fn render(round: &Round, tensor: &Tensor, loaded: &Loaded, out: &mut [u8]) -> Outcome {
    told(texts::write(round, tensor, loaded, out), Handler::InferText, out)
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
