//! Text to the bytes that the features are cut from, in one pass.
//!
//! Rules, in the order in which they apply to each character:
//! 1. fold: ASCII to lower case, the rest as in [`fold`](super::fold); control and invisible characters vanish;
//! 2. white space: a run becomes one space, and the whole stands between two spaces (so a word's edge is a byte);
//! 3. digits: a run of three or more becomes `000`, so that years, addresses and identifiers share one feature;
//! 4. links: `http://`, `https://` and `www.` with everything up to white space or a closing mark become `url`;
//! 5. squeeze: a character's third and later repetitions vanish.
//!
//! Every rule looks only at the bytes already written, so normalising a normalised text changes nothing.

use super::fold::fold;

/// Told where each output byte comes from, so that a caller can lead a feature back to the input.
pub trait Trace {
    /// The byte at `output` of the normalised text was written for the character at byte `input` of the text. Called
    /// again for the same `output` when a rule rewrites what stood there.
    fn wrote(&mut self, output: usize, input: usize);
}

/// Keeps nothing.
impl Trace for () {
    #[inline(always)]
    fn wrote(&mut self, _output: usize, _input: usize) {}
}

/// Keeps the input's byte offset for each output byte; offsets past the slice's end are not kept.
impl Trace for [u32] {
    fn wrote(&mut self, output: usize, input: usize) {
        if let Some(slot) = self.get_mut(output) {
            *slot = u32::try_from(input).unwrap_or(u32::MAX);
        }
    }
}

/// The output so far. `len < out.len()` holds between calls: there is always room for the closing space.
struct Writer<'a, T: Trace + ?Sized> {
    out: &'a mut [u8],
    len: usize,
    /// The last byte written and the one before it, kept out of memory: every byte is compared with them.
    last: u8,
    previous: u8,
    /// Inside a link: bytes vanish until it ends.
    in_link: bool,
    trace: &'a mut T,
}

/// Writes the normalised form of `text` into `out` and returns its length in bytes: 0 when nothing is left to score,
/// else at least 3, the first and the last byte being spaces.
///
/// What does not fit into `out` is left out, a whole character at a time. `out` shorter than three bytes holds nothing.
pub fn normalize(text: &str, out: &mut [u8]) -> usize {
    normalize_traced(text, out, &mut ())
}

/// As [`normalize`], telling `trace` where each byte comes from.
pub fn normalize_traced<T: Trace + ?Sized>(text: &str, out: &mut [u8], trace: &mut T) -> usize {
    if out.len() < 3 {
        return 0;
    }
    out[0] = b' ';
    let mut writer = Writer { out, len: 1, last: b' ', previous: b' ', in_link: false, trace };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        at = writer.plain(bytes, at);
        let Some(&byte) = bytes.get(at) else { break };
        if byte < 0x80 {
            if !writer.ascii(ASCII[usize::from(byte)], at) {
                break;
            }
            at += 1;
        } else {
            let Some(character) = text[at..].chars().next() else { break };
            if !writer.wide(character, at) {
                break;
            }
            at += character.len_utf8();
        }
    }
    writer.finish(text.len())
}

impl<T: Trace + ?Sized> Writer<'_, T> {
    /// Takes the bytes from `at` that no rule but folding, spacing and squeezing concerns, and returns where they end:
    /// what [`Self::ascii`] would do with them, with the state in registers. Takes nothing where `out` is full.
    #[inline(always)]
    fn plain(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let (mut len, mut last, mut previous) = (self.len, self.last, self.previous);
        let room = self.out.len() - 1;
        while !self.in_link && len < room && at < bytes.len() {
            let byte = PLAIN[usize::from(bytes[at])];
            if byte == 0 {
                break;
            }
            if byte != last || (byte != previous && byte != b' ') {
                self.out[len] = byte;
                self.trace.wrote(len, at);
                len += 1;
                (previous, last) = (last, byte);
            }
            at += 1;
        }
        (self.len, self.last, self.previous) = (len, last, previous);
        at
    }

    /// Appends a folded ASCII byte (0 for one that vanishes). False when `out` is full.
    #[inline(always)]
    fn ascii(&mut self, byte: u8, input: usize) -> bool {
        if byte == 0 {
            return true;
        }
        if self.in_link {
            if !matches!(byte, b' ' | b')' | b']' | b'}' | b'>' | b'"' | b'|') {
                return true;
            }
            self.in_link = false;
        }
        let (last, previous) = (self.last, self.previous);
        match byte {
            b' ' if last == b' ' => return true,
            b'0'..=b'9' if last.is_ascii_digit() => return self.digit(byte, input),
            b'/' | b'.' if self.link(byte, input) => return true,
            _ if byte == last && byte == previous => return true,
            _ => {}
        }
        self.push(byte, input)
    }

    /// Appends a digit that follows a digit.
    fn digit(&mut self, byte: u8, input: usize) -> bool {
        match self.out[..self.len] {
            [.., a, b, _] if a.is_ascii_digit() && b.is_ascii_digit() => true,
            [.., ref mut a, ref mut b] if a.is_ascii_digit() => {
                (*a, *b, self.last) = (b'0', b'0', b'0');
                self.push(b'0', input)
            }
            _ => self.push(byte, input),
        }
    }

    /// Whether `byte` completes the head of a link; if so the head is replaced by `url` and the rest will vanish.
    fn link(&mut self, byte: u8, input: usize) -> bool {
        let written = &self.out[..self.len];
        let head = match byte {
            b'/' if written.ends_with(b"http:") => 5,
            b'/' if written.ends_with(b"https:") => 6,
            // Squeezing has left two of the three.
            b'.' if matches!(written, [.., edge, b'w', b'w'] if !edge.is_ascii_alphanumeric()) => 2,
            _ => return false,
        };
        self.len -= head;
        self.last = self.out[self.len - 1];
        for &letter in b"url" {
            if !self.push(letter, input) {
                break;
            }
        }
        self.in_link = true;
        true
    }

    /// Appends the folded form of a character outside ASCII. False when `out` is full.
    #[cold]
    fn wide(&mut self, character: char, input: usize) -> bool {
        let mut room = true;
        fold(character, |part| {
            if !room {
                return;
            }
            if part.is_ascii() {
                room = self.ascii(ASCII[part as usize], input);
                return;
            }
            let mut buffer = [0; 4];
            let encoded = part.encode_utf8(&mut buffer).as_bytes();
            let (size, written) = (encoded.len(), &self.out[..self.len]);
            let repeated = written.ends_with(encoded) && written[..self.len - size].ends_with(encoded);
            if self.in_link || repeated {
                return;
            }
            if self.len + size >= self.out.len() {
                room = false;
                return;
            }
            for &byte in encoded {
                room &= self.push(byte, input);
            }
        });
        room
    }

    #[inline(always)]
    fn push(&mut self, byte: u8, input: usize) -> bool {
        if self.len + 1 >= self.out.len() {
            return false;
        }
        self.out[self.len] = byte;
        self.trace.wrote(self.len, input);
        self.len += 1;
        (self.previous, self.last) = (self.last, byte);
        true
    }

    /// Closes the text with its space and returns its length, or 0 for nothing but space.
    fn finish(self, input: usize) -> usize {
        if self.len == 1 {
            return 0;
        }
        if self.last == b' ' {
            return if self.len == 2 { 0 } else { self.len };
        }
        self.out[self.len] = b' ';
        self.trace.wrote(self.len, input);
        self.len + 1
    }
}

