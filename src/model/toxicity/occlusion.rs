//! What the words of a text mean to an encoder: how far a logit falls when a word is taken out (occlusion; Zeiler and Fergus
//! 2014, Li et al. 2016).
//!
//! The encoder's own shares of its pieces would be free, but after six layers of attention every piece knows the whole text,
//! and all have about the same share.

use crate::model::encoder::MAX_PIECES;
use crate::model::executor::Wanted;
use crate::text::vocabulary::Vocabulary;

/// The most pieces that an explanation reads, over all words that it takes out. Words beyond, from the text's end on, weigh
/// nothing. Neither do punctuation marks: they say how something is said, and nobody would name them as the reason.
const BUDGET: usize = 4096;

/// Puts the bits of each word's weight (float32) in the place of the id of its first piece, and those of 0 in the place of
/// all others. `logit` reads pieces. The first and the last of `ids` are the special pieces. Once nobody has `wanted` it any more, no
/// further word is taken out.
pub(super) fn weigh(
    ids: &mut [u32],
    vocabulary: &Vocabulary,
    wanted: Wanted<'_>,
    mut logit: impl FnMut(&[u32]) -> f32,
) {
    let count = ids.len().min(MAX_PIECES);
    let mut whole = [0; MAX_PIECES];
    whole[..count].copy_from_slice(&ids[..count]);
    let whole = &whole[..count];
    ids.fill(0.0_f32.to_bits());
    let full = logit(whole);
    let last = count.saturating_sub(1);
    let mut rest = [0; MAX_PIECES];
    let (mut start, mut read) = (1, 0);
    while start < last && read + count <= BUDGET && wanted() {
        let continued = whole[start + 1..last].iter().take_while(|&&id| vocabulary.continues(id)).count();
        let end = start + 1 + continued;
        if vocabulary.is_punctuation(whole[start]) {
            start += 1;
            continue;
        }
        let kept = count - (end - start);
        rest[..start].copy_from_slice(&whole[..start]);
        rest[start..kept].copy_from_slice(&whole[end..]);
        ids[start] = (full - logit(&rest[..kept])).to_bits();
        read += kept;
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids 0 to 2 are special, 3 and 4 begin words, 5 continues them, 6 is a punctuation mark.
    fn weights(ids: &[u32], logit: impl FnMut(&[u32]) -> f32) -> Vec<f32> {
        let vocabulary = Vocabulary::parse(b"[CLS]\n[SEP]\n[UNK]\ngood\nbad\n##ly\n!\n").expect("a vocabulary");
        let mut ids = ids.to_vec();
        weigh(&mut ids, &vocabulary, &|| true, logit);
        ids.into_iter().map(f32::from_bits).collect()
    }

    /// 2 for each `bad`, doubled by a `##ly` after it.
    fn logit(ids: &[u32]) -> f32 {
        let double = |pair: &[u32]| if pair == [4, 5] { 2.0 } else { 0.0 };
        ids.iter().map(|&id| if id == 4 { 2.0 } else { 0.0 }).chain(ids.windows(2).map(double)).sum()
    }

    #[test]
    fn a_word_weighs_what_is_lost_without_it() {
        assert_eq!(weights(&[0, 3, 4, 5, 4, 3, 1], logit), [0.0, 0.0, 4.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(weights(&[0, 4, 5, 1], logit), [0.0, 4.0, 0.0, 0.0]);
        assert_eq!(weights(&[0, 5, 5, 4, 1], logit), [0.0, 0.0, 0.0, 2.0, 0.0], "a text may begin within a word");
        assert_eq!(weights(&[0, 6, 4, 6, 1], |ids| ids.len() as f32), [0.0, 0.0, 1.0, 0.0, 0.0]);
        for ids in [&[][..], &[0], &[0, 1]] {
            assert!(weights(ids, logit).iter().all(|weight| *weight == 0.0), "{ids:?}");
        }
    }

    #[test]
    fn what_nobody_wants_any_more_is_read_no_further() {
        let vocabulary = Vocabulary::parse(b"[CLS]\n[SEP]\n[UNK]\ngood\nbad\n").expect("a vocabulary");
        let mut ids = [4; MAX_PIECES];
        let runs = std::cell::Cell::new(0);
        weigh(&mut ids, &vocabulary, &|| runs.get() < 3, |ids| {
            runs.set(runs.get() + 1);
            logit(ids)
        });
        assert_eq!(runs.get(), 3);
        assert_eq!(ids.map(f32::from_bits)[..4], [0.0, 2.0, 2.0, 0.0]);
    }

    #[test]
    fn a_long_text_is_explained_within_the_budget() {
        let mut ids = [4; MAX_PIECES];
        (ids[0], ids[MAX_PIECES - 1]) = (0, 1);
        let mut read = 0;
        let found = weights(&ids, |ids| {
            read += ids.len();
            logit(ids)
        });
        assert!(read <= BUDGET + MAX_PIECES, "{read}");
        assert_eq!((found[1], found[MAX_PIECES - 2]), (2.0, 0.0));
    }
}
