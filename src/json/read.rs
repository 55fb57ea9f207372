//! Reading a body onto a recycled tape: by `flat` if it is one of the plain ones, else by simd-json.

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, StaticNode, Tape};

use super::{flat, locate};
use crate::problem::{Fault, Problem};

/// A JSON parser that owns all the memory it needs for bodies up to a fixed length.
///
/// The body is copied into its scratch before parsing, because the parser unescapes strings in place and an
/// error message needs the bytes as they came.
pub struct Reader {
    scratch: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Reader {
    /// A reader for bodies of up to `max_body` bytes.
    pub fn new(max_body: usize) -> Self {
        Self {
            scratch: vec![0; max_body + INPUT_PADDING],
            buffers: Buffers::with_max_depth(max_body, locate::MAX_DEPTH),
            tape: Tape(Vec::with_capacity(max_body / 2 + 16)),
        }
    }

    /// Parses `body` and hands its root to `visit`.
    ///
    /// # Errors
    /// [`Problem::InvalidUtf8`] and [`Problem::MalformedJson`] with the byte offset,
    /// [`Problem::NumberOutOfRange`] for a number that double precision cannot hold, [`Problem::BodyTooLarge`] if
    /// `body` is longer than the reader was made for, and whatever `visit` returns.
    pub fn read<T>(&mut self, body: &[u8], visit: impl FnOnce(Value<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.scratch.len() < body.len() + INPUT_PADDING {
            return Err(Fault::new(Problem::BodyTooLarge));
        }
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        if flat::fill(body, &mut tape.0) {
            let answer = visit(Value(&tape.0));
            self.tape = tape.reset();
            return answer;
        }
        self.tape = tape.reset();
        self.scratch[..body.len()].copy_from_slice(body);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.scratch, body.len(), &mut self.buffers, &mut tape);
        let answer = match parsed {
            Ok(()) => visit(Value(&tape.0)),
            Err(error) => Err(explain(body, &error)),
        };
        self.tape = tape.reset();
        answer
    }
}

/// A value on the tape: its node and all nodes below it come first in the slice.
#[derive(Clone, Copy)]
pub struct Value<'t>(&'t [Node<'t>]);

impl<'t> Value<'t> {
    /// The string, if it is one.
    pub fn as_str(self) -> Option<&'t str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The number in double precision, if it is one.
    pub fn as_f64(self) -> Option<f64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::F64(value))) => Some(*value),
            Some(Node::Static(StaticNode::I64(value))) => Some(*value as f64),
            Some(Node::Static(StaticNode::U64(value))) => Some(*value as f64),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self.0.first() {
            Some(Node::Static(StaticNode::Bool(value))) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.0.first(), Some(Node::Static(StaticNode::Null)))
    }

    /// The members in the order they were sent, if it is an object.
    pub fn as_object(self) -> Option<impl Iterator<Item = (&'t str, Value<'t>)>> {
        let Some(&Node::Object { len, .. }) = self.0.first() else { return None };
        let mut rest = &self.0[1..];
        Some((0..len).map_while(move |_| {
            let (Node::String(key), after) = rest.split_first()? else { return None };
            let value = Value(after);
            rest = after.get(value.span()..)?;
            Some((*key, value))
        }))
    }

    /// The number of elements and the elements, if it is an array.
    pub fn as_array(self) -> Option<(usize, impl Iterator<Item = Value<'t>>)> {
        let Some(&Node::Array { len, .. }) = self.0.first() else { return None };
        let mut rest = &self.0[1..];
        let elements = (0..len).map_while(move |_| {
            let value = Value(rest);
            rest = rest.get(value.span()..)?;
            Some(value)
        });
        Some((len, elements))
    }

    /// The JSON type, as an error message names it.
    pub fn type_name(self) -> &'static str {
        match self.0.first() {
            Some(Node::String(_)) => "a string",
            Some(Node::Object { .. }) => "an object",
            Some(Node::Array { .. }) => "a list",
            Some(Node::Static(StaticNode::Bool(_))) => "a boolean",
            Some(Node::Static(StaticNode::Null)) | None => "null",
            Some(Node::Static(_)) => "a number",
        }
    }

    /// How many nodes it takes.
    fn span(self) -> usize {
        match self.0.first() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
            _ => 1,
        }
    }
}

