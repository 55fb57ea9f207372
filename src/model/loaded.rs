//! What the process has loaded so far. Each part is written once, by the thread that loads it, and read by every worker.

use super::bert::Bert;
use super::registry::{Known, Models};
use crate::metrics::LoadedModel;
use crate::sync::OnceLock;

/// The models that are there: first those without which the daemon is not ready, then `bert`.
pub struct Loaded<M = Models, B = Bert> {
    models: OnceLock<M>,
    bert: OnceLock<B>,
    wants_bert: bool,
}

impl<M, B> Loaded<M, B> {
    /// Nothing yet; `wants_bert` tells whether `bert` is to come.
    pub fn new(wants_bert: bool) -> Self {
        Self { models: OnceLock::new(), bert: OnceLock::new(), wants_bert }
    }

    /// Shows `models` to the workers; `false`, and nothing changed, if they have some already.
    pub fn publish(&self, models: M) -> bool {
        self.models.set(models).is_ok()
    }

    /// Shows `bert` to the workers; `false`, and nothing changed, if they have one already.
    pub fn publish_bert(&self, bert: B) -> bool {
        self.bert.set(bert).is_ok()
    }

    /// All models but `bert`.
    pub fn models(&self) -> Option<&M> {
        self.models.get()
    }

    /// `bert`.
    pub fn bert(&self) -> Option<&B> {
        self.bert.get()
    }

    /// Whether `bert` is there or is to come.
    pub const fn wants_bert(&self) -> bool {
        self.wants_bert
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
