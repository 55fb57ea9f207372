//! What one worker records: plain cells that this worker alone writes and every scrape reads.
//!
//! A fact costs a load and a store, no lock prefix, no allocation, no system call. The scrape sees a moment that is
//! not exactly one: a request in flight may be in one family and not yet in another, never twice in any.
//! Totals that another family implies (a histogram's `_count`, the size summaries' `_count`, successful analyses,
//! predictions by class) are not stored but derived by the snapshot, so they cannot drift apart.

use std::sync::OnceLock;

use super::clients::Clients;
use super::counter::Counter;
use super::drift::Window;
use super::durations::Durations;
use super::exemplar::{self, Exemplar, SLOTS, Slot};
use super::family::Id;
use super::histogram::COARSE;
use super::labels::{
    AskedModel, Authentication, Handler, IRIS_CLASSES, Method, SUGGESTED, Shed, Stage, Status, ToxicityModel,
};
use super::process::ThreadClock;
use super::series::{
    ERRORS, LANES, REQUEST_OVERFLOW, REQUEST_SIZED, REQUESTS, RESPONSE_SIZED, error_index, lane, request_index,
    request_size_index, response_size_index,
};
use super::shown::Shown;
use super::trace::Trace;
use crate::auth::NAMED_KEYS;
use crate::metrics::catalog::{CONFIDENCE_BOUNDS, DURATION_BOUNDS, PROCESSING_BOUNDS, SCORE_BOUNDS};
use crate::problem::Problem;
use crate::sync::array_of;
use crate::text::rules::{Rule, Rules};

/// One worker's cells, about 63 KiB, zero at start. Written by ONE thread; see [`Counter`].
#[derive(Debug)]
#[repr(align(128))] // two cache lines: the adjacent-line prefetcher must not pull a neighbour's shard
pub struct Shard {
    pub(super) requests: [Counter; REQUESTS.len()],
    pub(super) errors: [Counter; ERRORS.len()],
    /// A [`Shown`]: the routes that were asked for, among those that are shown once they are used.
    pub(super) used: Counter,
    pub(super) in_progress: [Counter; LANES],
    pub(super) request_bytes: [Counter; REQUEST_SIZED.len()],
    pub(super) response_bytes: [Counter; RESPONSE_SIZED.len()],
    pub(super) durations: Durations,
    pub(super) scores: [Counter; SCORE_BOUNDS.len()],
    pub(super) score_sum: Counter,
    pub(super) processing: [[Counter; COARSE.buckets()]; ToxicityModel::ALL.len()],
    pub(super) processing_ns: [Counter; ToxicityModel::ALL.len()],
    pub(super) rules: [Counter; Rule::ALL.len()],
    pub(super) drift: [Window; AskedModel::ALL.len()],
    pub(super) stages: [[Counter; COARSE.buckets()]; Stage::ALL.len()],
    pub(super) stages_ns: [Counter; Stage::ALL.len()],
    pub(super) analyses_failed: [Counter; ToxicityModel::ALL.len()],
    pub(super) confidences: [[Counter; CONFIDENCE_BOUNDS.len()]; IRIS_CLASSES.len()],
    pub(super) confidence_percent: [Counter; IRIS_CLASSES.len()],
    pub(super) connections_opened: Counter,
    pub(super) connections_closed: Counter,
    pub(super) requests_shed: [Counter; Shed::ALL.len()],
    pub(super) requests_timed_out: Counter,
    pub(super) authentications: [Counter; Authentication::ALL.len()],
    pub(super) key_requests: [Counter; NAMED_KEYS + 1],
    pub(super) suggested: [Counter; SUGGESTED.len()],
    pub(super) slots_used_max: Counter,
    pub(super) slot_fallbacks: Counter,
    pub(super) heap_allocations: Counter,
    pub(super) heap_bytes: Counter,
    pub(super) scraped_bytes: Counter,
    pub(super) scraped_at_ns: Counter,
    pub(super) clock: OnceLock<ThreadClock>,
    pub(super) clients: Clients,
    pub(super) exemplars: [Slot; SLOTS],
}

