//! WordPiece: a normalised text to the ids of a [`Vocabulary`]'s pieces (Wu et al. 2016; Devlin et al. 2018).
//!
//! ```text
//!  normalised bytes ──words──► each the longest piece that it begins with, then the longest ## piece, ... ──► ids [n] u32
//! ```
//!
//! Words are what stands between spaces, cut around each character that `stands_alone`. A word that the pieces cannot
//! spell, or that is longer than [`MAX_WORD_CHARACTERS`], is `[UNK]`. The ids are those of Hugging Face tokenizers
//! (`BertNormalizer` in lower case, `BertPreTokenizer`, `WordPiece`) on the same normalised text.

use super::punctuation::stands_alone;
use super::vocabulary::{Hash, MAX_PIECE_BYTES};

pub use super::vocabulary::{Vocabulary, VocabularyError};

/// The most characters of a word that is spelt in pieces.
pub const MAX_WORD_CHARACTERS: usize = 100;

/// A piece in its place: the bytes `start..end` of the normalised text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The piece's id.
    pub id: u32,
    /// Its first byte.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// Hands the pieces of `normalized` (as [`normalize`](super::normalize::normalize) leaves it) to `put` in order, without
/// `[CLS]` and `[SEP]`, until `put` answers false.
pub fn pieces(normalized: &[u8], vocabulary: &Vocabulary, mut put: impl FnMut(Piece) -> bool) {
    let mut speller = Speller { vocabulary, hashes: [Hash::default(); MAX_PIECE_BYTES], spelt: [Piece::default(); _] };
    let mut at = 0;
    while let Some(&byte) = normalized.get(at) {
        let start = at;
        match CLASS[usize::from(byte)] {
            Class::Space => {
                at += 1;
                continue;
            }
            Class::Alone => at += 1,
            Class::Part | Class::Wide => at = word_end(normalized, at),
        }
        if !speller.word(normalized, start, at).iter().all(|&piece| put(piece)) {
            return;
        }
    }
}

/// What a byte begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    /// A character that is a word of its own.
    Alone,
    /// A character of a word.
    Part,
    /// A character outside ASCII, of either kind.
    Wide,
}

/// The end of the word that starts at `start`: at least one character further.
fn word_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match CLASS[usize::from(byte)] {
            Class::Part => at += 1,
            Class::Space | Class::Alone => break,
            Class::Wide => {
                let (alone, size) = wide(&text[at..]);
                if alone {
                    // It ends the word before it, or is this word.
                    return if at == start { at + size } else { at };
                }
                at += size;
            }
        }
    }
    at
}

/// Whether the character outside ASCII at the beginning of `text` stands alone, and its size in bytes.
#[cold]
fn wide(text: &[u8]) -> (bool, usize) {
    let size = text.iter().skip(1).take(3).take_while(|&&byte| !is_boundary(byte)).count() + 1;
    let character = std::str::from_utf8(&text[..size]).ok().and_then(|text| text.chars().next());
    (character.is_some_and(stands_alone), size)
}

/// Whether a character begins with `byte`.
fn is_boundary(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

struct Speller<'a> {
    vocabulary: &'a Vocabulary,
    /// The hashes of the beginnings of what is left of a word.
    hashes: [Hash; MAX_PIECE_BYTES],
    /// The word's pieces: each takes a character at least.
    spelt: [Piece; MAX_WORD_CHARACTERS],
}

impl Speller<'_> {
    /// The pieces of the word `text[start..end]`.
    fn word(&mut self, text: &[u8], start: usize, end: usize) -> &[Piece] {
        let unknown = Piece { id: self.vocabulary.special().unknown, start: start as u32, end: end as u32 };
        let (mut at, mut count) = (start, 0);
        let fits = end - start <= MAX_WORD_CHARACTERS
            || text[start..end].iter().filter(|&&byte| is_boundary(byte)).count() <= MAX_WORD_CHARACTERS;
        while at < end && fits {
            let Some((id, length)) = self.longest(&text[at..end], at > start) else { break };
            self.spelt[count] = Piece { id, start: at as u32, end: (at + length) as u32 };
            count += 1;
            at += length;
        }
        if at < end {
            self.spelt[0] = unknown;
            count = 1;
        }
        &self.spelt[..count]
    }

    /// The longest piece with which `rest` begins, and its length in bytes.
    fn longest(&mut self, rest: &[u8], within: bool) -> Option<(u32, usize)> {
        let rest = &rest[..rest.len().min(self.vocabulary.longest())];
        let mut hash = Hash::start(within);
        for (slot, &byte) in self.hashes.iter_mut().zip(rest) {
            hash = hash.with(byte);
            *slot = hash;
        }
        // A length that ends within a character is no piece's, but asking is dearer than looking at one byte.
        (1..=rest.len()).rev().filter(|&length| rest.get(length).is_none_or(|&byte| is_boundary(byte))).find_map(
            |length| {
                let id = self.vocabulary.find(self.hashes[length - 1], within, &rest[..length])?;
                Some((id, length))
            },
        )
    }
}

