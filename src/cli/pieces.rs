//! `tamis pieces`: the WordPiece ids of texts, for a trainer. Training reads what serving computes.
//!
//! Input: one JSON string per line. Output, for each line in order: the number of ids as `u32` little-endian (0 for a
//! text with nothing to score), then the ids, each `u32` little-endian, `[CLS]` first and `[SEP]` last.

use super::lines;
use crate::text::vocabulary::Vocabulary;
use crate::text::{MAX_NORMALIZED_BYTES, Scratch};
use std::io::{self, BufRead, Write};
use std::path::Path;

/// Reads the vocabulary in `file`.
///
/// # Errors
/// What reading gives; `InvalidData`, naming the file, for one that is no vocabulary.
pub fn read(file: &Path) -> io::Result<Vocabulary> {
    let named = |kind, error: &dyn std::fmt::Display| io::Error::new(kind, format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| named(error.kind(), &error))?;
    Vocabulary::parse(&bytes).map_err(|error| named(io::ErrorKind::InvalidData, &error))
}

/// Reads texts until the end of `input` and writes their pieces, at most `max` of each, to `output`.
///
/// # Errors
/// What reading or writing gives; `InvalidData`, naming the line, for a line that is not one JSON string.
pub fn run(vocabulary: &Vocabulary, max: usize, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    let mut record = Vec::new();
    lines::each(input, |text| lines::write_ids(scratch.pieces(text, vocabulary, max), &mut record, &mut output))?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_becomes_a_count_and_its_pieces() {
        let vocabulary = Vocabulary::parse(b"[UNK]\n[CLS]\n[SEP]\ngood\n##ness\n!").expect("good");
        let mut output = Vec::new();
        run(&vocabulary, 4, &b"\"Goodness!\"\n\"\"\n\"bad\"\n"[..], &mut output).expect("three strings");
        let expected: Vec<u8> = [4, 1, 3, 4, 2, 0, 3, 1, 0, 2_u32].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(output, expected);
    }

    #[test]
    fn a_file_that_is_no_vocabulary_is_named() {
        let error = read(Path::new("Cargo.toml")).err().expect("refused");
        assert!(error.to_string().starts_with("Cargo.toml: the vocabulary: it has no [CLS]"), "{error}");
        assert!(read(Path::new("absent.txt")).err().expect("refused").to_string().starts_with("absent.txt: "));
    }
}
