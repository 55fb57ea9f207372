//! What is wrong, as the protocol tells it: `{"error": string}`, with 400 in the place of 422, and 404 of a model.

use std::fmt::Write as _;

use crate::api::{Content, Outcome, fault};
use crate::json::write::Writer;
use crate::metrics::labels::Handler;
use crate::problem::{Fault, Problem};

/// Writes what is wrong with a request to the route of `handler`; [`SMALL_REPLY`](crate::api::SMALL_REPLY) bytes are enough.
pub fn answer(found: &Fault, handler: Handler, out: &mut [u8]) -> Outcome {
    let mut writer = Writer::new(out);
    writer.raw(br#"{"error":""#);
    sentence(found, &mut writer);
    writer.raw(br#""}"#);
    let length = writer.finish().unwrap_or_default();
    Outcome {
        status: fault::status(found.problem, handler),
        content: Content::Json,
        length,
        problem: Some(found.problem),
        retry_after: found.retry_after,
    }
}

fn sentence(found: &Fault, writer: &mut Writer<'_>) {
    match (found.problem, &found.field) {
        (Problem::UnknownModel, Some(name)) => {
            writer.raw(b"model '");
            writer.escaped(name.name());
            writer.raw(b"' ");
            let why = if found.expected.is_empty() {
                "is not served; GET /model-info lists those that are"
            } else {
                found.expected
            };
            writer.raw(why.as_bytes());
        }
        (Problem::InvalidUtf8, Some(field)) => {
            writer.raw(b"field '");
            fault::path(field, writer);
            let _ = write!(writer, "' is not UTF-8: invalid at its byte {}", found.offset.unwrap_or_default());
        }
        (Problem::NotFound, _) => writer.raw(NOT_FOUND.as_bytes()),
        (Problem::WrongLength, Some(field)) => {
            let (count, allowed) = found.count.unwrap_or_default();
            writer.raw(b"field '");
            fault::path(field, writer);
            // Writing to a `Writer` cannot fail; it remembers an overflow itself.
            let _ = write!(writer, "' must hold {} ({allowed}), not {count}", found.expected);
        }
        _ => fault::detail(found, writer),
    }
}

const NOT_FOUND: &str = "no such path: of the Open Inference Protocol there are metadata, health and infer over HTTP; \
    no model repository, configuration, statistics, tracing, generation or shared memory";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SMALL_REPLY;

    #[test]
    fn every_problem_is_one_sentence_in_a_small_reply_with_a_status_that_the_protocol_knows() {
        for problem in Problem::ALL {
            let most = 16 << 20;
            let longest = Fault::new(problem)
                .field(&"\"".repeat(99))
                .element(Some(most), Some(most))
                .at(most)
                .count(most, most)
                .expected(NOT_FOUND, "a boolean");
            for fault in [Fault::new(problem), longest] {
                let mut out = [0; SMALL_REPLY];
                let outcome = answer(&fault, Handler::InferIris, &mut out);
                let json: serde_json::Value = serde_json::from_slice(&out[..outcome.length]).expect("valid JSON");
                assert!(json["error"].as_str().is_some_and(|error| error.len() > 10), "{json}");
                assert_eq!(json.as_object().map(serde_json::Map::len), Some(1));
                assert_ne!(outcome.status, 422);
            }
        }
    }
}
