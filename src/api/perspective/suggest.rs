//! `POST /v1alpha1/comments:suggestscore`: a `SuggestCommentScoreRequest`, read, counted and dropped. No model here learns
//! from what it is told, and nothing is stored.

use super::asked::{check_text, write_token};
use super::attribute::ATTRIBUTES;
use super::fields::{self, members};
use super::language;
use crate::api::{Limits, Request, Worker};
use crate::json::read::Value;
use crate::json::write::Writer;
use crate::metrics::labels::SUGGESTED;
use crate::problem::{Fault, Problem};

/// Answers that the suggestion has been taken; answers the length.
///
/// # Errors
/// What is wrong with it: then nothing is counted.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<usize, Fault> {
    let Worker { reader, limits, shard, .. } = worker;
    let mut suggested = [0; SUGGESTED.len()];
    let length = reader.read(request.body, |root| read(root, limits, &mut suggested, out))?;
    shard.suggested(&suggested);
    Ok(length)
}

/// Reads a suggestion, counts its attributes and writes the answer.
fn read(
    root: Value<'_>,
    limits: &Limits,
    suggested: &mut [u64; SUGGESTED.len()],
    out: &mut [u8],
) -> Result<usize, Fault> {
    let [comment, context, scores, languages, community, token, session] = members(
        root,
        "body",
        [
            ("comment", "comment"),
            ("context", "context"),
            ("attributeScores", "attribute_scores"),
            ("languages", "languages"),
            ("communityId", "community_id"),
            ("clientToken", "client_token"),
            ("sessionId", "session_id"),
        ],
    )?;
    check_text(comment.map_or(Ok(""), |comment| fields::text(comment, "comment"))?, limits)?;
    fields::context(context)?;
    fields::string(community, "communityId")?;
    fields::string(session, "sessionId")?;
    count(scores, suggested)?;
    let mut writer = Writer::new(out);
    writer.raw(b"{");
    if languages.is_some() {
        writer.raw(b"\"requestedLanguages\":");
        // In whatever language: nothing is made of it.
        let _ = language::read(languages, &mut writer)?;
    }
    write_token(fields::string(token, "clientToken")?, &mut writer, if languages.is_some() { "," } else { "" })?;
    writer.raw(b"}");
    Ok(writer.finish().unwrap_or_default())
}

/// Counts the attributes of `attributeScores`, each of which has a score.
fn count(scores: Option<Value<'_>>, suggested: &mut [u64; SUGGESTED.len()]) -> Result<(), Fault> {
    let missing = Fault::new(Problem::MissingField).field(SCORES).expected("suggest a score", "");
    let scores = scores.ok_or(missing.clone())?;
    let not_an_object = Fault::new(Problem::InvalidType).field(SCORES).expected("an object", scores.type_name());
    let mut any = false;
    for (name, of_attribute) in scores.as_object().ok_or(not_an_object)? {
        let both = [("summaryScore", "summary_score"), ("spanScores", "span_scores")];
        let [summary, spans] = members(of_attribute, SCORES, both)?;
        let mut found = summary.map_or(Ok(false), |summary| score(summary).map(|()| true))?;
        if let Some(spans) = spans {
            let not_a_list = Fault::new(Problem::InvalidType).field("spanScores").expected("a list", spans.type_name());
            for span in spans.as_array().ok_or(not_a_list)?.1 {
                let [begin, end, value] =
                    members(span, "spanScores", [("begin", "begin"), ("end", "end"), ("score", "score")])?;
                let unset = |name| Fault::new(Problem::MissingField).field(name).expected("say what the span is", "");
                fields::number(begin, "begin")?.ok_or(unset("begin"))?;
                fields::number(end, "end")?.ok_or(unset("end"))?;
                score(value.ok_or(unset("score"))?)?;
                found = true;
            }
        }
        if !found {
            return Err(missing);
        }
        any = true;
        let place = ATTRIBUTES.iter().position(|(own, _)| *own == name).unwrap_or(ATTRIBUTES.len());
        if let Some(count) = suggested.get_mut(place) {
            *count += 1;
        }
    }
    if any { Ok(()) } else { Err(missing) }
}

/// A `Score`, which must have a value.
fn score(value: Value<'_>) -> Result<(), Fault> {
    let [value, kind] = members(value, "score", [("value", "value"), ("type", "type")])?;
    fields::string(kind, "type")?;
    let missing = Fault::new(Problem::MissingField).field("value").expected("say the score", "");
    fields::number(value, "value")?.ok_or(missing).map(drop)
}

const SCORES: &str = "attributeScores";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_that_are_counted_are_ours_in_their_order_and_others() {
        let ours: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
        assert_eq!(SUGGESTED[..ours.len()], ours[..]);
        assert_eq!(SUGGESTED.last(), Some(&"other"));
    }
}
