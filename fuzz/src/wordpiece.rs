//! Normalised text to pieces, with a vocabulary that is part of the input: against the definition written the slow way.

use std::collections::HashMap;

use tamis::text::normalize::normalize;
use tamis::text::wordpiece::{MAX_WORD_CHARACTERS, Vocabulary, pieces};
use tamis::text::{MAX_PIECES, Scratch};

use super::sample::Sample;

/// The longest text here.
const LONGEST: usize = 1024;

/// How many pieces may be, lines of a vocabulary up to a zero byte, and then a text. Without lines, a small one serves.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let most = 2 * sample.below(256);
    let lines = sample.until(0);
    let lines = if lines.is_empty() { SMALL.as_bytes() } else { lines };
    let file = [b"[UNK]\n[CLS]\n[SEP]\n", lines].concat();
    let expected = parsed(&file);
    let vocabulary = Vocabulary::parse(&file);
    assert_eq!(vocabulary.is_ok(), expected.is_some(), "{:?}", vocabulary.err());
    let (Ok(vocabulary), Some(expected)) = (vocabulary, expected) else { return };
    assert_eq!(vocabulary.len(), expected.len());
    let Ok(text) = std::str::from_utf8(&sample.0[..sample.0.len().min(LONGEST)]) else { return };
    let mut normalized = vec![0; LONGEST * 11 + 2];
    let length = normalize(text, &mut normalized);
    let normalized = std::str::from_utf8(&normalized[..length]).expect("text stays text");
    let expected = spelt(normalized, &expected);
    let (mut found, mut end) = (Vec::new(), 0);
    pieces(normalized.as_bytes(), &vocabulary, |piece| {
        found.push(piece.id);
        assert!(end <= piece.start && piece.start < piece.end, "in order");
        assert!(normalized.get(piece.start as usize..piece.end as usize).is_some(), "whole characters");
        end = piece.end;
        true
    });
    assert_eq!(found, expected);
    cut(text, &vocabulary, most, &expected);
}

/// The same between `[CLS]` and `[SEP]`, as many as there may be, each with its part of the text.
fn cut(text: &str, vocabulary: &Vocabulary, most: usize, expected: &[u32]) {
    let mut scratch = Scratch::new(LONGEST);
    let ids = scratch.pieces(text, vocabulary, most).to_vec();
    let traced = scratch.traced_pieces(text, vocabulary, most);
    assert_eq!(ids, traced.ids);
    assert!(traced.spans.iter().all(|span| text.get(span.clone()).is_some()), "{:?}", traced.spans);
    assert!(traced.spans.is_sorted_by_key(|span| span.start), "{:?}", traced.spans);
    let room = most.min(MAX_PIECES).saturating_sub(2);
    if room == 0 || expected.is_empty() {
        return assert!(ids.is_empty());
    }
    let special = vocabulary.special();
    let inner = &expected[..expected.len().min(room)];
    assert_eq!(ids, [&[special.class], inner, &[special.separator]].concat());
}

/// The pieces of a vocabulary by their text, if it is one.
fn parsed(file: &[u8]) -> Option<HashMap<&str, u32>> {
    let text = std::str::from_utf8(file).ok()?;
    let mut found = HashMap::new();
    for (id, line) in text.lines().enumerate() {
        let length = line.strip_prefix("##").unwrap_or(line).len();
        let is_new = found.insert(line, id as u32).is_none();
        if !(1..=128).contains(&length) || !is_new {
            return None;
        }
    }
    Some(found)
}

/// WordPiece as it is defined: of each word the longest piece, then the longest that continues it, and so on.
fn spelt(normalized: &str, vocabulary: &HashMap<&str, u32>) -> Vec<u32> {
    let mut ids = Vec::new();
    for word in words(normalized) {
        let characters: Vec<char> = word.chars().collect();
        let (mut spelt, mut start) = (Vec::new(), 0);
        while start < characters.len() && characters.len() <= MAX_WORD_CHARACTERS {
            let mark = if start == 0 { "" } else { "##" };
            let piece = |end: usize| mark.to_owned() + &characters[start..end].iter().collect::<String>();
            let longest =
                (start + 1..=characters.len()).rev().find_map(|end| Some((vocabulary.get(&*piece(end))?, end)));
            let Some((&id, end)) = longest else { break };
            spelt.push(id);
            start = end;
        }
        ids.extend(if start == characters.len() { spelt } else { vec![0] });
    }
    ids
}

/// What stands between spaces, cut around each character that stands alone.
fn words(normalized: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in normalized.split(' ') {
        let mut word = String::new();
        for character in part.chars() {
            if stands_alone(character) {
                words.extend([std::mem::take(&mut word), character.to_string()]);
            } else {
                word.push(character);
            }
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Of ASCII by its definition; of the rest as the tokenizer itself says of the character alone between two letters.
fn stands_alone(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_alphanumeric();
    }
    let text = format!(" a{character}a ");
    let vocabulary = Vocabulary::parse(b"[UNK]\n[CLS]\n[SEP]\nx").expect("good");
    let mut count = 0;
    pieces(text.as_bytes(), &vocabulary, |_| {
        count += 1;
        true
    });
    count > 1
}

const SMALL: &str = "a\n##a\nab\n##ab\nabc\n##bc\n##c\n!\n.\n##é\nя\n##я\n日\n##日\n$\n##0\n000\nurl\n#\n####";
