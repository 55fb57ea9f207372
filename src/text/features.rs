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

use super::swar::{HIGH, is_letter, is_space, load};

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
        put_one_by_one(self, bytes, start);
    }
}

#[inline(always)]
fn put_one_by_one(sink: &mut (impl Sink + ?Sized), bytes: u64, start: usize) {
    sink.put(bytes & THREE, start, start + 3);
    sink.put(bytes & FOUR, start, start + 4);
    sink.put(bytes & FIVE, start, start + 5);
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
            return put_one_by_one(self, bytes, start);
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
    let new = *word >> (id & 63) & 1 == 0;
    *word |= 1 << (id & 63);
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
    let mut previous = (0, 0);
    let mut start = 0;
    while start + 1 < normalized.len() {
        let bytes = load(normalized, start + 1);
        let spaces = is_space(bytes);
        let end;
        if spaces != 0 {
            // A word that a register holds, as most are.
            let bits = spaces.trailing_zeros() & !7;
            end = start + 1 + bits as usize / 8;
            short_characters(bytes, start, end, sink);
            previous = short_words(normalized, bytes, bits, start + 1, previous, sink);
        } else {
            let Some(length) = word_length(normalized, start + 1) else { return };
            end = start + 1 + length;
            characters(normalized, start, end, sink);
            previous = words(normalized, start + 1, end, previous, sink);
        }
        start = end;
    }
}

/// The character n-grams of a word of up to seven bytes with the spaces at its edges, `first` and `last`. `bytes` are
/// those after the first space.
#[inline(always)]
fn short_characters(bytes: u64, first: usize, last: usize, sink: &mut impl Sink) {
    let (mut window, mut rest) = (bytes << 8 | u64::from(b' '), bytes);
    let mut at = first;
    while at + 3 < last {
        sink.put_characters(window, at);
        (window, rest, at) = (rest, rest >> 8, at + 1);
    }
    if at + 2 < last {
        sink.put(window & THREE, at, at + 3);
        sink.put(window & FOUR, at, at + 4);
        (window, at) = (rest, at + 1);
    }
    if at + 1 < last {
        sink.put(window & THREE, at, at + 3);
    }
}

/// What [`words`] does, of the first `bits` of `bytes`, which stand at `start`: a word and signs around it, most often.
#[inline(always)]
fn short_words(
    text: &[u8],
    bytes: u64,
    bits: u32,
    start: usize,
    previous: (u64, usize),
    sink: &mut impl Sink,
) -> (u64, usize) {
    let letters = is_letter(bytes) & ((1 << bits) - 1);
    let run = (!letters & HIGH).trailing_zeros() & !7;
    if letters >> run != 0 {
        return words(text, start, start + bits as usize / 8, previous, sink);
    }
    if run == 0 {
        return previous;
    }
    word(fold(WORD_SEED, bytes & ((1 << run) - 1)), start, start + run as usize / 8, previous, sink)
}

/// A word of this `number`, alone and with the one before it.
#[inline(always)]
fn word(number: u64, start: usize, end: usize, previous: (u64, usize), sink: &mut impl Sink) -> (u64, usize) {
    sink.put(number, start, end);
    if previous.0 != 0 {
        sink.put(previous.0.rotate_left(25).wrapping_mul(MULTIPLIER) ^ number, previous.1, end);
    }
    (number, start)
}

#[inline(always)]
fn fold(number: u64, bytes: u64) -> u64 {
    let number = (number ^ bytes).wrapping_mul(MULTIPLIER);
    number ^ number >> 29
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
        // The end below would do; with this the whole takes 2 % fewer instructions.
        if length == 0 && bytes == 0 {
            return None;
        }
        let found = is_space(bytes);
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
            previous = word(number(text, at, stop), at, stop, previous, sink);
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
        number = fold(number, bytes & (u64::MAX >> unused));
    }
    number
}

/// 2^64 divided by the golden ratio, made odd.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Sets words apart from character n-grams of the same bytes.
const WORD_SEED: u64 = 0x5DEE_CE66_D1A4_F87D;
const THREE: u64 = 0xFF_FFFF;
const FOUR: u64 = 0xFFFF_FFFF;
const FIVE: u64 = 0xFF_FFFF_FFFF;
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
mod tests;
