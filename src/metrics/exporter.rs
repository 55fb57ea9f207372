//! One scrape: read the process, merge the shards, render. Each worker has an exporter of its own and answers the
//! scrapes that reach it; nothing is shared but the shards.

use std::sync::Arc;
use std::time::Instant;

use super::process::ProcessReader;
use super::shard::Shard;
use super::snapshot::{LiveFacts, Snapshot};
use super::text::{BufferFull, StaticFacts, Template};

/// Renders `/metrics`, with all the memory it needs allocated at start.
#[derive(Debug)]
pub struct Exporter {
    shards: Vec<Arc<Shard>>,
    template: Template,
    snapshot: Snapshot,
    process: ProcessReader,
}

impl Exporter {
    /// An exporter of all workers' `shards`.
    pub fn new(shards: Vec<Arc<Shard>>, facts: &StaticFacts) -> Self {
        Self { shards, template: Template::new(facts), snapshot: Snapshot::new(), process: ProcessReader::open() }
    }

    /// The length of the slice that [`Self::render`] asks for: the constant text and the longest number on each line.
    pub fn max_len(&self) -> usize {
        self.template.max_len()
    }

    /// Writes the whole body into `out` and returns its length. No allocation; a few system calls for `process_*`.
    ///
    /// # Errors
    /// If `out` is shorter than [`Self::max_len`].
    pub fn render(&mut self, live: &LiveFacts, out: &mut [u8]) -> Result<usize, BufferFull> {
        let start = Instant::now();
        let process = self.process.read();
        self.snapshot.collect(&self.shards, live, &process);
        let elapsed = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1);
        self.template.render(self.snapshot.samples(), elapsed, out)
    }
}
