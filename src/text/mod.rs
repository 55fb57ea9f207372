//! Text to ids, in buffers that are made once.
//!
//! ```text
//!  &str ──normalize (fold, word)──► bytes, a space at each word's edge ──features──► ids [n] u32, each once, each < 2^18
//!                                                                       └──wordpiece──► pieces [n] u32, [CLS] first, [SEP] last
//! ```
//!
//! The trainer reads both through this same code (`tamis features`, `tamis pieces`), so serving cannot drift from training.

pub mod attribution;
pub mod features;
pub mod fold;
pub mod normalize;
mod punctuation;
pub mod rules;
mod swar;
pub mod trace;
pub mod vocabulary;
pub mod word;
pub mod wordpiece;

use attribution::Attribution;
use features::{MAX_FEATURES_PER_BYTE, Seen};
use rules::Rules;
use std::ops::Range;
use trace::{Origin, character_end};
use vocabulary::Vocabulary;
use wordpiece::Piece;

/// The version of everything between a text and its ids: rules, n-gram lengths, hash. A model's manifest names the
/// version that it was trained on, and any change to the ids of any text is a new version.
pub const FEATURE_SPEC: u32 = 2;

/// The most bytes of a normalised text that are read, its two outer spaces included; the rest of a longer text is not
/// scored. The evaluation rows reach 5,000 characters, and reading all of them instead of the first 2,000 gained only
/// 0.0003 of mean ROC-AUC: the bound is one of time, not of quality.
pub const MAX_NORMALIZED_BYTES: usize = 16 * 1024;

/// The most pieces of a text, `[CLS]` and `[SEP]` included: as many places as BERT knows.
pub const MAX_PIECES: usize = 512;

/// The buffers between a text and its ids. One per worker; nothing grows after [`Scratch::new`].
pub struct Scratch {
    normalized: Box<[u8]>,
    /// Where each byte of `normalized` comes from, when somebody asks.
    origins: Box<[Origin]>,
    ids: Box<[u32]>,
    seen: Seen,
    pieces: Box<[u32]>,
    spans: Box<[Range<usize>]>,
    weights: Box<[u32]>,
    attribution: Attribution,
    rules: Rules,
}

/// A text as pieces.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    /// `[CLS]`, the pieces, `[SEP]`; empty when nothing of the text is left to score.
    pub ids: &'a [u32],
    /// The bytes of the original text that each piece stands for, in order; none for `[CLS]` and `[SEP]`.
    pub spans: &'a [Range<usize>],
}

impl Scratch {
    /// Buffers for texts of up to `max_text_bytes` bytes (UTF-8). A longer text is scored too, by as much of it as fits.
    pub fn new(max_text_bytes: usize) -> Self {
        let bytes = max_text_bytes.saturating_mul(MAX_GROWTH).saturating_add(2).min(MAX_NORMALIZED_BYTES);
        Self {
            normalized: vec![0; bytes].into(),
            ids: vec![0; bytes * MAX_FEATURES_PER_BYTE].into(),
            seen: Seen::new(),
            origins: vec![Origin::default(); bytes].into(),
            pieces: vec![0; MAX_PIECES].into(),
            spans: vec![0..0; MAX_PIECES].into(),
            weights: vec![0; MAX_PIECES].into(),
            attribution: Attribution::new(bytes),
            rules: Rules::NONE,
        }
    }

    /// The distinct feature ids of `text` in the order of their first occurrence, each below
    /// 2^[`HASH_BITS`](features::HASH_BITS); empty when nothing of the text is left to score. Does not allocate.
    pub fn features(&mut self, text: &str) -> &[u32] {
        let length = self.normalize(text);
        let count = features::extract(&self.normalized[..length], &mut self.ids, &mut self.seen);
        &self.ids[..count]
    }

    /// The rules of the normalisation that changed the text that was read last.
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    fn normalize(&mut self, text: &str) -> usize {
        let normalized = normalize::normalize_traced(text, &mut self.normalized, &mut ());
        self.rules = normalized.rules;
        normalized.length
    }

    fn normalize_traced(&mut self, text: &str) -> usize {
        let normalized = normalize::normalize_traced(text, &mut self.normalized, &mut self.origins[..]);
        self.rules = normalized.rules;
        normalized.length
    }

    /// The pieces of `text` between `[CLS]` and `[SEP]`, cut to `max` in all (and to [`MAX_PIECES`]); empty when nothing of
    /// the text is left to score or `max` leaves no room for a piece. Does not allocate.
    pub fn pieces(&mut self, text: &str, vocabulary: &Vocabulary, max: usize) -> &[u32] {
        let length = self.normalize(text);
        let count = self.cut(length, vocabulary, max, |_, _, _| ());
        &self.pieces[..count]
    }

