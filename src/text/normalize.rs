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
mod tests {
    use super::super::trace::{Origin, character_end};
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
        let mut writer = Writer {
            out: &mut out,
            len: 1,
            last: b' ',
            previous: b' ',
            in_link: false,
            suspect: false,
            rules: Rules::NONE,
            trace: &mut (),
        };
        for (at, character) in text.char_indices() {
            assert!(writer.wide(character, at));
        }
        let length = writer.finish(text.len()).length;
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
        for (text, expected) in [
            ("A\u{a0}\u{fb01}n", vec![("a", "A"), ("fin", "\u{fb01}n")]),
            ("so  niiiiice!!!! x", vec![("so", "so"), ("nice!!", "niiiiice!!!!"), ("x", "x")]),
            ("in 20245, (www.c.example/d)!", vec![("in", "in"), ("000,", "20245,"), ("(url)!", "(www.c.example/d)!")]),
            ("a e v i l\u{200b}\u{e9}", vec![("aevi", "a e v i"), ("le", "l\u{200b}\u{e9}")]),
            (
                "an \u{201c}e v i l\u{201d} v.i.l.e 日日日",
                vec![("an", "an"), ("\"evil\"", "\u{201c}e v i l\u{201d}"), ("vile", "v.i.l.e"), ("日日", "日日日")],
            ),
        ] {
            let (mut out, mut origins) = ([0; 64], [Origin::default(); 64]);
            let length = normalize_traced(text, &mut out, &mut origins[..]).length;
            let mut found = Vec::new();
            let mut start = 1;
            for end in (1..length).filter(|&at| out[at] == b' ') {
                let from = origins[start].first as usize;
                let to = character_end(text, origins[end - 1].last);
                found.push((std::str::from_utf8(&out[start..end]).expect("UTF-8"), &text[from..to]));
                start = end + 1;
            }
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn clean_words_keep_their_form() {
        for text in [
            // Names, formats and abbreviations with digits.
            "mp3 b2b 3d win32 h1n1 covid19 x86 1st 2nd 4chan utf8 i18n l10n r2d2 p2p 4x4 7zip 24h 5th july4th",
            // Hexadecimal and numbers.
            "0x1f4a 0xdeadb33f d3adb33f e4da3b7f #a1b2c3 42 17 3.14 10% 1e5",
            // Addresses, paths, code.
            "user@example.org b0b@e.org me@localhost src/m4in.rs a_b1g_name x4y=z log4j.properties c3p.example.com",
            // Prices and marks.
            "$5 us$ a$ 5$ $var hello!what wow!you yes!! c++ e-mail well-known and/or it's o'neil mr.smith fine.then",
            // Initials, lists, unknowns.
            "j. r. r. tolkien, a b c or x y z or j r r; i, a b-side",
            "good book too see moon committee vacuum radii naïveté",
        ] {
            let expected = format!(" {} ", text.replace('ï', "i").replace('é', "e"));
            assert_eq!(normalized(text), expected);
        }
    }

    #[test]
    fn other_scripts_keep_their_letters() {
        for (text, expected) in [
            ("Привет, как дела? Ёлка", " привет, как дела? елка "),
            ("Καλημέρα σας, Ελλάδα", " καλημερα σας, ελλαδα "),
            ("html-код и α-helix в Windows", " html-код и α-helix в windows "),
            ("こんにちは 世界 مرحبا", " こんにちは 世界 مرحبا "),
            ("déjà-vu Ångström œuvre straße", " deja-vu angstrom oeuvre strasse "),
            ("🙂🙂 👍 🇫🇷", " 🙂🙂 👍 🇫🇷 "),
            ("let x = vec![1]; // f(a) && b", " let x = vec![1]; // f(a) && b "),
        ] {
            assert_eq!(normalized(text), expected);
        }
    }

    #[test]
    fn hidden_words_are_read() {
        for (text, expected) in [
            // Cyrillic and Greek letters among Latin ones.
            ("\u{440}\u{430}ge sil\u{3bb}y c\u{3bf}c\u{3bf}\u{3b1}.", " page silλy cocoa. "),
            ("i d i o t", " idiot "),
            ("you  I D I O T!! you", " you idiot!! you "),
            ("such an (e v i l) thing, s-i-l-l-y s.i..l.l.y s*i*l*l*y.", " such an (evil) thing, silly silly silly. "),
            ("stup1d m0r0n k1ll he11o p3rs0n 5p33dily", " stupid moron kill hello person speedily "),
            ("b@nana s!lly cra$$ly cra$$ dumb@ss", " banana silly crassly crass dumbass "),
            // As few letters as can be told: Roman numerals keep two ones.
            ("viii iii", " vii ii "),
            ("niiiiice shoooow woooow yaaay", " nice shoow woow yay "),
        ] {
            assert_eq!(normalized(text), expected, "{text:?}");
        }
    }

    fn fired(text: &str) -> Vec<Rule> {
        let mut out = vec![0; text.len() * 11 + 3];
        normalize_traced(text, &mut out, &mut ()).rules.each().collect()
    }

    #[test]
    fn each_disguise_fires_its_rule_and_prose_fires_none() {
        for (text, rule) in [
            ("si\u{200b}lly", Rule::Invisible),
            ("si\u{ad}lly", Rule::Invisible),
            ("si\u{7}lly", Rule::Invisible),
            ("\u{ff53}illy", Rule::Compatibility),
            ("\u{1d42c}illy", Rule::Compatibility),
            ("in 2024", Rule::Digits),
            ("call 0123456", Rule::Digits),
            ("see https://example.org/x", Rule::Links),
            ("niiiice", Rule::Stretched),
            ("coooool!!!!", Rule::Stretched),
            ("\u{43f}\u{440}\u{438}\u{432}\u{435}\u{435}\u{435}\u{435}\u{442}", Rule::Stretched),
            ("p\u{430}ge", Rule::Confusables),
            ("s.i.l.l.y", Rule::Punctuated),
            ("stup1d", Rule::Leetspeak),
            ("s!lly", Rule::Leetspeak),
            ("s i l l y", Rule::SpacedOut),
        ] {
            assert_eq!(fired(text), [rule], "{text:?}");
        }
        for text in [
            "Good morning! The minutes of the meeting are attached; see page 12, and write to me@example.org...",
            "Wait!!!!! What??? --- Yes ***",
            "D\u{e9}j\u{e0} vu \u{ab}\u{a0}\u{153}uvre\u{a0}\u{bb} \u{2026} \u{201c}na\u{ef}ve\u{201d}",
            "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}, \u{3b1}\u{3b2}\u{3b3} \u{65e5}\u{672c}",
            "\u{2764}\u{fe0f} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "mp3 b2b 1st covid19 000 vii a b c",
            "",
            "  ",
        ] {
            assert_eq!(fired(text), [], "{text:?}");
        }
        assert_eq!(
            fired("\u{200b}st0pid n i c e"),
            [Rule::Invisible, Rule::Leetspeak, Rule::SpacedOut],
            "each of several is told"
        );
        assert_eq!(fired("\u{200b}"), [Rule::Invisible], "though nothing is left");
    }

    proptest! {
        #[test]
        fn a_normalised_text_fires_no_rule(text in "[ -~]{0,120}|(?s).{0,60}") {
            prop_assert_eq!(fired(&normalized(&text)), []);
        }

        #[test]
        fn normalising_twice_changes_nothing(text in "(?s).{0,60}|[ -~]{0,200}|(w{1,4}\\.|https?:|/|[0-9]|a|\u{fdfa}|\u{130}|\\)| ){0,40}|[abi147 .@$!-]{0,30}|([a-i] |[xyz], |\\(|[!.] |iii|b1|\u{430}|\u{442}|\u{440}|\u{461}|w|http|:/|\\.|-|a\\.b|4|0|\\$){0,30}") {
            let once = normalized(&text);
            prop_assert_eq!(&normalized(&once), &once);
        }

        #[test]
        fn the_ascii_path_equals_the_general_path(text in "[\\x00-\\x7f]{0,200}|(www\\.|http://|[0-9]|/|z| ){0,40}|[aai14 .@$!-]{0,30}") {
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
