//! Writing JSON into a caller's slice: no allocation, no panic, overflow remembered instead.

use std::fmt;

/// A cursor over a fixed slice. Once something does not fit, nothing more is written and
/// [`Writer::finish`] says so; callers size the slice so that this is a bug, not a case.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
    overflowed: bool,
}

impl<'a> Writer<'a> {
    /// Starts at the beginning of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0, overflowed: false }
    }

    /// Bytes written, or `None` if the slice was too short for them.
    pub fn finish(self) -> Option<usize> {
        (!self.overflowed).then_some(self.length)
    }

    /// Bytes written so far.
    pub const fn written(&self) -> usize {
        self.length
    }

    /// Appends `bytes` as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.length..end)
            && !self.overflowed
        {
            room.copy_from_slice(bytes);
            self.length = end;
        } else {
            self.overflowed = true;
        }
    }

    /// Appends the first `length` of `bytes`, at most 16. Where there is room for all of them the others are written too, and
    /// again by what follows: sixteen bytes at once are fewer instructions than a few.
    #[inline]
    fn short(&mut self, bytes: &[u8; 16], length: usize) {
        if let Some(room) = self.buffer[self.length..].first_chunk_mut()
            && !self.overflowed
        {
            *room = *bytes;
            self.length += length;
        } else {
            self.raw(&bytes[..length]);
        }
    }

    /// Appends `text` as a JSON string with its quotes (RFC 8259, section 7).
    pub fn string(&mut self, text: &str) {
        self.raw(b"\"");
        self.escaped(text);
        self.raw(b"\"");
    }

    /// Appends `text` escaped, without quotes.
    pub fn escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut start = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.raw(&bytes[start..at]);
            start = at + 1;
            match byte {
                b'"' => self.raw(b"\\\""),
                b'\\' => self.raw(b"\\\\"),
                b'\n' => self.raw(b"\\n"),
                b'\r' => self.raw(b"\\r"),
                b'\t' => self.raw(b"\\t"),
                _ => {
                    let hex = |digit: u8| HEX[usize::from(digit)];
                    self.raw(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]);
                }
            }
        }
        self.raw(&bytes[start..]);
    }

    /// Appends an unsigned integer in decimal.
    #[inline]
    pub fn integer(&mut self, value: u64) {
        if value < 10 {
            return self.raw(&[b'0' + value as u8]);
        }
        let mut digits = [0; 20];
        let start = decimal(value, &mut digits);
        self.raw(&digits[start..]);
    }

    /// Appends `numerator / 10^DECIMALS` exactly, without trailing zeros but with at least one decimal:
    /// `fixed::<6>(590_000)` is `0.59`, `fixed::<6>(1_000_000)` is `1.0`. `DECIMALS` is 1 to 9.
    #[inline]
    pub fn fixed<const DECIMALS: usize>(&mut self, numerator: u64) {
        let scale = const { 10_u64.pow(DECIMALS as u32) };
        let whole = numerator / scale;
        // The digit before the point, the point, and those behind it.
        let mut text = *b"0.00000000000000";
        let (mut rest, mut last) = ((numerator % scale) as u32, 0);
        for at in (2..DECIMALS + 2).rev() {
            let digit = (rest % 10) as u8;
            rest /= 10;
            text[at] = b'0' + digit;
            // The last of those that are not zero is met first.
            last = if last == 0 && digit != 0 { at } else { last };
        }
        let length = last.max(2) + 1;
        if whole < 10 {
            text[0] += whole as u8;
            self.short(&text, length);
        } else {
            self.integer(whole);
            self.raw(&text[1..length]);
        }
    }

    /// Appends a probability rounded to six decimals. Anything outside 0 to 1, NaN too, becomes the nearer end.
    pub fn probability(&mut self, value: f32) {
        // Exact in double precision, so that adding a half and cutting off rounds.
        let millionths = f64::from(value).clamp(0.0, 1.0) * 1e6 + 0.5;
        self.fixed::<6>(millionths as u64);
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}

