//! The texts of a body, copied out of it: the parser's memory is lent to the next request before all are scored.

use crate::api::Limits;
use crate::api::analyze::asked::{Asked, Choice, parse_choice};
use crate::json::read::Value;
use crate::model::Models;
use crate::problem::{Fault, Problem};

/// The texts of one batch, one after the other, each behind its length in bytes.
pub struct Texts {
    bytes: Vec<u8>,
    /// Where the next one begins, and which it is.
    next: usize,
    place: usize,
    choice: Choice,
}

impl Texts {
    /// No text, with room for those of any body within `limits`.
    pub fn new(limits: &Limits) -> Self {
        // In JSON a string has two quotation marks and a comma beside its bytes, which is one byte less than a length has.
        let bytes = Vec::with_capacity(limits.body + limits.batch * LENGTH);
        Self { bytes, next: 0, place: 0, choice: Choice::Simple }
    }

    /// Reads `{"texts": [string, ...], "model"?: "simple" | "bert" | "auto" | a user's model | null}`. What is in the place of
    /// a text is told when its turn comes.
    pub(super) fn read(&mut self, root: Value<'_>, limits: &Limits, models: Option<&Models>) -> Result<(), Fault> {
        self.bytes.clear();
        (self.next, self.place, self.choice) = (0, 0, Choice::Simple);
        let not_an_object = Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name());
        let (mut texts, mut choice) = (None, None);
        for (key, value) in root.as_object().ok_or(not_an_object)? {
            let twice = match key {
                "texts" => texts.replace(value).is_some(),
                "model" => choice.replace(parse_choice(value, models)?).is_some(),
                _ => {
                    let fault = Fault::new(Problem::UnknownField).field(key);
                    return Err(fault.expected("send 'texts' and, at will, 'model'", ""));
                }
            };
            if twice {
                return Err(Fault::new(Problem::DuplicateField).field(key));
            }
        }
        self.choice = choice.unwrap_or(Choice::Simple);
        let missing = Fault::new(Problem::MissingField).field("texts").expected("send a list of texts to score", "");
        let texts = texts.ok_or(missing)?;
        let not_a_list = Fault::new(Problem::InvalidType).field("texts").expected("a list", texts.type_name());
        let (length, texts) = texts.as_array().ok_or(not_a_list)?;
        if length > limits.batch {
            let fault = Fault::new(Problem::WrongLength).field("texts").count(length, limits.batch);
            return Err(fault.expected("no more texts than 'limit' says", ""));
        }
        for text in texts {
            match text.as_str() {
                Some(text) => self.push(text.len() as u32, text.as_bytes()),
                None => self.push(OTHER + type_of(text), b""),
            }
            .ok_or(Fault::new(Problem::BodyTooLarge).count(0, limits.body))?;
        }
        Ok(())
    }

    /// The text whose turn it is, or what is wrong with it; `None` after the last.
    pub(super) fn next(&self, max_text: usize) -> Option<Result<Asked<'_>, Fault>> {
        let (length, rest) = self.bytes.get(self.next..)?.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        if let Some(other) = length.checked_sub(OTHER) {
            let found = TYPES.get(other as usize).copied().unwrap_or_default();
            return Some(Err(Fault::new(Problem::InvalidType).field("text").expected("a string", found)));
        }
        let length = length as usize;
        if length > max_text {
            return Some(Err(Fault::new(Problem::TextTooLong).field("text").count(length, max_text)));
        }
        // It was a string when it was copied.
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        Some(Ok(Asked { text, choice: self.choice, explain: false }))
    }

    /// The place of that text among all.
    pub(super) const fn place(&self) -> usize {
        self.place
    }

    /// The turn passes to the next text.
    pub(super) fn advance(&mut self) {
        let Some((length, _)) = self.bytes[self.next..].split_first_chunk() else { return };
        let length = u32::from_le_bytes(*length);
        self.next += LENGTH + if length < OTHER { length as usize } else { 0 };
        self.place += 1;
    }

    fn push(&mut self, length: u32, text: &[u8]) -> Option<()> {
        if self.bytes.capacity() - self.bytes.len() < LENGTH + text.len() {
            return None;
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text);
        Some(())
    }
}

