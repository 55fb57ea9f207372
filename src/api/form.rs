//! Forms: `application/x-www-form-urlencoded` (WHATWG URL Standard, section 5.1), read into memory of fixed size.

use crate::problem::{Fault, Problem};
use crate::secrecy;

/// A field's value, of up to `N` bytes.
pub struct Field<const N: usize> {
    bytes: [u8; N],
    length: usize,
    given: bool,
}

impl<const N: usize> Field<N> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { bytes: [0; N], length: 0, given: false }
    }

    /// The value; `None` if there is none or it is empty, which is the same (RFC 6749, section 3.2).
    pub fn value(&self) -> Option<&[u8]> {
        (self.length > 0).then(|| &self.bytes[..self.length])
    }

    /// Takes an encoded value.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] if it is not encoded as a form is, is too long, or came before.
    pub fn take(&mut self, encoded: &[u8], name: &'static str) -> Result<(), Fault> {
        let wrong = |what| Fault::new(Problem::InvalidRequest).field(name).expected(what, "");
        if std::mem::replace(&mut self.given, true) {
            return Err(wrong("stands twice; send it once"));
        }
        let mut rest = encoded;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let byte = match byte {
                b'+' => b' ',
                b'%' => {
                    let (digits, after) =
                        rest.split_first_chunk::<2>().ok_or(wrong("must have two hexadecimal digits after each %"))?;
                    rest = after;
                    let value = |digit: u8| (digit as char).to_digit(16);
                    let both = value(digits[0]).zip(value(digits[1]));
                    let (high, low) = both.ok_or(wrong("must have two hexadecimal digits after each %"))?;
                    (high << 4 | low) as u8
                }
                plain => plain,
            };
            *self.bytes.get_mut(self.length).ok_or(wrong("is too long"))? = byte;
            self.length += 1;
        }
        Ok(())
    }
}

impl<const N: usize> Default for Field<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Drop for Field<N> {
    fn drop(&mut self) {
        // What it held may be a password.
        secrecy::wipe(&mut self.bytes);
    }
}

/// The fields of a form, in their order: each name as it stands, each value still encoded.
pub fn fields(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    body.split(|&byte| byte == b'&').filter(|field| !field.is_empty()).map(|field| {
        let end = field.iter().position(|&byte| byte == b'=').unwrap_or(field.len());
        (&field[..end], field.get(end + 1..).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoded: &str) -> Result<Vec<u8>, Fault> {
        let mut field = Field::<8>::new();
        field.take(encoded.as_bytes(), "password")?;
        Ok(field.value().unwrap_or_default().to_vec())
    }

    #[test]
    fn values_are_decoded() {
        for (encoded, plain) in [
            ("", "".as_bytes()),
            ("abc", b"abc"),
            ("a+b%20c", b"a b c"),
            ("%26%3d%25%2B", b"&=%+"),
            ("%c3%A9", "é".as_bytes()),
            ("12345678", b"12345678"),
        ] {
            assert_eq!(read(encoded).expect("good"), plain, "{encoded}");
        }
        for encoded in ["%", "%4", "%zz", "%+1", "123456789", "%61%61%61%61%61%61%61%61%61"] {
            assert_eq!(read(encoded).expect_err("refused").problem, Problem::InvalidRequest, "{encoded}");
        }
        let mut field = Field::<8>::new();
        assert!(field.take(b"", "scope").is_ok() && field.value().is_none());
        assert!(field.take(b"a", "scope").is_err(), "twice");
    }

    #[test]
    fn fields_stand_between_ampersands() {
        let found: Vec<_> = fields(b"a=1&&b=2=3&c&=4").collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"a", b"1"), (b"b", b"2=3"), (b"c", b""), (b"", b"4")];
        assert_eq!(found, expected);
    }
}
