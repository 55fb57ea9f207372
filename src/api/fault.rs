//! The body of an error answer: RFC 9457 with `FastAPI`'s `detail`, a stable `error_type`, and the field,
//! byte or limit at fault. At a route that has the shape of another service, the error has it too.

pub mod google;
mod openai;

use std::fmt::Write as _;

use super::{Content, Outcome, oip};
use crate::json::write::Writer;
use crate::metrics::labels::Handler;
use crate::problem::{Fault, Field, Problem};

/// Writes the problem document for `fault`; [`super::SMALL_REPLY`] bytes are enough for any.
pub fn answer(fault: &Fault, out: &mut [u8]) -> Outcome {
    let problem = fault.problem;
    let mut writer = Writer::new(out);
    writer.raw(b"{\"type\":\"about:blank\",\"title\":\"");
    writer.raw(reason(problem.status()).as_bytes());
    writer.raw(b"\",\"status\":");
    writer.integer(u64::from(problem.status()));
    members(fault, &mut writer);
    let length = writer.finish().unwrap_or_default();
    Outcome {
        status: problem.status(),
        // RFC 6749, section 5.2, asks for this type; the document is the same.
        content: if problem.is_of_oauth() { Content::Json } else { Content::Problem },
        length,
        problem: Some(problem),
        retry_after: fault.retry_after,
    }
}

/// Writes what is wrong with a request to `handler`, in the shape of the service that its route has; [`super::SMALL_REPLY`]
/// bytes are enough for what is refused before a handler reads it, and twice as many for any.
pub fn answer_at(handler: Handler, fault: &Fault, out: &mut [u8]) -> Outcome {
    let body = match handler {
        Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Discovery => google::body,
        Handler::Moderations => openai::body,
        of if of.is_of_open_inference() => return oip::error::answer(fault, of, out),
        _ => return answer(fault, out),
    };
    let (problem, status) = (fault.problem, status(fault.problem, handler));
    let mut writer = Writer::new(out);
    body(fault, status, &mut writer);
    let length = writer.finish().unwrap_or_default();
    Outcome { status, content: Content::Json, length, problem: Some(problem), retry_after: fault.retry_after }
}

/// The status with which `problem` is answered at the route of `handler`: none of the services whose shapes routes have sends 422,
/// and the Open Inference Protocol has 404 for a model that is not there.
pub const fn status(problem: Problem, handler: Handler) -> u16 {
    match (problem, problem.status(), handler) {
        (Problem::UnknownModel, ..) if handler.is_of_open_inference() => 404,
        (_, 422, _) if handler.is_of_open_inference() => 400,
        (_, 422, Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Moderations) => 400,
        (_, status, _) => status,
    }
}

/// Writes `fault` in the place of one result among others: the document without `type` and `title`, which say nothing of it.
pub fn item(fault: &Fault, writer: &mut Writer<'_>) {
    writer.raw(b"{\"status\":");
    writer.integer(u64::from(fault.problem.status()));
    members(fault, writer);
}

/// From the `detail` to the last brace.
fn members(fault: &Fault, writer: &mut Writer<'_>) {
    writer.raw(b",\"detail\":\"");
    detail(fault, writer);
    writer.raw(b"\",\"error_type\":\"");
    writer.raw(fault.problem.error_type().as_bytes());
    writer.raw(b"\"");
    if fault.problem.is_of_oauth() {
        writer.raw(b",\"error\":\"");
        writer.raw(fault.problem.error_type().as_bytes());
        writer.raw(b"\"");
    }
    if let Some(field) = &fault.field {
        writer.raw(b",\"field\":\"");
        path(field, writer);
        writer.raw(b"\"");
    }
    if let Some(offset) = fault.offset {
        writer.raw(b",\"offset\":");
        writer.integer(offset as u64);
    }
    if let Some((_, limit)) = fault.count {
        writer.raw(b",\"limit\":");
        writer.integer(limit as u64);
    }
    writer.raw(b"}");
}

