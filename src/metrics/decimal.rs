//! Whole numbers as decimal text, exactly, without floating point and without allocation.

use super::family::Scale;

/// The most bytes that [`write()`] writes: 11 digits of seconds, a point, 9 digits; or 20 digits.
pub const MAX_LEN: usize = 21;

/// A raw value that is not known; it reads `NaN`.
pub const UNKNOWN: u64 = u64::MAX;

/// Writes `raw` as `scale` says, with no trailing zeros, to the start of `out`; returns the length.
/// [`UNKNOWN`] becomes `NaN`. Bytes after the text, up to [`MAX_LEN`], may be overwritten.
///
/// # Panics
/// If `out` is shorter than the text; [`MAX_LEN`] bytes always do.
#[inline]
pub fn write(raw: u64, scale: Scale, out: &mut [u8]) -> usize {
    if raw < 10 && matches!(scale, Scale::One) || raw == 0 {
        out[0] = b'0' + raw as u8;
        return 1;
    }
    write_long(raw, scale, out)
}

/// The same as a string, for what is laid out once.
pub fn text(raw: u64, scale: Scale) -> String {
    let mut digits = [0; MAX_LEN];
    let len = write(raw, scale, &mut digits);
    digits[..len].iter().map(|&digit| char::from(digit)).collect()
}

/// The same as a floating point number: the one that is nearest, as if the text were read. [`UNKNOWN`] becomes NaN.
#[inline]
pub fn float(raw: u64, scale: Scale) -> f64 {
    match scale {
        Scale::One if raw != UNKNOWN => raw as f64,
        // Both numbers are exact, so the quotient is rounded once.
        Scale::Hundredths if raw < EXACT => raw as f64 / 100.0,
        Scale::Millionths if raw < EXACT => raw as f64 / 1e6,
        Scale::Nanoseconds if raw < EXACT => raw as f64 / NANOSECONDS as f64,
        _ => {
            let mut digits = [0; MAX_LEN];
            let len = write(raw, scale, &mut digits);
            std::str::from_utf8(&digits[..len]).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
        }
    }
}

fn write_long(raw: u64, scale: Scale, out: &mut [u8]) -> usize {
    if raw == UNKNOWN {
        out[..3].copy_from_slice(b"NaN");
        return 3;
    }
    match scale {
        Scale::One => write_integer(raw, out),
        Scale::Hundredths => write_fixed::<2>(raw / 100, raw % 100, out),
        Scale::Millionths => write_fixed::<6>(raw / 1_000_000, raw % 1_000_000, out),
        Scale::Nanoseconds => write_fixed::<9>(raw / NANOSECONDS, raw % NANOSECONDS, out),
    }
}

fn write_integer(value: u64, out: &mut [u8]) -> usize {
    let len = value.checked_ilog10().map_or(1, |log| log as usize + 1);
    write_digits(value, &mut out[..len]);
    len
}

fn write_fixed<const DIGITS: usize>(whole: u64, fraction: u64, out: &mut [u8]) -> usize {
    let mut len = write_integer(whole, out);
    if fraction != 0 {
        out[len] = b'.';
        write_digits(fraction, &mut out[len + 1..len + 1 + DIGITS]);
        len += 1 + DIGITS;
        while out[len - 1] == b'0' {
            len -= 1;
        }
    }
    len
}

/// Fills `out` with the last digits of `value`, two at a time from the right.
#[inline]
fn write_digits(mut value: u64, out: &mut [u8]) {
    let mut pairs = out.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let digits = (value % 100) as usize;
        pair.copy_from_slice(&PAIRS[digits]);
        value /= 100;
    }
    if let [first] = pairs.into_remainder() {
        *first = b'0' + (value % 10) as u8;
    }
}

const NANOSECONDS: u64 = 1_000_000_000;

/// Whole numbers below this are exact in 64 bits of floating point.
const EXACT: u64 = 1 << 53;

static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCALES: [Scale; 4] = [Scale::One, Scale::Hundredths, Scale::Millionths, Scale::Nanoseconds];

    #[test]
    fn edges() {
        assert_eq!(text(123_450, Scale::Millionths), "0.12345");
        assert_eq!(text(1_000_000, Scale::Millionths), "1");
        assert_eq!(text(1_500_000, Scale::Millionths), "1.5");
        assert_eq!(text(0, Scale::Nanoseconds), "0");
        assert_eq!(text(1, Scale::Nanoseconds), "0.000000001");
        assert_eq!(text(5, Scale::Hundredths), "0.05");
        assert_eq!(text(100, Scale::Hundredths), "1");
        assert_eq!(text(150, Scale::Hundredths), "1.5");
        assert_eq!(text(1_000_000_000, Scale::Nanoseconds), "1");
        assert_eq!(text(1 << 31, Scale::Nanoseconds), "2.147483648");
        assert_eq!(text(u64::MAX - 1, Scale::One), "18446744073709551614");
        assert_eq!(text(u64::MAX - 1, Scale::Nanoseconds), "18446744073.709551614");
        assert_eq!(text(UNKNOWN, Scale::One), "NaN");
        assert!(SCALES.iter().all(|&scale| float(UNKNOWN, scale).is_nan()));
    }

    proptest! {
        #[test]
        fn integers_read_as_the_standard_library_writes_them(value: u64, shift in 0_u32..64) {
            let value = (value >> shift).min(UNKNOWN - 1);
            prop_assert_eq!(text(value, Scale::One), value.to_string());
        }

        #[test]
        fn a_float_is_what_a_reader_makes_of_the_text(value: u64, shift in 0_u32..64) {
            let value = (value >> shift).min(UNKNOWN - 1);
            for scale in SCALES {
                prop_assert_eq!(float(value, scale), text(value, scale).parse::<f64>().expect("a number"));
            }
        }

        #[test]
        fn seconds_read_back_to_the_nanosecond(value: u64, shift in 0_u32..64) {
            let value = (value >> shift).min(UNKNOWN - 1);
            let text = text(value, Scale::Nanoseconds);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert!(!text.contains('.') || !text.ends_with('0'));
            let nanoseconds = format!("{fraction:0<9}").parse::<u64>().expect("digits");
            prop_assert_eq!(whole.parse::<u64>().expect("digits") * NANOSECONDS + nanoseconds, value);
        }
    }
}
