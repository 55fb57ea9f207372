//! What the process has loaded so far. Each part of a set is written once, by the thread that loads it, and read by every
//! worker; to load anew is to put another set in its place, and who began with the old one ends with it.

use std::sync::Arc;

use super::bert::Bert;
use super::registry::{Known, Models};
use crate::metrics::LoadedModel;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A set of models that are there: first those without which the daemon is not ready, then `bert`.
pub struct Loaded<M = Models, B = Bert> {
    models: OnceLock<M>,
    bert: OnceLock<Arc<B>>,
    wants_bert: bool,
    /// Which set it is, from 0.
    generation: u64,
    /// How many workers answer by it.
    taken: AtomicUsize,
    /// Of all sets of the process.
    reloads: Arc<[AtomicU64; 2]>,
}

impl<M, B> Loaded<M, B> {
    /// Nothing yet; `wants_bert` tells whether `bert` is to come.
    pub fn new(wants_bert: bool) -> Self {
        let (models, bert, reloads) = (OnceLock::new(), OnceLock::new(), Arc::default());
        Self { models, bert, wants_bert, generation: 0, taken: AtomicUsize::new(0), reloads }
    }

    /// The set that takes the place of this one.
    #[must_use]
    pub fn next(&self, models: M, bert: Option<Arc<B>>) -> Self {
        let (generation, reloads) = (self.generation + 1, Arc::clone(&self.reloads));
        let next = Self { generation, reloads, ..Self::new(self.wants_bert) };
        next.publish(models);
        if let Some(bert) = bert {
            // There is none before it.
            let _ = next.bert.set(bert);
        }
        next
    }

    /// Shows `models` to the workers; `false`, and nothing changed, if they have some already.
    pub fn publish(&self, models: M) -> bool {
        self.models.set(models).is_ok()
    }

    /// Shows `bert` to the workers; `false`, and nothing changed, if they have one already.
    pub fn publish_bert(&self, bert: B) -> bool {
        self.bert.set(Arc::new(bert)).is_ok()
    }

    /// All models but `bert`.
    pub fn models(&self) -> Option<&M> {
        self.models.get()
    }

    /// `bert`.
    pub fn bert(&self) -> Option<&B> {
        self.shared_bert().map(Arc::as_ref)
    }

    /// `bert`, for a set that goes on with it.
    pub fn shared_bert(&self) -> Option<&Arc<B>> {
        self.bert.get()
    }

    /// Whether `bert` is there or is to come.
    pub const fn wants_bert(&self) -> bool {
        self.wants_bert
    }

    /// Which set of the process it is: each has a number higher than those before it.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// A worker answers by this set from now on.
    pub fn take(&self) {
        self.taken.fetch_add(1, Ordering::Release);
    }

    /// How many workers took it in the place of another.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Counts a set that was loaded in the place of this one, or that could not be.
    pub fn count_reload(&self, loaded: bool) {
        self.reloads[usize::from(!loaded)].fetch_add(1, Ordering::Relaxed);
    }

    /// How often sets were loaded anew, and how often that could not be.
    pub fn reloads(&self) -> [u64; 2] {
        [0, 1].map(|at| self.reloads[at].load(Ordering::Relaxed))
    }
}

impl Loaded {
    /// What is known of `bert`, there or not.
    pub fn known_bert(&self) -> Option<&Known> {
        self.bert().map(Bert::known).or_else(|| self.models()?.bert_before.as_ref())
    }

    /// What the metrics say of each model that is there or is to come.
    pub fn each(&self) -> impl Iterator<Item = &LoadedModel> {
        let bert = self.known_bert().filter(|_| self.wants_bert).map(|bert| &bert.metrics);
        self.models().into_iter().flat_map(|models| &models.loaded).chain(bert)
    }
}
