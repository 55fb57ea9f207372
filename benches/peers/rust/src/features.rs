//! Hashed n-grams as the model `simple` was trained on (feature specification 2), for plain ASCII.
//!
//! Of the rules of normalisation these are here: ASCII to lower case, a run of white space to one space and a space at both
//! ends, three or more digits to `000`. Left out, in this peer's favour: links, squeezed repetitions, look-alike
//! letters, punctuated and spaced-out words, signs for letters, and everything outside ASCII. Texts without any of those
//! have the daemon's ids.

use std::cell::RefCell;

const HASH_BITS: u32 = 18;
/// 2^64 divided by the golden ratio, made odd.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const WORD_SEED: u64 = 0x5DEE_CE66_D1A4_F87D;

thread_local! {
    /// One bit for each id, all clear between texts.
    static SEEN: RefCell<Vec<u64>> = RefCell::new(vec![0; 1 << (HASH_BITS - 6)]);
}

/// The distinct ids of `text`, each below 2^18.
pub fn ids(text: &str) -> Vec<i64> {
    let text = normalized(text);
    let mut ids = Vec::with_capacity(4 * text.len());
    SEEN.with_borrow_mut(|seen| {
        let mut put = |number: u64| {
            let id = number.wrapping_mul(MULTIPLIER) >> (u64::BITS - HASH_BITS);
            let (word, bit) = (&mut seen[(id >> 6) as usize], 1 << (id & 63));
            if *word & bit == 0 {
                *word |= bit;
                ids.push(id.cast_signed());
            }
        };
        characters(&text, &mut put);
        words(&text, &mut put);
        for id in &ids {
            seen[(id >> 6) as usize] = 0;
        }
    });
    ids
}

fn normalized(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b' ');
    for byte in text.bytes() {
        let byte = if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() };
        match &mut out[..] {
            [.., b' '] if byte == b' ' => continue,
            [.., a, b, c] if byte.is_ascii_digit() && [*a, *b, *c].iter().all(u8::is_ascii_digit) => continue,
            [.., a, b] if byte.is_ascii_digit() && a.is_ascii_digit() && b.is_ascii_digit() => {
                (*a, *b) = (b'0', b'0');
                out.push(b'0');
            }
            _ => out.push(byte),
        }
    }
    if out.last() != Some(&b' ') {
        out.push(b' ');
    }
    out
}

/// Every 3, 4 and 5 bytes in a row within one word and the spaces at its edges, as little-endian numbers.
fn characters(text: &[u8], put: &mut impl FnMut(u64)) {
    let mut start = 0;
    while let Some(length) = text[start + 1..].iter().position(|&byte| byte == b' ') {
        let word = &text[start..start + length + 2];
        for at in 0..word.len().saturating_sub(2) {
            let mut number = u64::from(word[at]) | u64::from(word[at + 1]) << 8;
            for (more, &byte) in word[at + 2..].iter().take(3).enumerate() {
                number |= u64::from(byte) << (16 + 8 * more);
                put(number);
            }
        }
        start += length + 1;
    }
}

/// Every run of letters and digits, and every two that follow one another.
fn words(text: &[u8], put: &mut impl FnMut(u64)) {
    let mut previous = 0_u64;
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut number = WORD_SEED;
        for chunk in word.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            number = (number ^ u64::from_le_bytes(bytes)).wrapping_mul(MULTIPLIER);
            number ^= number >> 29;
        }
        put(number);
        if previous != 0 {
            put(previous.rotate_left(25).wrapping_mul(MULTIPLIER) ^ number);
        }
        previous = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_plain_texts_are_those_of_the_golden_rows() {
        #[derive(serde::Deserialize)]
        struct Golden {
            rows: Vec<Row>,
        }
        #[derive(serde::Deserialize)]
        struct Row {
            /// Some rows are ids alone.
            text: Option<String>,
            ids: Vec<i64>,
        }
        let golden = include_str!("../../../../models/toxicity/simple.golden.json");
        let Golden { rows } = serde_json::from_str(golden).expect("golden rows");
        let mut compared = 0;
        for Row { text, ids: mut expected } in rows {
            let Some(text) = text.filter(|text| is_plain(text)) else { continue };
            let mut found = ids(&text);
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{text:?}");
            compared += 1;
        }
        assert!(compared >= 5, "{compared} rows are plain");
    }

    #[test]
    fn digits_and_spaces_are_folded() {
        for (text, expected) in [("In 2024,\t 42  of 1998", " in 000, 42 of 000 "), ("a", " a "), ("", " ")] {
            assert_eq!(normalized(text), expected.as_bytes());
        }
        assert!(ids("").is_empty());
    }

    /// Letters, digits, spaces and a few marks, none three times in a row, no two words of one letter in a row.
    fn is_plain(text: &str) -> bool {
        let bytes = text.as_bytes();
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || b" ,;:?'()".contains(byte);
        let lone = text.split(' ').map(|word| word.len() == 1).collect::<Vec<_>>();
        bytes.iter().all(known)
            && !bytes.windows(3).any(|three| three.iter().all(|byte| byte.eq_ignore_ascii_case(&three[0])))
            && !bytes.windows(2).any(|two| two[0].is_ascii_alphabetic() && two[1].is_ascii_digit())
            && !lone.windows(2).any(|two| two == [true, true])
    }
}
