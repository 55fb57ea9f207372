//! The vocabulary of a WordPiece tokenizer: which strings are pieces, found by their bytes.

use std::fmt;

/// The most bytes of a piece, its `##` not counted.
pub const MAX_PIECE_BYTES: usize = 128;

/// The most pieces of a vocabulary.
pub const MAX_PIECES: usize = 1 << 20;

/// The pieces and a hash table over them (open addressing, linear probing, at most half full). Immutable; shared by all
/// workers. Looking up allocates nothing.
pub struct Vocabulary {
    /// The bytes of every piece, without its `##`.
    bytes: Vec<u8>,
    /// Where each piece stands in `bytes`.
    pieces: Vec<Piece>,
    /// 2^k slots.
    slots: Box<[Slot]>,
    /// The length of the longest piece in bytes.
    longest: usize,
    special: Special,
}

#[derive(Clone, Copy)]
struct Piece {
    start: u32,
    length: u16,
    /// Whether it carries `##`.
    within: bool,
}

#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    /// [`VACANT`] in an empty slot.
    id: u32,
}

/// The ids of the pieces that stand for no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// `[CLS]`, which begins every text.
    pub class: u32,
    /// `[SEP]`, which ends it.
    pub separator: u32,
    /// `[UNK]`, for a word that the pieces cannot spell.
    pub unknown: u32,
}

/// The hash of a piece's bytes, made byte by byte (FNV-1a's form with another multiplier): the hash of a string is that
/// of its beginning, extended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash(u64);

