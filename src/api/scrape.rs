//! `GET /metrics`: what Prometheus reads.

use super::{Content, Outcome, Request, Worker};
use crate::metrics::export::{self, Live};

/// Bytes that the answer takes at most.
pub fn max_len() -> usize {
    export::max_len()
}

/// Renders every family into `out`.
pub fn answer(worker: &mut Worker, _request: &Request<'_>, out: &mut [u8]) -> Outcome {
    let live = Live { phase: worker.phase.get().as_str(), models_loaded: worker.models.get().is_some() };
    let length = worker.exporter.render(&live, out).unwrap_or_default();
    Outcome { status: 200, content: Content::Metrics, length, problem: None }
}
