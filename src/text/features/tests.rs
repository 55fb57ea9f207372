use proptest::prelude::*;

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

/// What the module's documentation says, written the slow way: each n-gram with its first byte and one past its last one.
fn reference(normalized: &str) -> Vec<(u32, usize, usize)> {
    let value = |gram: &[u8]| gram.iter().rev().fold(0_u64, |number, &byte| number * 256 + u64::from(byte));
    let (mut all, mut previous) = (Vec::new(), (0_u64, 0));
    let mut start = 0;
    for word in normalized.trim_matches(' ').split(' ').filter(|word| !word.is_empty()) {
        let bytes = &normalized.as_bytes()[start..start + word.len() + 2];
        for at in 0..bytes.len() {
            for n in 3..=5 {
                all.extend(bytes.get(at..at + n).map(|gram| (id(value(gram)), start + at, start + at + n)));
            }
        }
        for run in word.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty()) {
            let mut number = WORD_SEED;
            for chunk in run.as_bytes().chunks(8) {
                number = (number ^ value(chunk)).wrapping_mul(MULTIPLIER);
                number ^= number >> 29;
            }
            let first = run.as_ptr() as usize - normalized.as_ptr() as usize;
            all.push((id(number), first, first + run.len()));
            if previous.0 != 0 {
                let pair = previous.0.rotate_left(25).wrapping_mul(MULTIPLIER) ^ number;
                all.push((id(pair), previous.1, first + run.len()));
            }
            previous = (number, first);
        }
        start += word.len() + 1;
    }
    all
}

/// Each id once, where it is met first.
fn distinct(occurrences: &[(u32, usize, usize)]) -> Vec<u32> {
    let mut kept = HashSet::new();
    occurrences.iter().map(|&(id, ..)| id).filter(|&id| kept.insert(id)).collect()
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
        " of antidisestablishmentarianism, of donaudampfschifffahrtsgesellschaft ",
    ] {
        assert_eq!(ids(text), distinct(&reference(text)), "{text:?}");
    }
}

proptest! {
    #[test]
    fn n_grams_are_those_of_the_documented_definition(
        words in prop::collection::vec("[a-z]{1,9}|[a-z0-9é!'*-]{1,12}|[ -~é]{1,40}|!{1,20}", 0..9)
    ) {
        let words: Vec<_> = words.iter().flat_map(|word| word.split(' ')).filter(|word| !word.is_empty()).collect();
        let text = if words.is_empty() { String::new() } else { format!(" {} ", words.join(" ")) };
        let mut expected = reference(&text);
        prop_assert_eq!(ids(&text), distinct(&expected), "{}", text);
        let mut found = Vec::new();
        occurrences(text.as_bytes(), |id, start, end| found.push((id, start, end)));
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected, "{}", text);
    }
}

#[test]
fn occurrences_are_every_n_gram_in_its_place() {
    let text = " abab, ab ";
    let mut found = Vec::new();
    occurrences(text.as_bytes(), |id, start, end| found.push((id, start, end)));
    assert_eq!(distinct(&found), ids(text));
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