/// The folded form of each ASCII byte: 0 for control characters, which vanish.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'\t'..=b'\r' | b' ' => b' ',
            b'`' => b'\'',
            control if control.is_ascii_control() => 0,
            other => other.to_ascii_lowercase(),
        };
        byte += 1;
    }
    table
};

/// As [`ASCII`], with 0 for every byte that needs more than folding, spacing and squeezing.
const PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if !matches!(byte as u8, b'0'..=b'9' | b'/' | b'.') {
            table[byte] = ASCII[byte];
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normalized(text: &str) -> String {
        let mut out = vec![0; text.len() * 11 + 3];
        let length = normalize(text, &mut out);
        String::from_utf8(out[..length].to_vec()).expect("UTF-8")
    }

    /// The same rules with every character taken through the path for those outside ASCII.
    fn by_the_general_path(text: &str) -> String {
        let mut out = vec![0; text.len() * 11 + 3];
        out[0] = b' ';
        let mut writer = Writer { out: &mut out, len: 1, last: b' ', previous: b' ', in_link: false, trace: &mut () };
        for (at, character) in text.char_indices() {
            assert!(writer.wide(character, at));
        }
        let length = writer.finish(text.len());
        out.truncate(length);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn each_rule() {
        for (text, expected) in [
            ("Hello,  WORLD\r\n\tx", " hello, world x "),
            ("nooooo!!!! 1112", " noo!! 000 "),
            ("in 2024, 42 of 192.168.10.1", " in 000, 42 of 000.000.10.1 "),
            (
                "see http://Example.org/a?b=1 and (https://b.example) or [www.c.example]!",
                " see url and (url) or [url]! ",
            ),
            ("Caf\u{e9} \u{201c}na\u{ef}ve\u{201d} \u{2014} \u{fb01}n", " cafe \"naive\" - fin "),
            ("a\u{200b}b\u{0}c \u{200d} d", " abc d "),
            ("日日日日本", " 日日本 "),
            ("  ", ""),
            ("", ""),
        ] {
            assert_eq!(normalized(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_short_buffer_holds_whole_characters_between_spaces() {
        for room in 0..12 {
            let mut out = vec![b'?'; room];
            let length = normalize("ab \u{65e5}\u{672c}c", &mut out);
            let text = std::str::from_utf8(&out[..length]).expect("UTF-8");
            assert!(length == 0 || (length >= 3 && text.starts_with(' ') && text.ends_with(' ')), "{room}: {text:?}");
            assert!(" ab \u{65e5}\u{672c}c ".starts_with(text.trim_end()), "{room}: {text:?}");
        }
    }

    #[test]
    fn the_trace_leads_back_to_the_input() {
        let text = "A\u{a0}\u{fb01}n";
        let (mut out, mut trace) = ([0; 16], [u32::MAX; 16]);
        let length = normalize_traced(text, &mut out, &mut trace[..]);
        assert_eq!(&out[..length], b" a fin ");
        assert_eq!(trace[1..length], [0, 1, 3, 3, 6, 7]);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(?s).{0,60}|[ -~]{0,200}|(w{1,4}\\.|https?:|/|[0-9]|a|\u{fdfa}|\u{130}|\\)| ){0,40}") {
            let once = normalized(&text);
            prop_assert_eq!(&normalized(&once), &once);
        }

        #[test]
        fn the_ascii_path_equals_the_general_path(text in "[\\x00-\\x7f]{0,200}|(www\\.|http://|[0-9]|/|z| ){0,40}") {
            prop_assert_eq!(normalized(&text), by_the_general_path(&text));
        }

        #[test]
        fn one_space_at_each_edge_and_nothing_unfolded(text in "(?s).{0,100}") {
            let text = normalized(&text);
            prop_assert!(!text.contains("  "));
            prop_assert!(text.is_empty() || (text.starts_with(' ') && text.ends_with(' ') && text.len() > 2));
            prop_assert!(!text.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control()));
        }
    }
}
