//! The bodies that clients do send, read in one pass: an object of plain strings, numbers, truth values, `null` and lists of
//! numbers. Whatever else comes (escapes, exponents, nested objects, errors) is left to the general parser, which alone
//! says what is wrong; this one only ever agrees with it.
//!
//! It takes a tenth of the general parser's instructions for bodies of a few hundred bytes, which is where those spend
//! theirs on setting up.

use simd_json::{Node, StaticNode};

/// Fills `tape` with the nodes of `body`, as simd-json's would be; `false`, and a tape that means nothing, if it is not
/// one of these bodies. Allocates only where `tape` has no room.
pub(super) fn fill<'b>(body: &'b [u8], tape: &mut Vec<Node<'b>>) -> bool {
    let mut scan = Scan { rest: body, tape };
    scan.object().is_some() && scan.skip_space().rest.is_empty()
}

/// The numbers of `{"key":[...]}` if `body` is that and no more, with as many of them; `None` for all else, right or wrong. `key` is
/// what stands between the quotation marks.
pub fn only_numbers<const COUNT: usize>(body: &[u8], key: &[u8]) -> Option<[f64; COUNT]> {
    let mut scan = Scan { rest: body, tape: &mut Vec::new() };
    scan.expect(b'{')?;
    scan.skip_space().expect(b'"')?;
    scan.rest = scan.rest.strip_prefix(key)?;
    scan.expect(b'"')?;
    scan.skip_space().expect(b':')?;
    scan.skip_space().expect(b'[')?;
    let mut numbers = [0.0; COUNT];
    for (at, number) in numbers.iter_mut().enumerate() {
        if at > 0 {
            scan.skip_space().expect(b',')?;
        }
        *number = match scan.skip_space().number()? {
            StaticNode::F64(value) => value,
            StaticNode::I64(value) => value as f64,
            _ => return None,
        };
    }
    scan.skip_space().expect(b']')?;
    scan.skip_space().expect(b'}')?;
    scan.skip_space().rest.is_empty().then_some(numbers)
}

struct Scan<'t, 'b> {
    rest: &'b [u8],
    tape: &'t mut Vec<Node<'b>>,
}

