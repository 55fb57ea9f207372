//! Text to the bytes that the features are cut from.
//!
//! Rules, in the order in which they apply to each character:
//! 1. fold: ASCII to lower case, the rest as in [`fold`](super::fold); control and invisible characters vanish;
//! 2. white space: a run becomes one space, and the whole stands between two spaces (so a word's edge is a byte);
//! 3. digits: a run of three or more becomes `000`, so that years, addresses and identifiers share one feature;
//! 4. links: `http://`, `https://` and `www.` with everything up to white space or a closing mark become `url`;
//! 5. squeeze: a character's third and later repetitions vanish, and of the letters that no word doubles
//!    ([`never_doubles`]) the second of three, too;
//! 6. at a word's end, if something in it asks for it: look-alikes, punctuated words and signs for letters, as in
//!    [`word`];
//! 7. at the text's end: spaced-out words ([`word::join_spaced`]).
//!
//! Every rule looks only at the bytes already written, so normalising a normalised text changes nothing.

use super::fold::{fold, is_compatibility_form, is_invisible, look_alike};
use super::rules::{Rule, Rules};
use super::trace::Trace;
use super::word::{self, never_doubles};

/// The output so far. `len < out.len()` holds between calls: there is always room for the closing space.
struct Writer<'a, T: Trace + ?Sized> {
    out: &'a mut [u8],
    len: usize,
    /// The last byte taken and the one before it, kept out of memory: every byte is compared with them. They are the last
    /// two of `out`, but for a letter that was squeezed to one: both are that letter.
    last: u8,
    previous: u8,
    /// Inside a link: bytes vanish until it ends.
    in_link: bool,
    /// The rules for whole words are to look at this word when it ends.
    suspect: bool,
    /// The rules that changed something.
    rules: Rules,
    trace: &'a mut T,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Normalized {
    /// The length of its normalised form, in bytes.
    pub length: usize,
    /// The rules that changed it.
    pub rules: Rules,
}

/// Writes the normalised form of `text` into `out` and returns its length in bytes: 0 when nothing is left to score,
/// else at least 3, the first and the last byte being spaces.
///
/// What does not fit into `out` is left out, a whole character at a time. `out` shorter than three bytes holds nothing.
pub fn normalize(text: &str, out: &mut [u8]) -> usize {
    normalize_traced(text, out, &mut ()).length
}

