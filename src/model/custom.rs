//! A user's model beside ours. One over hashed n-grams takes microseconds and is run by whoever asks; one over word
//! pieces may take milliseconds and has threads of its own.

use std::io;
use std::sync::Arc;

use super::bert::{Settings, submit};
use super::executor::{Executor, Full, Size, Ticket, Wanted};
use super::toxicity::{Prior, Toxicity};
use crate::text::Scratch;

/// The model, with its threads once they are started.
pub struct Custom {
    model: Arc<Toxicity>,
    executor: Option<Executor>,
}

impl Custom {
    /// The model without threads.
    pub fn new(model: Toxicity) -> Self {
        Self { model: Arc::new(model), executor: None }
    }

    /// The model.
    pub fn model(&self) -> &Toxicity {
        &self.model
    }

    /// The model alone, if no thread has it yet.
    pub fn into_model(self) -> Option<Toxicity> {
        Arc::into_inner(self.model)
    }

    /// Starts the threads that the model needs, if it needs any.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(&mut self, settings: Settings) -> io::Result<()> {
        if !self.model.reads_pieces() {
            return Ok(());
        }
        let Settings { threads, queue, timeout } = settings;
        let (scorer, size) = (Arc::clone(&self.model), Size { threads, queue, max_ids: self.model.max_ids(), timeout });
        let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| scorer.run(ids, explain, wanted);
        self.executor = Some(Executor::start(&self.model.manifest().name, size, run)?);
        Ok(())
    }

    /// The threads, if the model has any.
    pub const fn executor(&self) -> Option<&Executor> {
        self.executor.as_ref()
    }

    /// Queues `text` for `executor`; `None` when nothing of it is left to score. Does not allocate. With the ticket comes
    /// what [`Toxicity::finish`] needs.
    ///
    /// # Errors
    /// If the queue is full.
    pub fn submit(
        &self,
        executor: &Executor,
        text: &str,
        explain: bool,
        scratch: &mut Scratch,
    ) -> Result<Option<(Ticket, Prior)>, Full> {
        submit(&self.model, executor, text, explain, scratch)
    }
}
