//! Text to feature ids, in buffers that are made once.
//!
//! ```text
//!  &str ──normalize (fold, word)──► bytes, a space at each word's edge ──features──► ids [n] u32, each once, each < 2^18
//! ```
//!
//! The trainer reads its features through this same code (`tamis features`), so serving cannot drift from training.

pub mod features;
pub mod fold;
pub mod normalize;
pub mod trace;
pub mod word;
pub mod wordpiece;

use features::{MAX_FEATURES_PER_BYTE, Seen};

/// The version of everything between a text and its ids: rules, n-gram lengths, hash. A model's manifest names the
/// version that it was trained on, and any change to the ids of any text is a new version.
pub const FEATURE_SPEC: u32 = 2;

/// The most bytes of a normalised text that are read, its two outer spaces included; the rest of a longer text is not
/// scored. The evaluation rows reach 5,000 characters, and reading all of them instead of the first 2,000 gained only
/// 0.0003 of mean ROC-AUC: the bound is one of time, not of quality.
pub const MAX_NORMALIZED_BYTES: usize = 16 * 1024;

/// The buffers between a text and its ids. One per worker; nothing grows after [`Scratch::new`].
pub struct Scratch {
    normalized: Box<[u8]>,
    ids: Box<[u32]>,
    seen: Seen,
}

impl Scratch {
    /// Buffers for texts of up to `max_text_bytes` bytes (UTF-8). A longer text is scored too, by as much of it as fits.
    pub fn new(max_text_bytes: usize) -> Self {
        let bytes = max_text_bytes.saturating_mul(MAX_GROWTH).saturating_add(2).min(MAX_NORMALIZED_BYTES);
        Self {
            normalized: vec![0; bytes].into(),
            ids: vec![0; bytes * MAX_FEATURES_PER_BYTE].into(),
            seen: Seen::new(),
        }
    }

    /// The distinct feature ids of `text` in the order of their first occurrence, each below
    /// 2^[`HASH_BITS`](features::HASH_BITS); empty when nothing of the text is left to score. Does not allocate.
    pub fn features(&mut self, text: &str) -> &[u32] {
        let length = normalize::normalize(text, &mut self.normalized);
        let count = features::extract(&self.normalized[..length], &mut self.ids, &mut self.seen);
        &self.ids[..count]
    }
}

/// The most bytes that one byte of UTF-8 becomes: U+FDFA, three bytes long, folds to eighteen characters in 33 bytes.
const MAX_GROWTH: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buffers_are_bounded_and_do_not_change_the_ids() {
        let text = "Some words, and then a few more of them. ".repeat(20);
        let small = Scratch::new(text.len()).features(&text).to_vec();
        assert_eq!(small, Scratch::new(usize::MAX).features(&text));
        assert_eq!(Scratch::new(usize::MAX).normalized.len(), MAX_NORMALIZED_BYTES);
    }

    #[test]
    fn a_text_of_nothing_has_no_ids() {
        let mut scratch = Scratch::new(1000);
        for text in ["", " ", "\n\t\u{a0}", "\u{200b}\u{feff}\u{7}", "\u{301}"] {
            assert!(scratch.features(text).is_empty(), "{text:?}");
        }
        assert!(Scratch::new(0).features("word").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_gives_bounded_distinct_ids(text in "\\PC*|[ -~]{0,300}|(?s).{0,80}", max in 0_usize..400) {
            let mut scratch = Scratch::new(max);
            let ids = scratch.features(&text).to_vec();
            prop_assert!(ids.len() <= scratch.ids.len());
            prop_assert!(ids.iter().all(|&id| id < 1 << features::HASH_BITS));
            let mut distinct = ids.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), ids.len());
            prop_assert_eq!(ids, scratch.features(&text), "a used scratch answers the same");
        }

        #[test]
        fn case_and_spacing_do_not_matter(words in prop::collection::vec("[a-zA-Z,.!]{1,9}", 1..9)) {
            let mut scratch = Scratch::new(1000);
            let plain = scratch.features(&words.join(" ").to_lowercase()).to_vec();
            prop_assert_eq!(plain, scratch.features(&words.join(" \t\r\n")));
        }
    }
}