/// One answer, as the HTTP families count it.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status sent.
    pub status: Status,
    /// The problem that the answer reports, if any.
    pub error: Option<Problem>,
    /// From the request's head read to the answer handed to the connection, in ns.
    pub duration_ns: u64,
    /// Body bytes received.
    pub request_bytes: u64,
    /// Body bytes sent.
    pub response_bytes: u64,
}

impl Shard {
    /// A shard in which nothing has happened. The one allocation of its life.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            requests: array_of![Counter::new()],
            errors: array_of![Counter::new()],
            used: Counter::new(),
            in_progress: array_of![Counter::new()],
            request_bytes: array_of![Counter::new()],
            response_bytes: array_of![Counter::new()],
            durations: Durations::new(),
            scores: array_of![Counter::new()],
            score_sum: Counter::new(),
            processing: array_of![array_of![Counter::new()]],
            processing_ns: array_of![Counter::new()],
            rules: array_of![Counter::new()],
            drift: array_of![Window::new()],
            stages: array_of![array_of![Counter::new()]],
            stages_ns: array_of![Counter::new()],
            analyses_failed: array_of![Counter::new()],
            confidences: array_of![array_of![Counter::new()]],
            confidence_percent: array_of![Counter::new()],
            connections_opened: Counter::new(),
            connections_closed: Counter::new(),
            requests_shed: array_of![Counter::new()],
            requests_timed_out: Counter::new(),
            authentications: array_of![Counter::new()],
            key_requests: array_of![Counter::new()],
            suggested: array_of![Counter::new()],
            slots_used_max: Counter::new(),
            slot_fallbacks: Counter::new(),
            heap_allocations: Counter::new(),
            heap_bytes: Counter::new(),
            scraped_bytes: Counter::new(),
            scraped_at_ns: Counter::new(),
            clock: OnceLock::new(),
            clients: Clients::new(),
            exemplars: array_of![Slot::new()],
        })
    }

    /// Counts an answer to a request that no [`InProgress`](super::InProgress) stood for: what the connection refuses
    /// before there is a request (400, 408, 431), or sheds (503). `handler` is `none` unless the route is known.
    /// `duration_ns` is 0 where nothing was timed.
    #[inline]
    pub fn error(&self, problem: Problem, handler: Handler, duration_ns: u64, response_bytes: u64) {
        let status = Status::from_code(problem.status());
        let answer = Answer { status, error: Some(problem), duration_ns, request_bytes: 0, response_bytes };
        let method = handler.main_method();
        self.used(handler);
        self.answered(handler, method, &answer);
    }

    /// Counts a toxicity analysis that gave a score: `score_percent` 0 to 100 (more counts as 100), `processing_ns`
    /// from text to score.
    #[inline]
    pub fn analyzed(&self, model: ToxicityModel, score_percent: u8, processing_ns: u64) {
        let score = score_percent.min(100);
        self.scores[usize::from(SCORE_BUCKET[usize::from(score)])].add(1);
        self.score_sum.add(u64::from(score));
        self.processing[model as usize][COARSE.index(processing_ns)].add(1);
        self.processing_ns[model as usize].add(processing_ns);
    }

    /// Keeps `trace` as the exemplar of the bucket of `http_request_duration_seconds` in which [`Answer::duration_ns`] was
    /// counted.
    pub fn traced(&self, handler: Handler, method: Method, duration_ns: u64, trace: Trace) {
        self.keep(Id::HttpDuration, lane(handler, method), &DURATION_BOUNDS, duration_ns, trace);
    }

    /// The same for the bucket of `toxicity_processing_seconds` in which [`Self::analyzed`] counted.
    pub fn analysis_traced(&self, model: ToxicityModel, processing_ns: u64, trace: Trace) {
        if (model as usize) < ToxicityModel::TIMED {
            self.keep(Id::ToxicityProcessing, model as usize, &PROCESSING_BOUNDS, processing_ns, trace);
        }
    }

    fn keep(&self, family: Id, index: usize, bounds: &[u64], value_ns: u64, trace: Trace) {
        let place = exemplar::first_of(family, index).map(|first| first + exemplar::bucket_of(bounds, value_ns));
        if let Some(slot) = place.and_then(|place| self.exemplars.get(place)) {
            slot.write(&Exemplar { trace, value_ns, at_ns: exemplar::now_ns() });
        }
    }

    /// Counts a toxicity analysis that gave no score: `toxicity_api_requests_total{status="error"}`.
    #[inline]
    pub fn analysis_failed(&self, model: ToxicityModel) {
        self.analyses_failed[model as usize].add(1);
    }

    /// A text was given to a model, changed by `rules`.
    #[inline]
    pub fn normalized(&self, rules: Rules) {
        if !rules.is_empty() {
            rules.each().for_each(|rule| self.rules[rule as usize].add(1));
        }
    }

    /// The answer to a request for `model` was a probability in `bin` of the model's reference.
    #[inline]
    pub fn scored(&self, model: AskedModel, bin: usize) {
        self.drift[model as usize].scored(bin);
    }

    /// A request spent `nanoseconds` on `stage`.
    pub fn staged(&self, stage: Stage, nanoseconds: u64) {
        self.stages[stage as usize][COARSE.index(nanoseconds)].add(1);
        self.stages_ns[stage as usize].add(nanoseconds);
    }

    /// Counts an iris classified as class `class` (0 to 2) with `confidence_percent` 0 to 100 (more counts as 100).
    /// A class that does not exist is not counted.
    #[inline]
    pub fn predicted(&self, class: usize, confidence_percent: u8) {
        debug_assert!(class < IRIS_CLASSES.len(), "iris has no class {class}");
        let confidence = confidence_percent.min(100);
        if let (Some(buckets), Some(sum)) = (self.confidences.get(class), self.confidence_percent.get(class)) {
            buckets[usize::from(CONFIDENCE_BUCKET[usize::from(confidence)])].add(1);
            sum.add(u64::from(confidence));
        }
    }

    /// A call to `/analyze` by the client that hashes to `hash` (of the authenticated subject, else the address), at
    /// `now_seconds` of uptime, the clock of [`LiveFacts`](super::LiveFacts).
    #[inline]
    pub fn client_seen(&self, hash: u64, now_seconds: u64) {
        self.clients.seen(hash, now_seconds);
    }

    /// A connection was accepted.
    #[inline]
    pub fn connection_opened(&self) {
        self.connections_opened.add(1);
    }

    /// A connection that was accepted is gone.
    #[inline]
    pub fn connection_closed(&self) {
        self.connections_closed.add(1);
    }

    /// A request was refused at once.
    #[inline]
    pub fn shed(&self, reason: Shed) {
        self.requests_shed[reason as usize].add(1);
    }

    /// The calling thread is this worker's, whose CPU time a scrape tells. Once.
    pub fn owned_by_this_thread(&self) {
        self.clock.get_or_init(ThreadClock::of_this_thread);
    }

    /// A scrape was answered with a body of so many bytes, at `now_ns` of uptime.
    pub fn scraped(&self, bytes: u64, now_ns: u64) {
        self.scraped_bytes.set(bytes);
        self.scraped_at_ns.set(now_ns);
    }

    /// What became of a credential.
    #[inline]
    pub fn authenticated(&self, what: Authentication) {
        self.authentications[what as usize].add(1);
    }

    /// A request came with the key that is counted at `place`, up to [`NAMED_KEYS`]; more counts as that.
    #[inline]
    pub fn key_used(&self, place: u8) {
        self.key_requests[usize::from(place).min(NAMED_KEYS)].add(1);
    }

    /// So many scores were suggested for each attribute.
    pub fn suggested(&self, counts: &[u64; SUGGESTED.len()]) {
        self.suggested.iter().zip(counts).for_each(|(counter, &count)| counter.add(count));
    }

    /// A request did not arrive in time.
    #[inline]
    pub fn timed_out(&self) {
        self.requests_timed_out.add(1);
    }

    /// `slots` of this worker are in use now.
    #[inline]
    pub fn slots_used(&self, slots: u64) {
        self.slots_used_max.raise(slots);
    }

    /// A request was served without a preallocated slot.
    #[inline]
    pub fn slot_fallback(&self) {
        self.slot_fallbacks.add(1);
    }

    /// The allocations of this worker's thread since it started, and their bytes.
    #[inline]
    pub fn set_heap(&self, allocations: u64, bytes: u64) {
        self.heap_allocations.set(allocations);
        self.heap_bytes.set(bytes);
    }

    /// A request for `handler` has come.
    #[inline]
    pub(super) fn used(&self, handler: Handler) {
        if handler.is_shown_once_used() {
            self.used.set(Shown::from_bits(self.used.get()).and(handler).bits());
        }
    }

    #[inline]
    pub(super) fn answered(&self, handler: Handler, method: Method, answer: &Answer) {
        let index = request_index(handler, method, answer.status);
        self.requests[index].add(1);
        // The summaries' counts are the requests of a handler, and the overflow belongs to `none`.
        let sized = if index == REQUEST_OVERFLOW { Handler::None } else { handler };
        self.request_bytes[request_size_index(sized)].add(answer.request_bytes);
        self.response_bytes[response_size_index(sized)].add(answer.response_bytes);
        self.durations.record(lane(handler, method), answer.duration_ns);
        if let Some(problem) = answer.error {
            self.errors[error_index(problem, handler)].add(1);
        }
    }
}

