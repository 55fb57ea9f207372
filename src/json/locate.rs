//! Where a body stops being JSON. Runs only after the fast parser has refused it, so it may be plain:
//! one pass, no recursion, no allocation.

/// The byte offset of the first byte at which `body` cannot be continued to a JSON text (RFC 8259), its
/// length if it ends too soon, or `None` if it is well-formed. Half a surrogate pair is no character, so it is an error too.
pub fn first_error(body: &[u8]) -> Option<usize> {
    let mut scan = Scan { body, at: 0 };
    match scan.document() {
        Ok(()) => None,
        Err(Stop) => Some(scan.at),
    }
}

/// Nesting deeper than this is refused by the parser as well.
pub const MAX_DEPTH: usize = 64;

/// The scan stands at the offending byte.
struct Stop;

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn document(&mut self) -> Result<(), Stop> {
        // One bit per open container: 1 for an object.
        let mut objects = 0_u64;
        let mut depth = 0;
        'value: loop {
            self.whitespace();
            match self.peek() {
                Some(open @ (b'{' | b'[')) if depth < MAX_DEPTH => {
                    objects = objects << 1 | u64::from(open == b'{');
                    depth += 1;
                    self.at += 1;
                    self.whitespace();
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                        objects >>= 1;
                        depth -= 1;
                    } else {
                        if open == b'{' {
                            self.key()?;
                        }
                        continue 'value;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                _ => return Err(Stop),
            }
            // A value is complete: close what it closes, or go on to the next one.
            loop {
                self.whitespace();
                if depth == 0 {
                    return if self.at == self.body.len() { Ok(()) } else { Err(Stop) };
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.whitespace();
                            self.key()?;
                        }
                        continue 'value;
                    }
                    Some(b'}') if in_object => {}
                    Some(b']') if !in_object => {}
                    _ => return Err(Stop),
                }
                self.at += 1;
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    fn key(&mut self) -> Result<(), Stop> {
        self.string()?;
        self.whitespace();
        self.byte(b':')
    }

    fn string(&mut self) -> Result<(), Stop> {
        self.byte(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => self.escaped()?,
                        _ => return Err(Stop),
                    }
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(Stop),
            }
        }
    }

    /// `u` and four digits behind a backslash, and the same once more where these are half a character (RFC 8259, section 7). A half
    /// alone, which no UTF-8 can hold, stops at its backslash.
    fn escaped(&mut self) -> Result<(), Stop> {
        let start = self.at - 1;
        let is_whole = match self.unit()? {
            0xd800..=0xdbff if self.body[self.at..].starts_with(b"\\u") => {
                self.at += 1;
                matches!(self.unit()?, 0xdc00..=0xdfff)
            }
            unit => !matches!(unit, 0xd800..=0xdfff),
        };
        if !is_whole {
            self.at = start;
            return Err(Stop);
        }
        Ok(())
    }

    /// The UTF-16 code unit of `u` and four digits.
    fn unit(&mut self) -> Result<u32, Stop> {
        self.at += 1;
        (0..4).try_fold(0, |unit, _| {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Stop)?;
            self.at += 1;
            Ok(unit << 4 | digit)
        })
    }

    fn number(&mut self) -> Result<(), Stop> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Stop) }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Stop> {
        word.iter().try_for_each(|&byte| self.byte(byte))
    }

    fn byte(&mut self, expected: u8) -> Result<(), Stop> {
        if self.peek() == Some(expected) {
            self.at += 1;
            Ok(())
        } else {
            Err(Stop)
        }
    }

    fn whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn offsets_point_at_the_offending_byte() {
        for (body, offset) in [
            ("", 0),
            ("{", 1),
            ("{\"text\": }", 9),
            ("{\"text\" \"a\"}", 8),
            ("{\"text\":\"a\"} x", 13),
            ("{\"text\":\"a", 10),
            ("{\"text\":\"a\nb\"}", 10),
            ("{\"text\":\"\\x\"}", 10),
            ("[1,]", 3),
            ("[01]", 2),
            ("[1.]", 3),
            ("[NaN]", 1),
            ("nul", 3),
            ("{text:1}", 1),
            ("[1}", 2),
            ("{\"a\":1]", 6),
            ("{\"a\":[],1}", 8),
            ("[-]", 2),
            ("[tru]", 4),
            ("[fals]", 5),
            (r#"{"text":"ab\ud800"}"#, 11),
            (r#"{"text":"\udc00"}"#, 9),
            (r#"["\ud83d\u0041"]"#, 2),
            (r#"["\ud83d\ude0"]"#, 13),
        ] {
            assert_eq!(first_error(body.as_bytes()), Some(offset), "{body}");
        }
        assert_eq!(first_error(br#"["\ud83d\ude00"]"#), None);
        assert_eq!(first_error(b" {\"a\":[1,2.5e-3,{\"b\":null}],\"c\":\"\\u00e9\\\"\"} "), None);
        assert_eq!(first_error(b"{\"a\":{},\"b\":[],\"c\":[true,false,null,[{}],1E+2,-0.5e1,-12]}"), None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert_eq!(first_error(&nested(MAX_DEPTH)), None);
        assert_eq!(first_error(&nested(MAX_DEPTH + 1)), Some(MAX_DEPTH));
    }

    proptest! {
        #[test]
        fn agrees_with_a_foreign_parser(body in "[\\[\\]{}:,\"\\\\ntrue1.0e+\\- u]{0,24}") {
            let foreign = serde_json::from_str::<IgnoredAny>(&body);
            // Of half characters the two need not agree: serde_json skips checks when ignoring.
            if !body.contains("\\u") {
                prop_assert_eq!(first_error(body.as_bytes()).is_none(), foreign.is_ok(), "{}", body);
            }
        }

        #[test]
        fn agrees_with_a_foreign_parser_of_words(words in proptest::collection::vec(
            proptest::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\":", "\"a\"", "1", "true", "false", "null", "{}", "[]"]), 0..12,
        )) {
            let body = words.concat();
            prop_assert_eq!(first_error(body.as_bytes()).is_none(), serde_json::from_str::<IgnoredAny>(&body).is_ok(), "{}", body);
        }
    }
}
