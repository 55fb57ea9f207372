//! Files of one entry a line, and what is told of one that cannot be used: the place, never the content.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::secrecy;

/// The longest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The line at fault, from 1, if one is.
    pub line: Option<usize>,
    /// What is wrong with it, without a word of it.
    pub what: String,
}

/// What is wrong with a text: the line, from 1, if it is one, and what.
pub type Wrong = (Option<usize>, &'static str);

impl fmt::Display for FileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        write!(formatter, ": {}", self.what)
    }
}

impl std::error::Error for FileError {}

/// What `parse` makes of the file at `path`.
///
/// # Errors
/// If the file cannot be read, is longer than [`MAX_FILE`], or `parse` refuses it.
pub fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, Wrong>) -> Result<T, FileError> {
    let wrong = |line, what: String| FileError { path: path.to_owned(), line, what };
    let file = std::fs::File::open(path).map_err(|error| wrong(None, error.to_string()))?;
    // Room for all of it: a vector that grows leaves copies behind.
    let length = file.metadata().map_or(0, |file| file.len());
    let mut bytes = Vec::with_capacity(length.min(MAX_FILE) as usize + 32);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| wrong(None, error.to_string()))?;
    let parsed = if bytes.len() as u64 > MAX_FILE {
        Err(wrong(None, format!("longer than {MAX_FILE} bytes")))
    } else {
        parse(&bytes).map_err(|(line, what)| wrong(line, what.to_owned()))
    };
    // It may be the secret that signs.
    secrecy::wipe(&mut bytes);
    parsed
}

/// The entries of a file with their line numbers, from 1: all lines but blank ones and those that begin with `#`.
///
/// # Errors
/// Names the first line that is not UTF-8.
pub fn entries(bytes: &[u8]) -> Result<Vec<(usize, &str)>, Wrong> {
    let mut found = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| (Some(index + 1), "not UTF-8"))?.trim();
        if !line.is_empty() && !line.starts_with('#') {
            found.push((index + 1, line));
        }
    }
    Ok(found)
}
