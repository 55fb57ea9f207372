//! The cold side of the shards: relaxed reads of all workers, merged into one plain array of sample values in the
//! order of the catalog. Everything is allocated once and used again.

use std::sync::Arc;

use hdrhistogram::Histogram;

use super::catalog::{
    self, CONFIDENCE_BOUNDS, DURATION_BOUNDS, FAMILIES, PROCESSING_BOUNDS, SCORE_BOUNDS, STAGE_BOUNDS,
};
use super::clients;
use super::counter::Counter;
use super::drift;
use super::durations::{BLOCK, Buckets};
use super::exemplar::Exemplars;
use super::family::{Family, INFERENCE, Id, Series, Shape};
use super::histogram::{COARSE, FINE, Geometry};
use super::labels::{
    AskedModel, Authentication, Handler, IRIS_CLASSES, Phase, RELOADED, SUGGESTED, Shed, Stage, ToxicityModel,
};
use super::native::Natives;
use super::negotiate::Format;
use super::process::{ProcessFigures, ThreadClock};
use super::protobuf::Dynamic;
use super::series::{LANES, REQUEST_OVERFLOW, REQUESTS, request_size_index, response_size_index};
use super::shard::Shard;
use super::shown::Shown;
use super::tls::TlsFigures;
use crate::auth::{File, NAMED_KEYS};
use crate::text::rules::Rule;

/// What is true at a scrape and is in no shard.
#[derive(Clone, Copy, Debug)]
pub struct LiveFacts {
    /// The phase of life.
    pub phase: Phase,
    /// The uptime, in seconds: the clock of [`Shard::client_seen`].
    pub now_seconds: u64,
    /// How many texts wait for bert.
    pub queue_depth: u64,
    /// How often each file of credentials was loaded anew, and how often it could not be.
    pub auth_reloads: [u64; RELOADS],
    /// How often models were loaded anew, and how often they could not be.
    pub model_reloads: [u64; RELOADED.len()],
    /// What is counted of TLS.
    pub tls: TlsFigures,
}

/// Files of credentials, times what becomes of them.
pub const RELOADS: usize = File::ALL.len() * RELOADED.len();

/// Sample values, one a line, in the order of [`FAMILIES`] without the fixed ones.
#[derive(Debug)]
pub struct Snapshot {
    samples: Box<[u64]>,
    shape: Shape,
    len: usize,
    requests: [u64; REQUESTS.len()],
    shown: Shown,
    merged: Box<[u64; FINE.buckets()]>,
    quantiles: Histogram<u64>,
    p99_ns: [u64; INFERENCE.len()],
    inference: [Box<[u64; FINE.buckets()]>; INFERENCE.len()],
    natives: Natives,
    exemplars: Exemplars,
    format: Format,
}