/// The reason phrase of a status that a problem has (RFC 9110, section 15), which RFC 9457 (section 4.2.1) wants as the title for
/// `about:blank`.
pub const fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}

/// One sentence that names what is wrong and how to mend it.
pub(crate) fn detail(fault: &Fault, writer: &mut Writer<'_>) {
    let (found, allowed) = fault.count.unwrap_or_default();
    if let Some(field) = &fault.field {
        writer.raw(b"field '");
        path(field, writer);
        writer.raw(b"' ");
    }
    // Writing to a `Writer` cannot fail; it remembers an overflow itself.
    let _ = match fault.problem {
        Problem::MalformedRequest if fault.field.is_some() => write!(writer, "{}", fault.expected),
        Problem::MalformedRequest => write!(writer, "the bytes are not an HTTP request"),
        Problem::MalformedJson => {
            write!(writer, "the body is not JSON: unexpected at byte {}", fault.offset.unwrap_or_default())
        }
        Problem::MalformedGzip => {
            write!(writer, "the body is not gzip, or not all of it, as its content-encoding says; compress it anew")
        }
        Problem::InvalidUtf8 => {
            write!(writer, "the body is not UTF-8: invalid at byte {}", fault.offset.unwrap_or_default())
        }
        Problem::NotFound => write!(writer, "no such path; GET / lists what there is"),
        Problem::MethodNotAllowed => write!(writer, "this path does not take this method; see the Allow header"),
        Problem::RequestTimeout => write!(writer, "the request did not arrive in time; send it again"),
        Problem::BodyTooLarge => write!(writer, "the body is longer than {allowed} bytes; send less at a time"),
        Problem::UnsupportedMediaType => write!(writer, "{}", media_types(fault)),
        Problem::InvalidType => write!(writer, "must be {}, not {}", fault.expected, fault.found),
        Problem::MissingField => write!(writer, "is missing; {}", fault.expected),
        Problem::UnknownField => write!(writer, "is not known here; {}", fault.expected),
        Problem::DuplicateField => write!(writer, "stands twice; send it once"),
        Problem::WrongLength => write!(writer, "must hold {}, not {found}", fault.expected),
        Problem::NumberOutOfRange => match fault.offset {
            Some(offset) => write!(writer, "the number at byte {offset} is out of range"),
            None => write!(writer, "must be a finite number in single precision"),
        },
        Problem::EmptyText => write!(writer, "holds nothing to score; send at least one letter, digit or sign"),
        Problem::TextTooLong => write!(writer, "is {found} bytes long; the limit is {allowed}"),
        Problem::UnknownModel => write!(writer, "must be one of 'simple', 'bert', 'auto' or a model of --model-dir"),
        Problem::HeaderSectionTooLarge => {
            write!(writer, "the header section is too large; send fewer or shorter headers")
        }
        Problem::Overloaded => write!(writer, "every slot is taken; try again after the Retry-After seconds"),
        Problem::ModelUnavailable => write!(writer, "the model is not loaded; {}", fault.expected),
        Problem::InferenceTimeout => {
            write!(writer, "the text waited too long for its model; try again after the Retry-After seconds")
        }
        Problem::Unauthorized => write!(writer, "not authenticated: {}", fault.expected),
        Problem::Forbidden => write!(writer, "the credential is good, but not for '{}'", fault.expected),
        Problem::TooManyAttempts => {
            write!(writer, "too many passwords were tried; try again after the Retry-After seconds")
        }
        Problem::InvalidRequest if fault.expected.is_empty() => write!(writer, "the form cannot be read"),
        Problem::InvalidRequest => write!(writer, "{}", fault.expected),
        Problem::UnsupportedGrantType => write!(writer, "grant_type must be 'password'"),
        Problem::InvalidGrant => write!(writer, "incorrect username or password"),
        Problem::InvalidScope => write!(writer, "must name scopes that the user has, parted by spaces"),
        Problem::UnknownAttribute => write!(writer, "names an attribute that no model here has"),
        Problem::UnsupportedLanguage => write!(writer, "names a language that the models do not read"),
        Problem::UnsupportedInput => write!(writer, "is of a kind that no model here reads"),
    };
}

