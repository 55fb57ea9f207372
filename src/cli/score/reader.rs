//! The thread that reads: files in, chunks of whole rows out, in order, as soon as they are there.

use std::fs::File;
use std::io::{Read, stdin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::chunk::{Chunk, Digest, Mark, Opened};
use super::names::Names;
use super::plan::{FIELD, Plan, Source};
use super::rows::{Rows, Whole};
use super::split::Splitter;
use crate::config::{InputFormat, OutputFormat};

/// What ends reading early.
pub enum Stopped {
    /// Nobody takes chunks any more.
    Unwanted,
    /// What is wrong with the input.
    Wrong(String),
}

/// Where chunks come from and go to.
pub struct Reader {
    /// What is asked.
    pub plan: Arc<Plan>,
    /// Chunks to fill.
    pub free: Receiver<Chunk>,
    /// Chunks to score.
    pub full: SyncSender<Chunk>,
    /// Up to where all is scored already.
    pub resumed: Option<Mark>,
    /// Whether somebody may go on from the marks.
    pub marks: bool,
    /// Whether nothing is scored before.
    pub is_new: bool,
    /// Chunks sent so far.
    pub sent: u64,
    /// One that was not sent, to be filled next.
    pub kept: Option<Chunk>,
}

impl Reader {
    /// Reads all files.
    ///
    /// # Errors
    /// Why it stopped before their end.
    pub fn run(&mut self) -> Result<(), Stopped> {
        let (mut digest, mut columns, plan) = (Digest::new(self.marks), None, Arc::clone(&self.plan));
        for (index, source) in plan.files.iter().enumerate() {
            let read = self.read(index, source, &mut digest, &mut columns);
            read.map_err(|stopped| match stopped {
                Stopped::Wrong(told) => Stopped::Wrong(format!("{}: {told}", source.name())),
                Stopped::Unwanted => stopped,
            })?;
        }
        if self.resumed.is_some() { Err(other_input()) } else { Ok(()) }
    }

    /// Reads one file. `columns` are those of the files before, where all must have the same.
    fn read(
        &mut self,
        index: usize,
        source: &Source,
        digest: &mut Digest,
        columns: &mut Option<csv::StringRecord>,
    ) -> Result<(), Stopped> {
        let input: Box<dyn Read> =
            if source.is_stdin() { Box::new(stdin().lock()) } else { Box::new(File::open(&source.path)?) };
        let splitter = match source.format {
            InputFormat::Csv => Splitter::columns(source.delimiter),
            InputFormat::Text | InputFormat::Jsonl => Splitter::Lines,
        };
        let mut rows = Rows::new(input, index, splitter, self.plan.max_row(), digest)?;
        let opened = Arc::new(self.open(source, &mut rows)?);
        if self.plan.keeps && self.plan.format == OutputFormat::Csv {
            let first = columns.get_or_insert_with(|| opened.header.clone().unwrap_or_default());
            if opened.header.as_ref().unwrap_or(&csv::StringRecord::new()) != first {
                return Err(Stopped::Wrong("it has other columns than the first file, and they are to be kept".into()));
            }
        }
        let mut chunk = self.take()?;
        (chunk.start, chunk.opened) = (rows.place, Some(Arc::clone(&opened)));
        // Without rows: it says that the file is open.
        self.send(chunk, &rows)?;
        loop {
            let Some(mut whole) = rows.next(false)? else { return Ok(()) };
            let mut chunk = self.take()?;
            if let Some(ahead) = self.known(&rows, &whole) {
                rows.take(ahead.bytes, ahead.rows, &mut chunk.input);
                self.send(chunk, &rows)?;
                whole = Whole { bytes: whole.bytes - ahead.bytes, rows: whole.rows - ahead.rows, unread: whole.unread };
                if whole.bytes == 0 {
                    continue;
                }
                chunk = self.take()?;
            }
            chunk.start = if whole.bytes > 0 { rows.place } else { rows.begin };
            (chunk.unread, chunk.opened) = (whole.unread, Some(Arc::clone(&opened)));
            if whole.bytes > 0 {
                rows.take(whole.bytes, whole.rows, &mut chunk.input);
            }
            self.send(chunk, &rows)?;
        }
    }

    /// The part of `whole` up to where all is scored already, if that lies in it.
    fn known(&self, rows: &Rows<'_>, whole: &Whole) -> Option<Whole> {
        let until = self.resumed.as_ref()?.place;
        let bytes = usize::try_from(until.offset.checked_sub(rows.place.offset)?).ok()?;
        let count = until.rows.checked_sub(rows.place.rows)?;
        let lies_within = until.file == rows.place.file && bytes <= whole.bytes && count <= whole.rows;
        (lies_within && whole.bytes > 0).then_some(Whole { bytes, rows: count, unread: None })
    }

    /// What is known of a file before its rows are read, and the names of its columns taken.
    fn open(&self, source: &Source, rows: &mut Rows<'_>) -> Result<Opened, Stopped> {
        let mut opened = Opened { source: source.clone(), header: None, column: 0 };
        if source.format != InputFormat::Csv {
            return Ok(opened);
        }
        let field = self.plan.field.as_deref();
        let number = field.unwrap_or("1").parse().ok().and_then(|number: usize| number.checked_sub(1));
        if !self.plan.has_headers {
            let told =
                || format!("without names of columns --field is a number from 1, not '{}'", field.unwrap_or_default());
            opened.column = number.ok_or_else(|| Stopped::Wrong(told()))?;
            return Ok(opened);
        }
        let mut names = Vec::new();
        let first = rows.next(true)?.ok_or_else(|| Stopped::Wrong("it is empty: no names of columns".to_owned()))?;
        if first.unread.is_some() {
            return Err(Stopped::Wrong("the names of its columns do not end".to_owned()));
        }
        // Not counted as a row.
        rows.take(first.bytes, 0, &mut names);
        let mut header = csv::StringRecord::new();
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(source.delimiter).from_reader(&names[..]);
        let read = reader.read_record(&mut header);
        read.map_err(|_| Stopped::Wrong("the names of its columns are not UTF-8".to_owned()))?;
        let field = field.unwrap_or(FIELD);
        let mut named = (0..header.len()).filter(|&at| header.get(at) == Some(field));
        opened.column = match (named.next(), named.next(), number) {
            (Some(at), None, _) => at,
            (None, _, Some(at)) if at < header.len() => at,
            (Some(_), Some(_), _) => {
                return Err(Stopped::Wrong(format!("it has two columns '{field}': give a number")));
            }
            _ => {
                let names: Vec<_> = header.iter().collect();
                let told = format!("there is no column '{field}': choose by --field from {}", names.join(", "));
                return Err(Stopped::Wrong(told));
            }
        };
        let taken = header.iter().find(|name| self.plan.keeps && self.plan.names.has(name));
        if let Some(name) = taken {
            return Err(Stopped::Wrong(Names::told(name)));
        }
        opened.header = Some(header);
        Ok(opened)
    }

    fn take(&mut self) -> Result<Chunk, Stopped> {
        self.kept.take().map_or_else(|| self.free.recv(), Ok).map_err(|_| Stopped::Unwanted)
    }

    /// Sends `chunk`, whose rows end where `rows` stands, unless it is known already.
    fn send(&mut self, mut chunk: Chunk, rows: &Rows<'_>) -> Result<(), Stopped> {
        if let Some(mark) = &self.resumed {
            if rows.place >= mark.place {
                if rows.place.offset != mark.place.offset || rows.digest() != mark.sha256 {
                    return Err(other_input());
                }
                self.resumed = None;
            }
            self.kept = Some(chunk.cleared());
            return Ok(());
        }
        (chunk.index, chunk.is_first) = (self.sent, self.sent == 0 && self.is_new);
        chunk.end = Mark { place: rows.place, sha256: rows.digest() };
        self.sent += 1;
        self.full.send(chunk).map_err(|_| Stopped::Unwanted)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

fn other_input() -> Stopped {
    Stopped::Wrong(
        "it is not what was scored before: without --resume, and without the output, all is scored anew".into(),
    )
}
