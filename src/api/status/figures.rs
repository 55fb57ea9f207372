//! The figures of `/status` as JSON: the snapshot that a scrape of `/metrics` reads, in the terms of the page.
//!
//! Times are in seconds, sizes in bytes, counts since the start. What the system does not tell is `null`. Requests and
//! errors are listed where there were any.

use std::time::Duration;

use super::json::Json;
use crate::metrics::catalog::{FAMILIES, SCORE_BOUNDS};
use crate::metrics::decimal::UNKNOWN;
use crate::metrics::family::{INFERENCE, Id, OUTCOMES};
use crate::metrics::histogram::FINE;
use crate::metrics::labels::{Model, ToxicityModel};
use crate::metrics::series::{ERRORS, REQUESTS};
use crate::metrics::{LiveFacts, Snapshot, StaticFacts};
use crate::model::Loaded;
use crate::model::bert::Bert;
use crate::model::directory::MAX_MODELS;

/// Bytes that the figures take at most: each list at its longest, each number of 20 digits.
pub const MAX_LEN: usize = FIXED
    + (REQUESTS.len() + ERRORS.len() + Model::ALL.len() + MAX_MODELS + ToxicityModel::ALL.len()) * LISTED
    + INFERENCE.len() * (LATENCY + FINE.buckets() * BUCKET)
    + SCORE_BOUNDS.len() * BUCKET;

/// What the figures are made of.
pub struct Figures<'a> {
    /// What the workers recorded.
    pub snapshot: &'a Snapshot,
    /// What is known once.
    pub facts: &'a StaticFacts,
    /// What is true now and no worker records.
    pub live: LiveFacts,
    /// Time since the start.
    pub uptime: Duration,
    /// The models.
    pub loaded: &'a Loaded,
}

