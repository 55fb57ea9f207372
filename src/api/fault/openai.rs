//! Errors in the shape of OpenAI's API: `{"error":{"message","type","param","code"}}`.

use super::{detail, path};
use crate::json::write::Writer;
use crate::problem::{Fault, Problem};

/// Writes the body for `fault`, which is answered with the status `code`.
pub(super) fn body(fault: &Fault, code: u16, writer: &mut Writer<'_>) {
    writer.raw(b"{\"error\":{\"message\":\"");
    if fault.problem == Problem::UnsupportedInput {
        writer.raw(fault.expected.as_bytes());
    } else {
        detail(fault, writer);
    }
    writer.raw(b"\",\"type\":\"");
    writer.raw(if code < 500 { b"invalid_request_error" } else { b"server_error" });
    writer.raw(b"\",\"param\":");
    match &fault.field {
        Some(field) => {
            writer.raw(b"\"");
            path(field, writer);
            writer.raw(b"\"");
        }
        None => writer.raw(b"null"),
    }
    writer.raw(b",\"code\":\"");
    // What OpenAI has a name for is told by that.
    writer.raw(match fault.problem {
        Problem::Unauthorized => b"invalid_api_key",
        Problem::UnknownModel => b"model_not_found",
        problem => problem.error_type().as_bytes(),
    });
    writer.raw(b"\"}}");
}
