//! `tamis normalize`: what normalising leaves of texts, to look at the rules or to train on their output.
//!
//! Input: one JSON string per line. Output: for each line in order the normalised text as a JSON string, without the
//! spaces at its edges.

use super::lines;
use crate::text::MAX_NORMALIZED_BYTES;
use crate::text::normalize::normalize;
use std::io::{self, BufRead, Write};

/// Reads texts until the end of `input` and writes their normalised forms to `output`.
///
/// # Errors
/// What reading or writing gives; `InvalidData`, naming the line, for a line that is not one JSON string.
pub fn run(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut normalized = vec![0; MAX_NORMALIZED_BYTES];
    lines::each(input, |text| {
        let length = normalize(text, &mut normalized);
        let text = std::str::from_utf8(&normalized[..length]).map_err(io::Error::other)?;
        serde_json::to_writer(&mut output, text.trim_matches(' '))?;
        output.write_all(b"\n")
    })?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_becomes_a_normalised_line() {
        let mut output = Vec::new();
        run(&b"\"Hello,  YOU\"\n\" \"\n\"\\u201cn a u g h t y\\u201d \\\\\"\n"[..], &mut output)
            .expect("three strings");
        assert_eq!(String::from_utf8(output).expect("UTF-8"), "\"hello, you\"\n\"\"\n\"\\\"naughty\\\" \\\\\"\n");
    }
}
