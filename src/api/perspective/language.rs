//! The languages that a request names.

use crate::json::read::Value;
use crate::json::write::Writer;
use crate::problem::{Fault, Problem};

/// What our models were trained on: English, and less of French.
pub const LANGUAGES: [&str; 2] = ["en", "fr"];

/// The most languages that a request may name.
pub const MOST: usize = 16;

/// The longest name of a language, in bytes: RFC 5646, section 4.4.1, says that 35 are enough for any.
pub const MAX_NAME: usize = 35;

/// Writes the `languages` of a request to `echo` as a list of JSON, and answers those that our models do not read, `", "`
/// between them; `None` if there is no such. Where none is named the text is taken for English: nothing here tells languages
/// apart.
///
/// # Errors
/// If it is no list of names.
pub fn read(value: Option<Value<'_>>, echo: &mut Writer<'_>) -> Result<Option<Unsupported>, Fault> {
    let Some(value) = value else {
        echo.raw(b"[\"en\"]");
        return Ok(None);
    };
    let wrong = |found| Fault::new(Problem::InvalidType).field("languages").expected("a list of names", found);
    let (count, languages) = value.as_array().ok_or(wrong(value.type_name()))?;
    if count == 0 {
        return read(None, echo);
    }
    let mut unsupported = Unsupported { names: [0; MAX_NAME + 13], length: 0 };
    echo.raw(b"[");
    for (at, language) in languages.enumerate() {
        let name = language.as_str().ok_or(wrong(language.type_name()))?;
        if name.is_empty() || name.len() > MAX_NAME || at == MOST || !name.bytes().all(is_of_names) {
            return Err(wrong("empty, longer, other or more names"));
        }
        echo.raw(if at == 0 { b"" } else { b"," });
        echo.string(name);
        let primary = name.split(['-', '_']).next().unwrap_or_default();
        if !LANGUAGES.iter().any(|own| own.eq_ignore_ascii_case(primary)) {
            unsupported.push(name);
        }
    }
    echo.raw(b"]");
    Ok((unsupported.length > 0).then_some(unsupported))
}

/// Whether a name may have this (RFC 5646, section 2.1), with `_` for who writes it so.
const fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Names of languages, as many as have room where an error tells them.
pub struct Unsupported {
    names: [u8; MAX_NAME + 13],
    length: usize,
}

impl Unsupported {
    fn push(&mut self, name: &str) {
        let separator = if self.length == 0 { "" } else { ", " };
        let end = self.length + separator.len() + name.len();
        if let Some(room) = self.names.get_mut(self.length..end) {
            let (before, after) = room.split_at_mut(separator.len());
            before.copy_from_slice(separator.as_bytes());
            after.copy_from_slice(name.as_bytes());
            self.length = end;
        }
    }

    /// The names.
    pub fn names(&self) -> &str {
        std::str::from_utf8(&self.names[..self.length]).unwrap_or_default()
    }
}
