//! Hashed n-grams of a normalised text.
//!
//! - Characters: every 3, 4 and 5 bytes in a row that lie within one word and the two spaces at its edges, so `" yo"`
//!   is how a word begins. A space-to-space word may hold punctuation.
//! - Words: every run of letters and digits (and bytes outside ASCII), and every two such runs that follow one another.
//!
//! Hash (multiplicative, Knuth, The Art of Computer Programming 3, section 6.4): an n-gram's bytes as a little-endian
//! number, times an odd constant, the top [`HASH_BITS`] bits of the low 64 bits of the product. Bytes are never zero,
//! so n-grams of different lengths are different numbers. A word is folded eight bytes at a time into one such number.
//!
//! Each id is kept once: whether an n-gram occurs says more about toxicity than how often it does, and a text that
//! repeats one harmless word cannot drown the rest.

/// The number of bits of an id.
pub const HASH_BITS: u32 = 18;

/// The most ids that a byte of normalised text can give: three n-grams start there, and at most every other byte starts
/// a word, which gives two.
pub const MAX_FEATURES_PER_BYTE: usize = 4;

/// The set of ids already written: one bit for each possible id, all clear between texts.
pub struct Seen(Box<[u64]>);

/// What is told of every n-gram.
trait Sink {
    /// The n-gram of this `number` stands at `start..end`.
    fn put(&mut self, number: u64, start: usize, end: usize);

    /// The n-grams of three, four and five bytes from `start` on, whose bytes `bytes` begins with.
    #[inline(always)]
    fn put_characters(&mut self, bytes: u64, start: usize) {
        self.put(bytes & THREE, start, start + 3);
        self.put(bytes & FOUR, start, start + 4);
        self.put(bytes & FIVE, start, start + 5);
    }
}

/// Keeps the distinct ids.
struct Ids<'a> {
    found: &'a mut [u32],
    seen: &'a mut [u64; SEEN_WORDS],
    count: usize,
}

/// Hands every occurrence on.
struct Occurrences<F>(F);