const SCORE_BUCKET: [u8; 101] = bucket_of(&SCORE_BOUNDS);
const CONFIDENCE_BUCKET: [u8; 101] = bucket_of(&CONFIDENCE_BOUNDS);

/// For each whole number up to 100, the first of `bounds` that is not below it.
const fn bucket_of(bounds: &[u64]) -> [u8; 101] {
    let mut table = [0; 101];
    let mut value = 0;
    while value <= 100 {
        let mut bucket = 0;
        while bounds[bucket] < value as u64 {
            bucket += 1;
        }
        table[value] = bucket as u8;
        value += 1;
    }
    table
}

// Most of it are the fine durations of the two routes that run one model once; every other route adds about 800 bytes, of
// which there is room for forty. Only the pages that are written to are resident.
const _: () = assert!(size_of::<Shard>() <= 96 * 1024, "a worker's cells fit 96 KiB");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::FINE;

    #[test]
    fn a_shard_starts_on_a_small_stack() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let requests = thread.spawn(|| Shard::new().requests[0].get()).expect("a thread").join();
        assert_eq!(requests.expect("no overflow"), 0);
    }

    #[test]
    fn scores_and_confidences_fall_into_the_bucket_whose_bound_includes_them() {
        for value in 0..=100_u8 {
            let bound = SCORE_BOUNDS.iter().position(|&bound| u64::from(value) <= bound);
            assert_eq!(Some(usize::from(SCORE_BUCKET[usize::from(value)])), bound);
            let bound = CONFIDENCE_BOUNDS.iter().position(|&bound| u64::from(value) <= bound);
            assert_eq!(Some(usize::from(CONFIDENCE_BUCKET[usize::from(value)])), bound);
        }
    }

    #[test]
    fn one_writer_and_one_reader_never_see_a_counter_go_back() {
        let (shard, mut answers) = (Shard::new(), 0);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut last, mut distinct) = ((0, 0, 0), 0_u64);
                while distinct < 10 {
                    let index = request_index(Handler::Predict, Method::Post, Status::from_code(200));
                    let sum = shard.durations.sum_ns[lane(Handler::Predict, Method::Post)].get();
                    let bucket = shard.durations.fine[1][FINE.index(5_000)].get();
                    let now = (shard.requests[index].get(), sum, bucket);
                    assert!(now.0 >= last.0 && now.1 >= last.1 && now.2 >= last.2, "{last:?} then {now:?}");
                    distinct += u64::from(now != last);
                    last = now;
                }
            });
            let status = Status::from_code(200);
            let answer = Answer { status, error: None, duration_ns: 5_000, request_bytes: 30, response_bytes: 90 };
            // For as long as the reader takes, which may have to share its core with this thread.
            while answers < 200_000 || !reader.is_finished() {
                answers += 1;
                shard.answered(Handler::Predict, Method::Post, &answer);
            }
        });
        assert_eq!(shard.durations.sum_ns[lane(Handler::Predict, Method::Post)].get(), answers * 5_000);
        assert_eq!(shard.request_bytes[request_size_index(Handler::Predict)].get(), answers * 30);
    }
}
