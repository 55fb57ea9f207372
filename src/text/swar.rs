//! Eight bytes of a text at a time, in one register: byte `n` is bits `8 * n` to `8 * n + 7`.

/// The eight bytes at `at` as a little-endian number; bytes past the end are zero.
#[inline(always)]
pub fn load(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_end(text, at),
    }
}

/// The bytes from `at` to the end, fewer than eight.
#[inline(always)]
fn load_end(text: &[u8], at: usize) -> u64 {
    let missing = (at + 8 - text.len()) as u32 * 8;
    match text.last_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes).checked_shr(missing).unwrap_or_default(),
        None => text.get(at..).unwrap_or_default().iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)),
    }
}

/// The high bit of each byte that is a space, at least of the first (Warren, Hacker's Delight, section 6-1).
#[inline(always)]
pub fn is_space(bytes: u64) -> u64 {
    let gaps = bytes ^ (ONES * u64::from(b' '));
    gaps.wrapping_sub(ONES) & !gaps & HIGH
}

/// The high bit of each byte that makes words: ASCII letters and digits, and all of UTF-8 outside ASCII.
#[inline(always)]
pub fn is_letter(bytes: u64) -> u64 {
    // Of seven bits each, which a sum with up to 0x80 lifts into the eighth.
    let low = bytes & !HIGH;
    let lower = low | (ONES * 0x20);
    let letter = (lower + ONES * (0x80 - 0x61)) & !(lower + ONES * (0x7f - 0x7a));
    let digit = (low + ONES * (0x80 - 0x30)) & !(low + ONES * (0x7f - 0x39));
    (letter | digit | bytes) & HIGH
}

/// The high bit of each byte.
pub const HIGH: u64 = ONES << 7;
const ONES: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_from_every_other_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = [b'*'; 8];
                bytes[place] = byte;
                let found = u64::from_le_bytes(bytes);
                let expected = |is: bool| if is { 0x80 << (place * 8) } else { 0 };
                let letter = byte >= 0x80 || byte.is_ascii_alphanumeric();
                assert_eq!(is_letter(found), expected(letter), "{byte:#x} at {place}");
                assert_eq!(is_space(found), expected(byte == b' '), "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn the_first_space_is_the_lowest_bit() {
        let first = |bytes: &[u8; 8]| is_space(u64::from_le_bytes(*bytes)).trailing_zeros() / 8;
        assert_eq!((first(b"ab c! !x"), first(b"       !"), first(b"!!! !!!!")), (2, 0, 3));
    }

    #[test]
    fn bytes_past_the_end_are_zero() {
        let text = b"0123456789";
        assert_eq!(load(text, 1).to_le_bytes(), *b"12345678");
        for at in 2..12 {
            let left = &text[at.min(text.len())..];
            let mut expected = [0; 8];
            expected[..left.len().min(8)].copy_from_slice(&left[..left.len().min(8)]);
            assert_eq!(load(text, at).to_le_bytes(), expected, "from {at}");
        }
        assert_eq!((load(b"ab", 1), load(b"", 0), load(b"ab", 300)), (u64::from(b'b'), 0, 0));
    }
}
