//! The toxicity model `bert`: it takes milliseconds, so it has threads of its own.
//!
//! A worker cuts a text into ids and submits them, a thread of the [`Executor`] scores them, and the worker that asked
//! renders the answer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::executor::{Executor, Full, Size, Ticket, Wanted};
use super::manifest::{Auto, Band, Manifest};
use super::registry::{Known, know};
use super::toxicity::{BERT, EngineChoice, LoadError, Prior, Probabilities, Scores, Toxicity};
use crate::metrics::LoadedModel;
use crate::metrics::labels::Model;
use crate::text::Scratch;

/// Whether this build carries the model.
pub const EMBEDDED: bool = cfg!(feature = "bert");

/// The model with its threads.
pub struct Bert {
    model: Arc<Toxicity>,
    band: Option<Band>,
    executor: Executor,
    known: Known,
}

/// How many threads, how long a queue, how long a wait.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Texts that are scored at once.
    pub threads: usize,
    /// Texts that may wait beside them.
    pub queue: usize,
    /// How long a text may wait.
    pub timeout: Duration,
}

/// The embedded model, checked against golden answers.
///
/// # Errors
/// What is wrong with it; that is a bug, which the tests tell.
pub fn load(engine: EngineChoice) -> Result<Toxicity, LoadError> {
    Toxicity::embedded_at_start(&BERT, engine)
}

/// The embedded model's manifest; `None` where there is no such model.
///
/// # Errors
/// What is wrong with it.
pub fn manifest() -> Result<Option<Manifest>, LoadError> {
    if EMBEDDED { BERT.manifest().map(Some) } else { Ok(None) }
}

/// Queues `text` for `executor`, which runs `model`.
pub(super) fn submit(
    model: &Toxicity,
    executor: &Executor,
    text: &str,
    explain: bool,
    scratch: &mut Scratch,
) -> Result<Option<(Ticket, Prior)>, Full> {
    executor.room()?;
    // The partner's kernel cannot fail; on tract, which can, the model speaks alone rather than not at all.
    let prior = model.prior(text, scratch).unwrap_or_default();
    let Some(ids) = model.ids(text, scratch) else { return Ok(None) };
    executor.submit(ids, explain).map(|ticket| Some((ticket, prior)))
}

impl Bert {
    /// Starts the threads that score by `model`, which took `load_time` to load.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(model: Toxicity, load_time: Duration, settings: Settings) -> io::Result<Self> {
        let (band, model) = (model.manifest().auto.as_ref().map(Auto::band), Arc::new(model));
        let scorer = Arc::clone(&model);
        let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| scorer.run(ids, explain, wanted);
        Self::with(model, band, load_time, settings, run)
    }

    /// Starts threads that score by `run` in the place of `model`; `auto` asks them about texts of `band`.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn with<R, E>(
        model: Arc<Toxicity>,
        band: Option<Band>,
        load_time: Duration,
        settings: Settings,
        run: R,
    ) -> io::Result<Self>
    where
        R: Fn(&mut [u32], bool, Wanted<'_>) -> Result<Probabilities, E> + Send + Sync + 'static,
        E: fmt::Display,
    {
        let Settings { threads, queue, timeout } = settings;
        let executor = Executor::start("bert", Size { threads, queue, max_ids: model.max_ids(), timeout }, run)?;
        let known = know(Model::Bert, model.manifest(), Some((model.engine_name(), load_time)));
        Ok(Self { model, band, executor, known })
    }

    /// Whether `simple` is not sure of a text to which it gave `scores`, so that `auto` asks this model.
    pub fn decides(&self, scores: &Scores) -> bool {
        self.band.is_some_and(|band| band.contains(scores.scored()))
    }

    /// Queues `text`; `None` when nothing of it is left to score. Does not allocate. With the ticket comes what
    /// [`Toxicity::finish`] needs.
    ///
    /// # Errors
    /// If the queue is full.
    pub fn submit(&self, text: &str, explain: bool, scratch: &mut Scratch) -> Result<Option<(Ticket, Prior)>, Full> {
        submit(&self.model, &self.executor, text, explain, scratch)
    }

    /// The model.
    pub fn model(&self) -> &Toxicity {
        &self.model
    }

    /// When the queue will be worked off at the present speed, in whole seconds, at least 1.
    pub fn retry_after(&self) -> u64 {
        self.executor.retry_after()
    }

    /// How many texts may wait to be begun.
    pub fn capacity(&self) -> usize {
        self.executor.capacity()
    }

    /// How many texts wait to be begun.
    pub fn waiting(&self) -> usize {
        self.executor.waiting()
    }

    /// Has this one, which is loaded in the place of another, go on with what is counted of `before`.
    pub fn follow(&mut self, before: &LoadedModel) {
        self.known.metrics.follow(before);
    }

    /// What is told of it.
    pub const fn known(&self) -> &Known {
        &self.known
    }
}
