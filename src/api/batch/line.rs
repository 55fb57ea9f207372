//! What one line of a stream asks.

use crate::api::analyze::asked::{self, Asked, Choice};
use crate::json::read::Value;
use crate::model::Models;
use crate::problem::{Fault, Problem};

/// A string, for `simple` to score, or `{"text": string, "model"?: ...}` as `POST /analyze` takes it.
pub(super) fn parse<'t>(root: Value<'t>, max_text: usize, models: Option<&Models>) -> Result<Asked<'t>, Fault> {
    let Some(text) = root.as_str() else {
        if root.as_object().is_none() {
            let fault = Fault::new(Problem::InvalidType).field("line");
            return Err(fault.expected("a string or an object", root.type_name()));
        }
        let asked = asked::parse(root, max_text, models)?;
        if asked.explain {
            return Err(Fault::new(Problem::UnknownField)
                .field("explain")
                .expected("POST /analyze explains a text", ""));
        }
        return Ok(asked);
    };
    if text.len() > max_text {
        return Err(Fault::new(Problem::TextTooLong).field("text").count(text.len(), max_text));
    }
    Ok(Asked { text, choice: Choice::Simple, explain: false })
}
