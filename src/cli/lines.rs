//! What the commands for the trainer share: JSON strings in, one a line; ids out.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

/// Hands the text of each line of `input` to `visit`, in order, until the end or an error.
///
/// # Errors
/// What reading or `visit` gives; `InvalidData`, naming the line, for a line that is not one JSON string (RFC 8259).
pub fn each(mut input: impl BufRead, mut visit: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Line(text) = serde_json::from_slice(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {error}")))?;
        visit(&text)?;
    }
}

/// Writes the number of ids and the ids, each `u32` little-endian, to `output` at once; `record` is scratch.
///
/// # Errors
/// What writing gives.
pub fn write_ids(ids: &[u32], record: &mut Vec<u8>, output: &mut impl Write) -> io::Result<()> {
    record.clear();
    record.extend_from_slice(&(ids.len() as u32).to_le_bytes());
    record.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    output.write_all(record)
}

/// A JSON string, borrowed from the line where it holds no escape.
#[derive(serde::Deserialize)]
struct Line<'a>(#[serde(borrow)] Cow<'a, str>);