    /// As [`Self::pieces`], with what of the text each piece stands for.
    pub fn traced_pieces(&mut self, text: &str, vocabulary: &Vocabulary, max: usize) -> Pieces<'_> {
        let length = self.normalize_traced(text);
        let count = self.cut(length, vocabulary, max, |span, origins, piece| {
            *span = original(text, &origins[piece.start as usize..piece.end as usize]);
        });
        if let [first, .., last] = &mut self.spans[..count] {
            (*first, *last) = (0..0, text.len()..text.len());
        }
        Pieces { ids: &self.pieces[..count], spans: &self.spans[..count] }
    }

    /// Where the weights of a text's pieces are put, `[CLS]` first: the bits of a float32 each.
    pub fn weights(&mut self) -> &mut [u32] {
        &mut self.weights
    }

    /// Has `weigh` put the [weights](Self::weights) of the pieces of `text` in the place of their ids. Does not allocate.
    pub fn weigh(&mut self, text: &str, vocabulary: &Vocabulary, max: usize, weigh: impl FnOnce(&mut [u32])) {
        let count = self.pieces(text, vocabulary, max).len();
        let weights = &mut self.weights[..count];
        weights.copy_from_slice(&self.pieces[..count]);
        weigh(weights);
    }

    /// The bytes of `text` that each of its pieces stands for, in order, with the piece's [weight](Self::weights). Does not
    /// allocate.
    pub fn weighed_pieces(
        &mut self,
        text: &str,
        vocabulary: &Vocabulary,
        max: usize,
    ) -> impl Iterator<Item = (Range<usize>, f32)> {
        let count = self.traced_pieces(text, vocabulary, max).ids.len();
        let weights = self.weights[..count].iter().map(|&bits| f32::from_bits(bits));
        self.spans[..count].iter().cloned().zip(weights)
    }

    /// Hands each part of `text` (a word, or a run of signs; see [`attribution`]), in order, to `visit`: its bytes in the
    /// original, and what the distinct features of `text` weigh there, where `weight` gives that of each by its id. Does
    /// not allocate.
    pub fn parts(&mut self, text: &str, weight: impl Fn(u32) -> f32, mut visit: impl FnMut(Range<usize>, f32)) {
        let length = self.normalize_traced(text);
        let (normalized, origins) = (&self.normalized[..length], &self.origins);
        self.attribution.parts(normalized, &mut self.ids, weight, |part, weight| {
            visit(original(text, &origins[part]), weight);
        });
    }

    /// Cuts the normalised text into `self.pieces`, telling `each` of every piece, and answers how many there are.
    fn cut(
        &mut self,
        length: usize,
        vocabulary: &Vocabulary,
        max: usize,
        mut each: impl FnMut(&mut Range<usize>, &[Origin], Piece),
    ) -> usize {
        let max = max.min(MAX_PIECES);
        if length == 0 || max < 3 {
            return 0;
        }
        let special = vocabulary.special();
        self.pieces[0] = special.class;
        let mut count = 1;
        wordpiece::pieces(&self.normalized[..length], vocabulary, |piece| {
            self.pieces[count] = piece.id;
            each(&mut self.spans[count], &self.origins, piece);
            count += 1;
            count + 1 < max
        });
        self.pieces[count] = special.separator;
        count + 1
    }
}

/// The bytes of `text` that consecutive bytes of its normalised form come from.
fn original(text: &str, origins: &[Origin]) -> Range<usize> {
    match origins {
        [] => 0..0,
        [only] => only.first as usize..character_end(text, only.last),
        [first, .., last] => first.first as usize..character_end(text, last.last),
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

    #[test]
    fn ids_are_those_of_the_normalised_text() {
        let mut ids = [0; 64];
        let count = features::extract(b" you idiot ", &mut ids, &mut Seen::new());
        assert_eq!(Scratch::new(100).features("You \n IDIOT"), &ids[..count]);
    }

    #[test]
    fn what_pieces_weigh_comes_back_beside_their_bytes() {
        let vocabulary = Vocabulary::parse(b"[UNK]\n[CLS]\n[SEP]\nyou\n##s\nidiot\n!").expect("good");
        let mut scratch = Scratch::new(100);
        scratch.weigh("Yous  IDIOT!", &vocabulary, 16, |pieces| {
            assert_eq!(pieces, [1, 3, 4, 5, 6, 2]);
            for (at, piece) in pieces.iter_mut().enumerate() {
                *piece = (at as f32 / 2.0).to_bits();
            }
        });
        let weighed: Vec<_> = scratch.weighed_pieces("Yous  IDIOT!", &vocabulary, 16).collect();
        assert_eq!(weighed, [(0..0, 0.0), (0..3, 0.5), (3..4, 1.0), (6..11, 1.5), (11..12, 2.0), (12..12, 2.5)]);
        scratch.weights()[1] = 9_f32.to_bits();
        assert_eq!(scratch.weighed_pieces("Yous", &vocabulary, 16).nth(1), Some((0..3, 9.0)));
    }

    #[test]
    fn parts_are_told_by_the_bytes_of_the_text_as_it_came() {
        let (text, mut scratch, mut found) = ("You  IDIOT!", Scratch::new(100), Vec::new());
        scratch.parts(text, |_| 1.0, |part, weight| found.push((part, weight)));
        assert_eq!(found.iter().map(|(part, _)| part.clone()).collect::<Vec<_>>(), [0..3, 5..10, 10..11]);
        let features = scratch.features(text).len() as f32;
        assert!((found.iter().map(|(_, weight)| weight).sum::<f32>() - features).abs() < 1e-3, "{found:?}");
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