impl Figures<'_> {
    /// Writes them into `out`; answers the length, or `None` if `out` is too short, which [`MAX_LEN`] bytes never are. No
    /// allocation.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut json = Json::new(out);
        json.object(|json| {
            self.process(json);
            self.requests(json);
            self.latency(json);
            self.toxicity(json);
            self.iris(json);
            self.models(json);
            self.server(json);
            self.errors(json);
        });
        json.finish()
    }

    fn process(&self, json: &mut Json<'_>) {
        json.text("version", &self.facts.version);
        json.text("phase", self.live.phase.as_str());
        json.seconds("uptime_seconds", u64::try_from(self.uptime.as_nanos()).unwrap_or(UNKNOWN));
        json.text("cpu_path", &self.facts.cpu_path);
        json.number("workers", self.facts.workers);
        json.seconds("cpu_seconds", self.total(Id::ProcessCpu));
        json.number("resident_bytes", self.total(Id::ProcessResident));
        json.number("open_files", self.total(Id::ProcessOpenFds));
        json.number("max_files", self.total(Id::ProcessMaxFds));
    }

    fn requests(&self, json: &mut Json<'_>) {
        json.list("requests", |json| {
            self.non_zero(Id::HttpRequests, |[method, handler, status], count| {
                json.object(|json| {
                    json.text("method", method);
                    json.text("handler", handler);
                    json.text("status", status);
                    json.number("count", count);
                });
            });
        });
        // The request for these figures is one of them.
        json.number("in_progress", self.total(Id::HttpInProgress));
    }

    fn latency(&self, json: &mut Json<'_>) {
        json.list("latency", |json| {
            for (route, handler) in INFERENCE.into_iter().enumerate() {
                let buckets = self.snapshot.inference_buckets(route);
                let count = buckets.clone().fold(0, |sum: u64, (_, count)| sum.saturating_add(count));
                json.object(|json| {
                    json.text("handler", handler.as_str());
                    json.number("count", count);
                    for (name, thousandths) in QUANTILES {
                        json.seconds(name, quantile(buckets.clone(), count, thousandths));
                    }
                    json.seconds("max_seconds", buckets.clone().last().map_or(0, |(upper, _)| upper));
                    json.list("buckets_ns", |json| {
                        for (upper, count) in buckets {
                            json.pair(upper, count);
                        }
                    });
                });
            }
        });
    }

    fn toxicity(&self, json: &mut Json<'_>) {
        json.list("analyses", |json| {
            let outcomes = self.snapshot.lines(Id::ToxicityRequests).chunks_exact(OUTCOMES.len());
            for (model, outcome) in ToxicityModel::ALL.into_iter().zip(outcomes) {
                json.object(|json| {
                    json.text("model", model.as_str());
                    for (name, &count) in OUTCOMES.into_iter().zip(outcome) {
                        json.number(name, count);
                    }
                });
            }
        });
        json.list("scores", |json| {
            let mut below = 0;
            for (&bound, &cumulative) in SCORE_BOUNDS.iter().zip(self.snapshot.lines(Id::ToxicityScore)) {
                json.pair(bound, cumulative.saturating_sub(below));
                below = cumulative;
            }
        });
        json.number("active_users", self.total(Id::ToxicityActiveUsers));
    }

    fn iris(&self, json: &mut Json<'_>) {
        json.entry("irises", |json| {
            let family = &FAMILIES[Id::ModelPredictions as usize];
            json.object(|json| {
                for (index, &count) in self.snapshot.lines(family.id).iter().enumerate() {
                    json.number(family.series.values(index)[0], count);
                }
            });
        });
    }

    fn models(&self, json: &mut Json<'_>) {
        json.list("models", |json| {
            for model in &self.facts.models {
                json.object(|json| {
                    json.text("name", model.model.as_str());
                    json.text("sha256", &model.sha256);
                    json.truth("loaded", model.load_ns.is_some());
                    json.seconds("load_seconds", model.load_ns.unwrap_or(UNKNOWN));
                });
            }
            for custom in self.loaded.models().into_iter().flat_map(|models| &models.custom) {
                let manifest = custom.model().manifest();
                json.object(|json| {
                    json.text("name", &manifest.name);
                    json.text("sha256", &manifest.sha256);
                    json.truth("loaded", true);
                    json.seconds("load_seconds", UNKNOWN);
                });
            }
        });
        json.entry("bert_queue", |json| {
            json.object(|json| {
                json.number("waiting", self.total(Id::QueueDepth));
                json.number("capacity", self.loaded.bert().map_or(0, Bert::capacity) as u64);
            });
        });
    }

    fn server(&self, json: &mut Json<'_>) {
        json.number("connections_open", self.total(Id::ConnectionsOpen));
        json.number("connections_accepted", self.total(Id::ConnectionsAccepted));
        json.entry("slots", |json| {
            json.object(|json| {
                json.number("used_max", self.total(Id::SlotsHighWater));
                json.number("capacity", self.facts.slots_capacity);
                json.number("fallbacks", self.total(Id::SlotFallbacks));
            });
        });
        json.number("requests_shed", self.total(Id::RequestsShed));
        json.number("requests_timed_out", self.total(Id::RequestsTimedOut));
        json.number("heap_allocations", self.total(Id::HeapAllocations));
        json.number("heap_allocated_bytes", self.total(Id::HeapBytes));
    }

    fn errors(&self, json: &mut Json<'_>) {
        json.list("errors", |json| {
            self.non_zero(Id::ApiErrors, |[problem, endpoint, _], count| {
                json.object(|json| {
                    json.text("error_type", problem);
                    json.text("endpoint", endpoint);
                    json.number("count", count);
                });
            });
        });
    }

    /// The samples of a family together.
    fn total(&self, id: Id) -> u64 {
        self.snapshot.lines(id).iter().fold(0, |sum, &value| sum.saturating_add(value))
    }

    /// Labels and value of each sample of a family that is not 0.
    fn non_zero(&self, id: Id, mut each: impl FnMut([&str; 3], u64)) {
        for (index, &value) in self.snapshot.lines(id).iter().enumerate().filter(|(_, value)| **value != 0) {
            each(FAMILIES[id as usize].series.values(index), value);
        }
    }
}