/// What a body may be sent as: what is expected says where there is more than one way.
const fn media_types(fault: &Fault) -> &'static str {
    if fault.expected.is_empty() { "send the body with content-type: application/json" } else { fault.expected }
}

/// What is told of a body of another type than the route of `handler` takes; nothing where that is JSON alone.
pub const fn media_type_asked(handler: Handler) -> &'static str {
    match handler {
        Handler::AnalyzeBatch => {
            "send the body with content-type: application/json, or lines with application/x-ndjson"
        }
        Handler::Token => {
            "send the body with content-type: application/x-www-form-urlencoded, without content-encoding"
        }
        Handler::InferIris | Handler::InferText => "send the body as application/json or application/octet-stream",
        _ => "",
    }
}

/// The field's name with its place: `features[2][0]`.
pub(super) fn path(field: &Field, writer: &mut Writer<'_>) {
    writer.escaped(field.name());
    for index in [field.row, field.column].into_iter().flatten() {
        let _ = write!(writer, "[{index}]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SMALL_REPLY;

    #[test]
    fn every_problem_makes_a_complete_document_in_a_small_reply() {
        for problem in Problem::ALL {
            // No body is longer than 16 MiB (`--max-body-bytes`), so no place or count in one is larger.
            let most = 16 << 20;
            let longest = Fault::new(problem)
                .field(&"\"".repeat(99))
                .element(Some(most), Some(most))
                .at(most)
                .count(most, most)
                .expected("send 'features' with 4 numbers, or the 4 lengths and widths by name", "a boolean");
            for fault in [Fault::new(problem), longest] {
                let mut out = [0; SMALL_REPLY];
                let outcome = answer(&fault, &mut out);
                let json: serde_json::Value = serde_json::from_slice(&out[..outcome.length]).expect("valid JSON");
                assert_eq!(json["status"], problem.status());
                assert_eq!(json["error_type"], problem.error_type());
                assert!(json["detail"].as_str().is_some_and(|detail| detail.len() > 10));
            }
        }
    }

    #[test]
    fn every_problem_has_room_in_the_shape_of_every_service() {
        let most = 16 << 20;
        for (handler, problem) in Handler::ALL.into_iter().flat_map(|of| Problem::ALL.map(|problem| (of, problem))) {
            let longest = Fault::new(problem)
                .field(&"\"".repeat(99))
                .element(Some(most), Some(most))
                .at(most)
                .count(most, most)
                .expected(
                    "send an API key as X-API-Key, or a token of POST /token as Authorization: Bearer",
                    "a boolean",
                );
            for (fault, room) in [(Fault::new(problem), SMALL_REPLY), (longest, 2 * SMALL_REPLY)] {
                let mut out = vec![0; room];
                let outcome = answer_at(handler, &fault, &mut out);
                let json: serde_json::Value = serde_json::from_slice(&out[..outcome.length]).expect("valid JSON");
                assert_eq!(outcome.status, status(problem, handler));
                assert!(json.is_object(), "{json}");
            }
        }
    }

    #[test]
    fn fields_are_named_with_their_place() {
        let fault = Fault::new(Problem::NumberOutOfRange).field("features").element(Some(2), Some(0));
        let mut out = [0; SMALL_REPLY];
        let outcome = answer(&fault, &mut out);
        let json: serde_json::Value = serde_json::from_slice(&out[..outcome.length]).expect("valid JSON");
        assert_eq!(json["field"], "features[2][0]");
        assert_eq!(json["detail"], "field 'features[2][0]' must be a finite number in single precision");
    }
}
