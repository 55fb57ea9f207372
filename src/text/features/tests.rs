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