impl Seen {
    /// An empty set, of 2^[`HASH_BITS`] bits.
    pub fn new() -> Self {
        Self(vec![0; SEEN_WORDS].into())
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: FnMut(u32, usize, usize)> Sink for Occurrences<F> {
    fn put(&mut self, number: u64, start: usize, end: usize) {
        self.0(id_of(number), start, end);
    }
}

impl Sink for Ids<'_> {
    /// Writes the id of `number` unless it was written before or `ids` is full.
    #[inline(always)]
    fn put(&mut self, number: u64, _start: usize, _end: usize) {
        let id = id_of(number);
        let Some(slot) = self.found.get_mut(self.count) else { return };
        *slot = id;
        self.count += usize::from(is_new(self.seen, id));
    }

    /// With one look for room instead of three.
    #[inline(always)]
    fn put_characters(&mut self, bytes: u64, start: usize) {
        let Some(room) = self.found.get_mut(self.count..).and_then(<[u32]>::first_chunk_mut::<4>) else {
            self.put(bytes & THREE, start, start + 3);
            self.put(bytes & FOUR, start, start + 4);
            self.put(bytes & FIVE, start, start + 5);
            return;
        };
        let mut kept = 0;
        for number in [bytes & THREE, bytes & FOUR, bytes & FIVE] {
            let id = id_of(number);
            room[kept & 3] = id;
            kept += usize::from(is_new(self.seen, id));
        }
        self.count += kept;
    }
}

/// Puts `id` into the set; whether it was not there.
#[inline(always)]
fn is_new(seen: &mut [u64; SEEN_WORDS], id: u32) -> bool {
    let word = &mut seen[id as usize >> 6 & (SEEN_WORDS - 1)];
    let bit = 1_u64 << (id & 63);
    let new = *word & bit == 0;
    *word |= bit;
    new
}

/// Writes the distinct ids of `normalized` (as [`normalize`](super::normalize::normalize) leaves it: empty, or between
/// two spaces) into `ids` in the order of their first occurrence and returns how many there are.
///
/// [`MAX_FEATURES_PER_BYTE`] ids per byte always suffice; what does not fit is left out.
pub fn extract(normalized: &[u8], ids: &mut [u32], seen: &mut Seen) -> usize {
    let Some(seen) = seen.0.as_mut_array::<SEEN_WORDS>() else { return 0 };
    let mut sink = Ids { found: ids, seen, count: 0 };
    cut(normalized, &mut sink);
    let count = sink.count;
    for &id in &ids[..count] {
        seen[id as usize >> 6 & (SEEN_WORDS - 1)] = 0;
    }
    count
}

/// Hands every n-gram of `normalized` to `visit`, each as often as it stands there: its id, its first byte, and one past
/// its last byte. The ids are those of [`extract`].
pub fn occurrences(normalized: &[u8], visit: impl FnMut(u32, usize, usize)) {
    cut(normalized, &mut Occurrences(visit));
}

#[inline(always)]
fn cut(normalized: &[u8], sink: &mut impl Sink) {
    let mut previous_word = (0, 0);
    let mut start = 0;
    while let Some(length) = word_length(normalized, start + 1) {
        let end = start + 1 + length;
        characters(normalized, start, end, sink);
        previous_word = words(normalized, start + 1, end, previous_word, sink);
        start = end;
    }
}

fn id_of(number: u64) -> u32 {
    (number.wrapping_mul(MULTIPLIER) >> (u64::BITS - HASH_BITS)) as u32
}

/// The number of bytes from `start` to the next space, or `None` where no word starts.
#[inline(always)]
fn word_length(text: &[u8], start: usize) -> Option<usize> {
    let mut length = 0;
    loop {
        let bytes = load(text, start + length);
        if length == 0 && bytes == 0 {
            return None;
        }
        // A zero byte of `gaps` is a space; the lowest is found exactly (Warren, Hacker's Delight, section 6-1).
        let gaps = bytes ^ (ONES * u64::from(b' '));
        let found = gaps.wrapping_sub(ONES) & !gaps & (ONES << 7);
        if found != 0 {
            return Some(length + (found.trailing_zeros() / 8) as usize);
        }
        if start + length + 8 > text.len() {
            return None;
        }
        length += 8;
    }
}

/// The character n-grams of `text[first..=last]`, a word with the spaces at its edges.
#[inline(always)]
fn characters(text: &[u8], first: usize, last: usize, sink: &mut impl Sink) {
    let length = last - first + 1;
    let whole = length.saturating_sub(4);
    // Almost all of them have eight bytes to load.
    let windows = text[first..].array_windows::<8>().take(whole);
    let loaded = windows.len();
    for (at, window) in (first..).zip(windows) {
        sink.put_characters(u64::from_le_bytes(*window), at);
    }
    for at in first + loaded..first + whole {
        sink.put_characters(load(text, at), at);
    }
    if length >= 4 {
        let bytes = load(text, last - 3);
        sink.put(bytes & THREE, last - 3, last);
        sink.put(bytes & FOUR, last - 3, last + 1);
    }
    if length >= 3 {
        sink.put(load(text, last - 2) & THREE, last - 2, last + 1);
    }
}

/// The words of `text[start..end]`, each alone and with the one before it. Takes and returns the previous word's number
/// (0 before the first) and where it starts.
#[inline(always)]
fn words(text: &[u8], start: usize, end: usize, mut previous: (u64, usize), sink: &mut impl Sink) -> (u64, usize) {
    let mut at = start;
    while at < end {
        let mut stop = at;
        while stop < end && IN_WORD[usize::from(text[stop])] {
            stop += 1;
        }
        if stop > at {
            let word = number(text, at, stop);
            sink.put(word, at, stop);
            if previous.0 != 0 {
                sink.put(previous.0.rotate_left(25).wrapping_mul(MULTIPLIER) ^ word, previous.1, stop);
            }
            previous = (word, at);
        }
        at = stop + 1;
    }
    previous
}

/// `text[start..stop]` folded into one number.
#[inline(always)]
fn number(text: &[u8], start: usize, stop: usize) -> u64 {
    let mut number = WORD_SEED;
    for at in (start..stop).step_by(8) {
        let bytes = load(text, at);
        let unused = 8_usize.saturating_sub(stop - at) as u32 * 8;
        number = (number ^ (bytes & (u64::MAX >> unused))).wrapping_mul(MULTIPLIER);
        number ^= number >> 29;
    }
    number
}

/// The eight bytes at `at` as a little-endian number; bytes past the end are zero.
#[inline(always)]
fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_end(text, at),
    }
}

