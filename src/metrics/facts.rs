//! What is known once at start, and the samples and label values that follow from it.

use std::borrow::Cow;

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
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
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
        Shape { workers: self.workers as usize, keys: self.keys.as_ref().map(Vec::len) }
    }

    /// The samples of label set `index` of a fixed family, in the order of its lines.
    pub(super) fn fixed_samples(&self, family: &Family, index: usize) -> Vec<u64> {
        let loaded = self.loaded(index);
        match family.id {
            Id::ModelLoad => {
                let load_ns = loaded.and_then(|loaded| loaded.load_ns);
                let count = |bound: u64| u64::from(load_ns.is_some_and(|load_ns| load_ns <= bound));
                let buckets = family.bounds.iter().copied().chain([u64::MAX]).map(count);
                buckets.chain([load_ns.unwrap_or(0), count(u64::MAX)]).collect()
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
