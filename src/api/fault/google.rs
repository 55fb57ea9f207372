//! Errors in the shape of Google's APIs (AIP-193): `{"error":{"code","message","status","details"}}`, with the messages and
//! the `errorType` that Perspective's documentation lists.

use std::fmt::Write as _;

use super::detail;
use crate::json::write::Writer;
use crate::problem::{Fault, Problem};

/// Writes the body for `fault`, which is answered with the status `code`.
pub(super) fn body(fault: &Fault, code: u16, writer: &mut Writer<'_>) {
    writer.raw(b"{\"error\":{\"code\":");
    writer.integer(u64::from(code));
    writer.raw(b",\"message\":\"");
    message(fault, writer);
    writer.raw(b"\",\"status\":\"");
    writer.raw(status(code).as_bytes());
    writer.raw(b"\"");
    details(fault, writer);
    writer.raw(b"}}");
}

/// The name of the `google.rpc.Code` that goes with an HTTP status.
const fn status(code: u16) -> &'static str {
    match code {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 => "UNIMPLEMENTED",
        408 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

fn message(fault: &Fault, writer: &mut Writer<'_>) {
    let name = fault.field.as_ref().map_or("", |field| field.name());
    // Writing to a `Writer` cannot fail; it remembers an overflow itself.
    let _ = match fault.problem {
        Problem::EmptyText => writer.write_str("Comment must be non-empty."),
        Problem::TextTooLong => writer.write_str("Comment text too long."),
        Problem::MissingField if name == REQUESTED => writer.write_str("Missing requested_attributes"),
        Problem::UnknownAttribute => {
            let _ = writer.write_str("Unknown requested attribute: ");
            writer.escaped(name);
            Ok(())
        }
        Problem::UnsupportedLanguage => {
            let _ = write!(writer, "Attribute {} does not support request languages: ", fault.expected);
            writer.escaped(name);
            Ok(())
        }
        Problem::UnsupportedInput if fault.found.is_empty() => writer.write_str(fault.expected),
        Problem::UnsupportedInput => {
            let _ = write!(writer, "Requested score type {} is not supported by attribute ", fault.found);
            writer.escaped(name);
            Ok(())
        }
        Problem::UnknownField => {
            unknown_name(name, writer);
            Ok(())
        }
        _ => {
            detail(fault, writer);
            Ok(())
        }
    };
}

fn unknown_name(name: &str, writer: &mut Writer<'_>) {
    writer.raw(b"Invalid JSON payload received. Unknown name \\\"");
    writer.escaped(name);
    writer.raw(b"\\\": Cannot find field.");
}

fn details(fault: &Fault, writer: &mut Writer<'_>) {
    let kind = match fault.problem {
        Problem::EmptyText => "COMMENT_EMPTY",
        Problem::TextTooLong => "COMMENT_TOO_LONG",
        Problem::UnsupportedLanguage => "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        Problem::MissingField if fault.field.as_ref().is_some_and(|field| field.name() == REQUESTED) => {
            "NO_REQUESTED_ATTRIBUTES"
        }
        Problem::UnknownAttribute
        | Problem::UnsupportedInput
        | Problem::UnknownField
        | Problem::DuplicateField
        | Problem::MissingField
        | Problem::InvalidType => "INVALID_REQUEST",
        _ => return,
    };
    writer.raw(br#","details":[{"@type":"type.googleapis.com/google.commentanalyzer.v1alpha1.Error","errorType":""#);
    writer.raw(kind.as_bytes());
    writer.raw(b"\"");
    if let (Problem::UnsupportedLanguage, Some(languages)) = (fault.problem, &fault.field) {
        writer.raw(br#","languageNotSupportedByAttributeError":{"requestedLanguages":["#);
        for (index, language) in languages.name().split(", ").enumerate() {
            writer.raw(if index == 0 { b"" } else { b"," });
            writer.string(language);
        }
        writer.raw(b"],\"attribute\":");
        writer.string(fault.expected);
        writer.raw(b"}");
    }
    writer.raw(b"}]");
}

/// The field without which there is nothing to score for.
pub const REQUESTED: &str = "requestedAttributes";
