//! `GET /metrics`: what Prometheus reads.

use std::sync::Arc;

use super::{Content, Outcome, Worker};
use crate::auth::{Auth, NAMED_KEYS};
use crate::kernel::bag;
use crate::metrics::{
    Exporter, LiveFacts, LoadedModel, RELOADS, Representation, Shard, Snapshot, StaticFacts, TlsCounts, TlsFigures,
};
use crate::model::Loaded;
use crate::model::bert::Bert;

/// The exporter of one worker, and which models it knows.
pub struct Scrape {
    exporter: Exporter,
    shards: Arc<[Arc<Shard>]>,
    facts: StaticFacts,
    /// Which set of models the facts are of.
    generation: u64,
    auth: Option<Arc<Auth>>,
    tls: Option<Arc<TlsCounts>>,
}

impl Scrape {
    /// An exporter of all workers' `shards`, each worker having `slots` body slots.
    pub fn new(shards: &Arc<[Arc<Shard>]>, slots: usize) -> Self {
        let facts = StaticFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cpu_path: bag::path_name().to_owned(),
            workers: shards.len() as u64,
            slots_capacity: (shards.len() * slots) as u64,
            models: Vec::new(),
            reloads_models: false,
            tls: false,
            keys: None,
        };
        let exporter = Exporter::new(shards.to_vec(), &facts);
        Self { exporter, shards: Arc::clone(shards), facts, generation: 0, auth: None, tls: None }
    }

    /// The same where authentication is on, which has families of its own.
    pub(super) fn with_auth(mut self, auth: Option<Arc<Auth>>) -> Self {
        if auth.is_none() {
            return self;
        }
        self.facts.keys = auth.as_ref().map(|auth| names(auth));
        self.exporter = Exporter::new(self.shards.to_vec(), &self.facts);
        Self { auth, ..self }
    }

    /// The same where models can be loaded anew, which has a family of its own.
    pub(super) fn with_reloads(mut self, reloads: bool) -> Self {
        if reloads {
            self.facts.reloads_models = true;
            self.exporter = Exporter::new(self.shards.to_vec(), &self.facts);
        }
        self
    }

    /// The same where TLS is spoken, which has families of its own.
    pub(super) fn with_tls(mut self, tls: Option<Arc<TlsCounts>>) -> Self {
        if tls.is_some() {
            self.facts.tls = true;
            self.exporter = Exporter::new(self.shards.to_vec(), &self.facts);
        }
        Self { tls, ..self }
    }

    /// Bytes that a scrape takes at most, before and after the models are there.
    pub fn max_len(&self) -> usize {
        self.exporter.max_len() + LABELS_OF_MODELS + if self.auth.is_some() { LINES_OF_KEYS } else { 0 }
    }

    /// What `/metrics` would say now, and what is known once. No allocation, but when models or names of keys have come since.
    pub fn collect(&mut self, loaded: &Loaded, live: &LiveFacts) -> (&Snapshot, &StaticFacts) {
        self.learn(loaded);
        (self.exporter.collect(live), &self.facts)
    }

    /// Takes the models and the names that have come since into the constant part of every scrape.
    fn learn(&mut self, loaded: &Loaded) {
        let there = |model: &&LoadedModel| model.load_ns.is_some();
        let known = (self.facts.models.len(), self.facts.models.iter().filter(there).count());
        let named = self.auth.as_ref().map(|auth| auth.named());
        let names_came = named != self.facts.keys.as_ref().map(Vec::len);
        if names_came && let Some(auth) = &self.auth {
            self.facts.keys = Some(names(auth));
        }
        let came = known != (loaded.each().count(), loaded.each().filter(there).count());
        if names_came || came || self.generation != loaded.generation() {
            self.generation = loaded.generation();
            self.facts.models = loaded.each().cloned().collect();
            self.exporter = Exporter::new(self.shards.to_vec(), &self.facts);
        }
    }
}

/// Renders every family into `out`, in the representation that is wanted.
pub fn answer(worker: &mut Worker, representation: Representation, out: &mut [u8]) -> Outcome {
    worker.scrape.learn(&worker.loaded);
    let live = live(worker);
    // `max_reply` makes room for all of it; what did not fit would be an empty answer, which Prometheus reports.
    let length = worker.scrape.exporter.render(&live, representation, out).unwrap_or_default();
    worker.shard.scraped(length as u64, u64::try_from(worker.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    Outcome { content: Content::Metrics(representation), ..Outcome::good(200, length) }
}

/// What is true now and in no shard.
pub fn live(worker: &Worker) -> LiveFacts {
    LiveFacts {
        phase: worker.phase.get(),
        now_seconds: worker.started.elapsed().as_secs(),
        queue_depth: worker.loaded.bert().map_or(0, Bert::waiting) as u64,
        auth_reloads: worker.auth.as_ref().map_or([0; RELOADS], |auth| auth.reloads()),
        model_reloads: worker.loaded.reloads(),
        tls: worker.scrape.tls.as_ref().map_or(TlsFigures::NONE, |tls| tls.figures()),
    }
}

fn names(auth: &Auth) -> Vec<String> {
    auth.names().iter().map(|name| name.as_str().to_owned()).collect()
}

/// Room for the lines of all keys that are counted apart: two each at most, a name of 64 bytes in each.
const LINES_OF_KEYS: usize = NAMED_KEYS * 512;

/// Room for the digests and load times that loading adds.
const LABELS_OF_MODELS: usize = 4096;
