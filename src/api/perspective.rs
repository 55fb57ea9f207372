//! `POST /v1alpha1/comments:analyze`, `POST /v1alpha1/comments:suggestscore` and their discovery document: the contract of
//! Perspective's Comment Analyzer, for clients that change nothing but the address. `docs/perspective.md` says what is
//! the same and what is not there.

pub(super) mod asked;
mod attribute;
pub mod discovery;
mod fields;
mod language;
mod sentences;
pub(super) mod suggest;

use super::batch::Scored;
use super::round::{Piece, Round};
use crate::json::write::Writer;
use crate::model::Loaded;
use crate::model::manifest::{MAX_LABEL_BYTES, MAX_LABELS};
use asked::Comment;
pub use asked::{MAX_TAIL, MAX_TOKEN};
pub use attribute::ATTRIBUTES;
pub use language::{LANGUAGES, MAX_NAME as MAX_LANGUAGE, MOST as MOST_LANGUAGES};
pub use sentences::MOST_SENTENCES;

/// Writes the answer for `comment`, whose texts are scored; answers its length.
///
/// A score below its attribute's threshold is left out, an attribute without a score too, and the whole of them where none
/// is left.
pub(super) fn render(round: &Round, comment: &Comment, loaded: &Loaded, out: &mut [u8]) -> usize {
    let mut writer = Writer::new(out);
    writer.raw(b"{");
    let mut written = 0;
    for requested in &comment.attributes {
        let label = attribute::label(requested.attribute, round.choice, loaded);
        let score = |verdict: Option<&Scored>| {
            verdict?.probability(loaded, label).filter(|value| f64::from(*value) >= requested.threshold)
        };
        let summary = round.each().next().and_then(|(_, verdict)| score(verdict));
        // Without sentences the whole is the one span.
        let first = usize::from(round.each().nth(1).is_some());
        let spans = round.each().skip(first).filter_map(|(piece, verdict)| Some((piece, score(verdict)?)));
        let has_spans = spans.clone().next().is_some();
        if summary.is_none() && !has_spans {
            continue;
        }
        writer.raw(if written == 0 { b"\"attributeScores\":{\"" } else { b",\"" });
        written += 1;
        attribute::write_name(requested.attribute, label, &mut writer);
        writer.raw(b"\":{");
        render_spans(spans, &mut writer);
        if let Some(value) = summary {
            writer.raw(if has_spans { b"," } else { b"" });
            writer.raw(br#""summaryScore":"#);
            render_score(value, &mut writer);
        }
        writer.raw(b"}");
    }
    writer.raw(if written == 0 { b"" } else { b"}," });
    writer.raw(round.kept(&comment.tail));
    writer.raw(b"}");
    writer.finish().unwrap_or_default()
}

/// `"spanScores":[{"begin":0,"end":5,"score":{...}}, ...]`; nothing where there are none.
fn render_spans(spans: impl Iterator<Item = (Piece, f32)>, writer: &mut Writer<'_>) {
    let mut count = 0;
    for (piece, value) in spans {
        writer.raw(if count == 0 { br#""spanScores":[{"begin":"# } else { br#",{"begin":"# });
        count += 1;
        writer.integer(u64::from(piece.units[0]));
        writer.raw(br#","end":"#);
        writer.integer(u64::from(piece.units[1]));
        writer.raw(br#","score":"#);
        render_score(value, writer);
        writer.raw(b"}");
    }
    writer.raw(if count == 0 { b"" } else { b"]" });
}

fn render_score(value: f32, writer: &mut Writer<'_>) {
    writer.raw(br#"{"value":"#);
    writer.probability(value);
    writer.raw(br#","type":"PROBABILITY"}"#);
}

/// Bytes that an answer takes at most.
pub const MAX_LEN: usize = {
    let score = r#","begin":4294967295,"end":4294967295,"score":{"value":0.123456,"type":"PROBABILITY"}}{}"#.len();
    let attribute = (MOST_SENTENCES + 1) * score + MAX_LABEL_BYTES + r#","":{"spanScores":[],"summaryScore":}"#.len();
    (MAX_LABELS * attribute) + MAX_TAIL + r#"{"attributeScores":{}}"#.len()
};