/// What is wrong with a vocabulary file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VocabularyError {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Hash {
    /// The hash of no bytes, at a word's beginning or, with the `##` that pieces there carry, within a word.
    pub const fn start(within: bool) -> Self {
        Self(if within { 0x5DEE_CE66_D1A4_F87D } else { 0xCBF2_9CE4_8422_2325 })
    }

    /// The hash with `byte` appended.
    #[must_use]
    pub const fn with(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    const fn slot(self, slots: usize) -> usize {
        (self.0 >> 40) as usize & (slots - 1)
    }

    const fn tag(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

impl Vocabulary {
    /// Reads a `vocab.txt`: UTF-8, one piece a line, its id being its line counted from 0.
    ///
    /// # Errors
    /// The first line that is empty, too long or a repetition; a file that is not UTF-8, lacks `[CLS]`, `[SEP]` or `[UNK]`,
    /// or has more than [`MAX_PIECES`] lines.
    pub fn parse(file: &[u8]) -> Result<Self, VocabularyError> {
        let error = |line, reason: &str| VocabularyError { line, reason: reason.to_owned() };
        let text = std::str::from_utf8(file).map_err(|_| error(0, "it is not UTF-8"))?;
        let count = text.lines().count();
        if count > MAX_PIECES {
            return Err(error(0, &format!("it has {count} lines, more than {MAX_PIECES}")));
        }
        let special = |name: &str| {
            let found = text.lines().position(|line| line == name);
            found.map(|id| id as u32).ok_or_else(|| error(0, &format!("it has no {name}")))
        };
        let special = Special { class: special("[CLS]")?, separator: special("[SEP]")?, unknown: special("[UNK]")? };
        let mut made = Self {
            bytes: Vec::with_capacity(text.len()),
            pieces: Vec::with_capacity(count),
            slots: vec![Slot { tag: 0, id: VACANT }; (count * 2).next_power_of_two()].into(),
            longest: 0,
            special,
        };
        for (id, line) in text.lines().enumerate() {
            made.insert(line).map_err(|reason| error(id + 1, reason))?;
        }
        Ok(made)
    }

    /// Adds the piece of the next id; the error says why not.
    fn insert(&mut self, line: &str) -> Result<(), &'static str> {
        let (within, piece) = line.strip_prefix("##").map_or((false, line), |rest| (true, rest));
        let piece = piece.as_bytes();
        if piece.is_empty() || piece.len() > MAX_PIECE_BYTES {
            return Err("a piece has from 1 to 128 bytes beside its ##");
        }
        let hash = piece.iter().fold(Hash::start(within), |hash, &byte| hash.with(byte));
        if self.find(hash, within, piece).is_some() {
            return Err("an earlier line is the same");
        }
        let mut at = hash.slot(self.slots.len());
        while self.slots[at].id != VACANT {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { tag: hash.tag(), id: self.pieces.len() as u32 };
        self.pieces.push(Piece { start: self.bytes.len() as u32, length: piece.len() as u16, within });
        self.bytes.extend_from_slice(piece);
        self.longest = self.longest.max(piece.len());
        Ok(())
    }

    /// The id of the piece of these `bytes`, whose hash is `hash`; `within` is whether it carries `##`.
    #[inline]
    pub fn find(&self, hash: Hash, within: bool, bytes: &[u8]) -> Option<u32> {
        let mut at = hash.slot(self.slots.len());
        loop {
            let slot = self.slots[at];
            if slot.id == VACANT {
                return None;
            }
            if slot.tag == hash.tag() && self.is(slot.id, within, bytes) {
                return Some(slot.id);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The number of pieces; every id is less.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is no piece: never, since a vocabulary has its special pieces.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The length of the longest piece in bytes, at most [`MAX_PIECE_BYTES`].
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Whether the piece of `id` continues a word.
    pub fn continues(&self, id: u32) -> bool {
        self.pieces.get(id as usize).is_some_and(|piece| piece.within)
    }

    /// Whether the piece of `id` is one ASCII punctuation mark: what a tokenizer cuts off words.
    pub fn is_punctuation(&self, id: u32) -> bool {
        self.pieces.get(id as usize).is_some_and(|piece| {
            piece.length == 1 && self.bytes.get(piece.start as usize).is_some_and(u8::is_ascii_punctuation)
        })
    }

    /// The special pieces.
    pub const fn special(&self) -> Special {
        self.special
    }

    fn is(&self, id: u32, within: bool, bytes: &[u8]) -> bool {
        let piece = self.pieces[id as usize];
        let (start, length) = (piece.start as usize, usize::from(piece.length));
        piece.within == within && self.bytes[start..start + length] == *bytes
    }
}

impl fmt::Display for VocabularyError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.reason),
            line => write!(formatter, "line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for VocabularyError {}

/// No id: there are at most [`MAX_PIECES`].
const VACANT: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(file: &[u8]) -> String {
        Vocabulary::parse(file).err().expect("refused").to_string()
    }

    fn find(vocabulary: &Vocabulary, within: bool, piece: &str) -> Option<u32> {
        let hash = piece.bytes().fold(Hash::start(within), Hash::with);
        vocabulary.find(hash, within, piece.as_bytes())
    }

    #[test]
    fn pieces_are_found_by_their_bytes_and_place() {
        let vocabulary = Vocabulary::parse("[UNK]\r\n[CLS]\r\n[SEP]\r\nab\r\n##ab\r\nцé".as_bytes()).expect("good");
        assert_eq!(vocabulary.special(), Special { unknown: 0, class: 1, separator: 2 });
        assert_eq!((vocabulary.len(), vocabulary.longest(), vocabulary.is_empty()), (6, 5, false));
        assert_eq!([false, true].map(|within| find(&vocabulary, within, "ab")), [Some(3), Some(4)]);
        assert_eq!((find(&vocabulary, false, "цé"), find(&vocabulary, true, "цé")), (Some(5), None));
        assert!(!vocabulary.is_punctuation(3) && !vocabulary.is_punctuation(6));
        assert_eq!((find(&vocabulary, false, "a"), find(&vocabulary, false, "abc")), (None, None));
        assert_eq!([3, 4, 6].map(|id| vocabulary.continues(id)), [false, true, false]);
    }

    #[test]
    fn another_word_of_the_same_hash_is_not_taken_for_a_piece() {
        let mut words = std::collections::HashMap::new();
        let hash = |word: &str| word.bytes().fold(Hash::start(false), Hash::with);
        let clash = |number: u32| {
            let word = format!("{number:x}");
            words.insert(hash(&word).tag(), word.clone()).map(|other| (other, word))
        };
        let (piece, other) = (0..).find_map(clash).expect("two of 2^32");
        let vocabulary = Vocabulary::parse(format!("[UNK]\n[CLS]\n[SEP]\n{piece}").as_bytes()).expect("good");
        assert_eq!(hash(&piece).slot(8), hash(&other).slot(8));
        assert_eq!((find(&vocabulary, false, &piece), find(&vocabulary, false, &other)), (Some(3), None));
    }

    #[test]
    fn the_longest_piece_and_the_most_lines_are_taken() {
        let longest = "x".repeat(MAX_PIECE_BYTES);
        let vocabulary = Vocabulary::parse(format!("[UNK]\n[CLS]\n[SEP]\n{longest}").as_bytes()).expect("good");
        assert_eq!((vocabulary.longest(), find(&vocabulary, false, &longest)), (MAX_PIECE_BYTES, Some(3)));
        assert_eq!(reason("a\n".repeat(MAX_PIECES).as_bytes()), "it has no [CLS]", "and not too many lines");
    }

    #[test]
    fn every_piece_of_the_real_vocabulary_is_found() {
        let file = include_str!("../../models/toxicity/bert.vocab.txt");
        let vocabulary = Vocabulary::parse(file.as_bytes()).expect("good");
        assert_eq!(vocabulary.len(), 30_522);
        let marks = file.lines().enumerate().filter(|&(id, _)| vocabulary.is_punctuation(id as u32));
        let marks: String = marks.map(|(_, line)| line.trim_start_matches("##")).collect();
        assert!(marks.starts_with("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "{marks}");
        assert!(marks.bytes().all(|byte| byte.is_ascii_punctuation()), "{marks}");
        for (id, line) in file.lines().enumerate() {
            let (within, piece) = line.strip_prefix("##").map_or((false, line), |rest| (true, rest));
            assert_eq!(find(&vocabulary, within, piece), Some(id as u32), "{line}");
        }
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line() {
        assert_eq!(reason(b"[UNK]\n[CLS]\n[SEP]\na\n##a\na"), "line 6: an earlier line is the same");
        assert!(reason(b"[UNK]\n[CLS]\n\n[SEP]").starts_with("line 3: a piece has from 1 to 128"));
        assert!(reason(b"[UNK]\n[CLS]\n[SEP]\n##").starts_with("line 4: "));
        for missing in ["[UNK]", "[CLS]", "[SEP]"] {
            let file = "[UNK]\n[CLS]\n[SEP]".replace(missing, "x");
            assert_eq!(reason(file.as_bytes()), format!("it has no {missing}"));
        }
        assert_eq!(reason(b"\xff"), "it is not UTF-8");
        assert!(reason("a\n".repeat(MAX_PIECES + 1).as_bytes()).contains("lines, more than"));
        assert!(reason(["[UNK]\n[CLS]\n[SEP]\n", &"x".repeat(129)].concat().as_bytes()).contains("line 4"));
    }
}
