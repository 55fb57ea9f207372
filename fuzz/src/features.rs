//! Normalised text to ids, and ids to sums: against the definition written the slow way, and the kernel's portable twin.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::LazyLock;

use tamis::kernel::bag::{Path, Table};
use tamis::text::features::{HASH_BITS, MAX_FEATURES_PER_BYTE, Seen, extract, occurrences};
use tamis::text::normalize::normalize;

/// The longest text here.
const LONGEST: usize = 2048;

static TABLE: LazyLock<[Table; 2]> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..8_u32 << HASH_BITS).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    [Path::detect(), Path::Portable].map(|path| Table::new(bytes.clone()).expect("whole rows").with_path(path))
});

thread_local! {
    static SEEN: RefCell<Seen> = RefCell::new(Seen::new());
}

/// A text.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(&input[..input.len().min(LONGEST)]) else { return };
    let mut normalized = vec![0; LONGEST * 11 + 2];
    let length = normalize(text, &mut normalized);
    let normalized = &normalized[..length];
    let (mut ids, expected) = (vec![0; length * MAX_FEATURES_PER_BYTE], reference(normalized));
    let count = SEEN.with_borrow_mut(|seen| extract(normalized, &mut ids, seen));
    assert_eq!(ids[..count], expected);
    // The same ids in their places, and what does not fit is left out.
    let (mut found, mut distinct) = (HashSet::new(), Vec::new());
    occurrences(normalized, |id, start, end| {
        assert!(start < end && end <= length);
        if found.insert(id) {
            distinct.push(id);
        }
    });
    assert_eq!(distinct, expected);
    let half = count / 2;
    let count = SEEN.with_borrow_mut(|seen| extract(normalized, &mut ids[..half], seen));
    assert_eq!(ids[..count], expected[..half]);
    let [fast, plain] = &*TABLE;
    assert_eq!(fast.sum(&expected), plain.sum(&expected), "{}", fast.path().as_str());
}

/// What `text::features` documents.
fn reference(normalized: &[u8]) -> Vec<u32> {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let value = |gram: &[u8]| gram.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let id = |number: u64| (number.wrapping_mul(MULTIPLIER) >> (64 - HASH_BITS)) as u32;
    let (mut all, mut previous) = (Vec::new(), 0_u64);
    for word in normalized.split(|&byte| byte == b' ').filter(|word| !word.is_empty()) {
        let padded = [b" ", word, b" "].concat();
        for at in 0..padded.len() {
            all.extend((3..=5).filter_map(|n| padded.get(at..at + n)).map(|gram| id(value(gram))));
        }
        let between = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric();
        for run in word.split(between).filter(|run| !run.is_empty()) {
            let number = run.chunks(8).fold(0x5DEE_CE66_D1A4_F87D, |number, chunk| {
                let number = (number ^ value(chunk)).wrapping_mul(MULTIPLIER);
                number ^ number >> 29
            });
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
