//! The part of an answer that explains it: which parts of the text carried the verdict.

use std::fmt::Write as _;

use crate::json::write::Writer;
use crate::model::explain::{Explanation, MAX_SPANS};

/// Bytes that [`render`] takes at most for a text of `text` bytes.
///
/// Spans do not overlap, so their texts are no longer than the text, and JSON takes at most six bytes for one.
pub const fn max_len(text: usize) -> usize {
    MAX_SPAN * MAX_SPANS + 16 + text * 6
}

/// Whether `body` has the key by which spans are asked for, written without escapes. A search for one byte comes first:
/// most bodies have none.
pub fn may_be_asked(body: &[u8]) -> bool {
    body.contains(&b'x') && body.windows(KEY.len()).any(|window| window == KEY)
}

/// Appends `,"spans":[{"start":5,"end":9,"text":"...","weight":1.25}, ...]`, the heaviest first; `null` in the place of
/// the list where the model that answered cannot explain itself.
///
/// `start` and `end` count Unicode code points of the text, `end` not included; `weight` is what the span adds to the logit
/// of `toxic`, to four decimals.
pub fn render(explanation: Option<&Explanation>, text: &str, writer: &mut Writer<'_>) {
    let Some(explanation) = explanation else {
        writer.raw(br#","spans":null"#);
        return;
    };
    writer.raw(br#","spans":["#);
    for (index, span) in explanation.spans().iter().enumerate() {
        writer.raw(if index == 0 { br#"{"start":"# } else { br#",{"start":"# });
        writer.integer(u64::from(span.start));
        writer.raw(br#","end":"#);
        writer.integer(u64::from(span.end));
        writer.raw(br#","text":"#);
        writer.string(span.of(text));
        // Writing to a `Writer` cannot fail; it remembers an overflow itself.
        let _ = write!(writer, r#","weight":{:.4}}}"#, span.weight);
    }
    writer.raw(b"]");
}

const KEY: &[u8] = b"\"explain\"";

/// Bytes that a span takes at most beside its text: names, two offsets of ten digits, a weight of single precision.
const MAX_SPAN: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rendered(explanation: Option<&Explanation>, text: &str) -> Value {
        let mut out = vec![0; max_len(text.len()) + 2];
        let mut writer = Writer::new(&mut out);
        writer.raw(br#"{"score":1"#);
        render(explanation, text, &mut writer);
        writer.raw(b"}");
        let length = writer.finish().expect("the room suffices");
        serde_json::from_slice(&out[..length]).expect("JSON")
    }

    #[test]
    fn spans_are_offsets_text_and_weight() {
        let text = "\u{1f642} a \"b\"";
        let explanation = Explanation::of_pieces(text, [(5..6, 0.5), (7..10, 1.25)]);
        let expected = json!([
            {"start": 4, "end": 7, "text": "\"b\"", "weight": 1.25}, {"start": 2, "end": 3, "text": "a", "weight": 0.5},
        ]);
        assert_eq!(rendered(Some(&explanation), text)["spans"], expected);
        assert_eq!(rendered(Some(&Explanation::default()), text)["spans"], json!([]));
        assert_eq!(rendered(None, text)["spans"], Value::Null);
    }

    #[test]
    fn the_key_is_found_where_it_stands() {
        assert!(may_be_asked(br#"{"text":"a","explain":true}"#));
        for body in [&b""[..], b"x", br#"{"text":"explain"#, br#"{"text":"\"explain\""}"#, br#"{"text":"extra"}"#] {
            assert!(!may_be_asked(body), "{:?}", std::str::from_utf8(body));
        }
    }

    #[test]
    fn the_longest_answer_has_room() {
        let text = "\u{1} ".repeat(3).replace(' ', &"\u{1}".repeat(5000));
        let pieces = (0..MAX_SPANS).map(|at| (at * 1000..(at + 1) * 1000, f32::MAX));
        let spans = rendered(Some(&Explanation::of_pieces(&text, pieces)), &text);
        assert_eq!(spans["spans"].as_array().expect("a list").len(), MAX_SPANS);
        assert_eq!(spans["spans"][0]["text"].as_str().map(str::len), Some(1000));
    }
}
