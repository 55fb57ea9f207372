//! What is counted and logged of an answer, once.

use std::time::Instant;

use super::{Exchange, nanoseconds};
use crate::api::Outcome;
use crate::metrics::Answer;
use crate::metrics::labels::{Method, Stage, Status};
use crate::problem::Problem;
use crate::server::headers::Traceparent;
use crate::server::reply::Reply;

impl Exchange {
    /// Counts the answer, whose body is `reply`, in every family, and logs it if it is to be.
    pub(super) fn count(&mut self, outcome: &Outcome, reply: &Reply, ended: Instant) {
        let station = &self.connection.station;
        let sent = if self.route.method == Method::Head { 0 } else { reply.length() };
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
        if outcome.problem == Some(Problem::RequestTimeout) {
            station.shard.timed_out();
        }
        if self.stages.is_watched() && outcome.status == 200 {
            // The wait in the queue is counted whoever watches.
            let own = self.stages.each().filter(|(stage, _)| *stage != Stage::Queue);
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
                spanId = self.traceparent.as_ref().map(Traceparent::span_id),
                "request"
            );
        }
    }
}
