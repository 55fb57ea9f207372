//! The thread that writes: scored chunks in any order in, their rows out in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _, stdout};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::checkpoint::Unfinished;
use super::chunk::{Chunk, Mark};
use super::progress::Progress;
use super::{Event, Failed};

/// Where rows go.
pub enum Sink {
    /// Standard output.
    Stdout,
    /// A device or a pipe.
    Other(File),
    /// A file.
    File(Unfinished),
}

/// The end of a run.
pub struct Ended {
    /// The exit code.
    pub code: u8,
    /// What is to be said.
    pub told: Vec<String>,
}

/// What is written, and how far.
pub struct Writer {
    sink: Sink,
    events: Receiver<Event>,
    /// Where chunks go that have been written.
    free: SyncSender<Chunk>,
    progress: Progress,
    /// Chunks that came before their turn.
    early: BTreeMap<u64, Chunk>,
    next: u64,
    end: Mark,
    bytes: u64,
    rows: u64,
    faults: u64,
    kept: Instant,
}

impl Writer {
    /// A writer to `sink`.
    pub fn new(sink: Sink, events: Receiver<Event>, free: SyncSender<Chunk>, progress: Progress) -> Self {
        let (mut end, mut bytes, mut rows, mut faults) = (Mark::default(), 0, 0, 0);
        if let Sink::File(file) = &sink {
            let before = &file.checkpoint;
            (end, bytes, rows, faults) = (before.input.clone(), before.output_bytes, before.rows, before.faults);
        }
        let (early, kept) = (BTreeMap::new(), Instant::now());
        Self { sink, events, free, progress, early, next: 0, end, bytes, rows, faults, kept }
    }

    /// Writes until all is written or nothing more can be.
    ///
    /// # Errors
    /// Why nothing more can be.
    pub fn run(mut self) -> Result<Ended, Failed> {
        let mut all = None;
        loop {
            while let Some(chunk) = self.early.remove(&self.next) {
                self.next += 1;
                match self.write(&chunk) {
                    // Whoever read it has seen enough.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                        return Ok(Ended { code: 0, told: Vec::new() });
                    }
                    written => written.map_err(|error| self.failed(&error))?,
                }
                if let Some(told) = chunk.refusal {
                    return self.stop(FAULTS, vec![told]);
                }
                // The reader may have ended.
                let _ = self.free.send(chunk.cleared());
            }
            if let Some((_, wrong)) = all.take_if(|(count, _)| *count == self.next) {
                return match wrong {
                    None => self.finish(),
                    Some(wrong) => self.stop(CANNOT, vec![wrong]),
                };
            }
            match self.events.recv() {
                Ok(Event::Scored(chunk)) => drop(self.early.insert(chunk.index, chunk)),
                Ok(Event::Read(count, wrong)) => all = Some((count, wrong)),
                Ok(Event::Stop(code)) => return self.stop(code, Vec::new()),
                Err(_) => return Err(super::cannot("the threads that score have ended")),
            }
        }
    }

    fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout => {
                let mut out = stdout().lock();
                out.write_all(&chunk.output)?;
                out.flush()?;
            }
            Sink::Other(file) => file.write_all(&chunk.output)?,
            Sink::File(file) => file.write(&chunk.output)?,
        }
        if chunk.refusal.is_some() {
            // Not all of the chunk is written: who goes on begins with it anew.
            return Ok(());
        }
        self.end = chunk.end.clone();
        self.bytes += chunk.output.len() as u64;
        self.rows += chunk.rows;
        self.faults += chunk.faults;
        if self.kept.elapsed() > BETWEEN {
            self.keep()?;
        }
        self.progress.tell(chunk.end.place.file, chunk.end.place.offset, self.rows);
        Ok(())
    }

    /// Leaves a checkpoint.
    fn keep(&mut self) -> io::Result<()> {
        self.kept = Instant::now();
        match &mut self.sink {
            Sink::File(file) => file.keep(&self.end, self.bytes, self.rows, self.faults),
            Sink::Stdout | Sink::Other(_) => Ok(()),
        }
    }

    /// All is written.
    fn finish(self) -> Result<Ended, Failed> {
        if let Sink::File(file) = &self.sink {
            file.finish().map_err(|error| self.failed(&error))?;
        }
        let mut told: Vec<_> = self.progress.end(self.rows).into_iter().collect();
        if self.faults > 0 {
            let (faults, rows) = (self.faults, self.rows);
            told.push(format!("{faults} of {rows} rows are at fault: their 'error' says why"));
        }
        Ok(Ended { code: if self.faults > 0 { FAULTS } else { 0 }, told })
    }

    /// It ends before all is written, with what can be gone on with.
    fn stop(mut self, code: u8, mut told: Vec<String>) -> Result<Ended, Failed> {
        self.progress.end(self.rows);
        if matches!(self.sink, Sink::File(_)) {
            self.keep().map_err(|error| self.failed(&error))?;
            told.push(format!("{} rows are written and kept: --resume goes on behind them", self.rows));
        }
        Ok(Ended { code, told })
    }

    fn failed(&self, error: &io::Error) -> Failed {
        self.progress.end(self.rows);
        super::cannot(&format!("cannot write: {error}"))
    }
}

/// Exit code: it cannot go on.
const CANNOT: u8 = 1;
/// Exit code: rows are at fault.
const FAULTS: u8 = 3;
/// The time between two checkpoints.
const BETWEEN: Duration = Duration::from_secs(1);