const CLASS: [Class; 256] = {
    let mut table = [Class::Wide; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b' ' => Class::Space,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Class::Part,
            _ => Class::Alone,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::{MAX_NORMALIZED_BYTES, MAX_PIECES, Scratch};
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::sync::LazyLock;

    const FILE: &str = include_str!("../../models/toxicity/bert.vocab.txt");
    static REAL: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::parse(FILE.as_bytes()).expect("good"));
    /// Few pieces, so that words fall apart and cannot be spelt.
    static SMALL: LazyLock<Vocabulary> = LazyLock::new(|| {
        let file = "[UNK]\n[CLS]\n[SEP]\na\n##a\nab\n##ab\nabc\n##bc\n##c\n!\n.\n##é\nя\n##я\n日\n##日\n$\n##0\n000";
        Vocabulary::parse(file.as_bytes()).expect("good")
    });

    #[derive(Deserialize)]
    struct Row {
        text: String,
        normalized: String,
        ids: Vec<u32>,
    }

    #[test]
    fn ids_are_those_of_the_reference_tokenizer() {
        let rows: Vec<Row> =
            serde_json::from_str(include_str!("../../models/toxicity/wordpiece.golden.json")).expect("well formed");
        assert!(rows.len() >= 60, "{} rows", rows.len());
        let (mut scratch, mut normalized) = (Scratch::new(MAX_NORMALIZED_BYTES), vec![0; MAX_NORMALIZED_BYTES]);
        for Row { text, normalized: expected, ids } in rows {
            let length = super::super::normalize::normalize(&text, &mut normalized);
            assert_eq!(std::str::from_utf8(&normalized[..length]).expect("UTF-8").trim(), expected, "{text:?}");
            assert_eq!(scratch.pieces(&text, &REAL, 128), ids, "{text:?}");
            assert_eq!(scratch.traced_pieces(&text, &REAL, 128).ids, ids, "{text:?}");
        }
    }

    #[test]
    fn spans_lead_back_to_the_original() {
        let mut scratch = Scratch::new(100);
        let text = "A  B-B \u{ff21}BC\u{200b}é, ab\u{e9}!!!";
        let pieces = scratch.traced_pieces(text, &SMALL, 128);
        let shown: Vec<_> = pieces.ids.iter().zip(pieces.spans).map(|(id, span)| (*id, &text[span.clone()])).collect();
        let expected = [
            (1, ""),
            (3, "A"),
            (0, "B"),
            (0, "-"),
            (0, "B"),
            (0, "\u{ff21}BC\u{200b}é"),
            (0, ","),
            (0, "ab\u{e9}"),
            (10, "!"),
            (10, "!!"),
            (2, ""),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_text_is_cut_to_the_maximum() {
        let mut scratch = Scratch::new(10_000);
        assert_eq!(scratch.pieces("a ab abc", &SMALL, 128), [1, 3, 5, 7, 2]);
        assert_eq!(scratch.pieces("a ab abc", &SMALL, 4), [1, 3, 5, 2]);
        assert_eq!(scratch.pieces("a ab abc", &SMALL, 3), [1, 3, 2]);
        for (text, max) in [("a ab abc", 2), ("", 128), (" \u{200b}", 128)] {
            assert_eq!(scratch.pieces(text, &SMALL, max), [0; 0], "{text:?}");
        }
        let long = "ab ".repeat(3000);
        assert_eq!(scratch.pieces(&long, &SMALL, usize::MAX).len(), MAX_PIECES);
        // A word is spelt or unknown as a whole, wherever the cut falls.
        assert_eq!(scratch.pieces("ababz", &SMALL, 3), [1, 0, 2]);
        assert_eq!(scratch.pieces("ababc", &SMALL, 3), [1, 5, 2]);
    }

    #[test]
    fn a_word_of_more_than_a_hundred_characters_is_unknown() {
        let mut scratch = Scratch::new(1000);
        for (repeats, first) in [(50, 5), (51, 0)] {
            assert_eq!(scratch.pieces(&"ab".repeat(repeats), &SMALL, 512)[1], first);
            assert_eq!(scratch.pieces(&format!("a {}", "ab".repeat(repeats)), &SMALL, 512)[2], first);
        }
        // Characters, not bytes.
        for (repeats, first) in [(50, 3), (51, 0)] {
            assert_eq!(scratch.pieces(&"aя".repeat(repeats), &SMALL, 512)[1], first);
        }
    }

    /// The definition, the slow way, on a normalised text.
    fn reference(normalized: &str, file: &str) -> Vec<u32> {
        let find = |piece: String| file.lines().position(|line| line == piece).map(|id| id as u32);
        let alone = |c: char| if c.is_ascii() { !c.is_ascii_alphanumeric() } else { stands_alone(c) };
        let mut words = Vec::new();
        for word in normalized.split(' ') {
            let mut part = String::new();
            for character in word.chars() {
                if alone(character) {
                    words.extend([std::mem::take(&mut part), character.to_string()]);
                } else {
                    part.push(character);
                }
            }
            words.push(part);
        }
        let mut ids = Vec::new();
        for word in words.into_iter().filter(|word| !word.is_empty()) {
            let characters: Vec<char> = word.chars().collect();
            let (mut spelt, mut start) = (Vec::new(), 0);
            while start < characters.len() && characters.len() <= MAX_WORD_CHARACTERS {
                let mark = if start == 0 { "" } else { "##" };
                let text = |end: usize| mark.to_owned() + &characters[start..end].iter().collect::<String>();
                let longest = (start + 1..=characters.len()).rev().find_map(|end| Some((find(text(end))?, end)));
                let Some((id, end)) = longest else { break };
                spelt.push(id);
                start = end;
            }
            ids.extend(if start == characters.len() { spelt } else { vec![0] });
        }
        ids
    }

    proptest! {
        #[test]
        fn ids_are_those_of_the_definition(text in "([abcd!.$ ]|é|я|日|12|…){0,60}|a{90,110}|(?s).{0,40}") {
            let mut scratch = Scratch::new(2000);
            let file = "[UNK]\n[CLS]\n[SEP]\na\n##a\nab\n##ab\nabc\n##bc\n##c\n!\n.\n##é\nя\n##я\n日\n##日\n$\n##0\n000";
            let mut normalized = vec![0; 2000];
            let length = super::super::normalize::normalize(&text, &mut normalized);
            let expected = reference(std::str::from_utf8(&normalized[..length]).expect("UTF-8"), file);
            let ids = scratch.pieces(&text, &SMALL, 512);
            let inner = if ids.is_empty() { ids } else { &ids[1..ids.len() - 1] };
            prop_assert_eq!(inner, &expected[..expected.len().min(510)]);
        }

        #[test]
        fn spans_are_in_order_inside_the_text_and_ids_in_the_vocabulary(text in "(?s).{0,80}|[ -~]{0,300}", max in 0_usize..140) {
            let mut scratch = Scratch::new(1000);
            let pieces = scratch.traced_pieces(&text, &REAL, max);
            prop_assert!(pieces.ids.len() <= max && pieces.ids.len() == pieces.spans.len());
            prop_assert!(pieces.ids.iter().all(|&id| (id as usize) < REAL.len()));
            prop_assert!(pieces.spans.iter().all(|span| text.get(span.clone()).is_some()));
            prop_assert!(pieces.spans.is_sorted_by_key(|span| span.start));
            let inner = pieces.spans.get(1..pieces.spans.len().saturating_sub(1)).unwrap_or_default();
            prop_assert!(inner.iter().all(|span| !span.is_empty()));
        }
    }
}