/// Which of [`TYPES`] stands in the place of a text.
fn type_of(value: Value<'_>) -> u32 {
    TYPES.iter().position(|name| *name == value.type_name()).unwrap_or_default() as u32
}

const LENGTH: usize = size_of::<u32>();

/// From here on a length says that there is no text; no body is as long.
const OTHER: u32 = u32::MAX - 7;

/// What can stand in the place of a text.
const TYPES: [&str; 5] = ["null", "a number", "a boolean", "a list", "an object"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::json::read::Reader;

    const LIMITS: Limits = Limits { body: 4096, text: 64, rows: 1, batch: 8, window: 1 };

    fn read(body: &str) -> Result<Texts, Fault> {
        let mut texts = Texts::new(&LIMITS);
        Reader::new(LIMITS.body).read(body.as_bytes(), |root| texts.read(root, &LIMITS, None)).map(|()| texts)
    }

    fn told(texts: &mut Texts) -> Vec<Result<String, Fault>> {
        let mut told = Vec::new();
        while let Some(next) = texts.next(LIMITS.text) {
            told.push(next.map(|asked| asked.text.to_owned()));
            assert_eq!(texts.place() + 1, told.len());
            texts.advance();
        }
        told
    }

    proptest! {
        #[test]
        fn every_text_comes_back_in_its_place(texts in prop::collection::vec("\\PC{0,20}|[\\x00-\\x7f]{0,64}", 0..=8)) {
            let mut read = read(&json!({"model": "auto", "texts": texts}).to_string()).expect("a batch");
            let fits = |text: &String| text.len() <= LIMITS.text;
            let found: Vec<_> = told(&mut read).into_iter().map(Result::ok).collect();
            let expected: Vec<_> = texts.iter().map(|text| fits(text).then(|| text.clone())).collect();
            prop_assert_eq!((found, read.choice), (expected, Choice::Auto));
        }
    }

    #[test]
    fn the_smallest_bodies_with_the_most_texts_find_room() {
        let mut texts = Texts::new(&Limits { body: 26, ..LIMITS });
        for body in [r#"{"texts":[1,1,1,1,1,1,1]}"#, r#"{"texts":["","","",""]}"#] {
            Reader::new(26).read(body.as_bytes(), |root| texts.read(root, &LIMITS, None)).expect("a batch");
            assert!(told(&mut texts).len() >= 4);
        }
    }

    #[test]
    fn what_is_no_text_is_told_in_its_place() {
        let long = "a".repeat(65);
        let body = json!({"texts": ["a", 1, null, true, [], {}, long, "b"]}).to_string();
        let told = told(&mut read(&body).expect("a batch"));
        let found: Vec<_> =
            told.iter().map(|text| text.as_ref().map_err(|fault| (fault.problem, fault.found)).cloned()).collect();
        let other = |found| Err((Problem::InvalidType, found));
        let expected = [
            Ok("a".to_owned()),
            other("a number"),
            other("null"),
            other("a boolean"),
            other("a list"),
            other("an object"),
            Err((Problem::TextTooLong, "")),
            Ok("b".to_owned()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_body_of_another_shape_is_refused_as_a_whole() {
        let nine = json!({"texts": vec![Json::from("a"); 9]}).to_string();
        for (body, problem, field) in [
            ("[]", Problem::InvalidType, "body"),
            ("{}", Problem::MissingField, "texts"),
            (r#"{"texts":"a"}"#, Problem::InvalidType, "texts"),
            (r#"{"texts":[],"texts":[]}"#, Problem::DuplicateField, "texts"),
            (r#"{"texts":[],"text":"a"}"#, Problem::UnknownField, "text"),
            (r#"{"texts":[],"model":1}"#, Problem::InvalidType, "model"),
            (&nine, Problem::WrongLength, "texts"),
        ] {
            let fault = read(body).err().expect("a fault");
            assert_eq!((fault.problem, fault.field.expect("a field").name()), (problem, field), "{body}");
        }
    }
}
