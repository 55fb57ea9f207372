//! A request being answered: the in-progress gauge as a value that cannot be given back twice or forgotten.

use std::ops::Deref;

use super::labels::{Handler, Method};
use super::series::lane;
use super::shard::{Answer, Shard};

/// Stands for one request in `http_requests_inprogress`, from [`InProgress::start`] until it is finished or dropped.
///
/// `S` is however the caller holds its worker's shard: `&Shard`, `Arc<Shard>`, or a handle that dereferences to it. The
/// value must stay on the worker's thread, as only that thread writes the shard.
#[derive(Debug)]
#[must_use = "dropping it says that the client went away without an answer"]
pub struct InProgress<S: Deref<Target = Shard>> {
    shard: S,
    handler: Handler,
    method: Method,
}

impl<S: Deref<Target = Shard>> InProgress<S> {
    /// A request for `handler` with `method` has begun.
    #[inline]
    pub fn start(shard: S, handler: Handler, method: Method) -> Self {
        shard.used(handler);
        shard.in_progress[lane(handler, method)].add(1);
        Self { shard, handler, method }
    }

    /// Counts the answer, once, in every HTTP family. A request dropped instead was not answered: it leaves the gauge
    /// and is counted nowhere.
    #[inline]
    pub fn finish(self, answer: &Answer) {
        self.shard.answered(self.handler, self.method, answer);
    }
}

impl<S: Deref<Target = Shard>> Drop for InProgress<S> {
    #[inline]
    fn drop(&mut self) {
        self.shard.in_progress[lane(self.handler, self.method)].decrement();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::Status;
    use crate::metrics::series::{REQUESTS, request_index};

    #[test]
    fn finished_or_abandoned_a_request_leaves_the_gauge_once() {
        let shard = Shard::new();
        let gauge = || shard.in_progress[lane(Handler::Predict, Method::Post)].get();
        let first = InProgress::start(&*shard, Handler::Predict, Method::Post);
        let second = InProgress::start(&*shard, Handler::Predict, Method::Post);
        assert_eq!(gauge(), 2);
        drop(first);
        assert_eq!(gauge(), 1);
        let status = Status::from_code(200);
        second.finish(&Answer { status, error: None, duration_ns: 1, request_bytes: 2, response_bytes: 3 });
        assert_eq!(gauge(), 0);
        let answered: u64 = (0..REQUESTS.len()).map(|index| shard.requests[index].get()).sum();
        assert_eq!(answered, 1, "the abandoned one is counted nowhere");
        assert_eq!(shard.requests[request_index(Handler::Predict, Method::Post, status)].get(), 1);
    }
}
