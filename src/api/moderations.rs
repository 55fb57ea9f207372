//! `POST /v1/moderations`: scores in the shape of OpenAI's moderation, for clients that change nothing but the address.
//!
//! A category is judged where a label of the model means the same, and is `null` everywhere else: no score is made up of
//! others. `CATEGORIES` says which.

pub(super) mod asked;

use std::fmt::Write as _;

use super::analyze::asked::Choice;
use super::batch::Scored;
use super::round::Round;
use crate::json::write::Writer;
use crate::model::Loaded;
use crate::model::manifest::MAX_NAME_BYTES;
use asked::Inputs;
pub(super) use asked::THEIRS;

/// OpenAI's categories, in its order, each with the label of ours that means the same. A user's model may have a label that
/// is called as the category is.
///
/// `insult` (Jigsaw: insulting, inflammatory or negative towards a person or a group) stands for language that harasses a
/// target, `threat` (an intention to inflict pain, injury or violence against one) for that which also threatens it, and
/// `identity_hate` for hate. That a text is both hate and a threat is not known from the two by themselves; a threat is no
/// depiction of violence; and what is obscene in Jigsaw's sense are swear words, which need not be sexual.
pub(super) const CATEGORIES: [(&str, Option<&str>); 13] = [
    ("harassment", Some("insult")),
    ("harassment/threatening", Some("threat")),
    ("sexual", None),
    ("hate", Some("identity_hate")),
    ("hate/threatening", None),
    ("illicit", None),
    ("illicit/violent", None),
    ("self-harm/intent", None),
    ("self-harm/instructions", None),
    ("self-harm", None),
    ("sexual/minors", None),
    ("violence", None),
    ("violence/graphic", None),
];

/// From this probability on a category is flagged: it is more likely than not, our probabilities being calibrated.
const FLAGGED: f32 = 0.5;

/// A probability for each category that is judged.
type Judged = [Option<f32>; CATEGORIES.len()];

/// Writes the answer for `inputs`, whose texts are scored; answers its length. `id` tells the answer from all others.
pub(super) fn render(round: &Round, inputs: Inputs, loaded: &Loaded, id: u128, out: &mut [u8]) -> usize {
    let mut writer = Writer::new(out);
    // Writing to a `Writer` cannot fail; it remembers an overflow itself.
    let _ = write!(writer, r#"{{"id":"modr-{id:032x}","model":""#);
    writer.raw(model_name(round.choice, loaded).as_bytes());
    writer.raw(br#"","results":["#);
    let verdicts = round.each().filter_map(|(_, verdict)| verdict);
    if inputs.is_one() {
        // The parts of one input: what one of them is, the whole is.
        let highest = |all: Judged, one: Judged| {
            std::array::from_fn(|at| match (all[at], one[at]) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            })
        };
        let judged = verdicts.map(|verdict| judge(verdict, loaded)).reduce(highest);
        result(&judged.unwrap_or_default(), &mut writer);
    } else {
        for (index, verdict) in verdicts.enumerate() {
            writer.raw(if index == 0 { b"" } else { b"," });
            result(&judge(verdict, loaded), &mut writer);
        }
    }
    writer.raw(b"]}");
    writer.finish().unwrap_or_default()
}

fn judge(verdict: &Scored, loaded: &Loaded) -> Judged {
    CATEGORIES.map(|(category, label)| {
        let own = label.and_then(|label| verdict.probability(loaded, label));
        own.or_else(|| verdict.probability(loaded, category))
    })
}

fn result(judged: &Judged, writer: &mut Writer<'_>) {
    let flags = judged.map(|value| value.map(|value| value >= FLAGGED));
    writer.raw(br#"{"flagged":"#);
    writer.raw(truth(flags.contains(&Some(true))));
    members(",\"categories\":{", writer, |at, writer| writer.raw(flags[at].map_or(b"null", truth)));
    members("},\"category_scores\":{", writer, |at, writer| match judged[at] {
        Some(value) => writer.probability(value),
        None => writer.raw(b"null"),
    });
    members("},\"category_applied_input_types\":{", writer, |at, writer| {
        writer.raw(if judged[at].is_some() { b"[\"text\"]" } else { b"[]" });
    });
    writer.raw(b"}}");
}

fn members(before: &str, writer: &mut Writer<'_>, value: impl Fn(usize, &mut Writer<'_>)) {
    writer.raw(before.as_bytes());
    for (at, (category, _)) in CATEGORIES.iter().enumerate() {
        writer.raw(if at == 0 { b"\"" } else { b",\"" });
        writer.raw(category.as_bytes());
        writer.raw(b"\":");
        value(at, writer);
    }
}

const fn truth(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// What was asked, by the name that a request has for it.
fn model_name(choice: Choice, loaded: &Loaded) -> &str {
    match choice {
        Choice::Simple => "simple",
        Choice::Bert => "bert",
        Choice::Auto => "auto",
        Choice::Custom(place) => {
            let custom = loaded.models().and_then(|models| models.custom.get(place));
            custom.map_or("", |custom| custom.model().manifest().name.as_str())
        }
    }
}

/// Bytes that the answer to so many inputs takes at most.
pub const fn max_len(inputs: usize) -> usize {
    let mut names = 0;
    let mut at = 0;
    while at < CATEGORIES.len() {
        names += CATEGORIES[at].0.len() + 4;
        at += 1;
    }
    let values = CATEGORIES.len() * ("false".len() + "0.123456".len() + "[\"text\"]".len());
    let around = r#",{"flagged":false,"categories":{},"category_scores":{},"category_applied_input_types":{}}"#.len();
    inputs * (3 * names + values + around) + MAX_NAME_BYTES + 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_judged_is_null_and_the_longest_result_has_room() {
        for judged in
            [[None; CATEGORIES.len()], [Some(0.499_999_6); CATEGORIES.len()], [Some(0.123_456); CATEGORIES.len()]]
        {
            let mut out = vec![0; max_len(1)];
            let mut writer = Writer::new(&mut out);
            result(&judged, &mut writer);
            let length = writer.finish().expect("it fits");
            let json: serde_json::Value = serde_json::from_slice(&out[..length]).expect("JSON");
            assert_eq!(json["flagged"], false);
            for (category, _) in CATEGORIES {
                assert_eq!(json["categories"][category].is_null(), judged[0].is_none());
                assert_eq!(json["category_scores"][category].is_null(), judged[0].is_none());
                let types = json["category_applied_input_types"][category].as_array().map(Vec::len);
                assert_eq!(types, Some(usize::from(judged[0].is_some())));
            }
        }
    }
}
