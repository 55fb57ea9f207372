//! Text to word pieces, as BERT's uncased tokenizer cuts them.
//!
//! A text becomes lower case without accents, is split at white space and around each punctuation mark, and each word
//! is cut greedily into the longest pieces that the vocabulary holds; a word that cannot be cut whole is `[UNK]`.

use std::collections::HashMap;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use super::Scratch;

/// The pieces and their ids: a piece's id is the number of its line, from 0.
pub struct Vocabulary {
    ids: HashMap<Box<str>, u32>,
    unknown: u32,
    first: u32,
    last: u32,
}

/// What is wrong with a vocabulary.
#[derive(Debug, PartialEq, Eq)]
pub struct VocabularyError(String);

impl Vocabulary {
    /// Reads a vocabulary: UTF-8, a piece a line.
    ///
    /// # Errors
    /// Bytes that are not UTF-8, a piece that stands there twice, no `[CLS]`, `[SEP]` or `[UNK]`.
    pub fn parse(bytes: &[u8]) -> Result<Self, VocabularyError> {
        let text = std::str::from_utf8(bytes).map_err(|error| VocabularyError(error.to_string()))?;
        let mut ids = HashMap::new();
        for (line, piece) in text.lines().enumerate() {
            if ids.insert(Box::from(piece), line as u32).is_some() {
                return Err(VocabularyError(format!("line {}: {piece:?} stands there twice", line + 1)));
            }
        }
        let special =
            |name: &str| ids.get(name).copied().ok_or_else(|| VocabularyError(format!("has no piece {name}")));
        let (unknown, first, last) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self { ids, unknown, first, last })
    }

    /// The number of pieces.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no piece, which [`Self::parse`] does not let pass.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        let (begin, mut start, mut piece) = (ids.len(), 0, String::new());
        while start < word.len() {
            let ends = word[start..].char_indices().map(|(at, c)| start + at + c.len_utf8()).collect::<Vec<_>>();
            let found = ends.into_iter().rev().find_map(|end| {
                piece.clear();
                piece.push_str(if start > 0 { "##" } else { "" });
                piece.push_str(&word[start..end]);
                self.ids.get(piece.as_str()).map(|&id| (id, end))
            });
            let Some((id, end)) = found.filter(|_| word.chars().count() <= 100) else {
                ids.truncate(begin);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            start = end;
        }
    }
}

impl Scratch {
    /// `[CLS]`, the pieces of `text`, `[SEP]`: at most `max` ids.
    pub fn pieces(&mut self, text: &str, vocabulary: &Vocabulary, max: usize) -> &[u32] {
        let folded: String =
            text.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase).collect();
        let mut ids = vec![vocabulary.first];
        for word in folded.split_whitespace() {
            let mut rest = word;
            while let Some(mark) = rest.chars().next() {
                let end = if mark.is_ascii_punctuation() {
                    1
                } else {
                    rest.find(|c: char| c.is_ascii_punctuation()).unwrap_or(rest.len())
                };
                vocabulary.cut(&rest[..end], &mut ids);
                rest = &rest[end..];
            }
        }
        ids.truncate(max.min(self.ids.len()).saturating_sub(1));
        ids.push(vocabulary.last);
        let count = ids.len().min(self.ids.len());
        self.ids[..count].copy_from_slice(&ids[..count]);
        &self.ids[..count]
    }
}

impl fmt::Display for VocabularyError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for VocabularyError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: &str = "[UNK]\n[CLS]\n[SEP]\na\nplay\n##ing\n!\nca\n##fe\n";

    #[test]
    fn words_are_cut_into_the_longest_pieces() {
        let vocabulary = Vocabulary::parse(PIECES.as_bytes()).expect("good");
        let mut scratch = Scratch::new(100);
        assert_eq!(scratch.pieces("A playing caf\u{e9}!!", &vocabulary, 20), [1, 3, 4, 5, 7, 8, 6, 6, 2]);
        assert_eq!(scratch.pieces("playful", &vocabulary, 20), [1, 0, 2]);
        assert_eq!(scratch.pieces("a a a a", &vocabulary, 4), [1, 3, 3, 2]);
        assert_eq!(scratch.pieces("", &vocabulary, 4), [1, 2]);
    }

    #[test]
    fn an_unusable_vocabulary_is_refused() {
        let told = |text: &[u8]| Vocabulary::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(told(b"[UNK]\n[CLS]\n"), "has no piece [SEP]");
        assert_eq!(told(b"[UNK]\n[CLS]\n[SEP]\na\na\n"), "line 5: \"a\" stands there twice");
        assert!(!told(b"\xff").is_empty());
    }
}
