//! Forms: `api::form` against a decoder written the slow way.

use std::collections::BTreeMap;

use tamis::api::form::{Field, fields};

/// The most bytes of a value here.
const ROOM: usize = 24;

/// One body.
pub fn run(body: &[u8]) {
    // Names are as they stand, so the parts put together again are the body, but for what is between separators.
    let parts: Vec<(&[u8], &[u8])> = fields(body).collect();
    let expected: Vec<(&[u8], &[u8])> = body
        .split(|&byte| byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut halves = part.splitn(2, |&byte| byte == b'=');
            (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
        })
        .collect();
    assert_eq!(parts, expected);
    let mut taken: BTreeMap<&[u8], Field<ROOM>> = BTreeMap::new();
    for (name, value) in parts {
        let is_again = taken.contains_key(name);
        let field = taken.entry(name).or_default();
        let outcome = field.take(value, "field");
        let decoded = decoded(value).filter(|decoded| decoded.len() <= ROOM && !is_again);
        assert_eq!(outcome.is_ok(), decoded.is_some(), "{value:?}");
        if let Some(decoded) = decoded {
            assert_eq!(field.value(), Some(&*decoded).filter(|decoded| !decoded.is_empty()));
        }
    }
}

/// What a value says, if it is encoded as it should be.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let text: String = value.iter().map(|&byte| if byte == b'+' { ' ' } else { char::from(byte) }).collect();
    let mut pieces = text.split('%');
    let latin = |piece: &str| piece.chars().map(|character| character as u8).collect::<Vec<_>>();
    let mut out = latin(pieces.next()?);
    for piece in pieces {
        let characters: Vec<char> = piece.chars().collect();
        let [high, low, ..] = characters[..] else { return None };
        out.push((high.to_digit(16)? * 16 + low.to_digit(16)?) as u8);
        out.extend(characters[2..].iter().map(|&character| character as u8));
    }
    Some(out)
}
