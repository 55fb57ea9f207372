//! The text in a line of JSON: found without keeping the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The way from a document to a member: names, of which a number also counts in a list, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// What stands in a document.
#[derive(Debug, Default, PartialEq)]
pub struct Found<'de> {
    /// What the path leads to: a text, or the type of what is none. `None` if it leads nowhere.
    pub text: Option<Result<Cow<'de, str>, &'static str>>,
    /// Whether the path leads to more than one.
    pub is_twice: bool,
    /// Whether the document is an object; else it is a string.
    pub is_object: bool,
    /// A member that has the name of one that is to be added.
    pub taken: Option<String>,
}

impl Path {
    /// The path that `text` writes: a JSON pointer (RFC 6901) if it begins with a slash, else names with dots between them.
    pub fn parse(text: &str) -> Self {
        Self(match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        })
    }

    /// Looks through `line`, a JSON document (RFC 8259). A string is itself the text. `added` tells which members are to be added.
    ///
    /// # Errors
    /// What is not JSON in it, or that it is neither an object nor a string.
    pub fn find<'de>(&self, line: &'de str, added: &dyn Fn(&str) -> bool) -> serde_json::Result<Found<'de>> {
        let mut found = Found::default();
        let mut document = serde_json::Deserializer::from_str(line);
        let seek = Seek { path: &self.0, root: Some(added), found: &mut found };
        seek.deserialize(&mut document)?;
        document.end()?;
        Ok(found)
    }
}

/// Reads one value.
struct Seek<'s, 'de> {
    /// What is left of the path.
    path: &'s [String],
    /// Of the whole document: which members are to be added.
    root: Option<&'s dyn Fn(&str) -> bool>,
    found: &'s mut Found<'de>,
}

impl<'de> Seek<'_, 'de> {
    /// Keeps a value that is no list and no object.
    fn keep<E: Error>(self, value: Result<Cow<'de, str>, &'static str>) -> Result<(), E> {
        if self.root.is_some() && value.is_err() {
            return Err(E::custom(NEITHER));
        }
        if self.path.is_empty() || self.root.is_some() {
            self.found.is_twice |= self.found.text.replace(value).is_some();
        }
        Ok(())
    }

    fn has_come(&mut self, name: &'static str) {
        if self.path.is_empty() {
            self.found.is_twice |= self.found.text.replace(Err(name)).is_some();
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.keep(Ok(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.keep(Ok(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.keep(Err("null"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.keep(Err("a boolean"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.keep(Err("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.keep(Err("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.keep(Err("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        if self.root.is_some() {
            return Err(A::Error::custom(NEITHER));
        }
        self.has_come("a list");
        let place = self.path.first().and_then(|name| name.parse().ok());
        for index in 0_usize.. {
            let more = if place == Some(index) {
                list.next_element_seed(Seek { path: &self.path[1..], root: None, found: self.found })?
            } else {
                list.next_element::<IgnoredAny>()?.map(drop)
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.found.is_object |= self.root.is_some();
        self.has_come("an object");
        while let Some(Name(name)) = members.next_key()? {
            if self.found.taken.is_none() && self.root.is_some_and(|added| added(&name)) {
                self.found.taken = Some(name.clone().into_owned());
            }
            if self.path.first().is_some_and(|first| *first == name) {
                members.next_value_seed(Seek { path: &self.path[1..], root: None, found: self.found })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A member's name, borrowed from the line where it holds no escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

const NEITHER: &str = "it is neither an object nor a string";

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'l>(path: &str, line: &'l str) -> Found<'l> {
        Path::parse(path).find(line, &|name| name == "score").expect("JSON")
    }

    fn text<'l>(path: &str, line: &'l str) -> Option<Result<Cow<'l, str>, &'static str>> {
        let found = find(path, line);
        assert!(!found.is_twice && found.taken.is_none());
        found.text
    }

    #[test]
    fn a_path_leads_to_a_text() {
        let line = r#"{"id":[1,{"text":2}],"text":"a\n\u00e9","data":{"text":"b","list":[0,{"c.d/e~":"c"}]}}"#;
        assert_eq!(text("text", line), Some(Ok("a\né".into())));
        assert_eq!(text("data.text", line), Some(Ok("b".into())));
        assert_eq!(text("/data/list/1/c.d~1e~0", line), Some(Ok("c".into())));
        assert!(matches!(text("data.text", line), Some(Ok(Cow::Borrowed(_)))), "nothing is copied that need not be");
        assert_eq!(text("nowhere", line), None);
        assert_eq!(text("text.more", line), None);
        assert_eq!(text("data.list.2", line), None);
        assert_eq!(text("anything", r#" "itself" "#), Some(Ok("itself".into())));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let line = r#"{"a":null,"b":true,"c":1.5,"d":[1],"e":{},"f":-1,"g":1}"#;
        for (path, name) in [("a", "null"), ("b", "a boolean"), ("c", "a number"), ("d", "a list"), ("e", "an object")]
        {
            assert_eq!(text(path, line), Some(Err(name)));
        }
        assert_eq!((text("f", line), text("g", line)), (Some(Err("a number")), Some(Err("a number"))));
        assert!(find("text", r#"{"text":"a","text":"b"}"#).is_twice);
        assert_eq!(find("text", r#"{"text":{"score":1},"score":1}"#).taken.as_deref(), Some("score"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for line in ["", "{", "1", "null", "[\"a\"]", "{\"text\":\"a\"} b", "\"a\" \"b\"", "{\"text\":\"\u{1}\"}"] {
            assert!(Path::parse("text").find(line, &|_| false).is_err(), "{line}");
        }
    }
}
