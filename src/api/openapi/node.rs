//! JSON that keeps the order in which it was put together, as people read it.

use crate::json::read::{Reader, Value};

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// JSON as it stands, on one line.
    Raw(String),
    /// A list.
    List(Vec<Node>),
    /// An object; its members in this order.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// An object without members.
    pub const fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// The string `text`.
    pub fn text(text: &str) -> Self {
        Self::Raw(serde_json::Value::from(text).to_string())
    }

    /// What `text` says, ready to be laid out anew: the numbers, which are those of schemas, as doubles. What is no JSON stays as
    /// it is, for the document's test to find.
    pub fn parse(text: &str) -> Self {
        let read = Reader::new(text.len()).read(text.as_bytes(), |root| Ok(rebuilt(root)));
        read.unwrap_or_else(|_| Self::Raw(text.to_owned()))
    }

    /// A reference to a component: `schemas/Problem`.
    pub fn reference(component: &str) -> Self {
        Self::object().with("$ref", Self::text(&format!("#/components/{component}")))
    }

    /// The same with one more member, or with another value for that member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Self) -> Self {
        if let Self::Object(members) = &mut self {
            match members.iter_mut().find(|(own, _)| own == name) {
                Some((_, old)) => *old = value,
                None => members.push((name.to_owned(), value)),
            }
        }
        self
    }

    /// The same with a member that is a string, unless that is empty.
    #[must_use]
    pub fn with_text(self, name: &str, text: &str) -> Self {
        if text.is_empty() { self } else { self.with(name, Self::text(text)) }
    }

    /// The same with a member, unless that holds nothing.
    #[must_use]
    pub fn with_any(self, name: &str, value: Self) -> Self {
        if value.is_empty() { self } else { self.with(name, value) }
    }

    /// Whether it is a list or an object that holds nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Raw(_) => false,
            Self::List(values) => values.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// The whole as text, one space a level; what fits into a line stands in one.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out.push('\n');
        out
    }

    /// All of it in one line.
    pub fn line(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::List(values) => {
                format!("[{}]", values.iter().map(Self::line).collect::<Vec<_>>().join(", "))
            }
            Self::Object(members) => {
                let members =
                    members.iter().map(|(name, value)| format!("{}: {}", Self::text(name).line(), value.line()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn write(&self, level: usize, out: &mut String) {
        let line = self.line();
        if matches!(self, Self::Raw(_)) || self.is_empty() || line.len() + level <= WIDTH {
            out.push_str(&line);
            return;
        }
        let start = |index, out: &mut String| {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.extend(std::iter::repeat_n(' ', level + 1));
        };
        let (open, close) = if matches!(self, Self::List(_)) { ('[', ']') } else { ('{', '}') };
        out.push(open);
        match self {
            Self::Raw(_) => {}
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    start(index, out);
                    value.write(level + 1, out);
                }
            }
            Self::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    start(index, out);
                    out.push_str(&Self::text(name).line());
                    out.push_str(": ");
                    value.write(level + 1, out);
                }
            }
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', level));
        out.push(close);
    }
}

fn rebuilt(value: Value<'_>) -> Node {
    if let Some(members) = value.as_object() {
        return Node::Object(members.map(|(name, value)| (name.to_owned(), rebuilt(value))).collect());
    }
    if let Some((_, values)) = value.as_array() {
        return Node::List(values.map(rebuilt).collect());
    }
    match (value.as_str(), value.as_bool(), value.as_f64()) {
        (Some(text), ..) => Node::text(text),
        (_, Some(truth), _) => Node::Raw(truth.to_string()),
        (.., Some(number)) => Node::Raw(number.to_string()),
        _ => Node::Raw("null".to_owned()),
    }
}

/// The most columns of a line that holds more than a name and a value.
const WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_keeps_its_order_and_its_values() {
        let text = r#"{"b": [1, 2.5, {"z": null, "a": true}], "a": "é\n\"", "c": {}}"#;
        assert_eq!(Node::parse(text).line(), text);
        let long = Node::List(vec![Node::parse(text); 3]).with("ignored", Node::object());
        let same = serde_json::from_str::<serde_json::Value>(&long.pretty()).expect("JSON");
        assert_eq!(same, serde_json::from_str::<serde_json::Value>(&long.line()).expect("JSON"));
        assert!(long.pretty().lines().count() > 3);
        assert_eq!(Node::parse("{"), Node::Raw("{".to_owned()));
    }

    #[test]
    fn a_member_is_replaced_in_its_place() {
        let node = Node::object().with("a", Node::text("1")).with("b", Node::text("2")).with("a", Node::text("3"));
        assert_eq!(node.line(), r#"{"a": "3", "b": "2"}"#);
        assert_eq!(Node::object().with_text("a", "").with_any("b", Node::List(Vec::new())), Node::object());
    }
}
