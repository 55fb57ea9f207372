//! From the weights of features back to the words of the original text.
//!
//! A feature's weight is shared equally by its occurrences in the normalised text and each share by the bytes of words
//! there (by its signs, where it has no such byte), so nothing is lost and nothing counted twice: the weights of all parts
//! add up to those of the distinct features. A part is a word, with the `*` and `'` within it, or a run of other signs.

use super::features::{self, HASH_BITS};
use std::ops::Range;

/// The buffers of an attribution. Nothing grows after [`Attribution::new`].
pub struct Attribution {
    /// Which features occur: one bit for each possible id.
    present: Box<[u64]>,
    /// How many features occur below each word of `present`.
    below: Box<[u32]>,
    /// The weight of each byte of the normalised text.
    weights: Box<[f32]>,
}

impl Attribution {
    /// Buffers for normalised texts of up to `bytes` bytes.
    pub fn new(bytes: usize) -> Self {
        let words = 1 << (HASH_BITS - 6);
        Self { present: vec![0; words].into(), below: vec![0; words].into(), weights: vec![0.0; bytes].into() }
    }

    /// Hands each part of `normalized`, in order, and its weight to `visit`, where `weight` gives that of a feature by its
    /// id. `counts` is scratch, with a place for each distinct feature of the text at least.
    pub fn parts(
        &mut self,
        normalized: &[u8],
        counts: &mut [u32],
        weight: impl Fn(u32) -> f32,
        mut visit: impl FnMut(Range<usize>, f32),
    ) {
        self.present.fill(0);
        features::occurrences(normalized, |id, _, _| self.present[id as usize >> 6] |= 1 << (id & 63));
        let mut total = 0;
        for (below, word) in self.below.iter_mut().zip(&self.present) {
            *below = total;
            total += word.count_ones();
        }
        let (present, below) = (&self.present, &self.below);
        let rank = |id: u32| {
            let word = id as usize >> 6;
            (below[word] + (present[word] & ((1 << (id & 63)) - 1)).count_ones()) as usize
        };
        counts[..total as usize].fill(0);
        features::occurrences(normalized, |id, _, _| counts[rank(id)] += 1);
        let weights = &mut self.weights[..normalized.len()];
        weights.fill(0.0);
        features::occurrences(normalized, |id, start, end| {
            let share = weight(id) / counts[rank(id)] as f32;
            spread(share, &normalized[start..end], &mut weights[start..end]);
        });
        let mut start = 0;
        for part in normalized.chunk_by(|&a, &b| Kind::of(a) == Kind::of(b)) {
            let range = start..start + part.len();
            start = range.end;
            if Kind::of(part[0]) != Kind::Space {
                visit(range.clone(), weights[range].iter().sum());
            }
        }
    }
}

/// What a byte is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Word,
    Sign,
}

impl Kind {
    const fn of(byte: u8) -> Self {
        match byte {
            b' ' => Self::Space,
            b'a'..=b'z' | b'0'..=b'9' | b'*' | b'\'' | 0x80.. => Self::Word,
            _ => Self::Sign,
        }
    }
}

/// Adds `share` to `weights`, in equal parts at the bytes of words among `bytes`, or else at the signs.
fn spread(share: f32, bytes: &[u8], weights: &mut [f32]) {
    let count = |kind| bytes.iter().filter(|&&byte| Kind::of(byte) == kind).count();
    let (kind, count) = match count(Kind::Word) {
        0 => (Kind::Sign, count(Kind::Sign)),
        words => (Kind::Word, words),
    };
    for (weight, &byte) in weights.iter_mut().zip(bytes) {
        if Kind::of(byte) == kind {
            *weight += share / count as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::features::{MAX_FEATURES_PER_BYTE, Seen, extract};
    use super::*;
    use proptest::prelude::*;

    fn parts(normalized: &str, weight: impl Fn(u32) -> f32) -> Vec<(&str, f32)> {
        let mut found = Vec::new();
        let mut counts = vec![7; normalized.len() * MAX_FEATURES_PER_BYTE];
        let mut attribution = Attribution::new(normalized.len());
        attribution.parts(normalized.as_bytes(), &mut counts, weight, |range, weight| {
            found.push((&normalized[range], weight));
        });
        found
    }

    fn ids(normalized: &str) -> Vec<u32> {
        let mut ids = vec![0; normalized.len() * MAX_FEATURES_PER_BYTE];
        let count = extract(normalized.as_bytes(), &mut ids, &mut Seen::new());
        ids.truncate(count);
        ids
    }

    #[test]
    fn a_weight_goes_to_the_words_that_carry_it() {
        let [wanted, ..] = ids(" zebra ")[..] else { panic!("features") };
        let found = parts(" a zebra, a cat. the zebra! ", |id| if id == wanted { 6.0 } else { 0.0 });
        let expected = [("a", 0.0), ("zebra", 3.0), (",", 0.0), ("a", 0.0), ("cat", 0.0), (".", 0.0), ("the", 0.0)];
        assert_eq!(found[..7], expected);
        assert_eq!(found[7..], [("zebra", 3.0), ("!", 0.0)]);
    }

    #[test]
    fn signs_alone_are_a_part() {
        let found = parts(" well !? ", |id| if ids(" !? ").contains(&id) { 1.0 } else { 0.0 });
        assert_eq!(found[1].0, "!?");
        assert!((found[1].1 - ids(" !? ").len() as f32).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "( [a-d!'*é]{1,9}){1,12} ") {
            let weight = |id: u32| (id % 97) as f32 - 40.0;
            let total: f32 = parts(&text, weight).iter().map(|(_, weight)| weight).sum();
            let expected: f32 = ids(&text).into_iter().map(weight).sum();
            prop_assert!((total - expected).abs() <= 1e-2, "{total} {expected}");
        }
    }
}
