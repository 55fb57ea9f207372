//! Which parts of a text carried its verdict.
//!
//! A model gives weights: how much of the logit of `toxic` each part of the text stands for. Here they become spans of
//! the original text, the heaviest first. Two sources exist: the features of `simple`, whose weights are exact, and pieces
//! of a tokenizer, however a model comes by theirs.

use crate::text::Scratch;
use std::ops::Range;

/// The most spans of an explanation.
pub const MAX_SPANS: usize = 8;

/// A part of a text and its share of the verdict.
///
/// `start` and `end` count Unicode code points, as Python's strings do and as the toxic spans of `SemEval` 2021 (task 5) do;
/// JavaScript's strings count UTF-16 units, which are the same until a character beyond U+FFFF.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// The first character.
    pub start: u32,
    /// One past the last character.
    pub end: u32,
    /// What it adds to the logit (natural logarithm of the odds) of `toxic`; greater than 0.
    pub weight: f32,
    /// The first byte.
    first: u32,
    /// One past the last byte.
    past: u32,
}

/// The heaviest spans of a text, in a place of their own so that finding them allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    spans: [Span; MAX_SPANS],
    count: usize,
}

impl Span {
    /// The span's part of the `text` that was explained.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.first as usize..self.past as usize).unwrap_or_default()
    }
}

impl Explanation {
    /// The explanation of `text` by a model that is linear in its features, where `weight` gives what the feature of an id
    /// adds to the logit. Every word of the normalised text is a candidate, with the whole of what its features add.
    pub fn of_features(text: &str, scratch: &mut Scratch, weight: impl Fn(u32) -> f32) -> Self {
        let (mut found, mut last) = (Self::default(), (0..0, 0.0));
        scratch.parts(text, weight, |bytes, weight| found.next(&mut last, (bytes, weight), false));
        found.offer(last);
        found.in_characters(text)
    }

    /// The explanation of `text` by a model that weighs pieces: `pieces` gives the bytes that each stands for, in order, as
    /// [`Pieces`](crate::text::Pieces) does, and its weight. The pieces of a word make one candidate.
    pub fn of_pieces(text: &str, pieces: impl IntoIterator<Item = (Range<usize>, f32)>) -> Self {
        let (mut found, mut last) = (Self::default(), (0..0, 0.0));
        for (bytes, weight) in pieces.into_iter().filter(|(bytes, _)| !bytes.is_empty()) {
            let of_last = !last.0.is_empty() && bytes.start <= last.0.end && is_one_word(text, bytes.start);
            found.next(&mut last, (bytes, weight), of_last);
        }
        found.offer(last);
        found.in_characters(text)
    }

    /// The spans, the heaviest first; of equals the first in the text first.
    pub fn spans(&self) -> &[Span] {
        &self.spans[..self.count]
    }

    /// Offers the `last` candidate and puts the next one in its place, or adds that to it: where it is `of_last`, and where they
    /// share a character. One that normalising takes for several (a digit with its full stop, U+248C) may be of two parts, and
    /// spans do not overlap.
    fn next(&mut self, last: &mut (Range<usize>, f32), (bytes, weight): (Range<usize>, f32), of_last: bool) {
        if of_last || bytes.start < last.0.end {
            *last = (last.0.start.min(bytes.start)..last.0.end.max(bytes.end), last.1 + weight);
        } else {
            self.offer(std::mem::replace(last, (bytes, weight)));
        }
    }

    /// Keeps a candidate if it is among the heaviest so far and adds to the logit.
    fn offer(&mut self, (bytes, weight): (Range<usize>, f32)) {
        let at = self.spans().iter().position(|span| span.weight < weight).unwrap_or(self.count);
        if at == MAX_SPANS || bytes.is_empty() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        self.count = (self.count + 1).min(MAX_SPANS);
        self.spans[at..self.count].rotate_right(1);
        self.spans[at] = Span { weight, first: bytes.start as u32, past: bytes.end as u32, ..Span::default() };
    }

    /// Fills in the offsets in code points.
    fn in_characters(mut self, text: &str) -> Self {
        let characters = |bytes: u32| {
            let before = text.as_bytes().get(..bytes as usize).unwrap_or_default();
            before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u32
        };
        for span in &mut self.spans[..self.count] {
            (span.start, span.end) = (characters(span.first), characters(span.past));
        }
        self
    }
}