/// Turns the parser's refusal into what a client can act on.
fn explain(body: &[u8], error: &simd_json::Error) -> Fault {
    if let Err(invalid) = std::str::from_utf8(body) {
        return Fault::new(Problem::InvalidUtf8).at(invalid.valid_up_to());
    }
    if let Some(offset) = locate::first_error(body) {
        return Fault::new(Problem::MalformedJson).at(offset);
    }
    // Well-formed, and still refused: a number that no double holds.
    match error.error() {
        ErrorType::InvalidNumber | ErrorType::Overflow => Fault::new(Problem::NumberOutOfRange).at(error.index()),
        _ => Fault::new(Problem::MalformedJson).at(error.index()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem_of(body: &[u8]) -> Option<(Problem, Option<usize>)> {
        Reader::new(4096).read(body, |_| Ok(())).err().map(|fault| (fault.problem, fault.offset))
    }

    /// What the tape says, in a foreign parser's words.
    fn rebuilt(value: Value<'_>) -> serde_json::Value {
        if let Some(members) = value.as_object() {
            return members.map(|(key, value)| (key.to_owned(), rebuilt(value))).collect();
        }
        if let Some((length, elements)) = value.as_array() {
            let list: Vec<_> = elements.map(rebuilt).collect();
            assert_eq!(list.len(), length);
            return list.into();
        }
        match (value.as_str(), value.as_f64(), value.as_bool(), value.is_null()) {
            (Some(text), None, None, false) => text.into(),
            (None, Some(number), None, false) => number.into(),
            (None, None, Some(truth), false) => truth.into(),
            (None, None, None, true) => serde_json::Value::Null,
            other => panic!("two things at once: {other:?}"),
        }
    }

    /// Any JSON of some depth and breadth.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(|number| f64::from(number).into()),
            any::<u64>().prop_map(Into::into),
            (-1e300..1e300).prop_map(|number: f64| number.into()),
            "\\PC{0,12}|[\\x00-\\x7f]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map("[a-zé\"\\\\]{0,5}", inner, 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn refusals_say_what_and_where() {
        assert_eq!(problem_of(b"{\"text\":\"a\""), Some((Problem::MalformedJson, Some(11))));
        assert_eq!(problem_of(b"{\"text\":\"a\xff\"}"), Some((Problem::InvalidUtf8, Some(10))));
        assert_eq!(problem_of(b"{\"text\":\"\\n\xff\"}"), Some((Problem::InvalidUtf8, Some(11))));
        assert_eq!(problem_of(b""), Some((Problem::MalformedJson, Some(0))));
        assert_eq!(problem_of(b"[1e999]").map(|(problem, _)| problem), Some(Problem::NumberOutOfRange));
        assert_eq!(problem_of(b"[\"a\\ud800\"]"), Some((Problem::MalformedJson, Some(3))), "half a character");
        assert_eq!(problem_of(&[b' '; 5000]), Some((Problem::BodyTooLarge, None)));
        assert_eq!(problem_of(b"[123456789012345678901234567890]"), None);
    }

    #[test]
    fn a_body_may_be_as_long_as_the_reader_was_made_for_and_no_longer() {
        let mut reader = Reader::new(16);
        let mut problem = |body: &[u8]| reader.read(body, |_| Ok(())).err().map(|fault| fault.problem);
        assert_eq!(problem(b"[\"a\",\"bcdefghi\"]"), None);
        assert_eq!(problem(b"[\"a\",\"bcdefghij\"]"), Some(Problem::BodyTooLarge));
        assert_eq!(problem(b"[\"a\",\"bcdefghi\"]"), None);
    }

    #[test]
    fn types_are_named_as_people_call_them() {
        for (body, name) in [
            ("\"a\"", "a string"),
            ("{\"a\":1}", "an object"),
            ("[]", "a list"),
            ("true", "a boolean"),
            ("null", "null"),
            ("1.5", "a number"),
        ] {
            assert_eq!(Reader::new(16).read(body.as_bytes(), |value| Ok(value.type_name())).ok(), Some(name));
        }
    }

    #[test]
    fn the_offset_is_of_the_bytes_as_they_came_even_after_unescaping() {
        assert_eq!(problem_of(b"{\"a\":\"\\n\\n\\n\\n\", x}"), Some((Problem::MalformedJson, Some(17))));
    }

    proptest! {
        #[test]
        fn what_a_foreign_writer_writes_is_read(value in any_json(), indented: bool) {
            let body = if indented { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("JSON");
            let read = Reader::new(1 << 13).read(body.as_bytes(), |value| Ok(rebuilt(value)));
            prop_assert_eq!(read.ok(), Some(simplified(value)), "{}", body);
        }

        #[test]
        fn agrees_with_a_foreign_parser(bodies in prop::collection::vec("[\\[\\]{}:,\"ntrue1.0e+\\- a\\\\u0]{0,40}|\\{\"[a-z]{1,3}\":(1|\"\\\\\\\\n\"|\\[1,2\\])\\}", 1..4)) {
            let mut reader = Reader::new(256);
            for body in bodies {
                let ours = reader.read(body.as_bytes(), |value| Ok(rebuilt(value)));
                match (serde_json::from_str::<serde_json::Value>(&body), ours) {
                    (Ok(theirs), Ok(ours)) => prop_assert_eq!(simplified(theirs), ours, "{}", body),
                    (Err(_), Err(_)) => {}
                    (theirs, ours) => prop_assert!(false, "{body}: {theirs:?} against {ours:?}"),
                }
            }
        }
    }

    /// Numbers as doubles, as [`rebuilt`] has them.
    fn simplified(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Number(number) => number.as_f64().into(),
            serde_json::Value::Array(list) => list.into_iter().map(simplified).collect(),
            serde_json::Value::Object(members) => {
                members.into_iter().map(|(key, value)| (key, simplified(value))).collect()
            }
            other => other,
        }
    }
}