/// As [`normalize`], telling `trace` where each byte comes from, and which rules changed something.
pub fn normalize_traced<T: Trace + ?Sized>(text: &str, out: &mut [u8], trace: &mut T) -> Normalized {
    if out.len() < 3 {
        return Normalized::default();
    }
    out[0] = b' ';
    let mut writer =
        Writer { out, len: 1, last: b' ', previous: b' ', in_link: false, suspect: false, rules: Rules::NONE, trace };
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
        while !self.in_link && !self.suspect && len < room && at < bytes.len() {
            let byte = PLAIN[usize::from(bytes[at])];
            if byte == 0 {
                break;
            }
            if byte != last || (byte != previous && byte != b' ') {
                self.out[len] = byte;
                self.trace.wrote(len, at);
                len += 1;
                (previous, last) = (last, byte);
            } else if byte.is_ascii_lowercase() {
                break;
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
            self.rules.insert(Rule::Invisible);
            return true;
        }
        if self.in_link {
            if !matches!(byte, b' ' | b')' | b']' | b'}' | b'>' | b'"' | b'|') {
                self.trace.took(self.len - 1, input);
                return true;
            }
            self.in_link = false;
        }
        let (last, previous) = (self.last, self.previous);
        match byte {
            b' ' if last == b' ' => return true,
            b' ' if self.suspect => self.repair(),
            b'0'..=b'9' if last.is_ascii_digit() => return self.digit(byte, input),
            b'/' | b'.' if self.link(byte, input) => return true,
            _ if byte == last && byte == previous => {
                self.squeeze(byte, input);
                return true;
            }
            b'0'..=b'9' | b'@' | b'$' | b'!' => self.suspect |= last.is_ascii_lowercase(),
            b'a'..=b'z' => {}
            // One letter, as far as this can tell, between two marks.
            _ => self.suspect |= byte == previous,
        }
        self.push(byte, input)
    }

    /// Takes a third or later repetition.
    fn squeeze(&mut self, byte: u8, input: usize) {
        if let [.., before, first, second] = self.out[..self.len]
            && first == second
            && never_doubles(before, byte)
        {
            self.len -= 1;
            self.suspect = true;
        }
        self.rules.insert_if(Rule::Stretched, byte.is_ascii_lowercase());
        self.trace.took(self.len - 1, input);
    }

    /// Applies the rules for whole words to what stands behind the last space.
    #[cold]
    fn repair(&mut self) {
        let start = self.out[..self.len].iter().rposition(|&byte| byte == b' ').map_or(1, |space| space + 1);
        self.len = word::repair(&mut self.out[..self.len], start, self.trace, &mut self.rules);
        self.suspect = false;
        (self.last, self.previous) = (self.out[self.len - 1], self.out[self.len.saturating_sub(2)]);
    }

    /// Appends a digit that follows a digit.
    fn digit(&mut self, byte: u8, input: usize) -> bool {
        match self.out[..self.len] {
            [.., a, b, _] if a.is_ascii_digit() && b.is_ascii_digit() => {
                self.rules.insert(Rule::Digits);
                self.trace.took(self.len - 1, input);
                true
            }
            [.., ref mut a, ref mut b] if a.is_ascii_digit() => {
                self.rules.insert_if(Rule::Digits, [*a, *b, byte] != [b'0'; 3]);
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
        // The head's first bytes give way to the three letters and lend them their origin.
        let start = self.len - head;
        self.len = start;
        for &letter in b"url" {
            if self.len + 1 < self.out.len() {
                self.out[self.len] = letter;
                self.len += 1;
            }
        }
        self.trace.wrote(self.len - 1, input);
        (self.last, self.previous) = (self.out[self.len - 1], self.out[self.len - 2]);
        self.in_link = true;
        self.rules.insert(Rule::Links);
        true
    }

    /// Appends the folded form of a character outside ASCII. False when `out` is full.
    #[cold]
    fn wide(&mut self, character: char, input: usize) -> bool {
        let mut room = true;
        // Emojis are chosen and joined by characters that draw nothing.
        let of_emoji = matches!(character, '\u{fe00}'..='\u{fe0f}') || (character == '\u{200d}' && self.last >= 0x80);
        self.rules.insert_if(Rule::Invisible, !of_emoji && is_invisible(character));
        self.rules.insert_if(Rule::Compatibility, is_compatibility_form(character));
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
                self.rules.insert_if(Rule::Stretched, !self.in_link && part.is_alphabetic());
                (self.len - size.min(self.len)..self.len).for_each(|at| self.trace.took(at, input));
                return;
            }
            self.suspect |= look_alike(part).is_some();
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
    fn finish(mut self, input: usize) -> Normalized {
        if self.len == 1 {
            return Normalized { length: 0, rules: self.rules };
        }
        if self.suspect {
            self.repair();
        }
        if self.last != b' ' {
            self.out[self.len] = b' ';
            self.trace.wrote(self.len, input);
            self.len += 1;
        }
        let (out, rules) = (&mut self.out[..self.len], &mut self.rules);
        let length = if out.len() < 3 { 0 } else { word::join_spaced(out, self.trace, rules) };
        Normalized { length, rules: self.rules }
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
        if !matches!(byte as u8, b'0'..=b'9' | b'/' | b'.' | b'@' | b'$' | b'!' | b'-' | b'_' | b'*' | b'+' | b'~') {
            table[byte] = ASCII[byte];
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