/// Whether the characters on both sides of the byte `at` are letters or digits.
fn is_one_word(text: &str, at: usize) -> bool {
    let Some((before, after)) = text.split_at_checked(at) else { return false };
    before.chars().next_back().is_some_and(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::features::{MAX_FEATURES_PER_BYTE, Seen, extract};

    /// The id of the first feature of a word: its first three bytes and the space before them.
    fn first_feature(word: &str) -> u32 {
        let mut ids = vec![0; word.len() * MAX_FEATURES_PER_BYTE + 8];
        extract(format!(" {word} ").as_bytes(), &mut ids, &mut Seen::new());
        ids[0]
    }

    fn shown<'a>(explanation: &Explanation, text: &'a str) -> Vec<(u32, u32, &'a str, f32)> {
        explanation.spans().iter().map(|span| (span.start, span.end, span.of(text), span.weight)).collect()
    }

    #[test]
    fn the_heaviest_words_come_first_in_code_points_of_the_original() {
        let text = "\u{1f642} Été: you G.R.U.M.P.Y goat, s1lly goat";
        let (grumpy, goat, silly) = (first_feature("grumpy"), first_feature("goat"), first_feature("silly"));
        let weight = |id| match id {
            id if id == grumpy => 2.0,
            id if id == goat => 1.5,
            id if id == silly => -1.0,
            _ => 0.0,
        };
        let explanation = Explanation::of_features(text, &mut Scratch::new(1000), weight);
        let expected = [(11, 22, "G.R.U.M.P.Y", 2.0), (23, 27, "goat", 0.75), (35, 39, "goat", 0.75)];
        assert_eq!(shown(&explanation, text), expected);
    }

    #[test]
    fn a_text_of_nothing_and_a_harmless_one_have_no_spans() {
        let mut scratch = Scratch::new(1000);
        for text in ["", " \u{200b}", "harmless words"] {
            assert_eq!(Explanation::of_features(text, &mut scratch, |_| -1.0).spans(), []);
        }
    }

    #[test]
    fn spans_of_a_character_that_becomes_several_do_not_overlap() {
        let mut scratch = Scratch::new(1000);
        // One with its full stop, and a phrase of four words.
        for (text, expected) in
            [("so \u{2488} no", vec![(0, 2), (3, 4), (5, 7)]), ("a \u{fdfa} b", vec![(0, 1), (2, 3), (4, 5)])]
        {
            let explanation = Explanation::of_features(text, &mut scratch, |_| 1.0);
            let mut places: Vec<_> = explanation.spans().iter().map(|span| (span.start, span.end)).collect();
            places.sort_unstable();
            assert_eq!(places, expected, "{text}");
            let weights: f32 = explanation.spans().iter().map(|span| span.weight).sum();
            let features = scratch.features(text).len() as f32;
            assert!((weights - features).abs() < 1e-3, "{text}: {weights} of {features}");
        }
        let pieces = [(0..2, 1.0), (3..6, 0.5), (3..6, 0.25), (7..9, 2.0)];
        let explanation = Explanation::of_pieces("so \u{2488} no", pieces);
        let expected = [(5, 7, "no", 2.0), (0, 2, "so", 1.0), (3, 4, "\u{2488}", 0.75)];
        assert_eq!(shown(&explanation, "so \u{2488} no"), expected);
    }

    proptest! {
        #[test]
        fn spans_do_not_overlap(text in "\\PC{0,30}|[a-z0-9 $.*'⒌①½㎏ﷺ]{0,30}") {
            let explanation = Explanation::of_features(&text, &mut Scratch::new(1000), |id| (id % 7) as f32);
            let mut places: Vec<_> = explanation.spans().iter().map(|span| (span.start, span.end)).collect();
            places.sort_unstable();
            prop_assert!(places.is_sorted_by(|before, after| before.1 <= after.0), "{:?}: {:?}", text, places);
        }
    }

    #[test]
    fn no_more_than_the_heaviest_eight() {
        let pieces = (0..40).map(|at| (at * 2..at * 2 + 1, ((at * 7) % 40) as f32));
        let text = "a ".repeat(40);
        let explanation = Explanation::of_pieces(&text, pieces);
        let weights: Vec<f32> = explanation.spans().iter().map(|span| span.weight).collect();
        assert_eq!(weights, [39.0, 38.0, 37.0, 36.0, 35.0, 34.0, 33.0, 32.0]);
    }

    #[test]
    fn pieces_of_a_word_make_one_candidate() {
        let text = "日本 unkind, un";
        let pieces = [(0..0, 9.0), (0..3, 0.5), (3..6, 0.25), (7..9, 1.0), (9..13, 2.0), (13..14, -0.5), (15..17, 0.0)];
        let explanation = Explanation::of_pieces(text, pieces);
        assert_eq!(shown(&explanation, text), [(3, 9, "unkind", 3.0), (0, 2, "日本", 0.75)]);
    }
}
