//! What a process has answered in all: its last words, because the scrape that would tell of its last requests never comes.

use std::sync::Arc;

use super::labels::{Handler, Method, Status};
use super::series::REQUESTS;
use super::shard::Shard;

/// The series of `http_requests_total` that are not 0, in the exporter's order, with their values. While workers run, the
/// values are those of some moment each; once they have ended, the last ones.
pub fn answered(shards: &[Arc<Shard>]) -> impl Iterator<Item = (Handler, Method, Status, u64)> {
    REQUESTS.iter().enumerate().filter_map(|(index, &(handler, method, status))| {
        let count: u64 = shards.iter().map(|shard| shard.requests[index].get()).sum();
        (count > 0).then_some((handler, method, status, count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Answer;

    #[test]
    fn what_was_answered_is_summed_over_workers_and_what_never_was_is_left_out() {
        let shards: Vec<Arc<Shard>> = (0..2).map(|_| Arc::from(Shard::new())).collect();
        assert_eq!(answered(&shards).count(), 0);
        let answer = |code| Answer {
            status: Status::from_code(code),
            error: None,
            duration_ns: 1,
            request_bytes: 0,
            response_bytes: 0,
        };
        for (shard, code) in [(0, 200), (1, 200), (1, 422)] {
            shards[shard].answered(Handler::Predict, Method::Post, &answer(code));
        }
        let told = answered(&shards)
            .map(|(handler, method, status, count)| (method.as_str(), handler.as_str(), status.as_str(), count));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [("POST", "/predict", "200", 2), ("POST", "/predict", "422", 1)]);
    }
}
