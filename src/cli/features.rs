//! `tamis features`: the ids of texts, for a trainer. Training reads what serving computes; there is no second
//! implementation to keep in step.
//!
//! Input: one JSON string per line (RFC 8259, UTF-8). Output, for each line in order: the number of ids as `u32`
//! little-endian, then the ids, each `u32` little-endian.

use super::lines;
use crate::text::{MAX_NORMALIZED_BYTES, Scratch};
use std::io::{self, BufRead, Write};

/// Reads texts until the end of `input` and writes their ids to `output`.
///
/// # Errors
/// What reading or writing gives; `InvalidData`, naming the line, for a line that is not one JSON string.
pub fn run(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    let mut record = Vec::new();
    lines::each(input, |text| lines::write_ids(scratch.features(text), &mut record, &mut output))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_becomes_a_count_and_its_ids() {
        let mut output = Vec::new();
        run(&b"\"Hello, you\"\n\"\"\n\"caf\\u00e9\\n\""[..], &mut output).expect("three strings");
        let mut expected = Vec::new();
        let mut scratch = Scratch::new(100);
        for text in ["Hello, you", "", "caf\u{e9}\n"] {
            let ids = scratch.features(text);
            expected.extend_from_slice(&(ids.len() as u32).to_le_bytes());
            expected.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        }
        assert_eq!(output, expected);
    }

    #[test]
    fn a_line_that_is_no_string_is_named() {
        for bad in ["1", "{}", "\"open", "", "\"a\" \"b\""] {
            let error = run(format!("\"good\"\n{bad}\n").as_bytes(), io::sink()).expect_err(bad);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().starts_with("line 2: "), "{error}");
        }
    }
}
