//! `tamis explain`: scores with the parts of each text that carried them.
//!
//! Input: one JSON string per line. Output, for each line in order: a JSON object, `{"score": 0 to 100, "spans": [...]}` as
//! `POST /analyze` answers with `"explain": true`; `{"score": null, "spans": []}` for a text with nothing to score.

use super::lines;
use crate::api::spans;
use crate::json::write::Writer;
use crate::model::toxicity::Toxicity;
use crate::text::{MAX_NORMALIZED_BYTES, Scratch};
use std::io::{self, BufRead, Write};

/// Reads texts until the end of `input` and writes their scores and spans to `output`.
///
/// # Errors
/// What reading or writing gives; `InvalidData`, naming the line, for a line that is not one JSON string.
pub fn run(model: &Toxicity, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    let mut line = Vec::new();
    lines::each(input, |text| {
        let scores = model.score(text, &mut scratch).map_err(io::Error::other)?;
        line.resize(64 + spans::max_len(text.len()), 0);
        let mut writer = Writer::new(&mut line);
        writer.raw(br#"{"score":"#);
        match scores {
            Some(scores) => writer.integer(u64::from(scores.score())),
            None => writer.raw(b"null"),
        }
        spans::render(model.explain(text, &mut scratch).as_ref(), text, &mut writer);
        writer.raw(b"}\n");
        let length = writer.finish().unwrap_or_default();
        output.write_all(&line[..length])
    })?;
    output.flush()
}