/// The time, in ns, that `thousandths` of the `count` durations in `buckets` did not exceed: the upper edge of the bucket of
/// that rank, so at most the width of a bucket too high; 0 where there are none.
fn quantile(buckets: impl Iterator<Item = (u64, u64)>, count: u64, thousandths: u64) -> u64 {
    let rank = (u128::from(count) * u128::from(thousandths)).div_ceil(1000);
    let (mut below, mut last) = (0, 0);
    for (upper, count) in buckets {
        below += u128::from(count);
        last = upper;
        if below >= rank {
            break;
        }
    }
    last
}

const QUANTILES: [(&str, u64); 4] =
    [("p50_seconds", 500), ("p90_seconds", 900), ("p99_seconds", 990), ("p999_seconds", 999)];

/// Room for what stands once.
const FIXED: usize = 2048;
/// Room for an entry of a list: names of at most 32 bytes, a digest of 64.
const LISTED: usize = 176;
/// Room for what is said of a route beside its buckets.
const LATENCY: usize = 512;
/// `[68719476736,18446744073709551615],`
const BUCKET: usize = 35;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::Shape;
    use crate::metrics::labels::Phase;
    use crate::metrics::{EarlierLoads, LoadedModel, RELOADS, TlsFigures};
    use proptest::prelude::*;

    fn facts() -> StaticFacts {
        let model = |model| LoadedModel {
            model,
            load_ns: Some(UNKNOWN - 1),
            earlier: EarlierLoads::default(),
            sha256: "f".repeat(64),
        };
        StaticFacts {
            version: "10.20.30".to_owned(),
            cpu_path: "avx512-vnni".to_owned(),
            workers: 1024,
            slots_capacity: UNKNOWN - 1,
            models: Model::ALL.map(model).to_vec(),
            reloads_models: true,
            tls: true,
            keys: Some(vec!["k".repeat(64); 64]),
        }
    }

    fn write(snapshot: &Snapshot, out: &mut [u8]) -> Option<usize> {
        let (facts, loaded) = (facts(), Loaded::new(true));
        let live = LiveFacts {
            phase: Phase::Draining,
            now_seconds: 0,
            queue_depth: 0,
            auth_reloads: [0; RELOADS],
            model_reloads: [0; 2],
            tls: TlsFigures::NONE,
        };
        Figures { snapshot, facts: &facts, live, uptime: Duration::MAX, loaded: &loaded }.write(out)
    }

    #[test]
    fn everything_at_its_longest_fits_and_is_json() {
        let mut snapshot = Snapshot::new(Shape::of(1).guarded());
        snapshot.fill(UNKNOWN - 1);
        let mut out = vec![0; MAX_LEN];
        let length = write(&snapshot, &mut out).expect("it fits");
        // A user's models come on top of these.
        assert!(length + MAX_MODELS * LISTED <= MAX_LEN && length > MAX_LEN * 2 / 3, "{length} of {MAX_LEN}");
        let told: serde_json::Value = serde_json::from_slice(&out[..length]).expect("JSON");
        assert_eq!(told["requests"].as_array().map(Vec::len), Some(REQUESTS.len()));
        assert_eq!(told["errors"].as_array().map(Vec::len), Some(ERRORS.len()));
        assert_eq!(told["latency"][1]["buckets_ns"].as_array().map(Vec::len), Some(FINE.buckets()));
        assert_eq!(write(&snapshot, &mut out[..length - 1]), None);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let mut snapshot = Snapshot::new(1);
        snapshot.fill(UNKNOWN);
        let mut out = vec![0; MAX_LEN];
        let length = write(&snapshot, &mut out).expect("it fits");
        let told: serde_json::Value = serde_json::from_slice(&out[..length]).expect("JSON");
        for figure in ["resident_bytes", "cpu_seconds", "open_files", "max_files", "uptime_seconds"] {
            assert!(told[figure].is_null(), "{figure}");
        }
    }

    proptest! {
        #[test]
        fn a_quantile_is_the_value_of_that_rank(
            mut values in prop::collection::vec(1_u64..1000, 1..200), thousandths in 1_u64..=1000
        ) {
            values.sort_unstable();
            let buckets = values.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64));
            let rank = (values.len() as u64 * thousandths).div_ceil(1000);
            prop_assert_eq!(quantile(buckets, values.len() as u64, thousandths), values[rank as usize - 1]);
        }
    }
}
