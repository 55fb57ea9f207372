//! One scrape: read the process, merge the shards, render. Each worker has an exporter of its own and answers the
//! scrapes that reach it; nothing is shared but the shards.

use std::sync::Arc;
use std::time::Instant;

use super::facts::StaticFacts;
use super::layout::{BufferFull, Template};
use super::negotiate::{Format, Representation};
use super::openmetrics::OpenMetrics;
use super::process::ProcessReader;
use super::protobuf::Encoder;
use super::shard::Shard;
use super::snapshot::{LiveFacts, Snapshot};
use super::text::Text;
use crate::gzip::Compressor;
use crate::gzip::compress::max_len;

/// Renders `/metrics`, with all the memory it needs allocated at start, but for what only gzip needs.
#[derive(Debug)]
pub struct Exporter {
    shards: Vec<Arc<Shard>>,
    text: Template,
    openmetrics: Template,
    protobuf: Encoder,
    snapshot: Snapshot,
    process: ProcessReader,
    gzip: Option<Box<Compressed>>,
}

/// What only gzip needs: allocated by the first scrape that asks for it, as most workers never see one.
#[derive(Debug)]
struct Compressed {
    compressor: Compressor,
    plain: Vec<u8>,
}

impl Exporter {
    /// An exporter of all workers' `shards`, as many as `facts` says.
    pub fn new(shards: Vec<Arc<Shard>>, facts: &StaticFacts) -> Self {
        let process = ProcessReader::open();
        let start_ns = process.start_ns();
        Self {
            shards,
            text: Template::new(&Text, facts),
            openmetrics: Template::new(&OpenMetrics::new(start_ns), facts),
            protobuf: Encoder::new(start_ns, facts),
            snapshot: Snapshot::new(facts.shape()),
            process,
            gzip: None,
        }
    }

    /// The length of the slice that [`Self::render`] asks for, whatever the representation: the constant part and the
    /// longest number in each place.
    pub fn max_len(&self) -> usize {
        max_len(self.max_plain_len())
    }

    /// Writes the whole body into `out` and returns its length. No allocation, but by the first that is compressed; a few
    /// system calls for `process_*`.
    ///
    /// # Errors
    /// If `out` is shorter than [`Self::max_len`].
    pub fn render(&mut self, live: &LiveFacts, wanted: Representation, out: &mut [u8]) -> Result<usize, BufferFull> {
        let needed = self.max_len();
        if out.len() < needed {
            return Err(BufferFull { needed });
        }
        if !wanted.gzip {
            return self.render_plain(live, wanted.format, out);
        }
        let mut compressed = self.gzip.take().unwrap_or_else(|| {
            Box::new(Compressed { compressor: Compressor::new(), plain: vec![0; self.max_plain_len()] })
        });
        let plain = self.render_plain(live, wanted.format, &mut compressed.plain);
        compressed.compressor.begin();
        let written = plain.map(|len| compressed.compressor.write(&compressed.plain[..len], true, out));
        self.gzip = Some(compressed);
        written?.ok_or(BufferFull { needed })
    }

    /// Reads what is true now, without rendering it. No allocation; a few system calls for `process_*`.
    pub fn collect(&mut self, live: &LiveFacts) -> &Snapshot {
        let process = self.process.read();
        self.snapshot.collect(&self.shards, live, &process, Format::Text);
        &self.snapshot
    }

    fn render_plain(&mut self, live: &LiveFacts, format: Format, out: &mut [u8]) -> Result<usize, BufferFull> {
        let start = Instant::now();
        let process = self.process.read();
        self.snapshot.collect(&self.shards, live, &process, format);
        let elapsed = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1);
        let snapshot = &self.snapshot;
        match format {
            Format::Text => self.text.render(snapshot.samples(), snapshot.shown(), snapshot.exemplars(), elapsed, out),
            Format::OpenMetrics => {
                self.openmetrics.render(snapshot.samples(), snapshot.shown(), snapshot.exemplars(), elapsed, out)
            }
            Format::Protobuf => self.protobuf.render(snapshot.dynamic(), elapsed, out),
        }
    }

    fn max_plain_len(&self) -> usize {
        let texts = self.text.max_len().max(self.openmetrics.max_len());
        texts.max(self.protobuf.max_len())
    }
}