#[cold]
fn load_end(text: &[u8], at: usize) -> u64 {
    text.get(at..).unwrap_or_default().iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// 2^64 divided by the golden ratio, made odd.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Sets words apart from character n-grams of the same bytes.
const WORD_SEED: u64 = 0x5DEE_CE66_D1A4_F87D;
const THREE: u64 = 0xFF_FFFF;
const FOUR: u64 = 0xFFFF_FFFF;
const FIVE: u64 = 0xFF_FFFF_FFFF;
const ONES: u64 = 0x0101_0101_0101_0101;
const SEEN_WORDS: usize = 1 << (HASH_BITS - 6);

/// Which bytes make words: ASCII letters and digits, and all of UTF-8 outside ASCII.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn ids(normalized: &str) -> Vec<u32> {
        let mut ids = vec![0; normalized.len() * MAX_FEATURES_PER_BYTE];
        let count = extract(normalized.as_bytes(), &mut ids, &mut Seen::new());
        ids.truncate(count);
        ids
    }

    fn id(number: u64) -> u32 {
        (number.wrapping_mul(MULTIPLIER) >> (64 - HASH_BITS)) as u32
    }

    /// What the module's documentation says, written the slow way.
    fn reference(normalized: &str) -> Vec<u32> {
        let value = |gram: &[u8]| gram.iter().rev().fold(0_u64, |number, &byte| number * 256 + u64::from(byte));
        let (mut all, mut previous) = (Vec::new(), 0_u64);
        for word in normalized.split(' ').filter(|word| !word.is_empty()) {
            let padded = format!(" {word} ");
            let bytes = padded.as_bytes();
            for at in 0..bytes.len() {
                for n in 3..=5 {
                    all.extend(bytes.get(at..at + n).map(|gram| id(value(gram))));
                }
            }
            for run in word.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty()) {
                let mut number = WORD_SEED;
                for chunk in run.as_bytes().chunks(8) {
                    number = (number ^ value(chunk)).wrapping_mul(MULTIPLIER);
                    number ^= number >> 29;
                }
                all.push(id(number));
                if previous != 0 {
                    all.push(id(previous.rotate_left(25).wrapping_mul(MULTIPLIER) ^ number));
                }
                previous = number;
            }
        }
        let mut kept = HashSet::new();
        all.retain(|&id| kept.insert(id));
        all
    }

    #[test]
    fn ids_are_those_of_the_documented_definition() {
        for text in [
            "",
            " a ",
            " ab ",
            " abc ",
            " abcdefg ",
            " abcdefgh ",
            " you, and i! ",
            " don't f*** . it's a-b ",
            " déjà-vu encyclopaedia x ",
        ] {
            assert_eq!(ids(text), reference(text), "{text:?}");
        }
    }

    #[test]
    fn occurrences_are_every_n_gram_in_its_place() {
        let text = b" abab, ab ";
        let mut found = Vec::new();
        occurrences(text, |id, start, end| found.push((id, start, end)));
        let mut distinct: Vec<u32> = Vec::new();
        for &(id, ..) in &found {
            if !distinct.contains(&id) {
                distinct.push(id);
            }
        }
        assert_eq!(distinct, ids(" abab, ab "));
        for &(id, start, end) in &found {
            let gram = text[start..end].iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
            let word = super::number(text, start, end);
            assert!(id == super::id_of(gram) || id == super::id_of(word) || (start, end) == (1, 9), "{start}..{end}");
        }
        assert_eq!(found.iter().filter(|&&(_, start, end)| (start, end) == (1, 5)).count(), 2, "a 4-gram and a word");
        assert_eq!(found.iter().filter(|&&(_, start, end)| (start, end) == (1, 9)).count(), 1, "the pair of words");
    }

    #[test]
    fn a_full_slice_ends_the_list() {
        let text = b" some words of a text ";
        let whole = ids(" some words of a text ");
        for room in 0..whole.len() {
            let mut few = vec![0; room];
            let mut seen = Seen::new();
            assert_eq!(extract(text, &mut few, &mut seen), room);
            assert_eq!(few, whole[..room]);
            assert!(seen.0.iter().all(|&word| word == 0), "the set is left empty");
        }
    }

    #[test]
    fn the_hash_collides_no_more_than_chance() {
        // Every three-letter word gives 17,576 distinct trigrams and as many words.
        let mut trigrams = HashSet::new();
        let mut words = HashSet::new();
        for number in 0..26_u64.pow(3) {
            let letters = [number / 676, number / 26 % 26, number % 26].map(|letter| b'a' + letter as u8);
            trigrams.insert(id(u64::from_le_bytes([letters[0], letters[1], letters[2], 0, 0, 0, 0, 0])));
            let text = [b' ', letters[0], letters[1], letters[2], b' '];
            words.insert(id(super::number(&text, 1, 4)));
        }
        // Expected for a random function: 2^18 * (1 - exp(-17576 / 2^18)) = 17,000 distinct ids.
        for distinct in [trigrams.len(), words.len()] {
            assert!(distinct > 16_800, "{distinct} distinct ids");
        }
    }
}
