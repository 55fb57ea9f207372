//! Rows on their way from the reader through a worker to the writer.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::plan::Source;

/// Some whole rows of one file, and what becomes of them. Its memory is used again.
#[derive(Default)]
pub struct Chunk {
    /// Its place among all chunks, from 0.
    pub index: u64,
    /// Whether nothing has been written before it.
    pub is_first: bool,
    /// The rows as they stand in the file.
    pub input: Vec<u8>,
    /// What they are rows of; there is one once the chunk is sent.
    pub opened: Option<Arc<Opened>>,
    /// Where they begin.
    pub start: Place,
    /// Where they end.
    pub end: Mark,
    /// Why the one row here cannot be read.
    pub unread: Option<Unread>,
    /// What is to be written.
    pub output: Vec<u8>,
    /// Rows in it.
    pub rows: u64,
    /// Rows of these that are at fault.
    pub faults: u64,
    /// Of a strict run: what is wrong with the row at which it ends.
    pub refusal: Option<String>,
}

/// A file whose rows are being read.
pub struct Opened {
    /// What it is.
    pub source: Source,
    /// The names of its columns, if it has columns and they have names.
    pub header: Option<csv::StringRecord>,
    /// The column of the text, from 0.
    pub column: usize,
}

/// Why a row cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than a row may be.
    TooLong,
    /// Its last quotation does not end.
    Open,
}

/// A place between two rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Which of the files, from 0.
    pub file: usize,
    /// Bytes of the file before it.
    pub offset: u64,
    /// Rows of the file before it, without the names of columns.
    pub rows: u64,
    /// Lines of the file before it.
    pub lines: u64,
}

/// A place and what was read up to it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Where.
    pub place: Place,
    /// The SHA-256 of all that was read, from the first file on, in hexadecimal; empty where nobody will go on from here.
    pub sha256: String,
}

impl Chunk {
    /// Empty, with the memory that it has.
    #[must_use]
    pub fn cleared(mut self) -> Self {
        let keep = |mut bytes: Vec<u8>| {
            bytes.clear();
            // What one long row took is given back.
            bytes.shrink_to(4 * BLOCK);
            bytes
        };
        let (input, output) = (keep(std::mem::take(&mut self.input)), keep(std::mem::take(&mut self.output)));
        Self { input, output, ..Self::default() }
    }
}

/// What has been read so far, as a digest, where somebody may go on from a mark.
pub struct Digest(Option<Sha256>);

impl Digest {
    /// Of nothing yet.
    pub fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(Sha256::new))
    }

    /// Takes in what follows.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.0 {
            digest.update(bytes);
        }
    }

    /// Of all so far, in hexadecimal.
    pub fn told(&self) -> String {
        let mut text = String::new();
        for byte in self.0.iter().flat_map(|digest| digest.clone().finalize()) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

/// What is read at once, at most, in bytes.
pub const BLOCK: usize = 128 * 1024;