/// Writes `value` at the end of `digits` and returns where it starts.
fn decimal(mut value: u64, digits: &mut [u8; 20]) -> usize {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return start;
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut buffer = [0; 4096];
        let mut writer = Writer::new(&mut buffer);
        write(&mut writer);
        let length = writer.finish().expect("it fits");
        String::from_utf8(buffer[..length].to_vec()).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        for value in (0..=1000).chain([u64::MAX]) {
            assert_eq!(written(|w| w.integer(value)), value.to_string());
        }
        assert_eq!(written(|w| w.fixed::<6>(590_000)), "0.59");
        assert_eq!(written(|w| w.fixed::<6>(1_000_000)), "1.0");
        assert_eq!(written(|w| w.fixed::<6>(12)), "0.000012");
        assert_eq!(written(|w| w.probability(f32::NAN)), "0.0");
        assert_eq!(written(|w| w.probability(2.0)), "1.0");
    }

    #[test]
    fn overflow_is_told_and_writes_nothing_past_the_end() {
        let mut buffer = [b'.'; 8];
        let mut writer = Writer::new(&mut buffer[..4]);
        writer.raw(b"abc");
        writer.raw(b"de");
        writer.raw(b"f");
        assert_eq!(writer.finish(), None);
        assert_eq!(&buffer, b"abc.....");
        // Nor where what comes next would have room.
        let mut buffer = [b'.'; 40];
        let mut writer = Writer::new(&mut buffer);
        writer.raw(b"abc");
        writer.raw(&[b'x'; 40]);
        writer.fixed::<6>(590_000);
        assert_eq!((writer.written(), writer.finish()), (3, None));
        assert!(buffer.starts_with(b"abc.") && buffer.ends_with(&[b'.'; 37]));
    }

    #[test]
    fn what_must_be_escaped_is_by_its_short_form_where_it_has_one() {
        let all = "a\"b\\c\nd\re\tf\u{1}g\u{1f}h/\u{7f}é";
        assert_eq!(written(|w| w.string(all)), r#""a\"b\\c\nd\re\tf\u0001g\u001fh/"#.to_owned() + "\u{7f}é\"");
        assert_eq!(written(|w| w.escaped(all)), r#"a\"b\\c\nd\re\tf\u0001g\u001fh/"#.to_owned() + "\u{7f}é");
    }

    #[test]
    fn it_can_be_formatted_into() {
        use std::fmt::Write as _;
        assert_eq!(written(|w| write!(w, "{:.2}-a", 1.0).expect("it remembers instead")), "1.00-a");
        assert_eq!(written(|w| assert_eq!(w.written(), 0)), "");
    }

    proptest! {
        #[test]
        fn strings_survive_a_foreign_parser(text in "\\PC*|[\\x00-\\x7f]*") {
            let json = written(|w| w.string(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("valid JSON"), text);
        }

        #[test]
        fn fixed_is_exact(numerator in 0_u64..1_000_000_000_000) {
            for (decimals, text) in [
                (1, written(|w| w.fixed::<1>(numerator))),
                (2, written(|w| w.fixed::<2>(numerator))),
                (6, written(|w| w.fixed::<6>(numerator))),
                (9, written(|w| w.fixed::<9>(numerator))),
            ] {
                let (whole, fraction) = text.split_once('.').expect("a point");
                prop_assert!(fraction.len() == 1 || !fraction.ends_with('0'), "{text}");
                let padded = format!("{fraction:0<decimals$}").parse::<u64>().expect("digits");
                let back = whole.parse::<u64>().expect("digits") * 10_u64.pow(decimals as u32) + padded;
                prop_assert_eq!(back, numerator);
            }
        }

        #[test]
        fn a_probability_is_rounded_to_the_nearest_millionth(bits in 0_u32..=0x3F80_0000) {
            let value = f32::from_bits(bits);
            let millionths = (f64::from(value) * 1e6).round() as u64;
            prop_assert_eq!(written(|w| w.probability(value)), written(|w| w.fixed::<6>(millionths)));
        }
    }
}
