//! Bodies to values: `json::read` against serde_json, and each number against the standard library's parser.

use std::cell::RefCell;

use serde::de::IgnoredAny;
use serde_json::error::Category;
use tamis::json::locate::MAX_DEPTH;
use tamis::json::read::{Reader, Value};
use tamis::problem::{Fault, Problem};

const LONGEST: usize = 1 << 16;

thread_local! {
    /// One for all inputs, as a worker has it: what an input leaves behind, the next one meets.
    static READER: RefCell<Reader> = RefCell::new(Reader::new(LONGEST));
}

/// One body.
pub fn run(body: &[u8]) {
    let mut numbers = Vec::new();
    let ours = READER.with_borrow_mut(|reader| reader.read(body, |root| Ok(rebuilt(root, &mut numbers))));
    let theirs = serde_json::from_slice::<serde_json::Value>(body);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours, without_numbers(theirs), "another value");
            let written: Vec<f64> = number_tokens(body);
            assert_eq!(numbers, written, "another number");
        }
        (Err(fault), theirs) => refused(body, &fault, theirs.is_ok()),
        (Ok(ours), Err(error)) => panic!("taken as {ours}, but {error}"),
    }
}

/// Whether `fault` is right about a body, which another parser takes or not.
fn refused(body: &[u8], fault: &Fault, taken: bool) {
    let Fault { problem, offset, .. } = *fault;
    if problem == Problem::BodyTooLarge {
        return assert!(body.len() > LONGEST);
    }
    let offset = offset.expect("a place");
    assert!(offset <= body.len(), "the place is beyond the body");
    match problem {
        Problem::InvalidUtf8 => {
            assert_eq!(std::str::from_utf8(body).map_err(|error| error.valid_up_to()), Err(offset));
        }
        Problem::NumberOutOfRange => {
            let tokens = number_tokens(body);
            assert!(tokens.iter().any(|number| number.is_infinite()), "every number is in range: {tokens:?}");
        }
        Problem::MalformedJson => {
            assert!(!taken || deepest(body) > MAX_DEPTH, "refused, though it is JSON");
            assert!(continues(&body[..offset]), "what is wrong is before {offset}");
        }
        other => panic!("not a reader's problem: {other:?}"),
    }
}

/// Whether `begun` can be continued to JSON.
fn continues(begun: &[u8]) -> bool {
    // Of a number that ends before its digits serde_json does not say that it ends too soon.
    [begun.to_vec(), [begun, b"0"].concat()].iter().any(|text| {
        let read = serde_json::from_slice::<IgnoredAny>(text);
        read.map_or_else(|error| error.classify() == Category::Eof, |_| true)
    })
}

/// What the tape says, in another parser's words but for the numbers, which are put aside in their order.
fn rebuilt(value: Value<'_>, numbers: &mut Vec<f64>) -> serde_json::Value {
    if let Some(members) = value.as_object() {
        return members.map(|(key, value)| (key.to_owned(), rebuilt(value, numbers))).collect();
    }
    if let Some((length, elements)) = value.as_array() {
        let list: Vec<_> = elements.map(|element| rebuilt(element, numbers)).collect();
        assert_eq!(list.len(), length);
        return list.into();
    }
    if let Some(number) = value.as_f64() {
        numbers.push(number);
        return 0.into();
    }
    match (value.as_str(), value.as_bool()) {
        (Some(text), _) => text.into(),
        (_, Some(truth)) => truth.into(),
        _ => {
            assert!(value.is_null(), "neither this nor that: {}", value.type_name());
            serde_json::Value::Null
        }
    }
}

fn without_numbers(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Number, Object};
    match value {
        Number(_) => 0.into(),
        Array(list) => list.into_iter().map(without_numbers).collect(),
        Object(members) => members.into_iter().map(|(key, value)| (key, without_numbers(value))).collect(),
        other => other,
    }
}

/// The numbers of well-formed JSON in their order, each as the standard library reads it.
fn number_tokens(body: &[u8]) -> Vec<f64> {
    let mut found = Vec::new();
    outside_strings(body, |rest| {
        let length =
            rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        // `true` and `false` have an `e`, too.
        if matches!(rest.first(), Some(b'0'..=b'9' | b'-')) {
            found.extend(std::str::from_utf8(&rest[..length]).ok().and_then(|text| text.parse::<f64>().ok()));
            return length;
        }
        1
    });
    found
}

fn deepest(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    outside_strings(body, |rest| {
        match rest[0] {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        1
    });
    deepest
}

/// Shows `visit` what begins outside of strings; it says how many bytes it has seen.
fn outside_strings(body: &[u8], mut visit: impl FnMut(&[u8]) -> usize) {
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'"' {
            at += visit(&body[at..]);
            continue;
        }
        at += 1;
        while at < body.len() && body[at] != b'"' {
            at += if body[at] == b'\\' { 2 } else { 1 };
        }
        at += 1;
    }
}
