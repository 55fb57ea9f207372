//! What is known once at start, and the samples and label values that follow from it.

use std::borrow::Cow;

use super::catalog::LOAD_BOUNDS;
use super::family::{Family, Id, Series, Shape};
use super::labels::Model;

/// What is known once at start.
#[derive(Clone, Debug)]
pub struct StaticFacts {
    /// The daemon's version.
    pub version: String,
    /// The instruction set that the kernels chose.
    pub cpu_path: String,
    /// Worker threads.
    pub workers: u64,
    /// Preallocated request slots of all workers.
    pub slots_capacity: u64,
    /// The models that are loaded or are to be, each at most once.
    pub models: Vec<LoadedModel>,
    /// Whether models can be loaded anew.
    pub reloads_models: bool,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The names of the keys that are counted apart; `None` without authentication.
    pub keys: Option<Vec<String>>,
}

/// A model that is loaded, or is to be.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// Which one.
    pub model: Model,
    /// Time that it took to load and warm it up, in ns; `None` until it is loaded.
    pub load_ns: Option<u64>,
    /// The times that it was loaded before.
    pub earlier: EarlierLoads,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

/// How long a model took to load each time but the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlierLoads {
    /// How many took no longer than each of [`LOAD_BOUNDS`].
    up_to: [u64; LOAD_BOUNDS.len()],
    count: u64,
    sum_ns: u64,
}

impl LoadedModel {
    /// Has this one, which is loaded in the place of `before`, go on with the counts of that.
    pub fn follow(&mut self, before: &Self) {
        self.earlier = before.earlier;
        let Some(load_ns) = before.load_ns else { return };
        for (count, bound) in self.earlier.up_to.iter_mut().zip(LOAD_BOUNDS) {
            *count += u64::from(load_ns <= bound);
        }
        self.earlier.count += 1;
        self.earlier.sum_ns += load_ns;
    }
}

impl StaticFacts {
    /// The label values of set `index` of `family`, those that are known at start included.
    pub(super) fn label_values(&self, family: &Family, index: usize) -> [Cow<'_, str>; 3] {
        let mut values = family.series.values(index).map(Cow::Borrowed);
        match family.series {
            Series::Build => values[0] = self.version.as_str().into(),
            Series::CpuPath => values[0] = self.cpu_path.as_str().into(),
            Series::Digests => values[1] = self.loaded(index).map_or("", |loaded| &loaded.sha256).into(),
            Series::Keys => {
                let names = self.keys.as_deref().unwrap_or_default();
                values[0] = names.get(index).map_or("other", String::as_str).into();
            }
            Series::Workers => values[0] = index.to_string().into(),
            _ => {}
        }
        values
    }

    /// The number of label sets of `family`.
    pub(super) fn count(&self, family: &Family) -> usize {
        family.series.count_with(self.shape())
    }

    /// What the number of label sets depends on.
    pub fn shape(&self) -> Shape {
        let keys = self.keys.as_ref().map(Vec::len);
        Shape { workers: self.workers as usize, keys, reloads_models: self.reloads_models, tls: self.tls }
    }

    /// The samples of label set `index` of a fixed family, in the order of its lines.
    pub(super) fn fixed_samples(&self, family: &Family, index: usize) -> Vec<u64> {
        let loaded = self.loaded(index);
        match family.id {
            Id::ModelLoad => {
                let load_ns = loaded.and_then(|loaded| loaded.load_ns);
                let EarlierLoads { up_to, count, sum_ns } = loaded.map(|loaded| loaded.earlier).unwrap_or_default();
                let last = |bound: u64| u64::from(load_ns.is_some_and(|load_ns| load_ns <= bound));
                let buckets = LOAD_BOUNDS.into_iter().zip(up_to).map(|(bound, earlier)| earlier + last(bound));
                let count = count + last(u64::MAX);
                buckets.chain([count, sum_ns + load_ns.unwrap_or(0), count]).collect()
            }
            Id::ModelLoaded => vec![u64::from(loaded.is_some_and(|loaded| loaded.load_ns.is_some()))],
            Id::Workers => vec![self.workers],
            Id::SlotsCapacity => vec![self.slots_capacity],
            _ => vec![1],
        }
    }

    fn loaded(&self, model: usize) -> Option<&LoadedModel> {
        self.models.iter().find(|loaded| loaded.model as usize == model)
    }
}
