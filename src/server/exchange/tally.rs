//! What is counted and logged of an answer, once.

use std::time::Instant;

use http::HeaderValue;

use super::{OwnShard, nanoseconds};
use crate::api::Outcome;
use crate::api::route::Route;
use crate::metrics::labels::{Method, Stage, Status};
use crate::metrics::{Answer, InProgress, Stages};
use crate::problem::Problem;
use crate::server::coalescing;
use crate::server::headers::Traceparent;
use crate::server::station::Station;

/// What is told of a request when it is answered. Dropped before, it is counted nowhere.
pub struct Tally {
    /// `None` once it is counted.
    pub in_progress: Option<InProgress<OwnShard>>,
    /// The route that it took.
    pub route: Route,
    /// The trace that it belongs to.
    pub traceparent: Option<Traceparent>,
    /// What the client, or a proxy in front, calls it.
    pub request_id: Option<HeaderValue>,
    /// When its head was there.
    pub started: Instant,
    /// Bytes of body that have come.
    pub received_bytes: usize,
}

impl Tally {
    /// The same request, for whoever goes on with it; this one counts it no more.
    #[must_use]
    pub fn handed_on(&mut self) -> Self {
        Self { in_progress: self.in_progress.take(), request_id: self.request_id.clone(), ..*self }
    }

    /// Counts the answer, whose body has `length` bytes, in every family, and logs it if it is to be.
    pub fn count(&mut self, station: &Station, outcome: &Outcome, length: usize, stages: &Stages, ended: Instant) {
        let sent = if self.route.method == Method::Head { 0 } else { length };
        let nanoseconds = nanoseconds(ended - self.started);
        if let Some(in_progress) = self.in_progress.take() {
            in_progress.finish(&Answer {
                status: Status::from_code(outcome.status),
                error: outcome.problem,
                duration_ns: nanoseconds,
                request_bytes: self.received_bytes as u64,
                response_bytes: sent as u64,
            });
            if let Some(traceparent) = &self.traceparent {
                station.shard.traced(self.route.handler, self.route.method, nanoseconds, traceparent.trace);
            }
        }
        coalescing::answered(outcome.problem);
        if outcome.problem == Some(Problem::RequestTimeout) {
            station.shard.timed_out();
        }
        if stages.is_watched() && outcome.status == 200 {
            // The wait in the queue is counted whoever watches.
            let own = stages.each().filter(|(stage, _)| *stage != Stage::Queue);
            own.for_each(|(stage, nanoseconds)| station.shard.staged(stage, nanoseconds));
        }
        station.publish_heap();
        if station.admit_to_log(outcome.status, ended) {
            // The route in the place of the URL, whose query may hold anything.
            tracing::info!(
                httpRequest.requestMethod = self.route.method.as_str(),
                httpRequest.requestUrl = self.route.handler.as_str(),
                httpRequest.status = outcome.status,
                httpRequest.requestSize = %self.received_bytes,
                httpRequest.responseSize = %sent,
                httpRequest.latency = %format_args!("{:.9}s", nanoseconds as f64 / 1e9),
                error_type = outcome.problem.map(Problem::error_type),
                trace = self.traceparent.as_ref().map(Traceparent::trace_id),
                requestId = self.request_id.as_ref().and_then(|id| id.to_str().ok()),
                spanId = self.traceparent.as_ref().map(Traceparent::span_id),
                "request"
            );
        }
    }
}