impl<'b> Scan<'_, 'b> {
    fn object(&mut self) -> Option<()> {
        self.skip_space().expect(b'{')?;
        let at = self.open(Node::Object { len: 0, count: 0 });
        let mut len = 0;
        if self.skip_space().expect(b'}').is_none() {
            loop {
                let key = self.skip_space().string()?;
                self.tape.push(Node::String(key));
                self.skip_space().expect(b':')?;
                self.value(DEEPEST_LIST)?;
                len += 1;
                match self.skip_space().take()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.tape[at] = Node::Object { len, count: self.tape.len() - at - 1 };
        Some(())
    }

    /// A value; a list if there may be `depth` more, one in another.
    fn value(&mut self, depth: usize) -> Option<()> {
        let node = match *self.skip_space().rest.first()? {
            b'"' => Node::String(self.string()?),
            b'[' => return self.list(depth.checked_sub(1)?),
            b'-' | b'0'..=b'9' => Node::Static(self.number()?),
            b't' => self.word(b"true", StaticNode::Bool(true))?,
            b'f' => self.word(b"false", StaticNode::Bool(false))?,
            b'n' => self.word(b"null", StaticNode::Null)?,
            _ => return None,
        };
        self.tape.push(node);
        Some(())
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.expect(b'[')?;
        let at = self.open(Node::Array { len: 0, count: 0 });
        let mut len = 0;
        if self.skip_space().expect(b']').is_none() {
            loop {
                self.value(depth)?;
                len += 1;
                match self.skip_space().take()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.tape[at] = Node::Array { len, count: self.tape.len() - at - 1 };
        Some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'b str> {
        self.expect(b'"')?;
        let length = plain_length(self.rest);
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.expect(b'"')?;
        std::str::from_utf8(text).ok()
    }

    /// A number without an exponent whose nearest double is one exact division away (Clinger 1990): at most 2^53 without
    /// its point, and at most 19 digits.
    #[inline]
    fn number(&mut self) -> Option<StaticNode> {
        let negative = self.expect(b'-').is_some();
        let first = self.rest.first();
        let (whole, before) = self.digits(0);
        if before == 0 || before > 1 && first == Some(&b'0') {
            return None;
        }
        let has_point = self.expect(b'.').is_some();
        let (value, behind) = if has_point { self.digits(whole) } else { (whole, 0) };
        if has_point && behind == 0 || before + behind > MOST_DIGITS || value > EXACT {
            return None;
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            return None;
        }
        if !has_point {
            let value = value.cast_signed();
            return Some(StaticNode::I64(if negative { -value } else { value }));
        }
        let value = value as f64 / POWERS_OF_TEN[behind];
        Some(StaticNode::F64(if negative { -value } else { value }))
    }

    /// Digits appended to those of `value`, and how many they are. Of more than [`MOST_DIGITS`] the value means nothing.
    #[inline]
    fn digits(&mut self, mut value: u64) -> (u64, usize) {
        let mut count = 0;
        while let Some(&byte) = self.rest.get(count)
            && byte.is_ascii_digit()
        {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            count += 1;
        }
        self.rest = &self.rest[count..];
        (value, count)
    }

    fn word(&mut self, word: &[u8], node: StaticNode) -> Option<Node<'b>> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(Node::Static(node))
    }

    fn open(&mut self, node: Node<'b>) -> usize {
        self.tape.push(node);
        self.tape.len() - 1
    }

    fn skip_space(&mut self) -> &mut Self {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        let (&first, rest) = self.rest.split_first()?;
        (first == byte).then(|| self.rest = rest)
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// How many bytes come before the first that ends a plain string: a quotation mark, a backslash or a control character.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is less than `n`, at least of the first (Warren, Hacker's Delight, section 6-1).
        let less = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word;
        let is = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
        let ends = (is(b'"') | is(b'\\') | less(word, b' ')) & (ONES << 7);
        if ends != 0 {
            return at * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    words.len() * 8 + rest.iter().position(ends).unwrap_or(rest.len())
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Lists of lists of numbers.
const DEEPEST_LIST: usize = 2;

/// Up to here every whole number is a double.
const EXACT: u64 = 1 << 53;

/// So many always fit in 64 bits.
const MOST_DIGITS: usize = 19;

/// Powers of ten, each a double without rounding.
const POWERS_OF_TEN: [f64; MOST_DIGITS] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What both parsers make of a body; nothing where this one declines.
    fn both(body: &[u8]) -> Option<(String, String)> {
        let mut nodes = Vec::new();
        fill(body, &mut nodes).then(|| {
            let mut copy = body.to_vec();
            let theirs = simd_json::to_tape(&mut copy)
                .map_or_else(|error| error.to_string(), |tape| format!("{:?}", plain(&tape.0)));
            (format!("{:?}", plain(&nodes)), theirs)
        })
    }

    /// Nodes with their whole numbers in one form: simd-json has two.
    fn plain<'n>(nodes: &[Node<'n>]) -> Vec<Node<'n>> {
        let one_form = |node: &Node<'n>| match *node {
            Node::Static(StaticNode::U64(value)) if value <= EXACT => {
                Node::Static(StaticNode::I64(value.cast_signed()))
            }
            other => other,
        };
        nodes.iter().map(one_form).collect()
    }

    #[test]
    fn a_string_ends_at_the_first_byte_that_may_end_one() {
        for end in 0..=u8::MAX {
            for before in 0..20 {
                let bytes = [vec![b'!'; before], vec![end], b"\"!\\ \n!!!!!!!!!!!!!!!".to_vec()].concat();
                let expected = before + usize::from(!matches!(end, b'"' | b'\\' | ..b' '));
                assert_eq!(plain_length(&bytes), expected, "{end:#x} after {before}");
            }
        }
        assert_eq!((plain_length(b""), plain_length(b"abcdefghij")), (0, 10));
    }

    #[test]
    fn what_clients_send_is_read_here() {
        for body in [
            r#"{"features":[5.1,3.5,1.4,0.2]}"#,
            r#"{"features":[[5.1, 3.5, 1.4, 0.2], [6,3,5,-2]]}"#,
            r#" { "sepal_length" : 5 , "petal_width" : 0.2 } "#,
            r#"{"text":"Vous êtes très aimable, 谢谢 👍","model":"bert","explain":true}"#,
            r#"{"text":"a text of more than one block, so that all of it is looked at in blocks, and its end is not","explain":null,"b":false}"#,
            "{}",
            r#"{"a":[]}"#,
            // At the two bounds of a number: the greatest, and the most digits.
            r#"{"a":9007199254740992}"#,
            r#"{"a":0.000000000000000001}"#,
        ] {
            let (ours, theirs) = both(body.as_bytes()).unwrap_or_else(|| panic!("declined: {body}"));
            assert_eq!(ours, theirs, "{body}");
        }
    }

    #[test]
    fn a_list_of_numbers_alone_is_read_without_a_tape() {
        let four = |body: &str| only_numbers::<4>(body.as_bytes(), b"features");
        assert_eq!(four(r#"{"features":[5.1,3.5,1.4,0.2]}"#), Some([5.1, 3.5, 1.4, 0.2]));
        assert_eq!(four("{ \"features\" : [ 5 ,\t-3.5,\n0, 0.0 ] }\r\n"), Some([5.0, -3.5, 0.0, 0.0]));
        for body in [
            "",
            "{",
            r#"{"features":[5.1,3.5,1.4]}"#,
            r#"{"features":[5.1,3.5,1.4,0.2,1]}"#,
            r#"{"features":[5.1,3.5,1.4,0.2],"features":[5.1,3.5,1.4,0.2]}"#,
            r#"{"features":[5.1,3.5,1.4,0.2]} x"#,
            r#"{"features":[5.1,3.5,1.4,0.2"#,
            r#"{"features":[5.1,3.5,1.4,"0.2"]}"#,
            r#"{"features":[5.1,3.5,1.4,1e3]}"#,
            r#"{"features":[5.1,3.5,1.4,01]}"#,
            r#"{"feature":[5.1,3.5,1.4,0.2]}"#,
            r#"{"features2":[5.1,3.5,1.4,0.2]}"#,
            r#"{"features":[[5.1,3.5,1.4,0.2]]}"#,
        ] {
            assert_eq!(four(body), None, "{body}");
        }
    }

    #[test]
    fn what_is_hard_or_wrong_is_declined() {
        for body in [
            "",
            "{",
            "}",
            "[1]",
            "1",
            "\"a\"",
            r#"{"a":{}}"#,
            r#"{"a":[[[1]]]}"#,
            r#"{"a":"\n"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"\x7f\u{1}\"}",
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":1.5E3}"#,
            r#"{"a":+1}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":0.00000000000000000000001}"#,
            r#"{"a":99999999999999999999}"#,
            r#"{"a":1}}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a" 1}"#,
            r"{a:1}",
            r#"{"a":tru}"#,
            r#"{"a":1}x"#,
            r#"{"a":"b}"#,
            "{\"a\":1}\0",
        ] {
            assert!(!fill(body.as_bytes(), &mut Vec::new()), "{body}");
        }
        assert!(!fill(b"{\"a\":\"\xff\"}", &mut Vec::new()), "not UTF-8");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn what_is_not_declined_is_read_as_simd_json_reads_it(
            body in "[ \t]?\\{([ \n]?\"[a-zé\"\\\\]{0,40}\" ?: ?(\"[ -~é]{0,80}\"|-?[0-9]{1,17}(\\.[0-9]{0,24})?(e1)?|\\[([0-9.-]{1,6},?){0,5}\\]|\\[\\[1,2\\],\\[3\\]\\]|true|null),?){0,3}\\}[ x]?"
        ) {
            if let Some((ours, theirs)) = both(body.as_bytes()) {
                prop_assert_eq!(ours, theirs, "{}", body);
            }
        }

        #[test]
        fn a_list_of_numbers_alone_is_read_as_the_tape_reads_it(
            body in "\\{ ?\"a\" ?: ?\\[ ?(-?[0-9]{1,20}(\\.[0-9]{0,20})?(e1)? ?,? ?){1,3}\\] ?\\} ?"
        ) {
            let mut nodes = Vec::new();
            let filled = fill(body.as_bytes(), &mut nodes);
            if let Some(numbers) = only_numbers::<2>(body.as_bytes(), b"a") {
                prop_assert!(filled);
                for (number, node) in numbers.iter().zip(&nodes[3..]) {
                    let theirs = match node {
                        Node::Static(StaticNode::F64(value)) => *value,
                        Node::Static(StaticNode::I64(value)) => *value as f64,
                        other => panic!("{other:?}"),
                    };
                    prop_assert_eq!(number.to_bits(), theirs.to_bits(), "{}", body);
                }
            } else {
                prop_assert!(!filled || nodes[2] != (Node::Array { len: 2, count: 2 }), "{}", body);
            }
        }

        #[test]
        fn a_decimal_is_the_nearest_double(whole in 0_u64..1 << 53, point in 0_usize..=22) {
            let mut digits = format!("{whole:023}");
            digits.insert(digits.len() - point, '.');
            let text = digits.trim_start_matches('0');
            let text = format!("{}{text}{}", if text.starts_with('.') { "0" } else { "" }, if text.ends_with('.') { "0" } else { "" });
            let mut nodes = Vec::new();
            let body = format!("{{\"a\":{text}}}");
            if fill(body.as_bytes(), &mut nodes) {
                prop_assert_eq!(nodes[2], Node::Static(StaticNode::F64(text.parse().expect("a number"))), "{}", text);
            }
        }
    }
}