impl Snapshot {
    /// An empty snapshot of a daemon of this shape, with all the memory it will ever need.
    #[expect(clippy::missing_panics_doc, reason = "the histogram's bounds are constants that it accepts")]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        let greatest = FINE.upper(FINE.buckets() - 1);
        let mut quantiles = Histogram::new_with_bounds(1, greatest, 2).expect("constants within the crate's limits");
        quantiles.auto(false);
        Self {
            samples: vec![0; catalog::samples(shape)].into(),
            shape,
            len: 0,
            requests: [0; REQUESTS.len()],
            shown: Shown::default(),
            merged: Box::new([0; FINE.buckets()]),
            quantiles,
            p99_ns: [0; INFERENCE.len()],
            inference: std::array::from_fn(|_| Box::new([0; FINE.buckets()])),
            natives: Natives::new(),
            exemplars: Exemplars::new(),
            format: Format::Text,
        }
    }

    /// The values collected last; the last of them, the time that the scrape takes, is 0.
    pub fn samples(&self) -> &[u64] {
        &self.samples
    }

    /// The values of a family that were collected last, one a line.
    ///
    /// # Panics
    /// If the family is a fixed one, whose values are not collected.
    pub fn lines(&self, id: Id) -> &[u64] {
        let family = &FAMILIES[id as usize];
        assert!(!family.fixed, "{} is not collected", family.name);
        let lines = |family: &Family| family.lines_with(self.shape);
        let before = FAMILIES[..id as usize].iter().filter(|family| !family.fixed).map(lines).sum();
        &self.samples[before..][..lines(family)]
    }

    /// The buckets that are not empty of the durations of route `route` of [`INFERENCE`]: the greatest time of each, in ns,
    /// and the count, ascending; as collected last.
    pub fn inference_buckets(&self, route: usize) -> impl Iterator<Item = (u64, u64)> + Clone {
        let counts = self.inference[route].iter().enumerate();
        counts.filter(|(_, count)| **count != 0).map(|(index, &count)| (FINE.upper(index), count))
    }

    /// The routes that are shown, as collected last.
    pub fn shown(&self) -> Shown {
        self.shown
    }

    /// The exemplars, as of the last time that they were collected for a format that has them.
    pub fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    /// All that was collected last, for [`Format::Protobuf`].
    pub fn dynamic(&self) -> Dynamic<'_> {
        Dynamic { samples: &self.samples, shown: self.shown, exemplars: &self.exemplars, natives: &self.natives }
    }

    /// Reads of every shard what `format` has. No allocation.
    pub fn collect(&mut self, shards: &[Arc<Shard>], live: &LiveFacts, process: &ProcessFigures, format: Format) {
        (self.len, self.format) = (0, format);
        self.natives.clear();
        if format != Format::Text {
            self.exemplars.collect(shards);
        }
        self.shown = Shown::from_bits(shards.iter().fold(0, |all, shard| all | shard.used.get()));
        for (index, total) in self.requests.iter_mut().enumerate() {
            *total = sum(shards, |shard| &shard.requests[index]);
        }
        for family in FAMILIES.iter().filter(|family| !family.fixed) {
            let before = self.len;
            self.collect_family(family.id, shards, live, process);
            debug_assert_eq!(self.len - before, family.lines_with(self.shape), "{}", family.name);
        }
        debug_assert_eq!(self.len, self.samples.len());
    }

    fn collect_family(&mut self, id: Id, shards: &[Arc<Shard>], live: &LiveFacts, process: &ProcessFigures) {
        let [requests, errors] = [Series::Requests, Series::Errors].map(|series| series.count_with(self.shape));
        match id {
            Id::HttpRequests => (0..requests).for_each(|index| self.push(self.requests[index])),
            Id::HttpDuration => (0..LANES).for_each(|lane| self.push_duration(shards, lane)),
            Id::HttpInProgress => self.push_each(shards, LANES, |shard, lane| &shard.in_progress[lane]),
            Id::HttpRequestSize => self.push_sizes(shards, request_size_index, |shard| &shard.request_bytes),
            Id::HttpResponseSize => self.push_sizes(shards, response_size_index, |shard| &shard.response_bytes),
            Id::ToxicityRequests => {
                for model in 0..ToxicityModel::ALL.len() {
                    self.push(
                        (0..COARSE.buckets()).map(|index| sum(shards, |shard| &shard.processing[model][index])).sum(),
                    );
                    self.push(sum(shards, |shard| &shard.analyses_failed[model]));
                }
            }
            Id::ToxicityScore => {
                let total = sum(shards, |shard| &shard.score_sum);
                self.push_buckets(shards, SCORE_BOUNDS.len(), total, |shard| &shard.scores);
            }
            Id::ToxicityProcessing => {
                for model in 0..ToxicityModel::TIMED {
                    let total = sum(shards, |shard| &shard.processing_ns[model]);
                    self.fold(shards, COARSE, &PROCESSING_BOUNDS, total, |shard| (&shard.processing[model], ALL));
                }
            }
            Id::ToxicityActiveUsers => {
                self.push(clients::estimate(shards.iter().map(|shard| &shard.clients), live.now_seconds));
            }
            Id::NormalizationRules => self.push_each(shards, Rule::ALL.len(), |shard, rule| &shard.rules[rule]),
            Id::ModelPredictions => {
                for class in 0..IRIS_CLASSES.len() {
                    self.push(
                        (0..CONFIDENCE_BOUNDS.len())
                            .map(|index| sum(shards, |shard| &shard.confidences[class][index]))
                            .sum(),
                    );
                }
            }
            Id::ModelConfidence => {
                for class in 0..IRIS_CLASSES.len() {
                    let total = sum(shards, |shard| &shard.confidence_percent[class]);
                    self.push_buckets(shards, CONFIDENCE_BOUNDS.len(), total, |shard| &shard.confidences[class]);
                }
            }
            Id::ApiErrors => self.push_each(shards, errors, |shard, index| &shard.errors[index]),
            Id::ProcessCpu => self.push(process.cpu_ns),
            Id::ProcessResident => self.push(process.resident_bytes),
            Id::ProcessVirtual => self.push(process.virtual_bytes),
            Id::ProcessOpenFds => self.push(process.open_descriptors),
            Id::ProcessMaxFds => self.push(process.max_descriptors),
            Id::ProcessStart => self.push(process.start_ns),
            Id::Phase => Phase::ALL.iter().for_each(|phase| self.push(u64::from(*phase == live.phase))),
            Id::DurationP99 => self.p99_ns.into_iter().for_each(|p99| self.push(p99)),
            Id::StageDuration => {
                for stage in 0..Stage::ALL.len() {
                    let total = sum(shards, |shard| &shard.stages_ns[stage]);
                    self.fold(shards, COARSE, &STAGE_BOUNDS, total, |shard| (&shard.stages[stage], ALL));
                }
            }
            Id::ScoreDrift => {
                for model in 0..AskedModel::ALL.len() {
                    self.push(drift::stability_index(shards.iter().map(|shard| &shard.drift[model])));
                }
            }
            Id::ConnectionsOpen => {
                // Closed first: a connection that comes and goes in between is not open twice.
                let closed = sum(shards, |shard| &shard.connections_closed);
                self.push(sum(shards, |shard| &shard.connections_opened).saturating_sub(closed));
            }
            Id::ConnectionsAccepted => self.push(sum(shards, |shard| &shard.connections_opened)),
            Id::RequestsShed => self.push_each(shards, Shed::ALL.len(), |shard, reason| &shard.requests_shed[reason]),
            Id::QueueDepth => self.push(live.queue_depth),
            Id::RequestsTimedOut => self.push(sum(shards, |shard| &shard.requests_timed_out)),
            Id::WorkerBusy => self.push_workers(shards, |shard| shard.clock.get().map_or(0, ThreadClock::cpu_ns)),
            Id::WorkerInProgress => {
                self.push_workers(shards, |shard| shard.in_progress.iter().map(Counter::get).sum());
            }
            Id::SlotsHighWater => self.push(sum(shards, |shard| &shard.slots_used_max)),
            Id::SlotFallbacks => self.push(sum(shards, |shard| &shard.slot_fallbacks)),
            Id::HeapAllocations => self.push(sum(shards, |shard| &shard.heap_allocations)),
            Id::HeapBytes => self.push(sum(shards, |shard| &shard.heap_bytes)),
            Id::ScrapeBytes => {
                let last = shards.iter().max_by_key(|shard| shard.scraped_at_ns.get());
                self.push(last.map_or(0, |shard| shard.scraped_bytes.get()));
            }
            Id::Authentications | Id::KeyRequests | Id::Reloads => self.collect_authentication(id, shards, live),
            Id::ModelReloads if self.shape.reloads_models => self.push_all(live.model_reloads),
            Id::TlsHandshakes | Id::TlsCertificateReloads | Id::TlsCertificateNotAfter => self.collect_tls(id, live),
            Id::SuggestedScores => self.push_each(shards, SUGGESTED.len(), |shard, index| &shard.suggested[index]),
            Id::ScrapeDuration => self.push(0),
            // Fixed: rendered once, at start.
            Id::ModelLoad
            | Id::ModelLoaded
            | Id::Build
            | Id::CpuPath
            | Id::Digests
            | Id::Workers
            | Id::SlotsCapacity
            // Without the flag.
            | Id::ModelReloads => {}
        }
    }

    fn push_workers(&mut self, shards: &[Arc<Shard>], value: impl Fn(&Shard) -> u64) {
        for shard in shards {
            self.push(value(shard));
        }
    }

    /// What is there only with authentication.
    fn collect_authentication(&mut self, id: Id, shards: &[Arc<Shard>], live: &LiveFacts) {
        let Some(named) = self.shape.keys else { return };
        match id {
            Id::KeyRequests => {
                let named = named.min(NAMED_KEYS);
                self.push_each(shards, named, |shard, index| &shard.key_requests[index]);
                let others = (named..=NAMED_KEYS).map(|index| sum(shards, |shard| &shard.key_requests[index]));
                self.push(others.fold(0, u64::wrapping_add));
            }
            Id::Reloads => self.push_all(live.auth_reloads),
            _ => self.push_each(shards, Authentication::ALL.len(), |shard, index| &shard.authentications[index]),
        }
    }

    /// What is there only with TLS.
    fn collect_tls(&mut self, id: Id, live: &LiveFacts) {
        match id {
            _ if !self.shape.tls => {}
            Id::TlsHandshakes => self.push_all(live.tls.handshakes),
            Id::TlsCertificateReloads => self.push_all(live.tls.reloads),
            _ => self.push(live.tls.not_after),
        }
    }

    /// Sets every value to `value`, those of all buckets too.
    #[cfg(test)]
    pub fn fill(&mut self, value: u64) {
        self.samples.fill(value);
        self.inference.iter_mut().for_each(|buckets| buckets.fill(value));
    }

    fn push(&mut self, value: u64) {
        self.samples[self.len] = value;
        self.len += 1;
    }

    fn push_all<const N: usize>(&mut self, values: [u64; N]) {
        for value in values {
            self.push(value);
        }
    }

    fn push_each(&mut self, shards: &[Arc<Shard>], count: usize, cell: impl Fn(&Shard, usize) -> &Counter) {
        (0..count).for_each(|index| self.push(sum(shards, |shard| cell(shard, index))));
    }

    /// `_sum` and `_count` of each place that a handler has; the count is that of all requests counted there.
    fn push_sizes<const N: usize>(
        &mut self,
        shards: &[Arc<Shard>],
        place_of: impl Fn(Handler) -> usize,
        cells: impl Fn(&Shard) -> &[Counter; N],
    ) {
        let mut answered = [0; N];
        for (index, &(handler, ..)) in REQUESTS.iter().enumerate() {
            let handler = if index == REQUEST_OVERFLOW { Handler::None } else { handler };
            answered[place_of(handler)] += self.requests[index];
        }
        for (place, count) in answered.into_iter().enumerate() {
            self.push(sum(shards, |shard| &cells(shard)[place]));
            self.push(count);
        }
    }

    fn push_duration(&mut self, shards: &[Arc<Shard>], lane: usize) {
        let total = sum(shards, |shard| &shard.durations.sum_ns[lane]);
        match Buckets::of(lane) {
            Buckets::Coarse(row) => {
                self.fold(shards, COARSE, &DURATION_BOUNDS, total, |shard| (&shard.durations.coarse[row], ALL));
            }
            Buckets::Fine(row) => {
                let occupied = self.fold(shards, FINE, &DURATION_BOUNDS, total, |shard| {
                    (&shard.durations.fine[row], shard.durations.fine_blocks[row].get())
                });
                self.p99_ns[row] = self.merged_p99_ns(occupied);
                std::mem::swap(&mut self.merged, &mut self.inference[row]);
            }
        }
    }

    /// A histogram whose buckets are those of `geometry`: cumulative counts up to each bound and in all, sum, count.
    /// `row` gives a shard's buckets and a bit for each [`BLOCK`] of them that may not be empty. Leaves the merged buckets in
    /// `self.merged`, and among the natives where the format has them; answers the blocks that may not be empty.
    fn fold<'a>(
        &mut self,
        shards: &'a [Arc<Shard>],
        geometry: Geometry,
        bounds: &[u64],
        total: u64,
        row: impl Fn(&'a Shard) -> (&'a [Counter], u64),
    ) -> u64 {
        let buckets = geometry.buckets();
        self.merged[..buckets].fill(0);
        let mut occupied = 0;
        for shard in shards {
            let (cells, blocks) = row(shard);
            occupied |= blocks;
            let places = self.merged.chunks_mut(BLOCK).zip(cells.chunks(BLOCK)).enumerate();
            for (_, (merged, cells)) in places.filter(|(block, _)| blocks >> block & 1 != 0) {
                for (merged, cell) in merged.iter_mut().zip(cells) {
                    *merged = merged.wrapping_add(cell.get());
                }
            }
        }
        let (mut start, mut count) = (0, 0);
        for &bound in bounds {
            let end = geometry.buckets_up_to(bound).unwrap_or(buckets);
            count += self.merged[start..end].iter().sum::<u64>();
            self.push(count);
            start = end;
        }
        count += self.merged[start..buckets].iter().sum::<u64>();
        self.push(count);
        self.push(total);
        self.push(count);
        if self.format == Format::Protobuf {
            self.natives.push(geometry, &self.merged[..buckets]);
        }
        occupied
    }

    /// The 99th percentile of what was folded last, from the fine geometry: each bucket counts as its upper edge. `blocks`
    /// has a bit for each [`BLOCK`] that is not empty.
    fn merged_p99_ns(&mut self, blocks: u64) -> u64 {
        self.quantiles.reset();
        for (block, counts) in self.merged.chunks(BLOCK).enumerate().filter(|(block, _)| blocks >> block & 1 != 0) {
            for (index, &count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
                self.quantiles.saturating_record_n(FINE.upper(block * BLOCK + index), count);
            }
        }
        if self.quantiles.is_empty() { 0 } else { self.quantiles.value_at_quantile(0.99) }
    }

    /// A histogram that has one bucket a bound; the last bound is the greatest value that occurs.
    fn push_buckets<'a>(
        &mut self,
        shards: &'a [Arc<Shard>],
        bounds: usize,
        total: u64,
        row: impl Fn(&'a Shard) -> &'a [Counter],
    ) {
        let mut count = 0;
        for index in 0..bounds {
            count += sum(shards, |shard| &row(shard)[index]);
            self.push(count);
        }
        self.push(count);
        self.push(total);
        self.push(count);
    }
}

/// The merge: what all workers have in a cell, wrapping as each does.
pub(super) fn sum<'a, S>(shards: &'a [Arc<S>], cell: impl Fn(&'a S) -> &'a Counter) -> u64 {
    shards.iter().map(|shard| cell(shard).get()).fold(0, u64::wrapping_add)
}

/// Every block of a row.
const ALL: u64 = u64::MAX;

#[cfg(test)]
mod tests;
