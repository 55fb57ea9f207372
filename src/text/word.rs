//! Rules that need a whole word: they undo what hides a word from its reader.
//!
//! 1. Look-alikes: in a run of letters that mixes Latin with another script, the other script's letters become the Latin
//!    letters that they are drawn like (Unicode Technical Standard 39). A run of one script stays as it is.
//! 2. Single letters with `.`, `-`, `_`, `*`, `+` or `~` between them, three or more, are joined.
//! 3. Single letters with one space between them, three or more, are joined ([`join_spaced`]).
//! 4. Signs for letters: see `signs`.
//!
//! What 2 and 3 join must have a vowel and a consonant and not be a piece of the alphabet: initials (`J. R. R.`), lists
//! (`a b c`) and unknowns (`x y z`) stay. The rules work in place on the end of what was written, and leave a word that
//! they would leave alone.

use super::fold::look_alike;
use super::rules::{Rule, Rules};
use super::trace::Trace;

/// Whether a run of three or more `byte` after `before` stands for one: the letters that no English word has twice in a
/// row. (In 130,000 comments and tweets, 930 of the 1,180 stretched words with one of these letters are a frequent word
/// when it is written once, 2 when it is written twice; for the other letters both happen, so they keep two.) Roman
/// numerals keep their ones.
pub const fn never_doubles(before: u8, byte: u8) -> bool {
    match byte {
        b'a' | b'h' | b'u' | b'y' => true,
        b'i' => before.is_ascii_lowercase() && !matches!(before, b'v' | b'x'),
        _ => false,
    }
}

/// A rewriting of the end of the output, from left to right.
struct Rewrite<'a, T: Trace + ?Sized> {
    out: &'a mut [u8],
    /// Where the next byte goes, never past where it is read.
    to: usize,
    trace: &'a mut T,
}

impl<T: Trace + ?Sized> Rewrite<'_, T> {
    /// Writes `byte`, which comes from `from`, unless it is a letter's or sign's third in a row.
    fn put(&mut self, byte: u8, from: usize) {
        let to = self.to;
        if byte.is_ascii() && !byte.is_ascii_digit() && to >= 2 && self.out[to - 1] == byte && self.out[to - 2] == byte
        {
            if to >= 3 && never_doubles(self.out[to - 3], byte) {
                self.to -= 1;
            }
            return;
        }
        self.out[to] = byte;
        self.trace.moved(from, to);
        self.to += 1;
    }

    /// Writes what stands at `from`.
    fn keep(&mut self, from: usize) {
        self.put(self.out[from], from);
    }
}

/// Applies the rules to the word that starts at `start` and ends with `out`, and returns where it ends now. Those that
/// change something are put into `rules`.
pub fn repair<T: Trace + ?Sized>(out: &mut [u8], start: usize, trace: &mut T, rules: &mut Rules) -> usize {
    let mut end = look_alikes(out, start, trace, rules);
    end = join_marked(&mut out[..end], start, trace, rules);
    signs(&mut out[..end], start, trace, rules)
}

/// Rule 3, for the whole of a normalised text, from its first space to its last. The first letter of a run may have
/// opening marks before it and the last one closing marks after it. Returns the text's length.
pub fn join_spaced<T: Trace + ?Sized>(out: &mut [u8], trace: &mut T, rules: &mut Rules) -> usize {
    if has_two_singles(out) { join_runs(out, trace, rules) } else { out.len() }
}

/// Whether two words of one byte follow one another: spaces at `at`, `at + 2` and `at + 4`.
fn has_two_singles(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut spaces = 0_u32;
    for word in words.iter().chain([&last]) {
        // 0x80 for each space (Warren, Hacker's Delight, section 6-1, exact form), then one bit for each.
        let gaps = u64::from_le_bytes(*word) ^ 0x2020_2020_2020_2020;
        let found = !(((gaps & 0x7f7f_7f7f_7f7f_7f7f) + 0x7f7f_7f7f_7f7f_7f7f) | gaps | 0x7f7f_7f7f_7f7f_7f7f);
        let bits = (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        spaces = (spaces >> 8) | ((bits as u32) << 8);
        if spaces & (spaces >> 2) & (spaces >> 4) != 0 {
            return true;
        }
    }
    false
}

#[cold]
fn join_runs<T: Trace + ?Sized>(out: &mut [u8], trace: &mut T, rules: &mut Rules) -> usize {
    let end = out.len();
    let mut rewrite = Rewrite { out, to: 1, trace };
    let mut at = 1;
    while at < end {
        if let Some((begin, tail)) = spaced_run(&rewrite.out[at..end]) {
            let (begin, tail) = (at + begin, at + tail);
            let joins = is_hidden_word(rewrite.out[begin..=tail].iter().step_by(2));
            rules.insert_if(Rule::SpacedOut, joins);
            for from in at..=tail {
                if from <= begin || !joins || (from - begin).is_multiple_of(2) {
                    rewrite.keep(from);
                }
            }
            at = tail + 1;
        }
        // The rest of the word, and the space after it.
        while at < end {
            at += 1;
            rewrite.keep(at - 1);
            if rewrite.out[at - 1] == b' ' {
                break;
            }
        }
    }
    rewrite.to
}

/// Where the first and the last letter of the run of single letters stand with which `text` begins.
fn spaced_run(text: &[u8]) -> Option<(usize, usize)> {
    let begin = text.iter().position(|byte| !byte.is_ascii_punctuation())?;
    let mut tail = begin;
    let [b'a'..=b'z', b' ', ..] = text[begin..] else { return None };
    while let [_, b' ', b'a'..=b'z', rest @ ..] = &text[tail..] {
        let marks = rest.iter().take_while(|byte| byte.is_ascii_punctuation()).count();
        if rest.get(marks) != Some(&b' ') {
            break;
        }
        tail += 2;
    }
    Some((begin, tail))
}

/// Whether single letters are more than initials, a list or a piece of the alphabet.
fn is_hidden_word<'a>(letters: impl Iterator<Item = &'a u8> + Clone) -> bool {
    let count = letters.clone().count();
    let vowels = letters.clone().filter(|letter| is_vowel(**letter)).count();
    let alphabet = letters.clone().zip(letters.skip(1)).all(|(a, b)| *b == *a + 1);
    count >= 3 && (1..count).contains(&vowels) && !alphabet
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

/// Rule 1. The runs are those of letters and digits of any script.
fn look_alikes<T: Trace + ?Sized>(out: &mut [u8], start: usize, trace: &mut T, rules: &mut Rules) -> usize {
    let end = out.len();
    if out[start..].is_ascii() {
        return end;
    }
    let mut rewrite = Rewrite { out, to: start, trace };
    let mut at = start;
    while at < end {
        let Run { length, folds } = Run::at(&rewrite.out[at..]);
        let stop = at + length;
        while at < stop {
            let (character, size) = decode(&rewrite.out[at..]);
            match character.filter(|_| folds).and_then(look_alike) {
                Some(latin) => {
                    rules.insert(Rule::Confusables);
                    rewrite.put(latin, at);
                }
                None => (at..at + size).for_each(|from| rewrite.keep(from)),
            }
            at += size;
        }
    }
    rewrite.to
}

/// The letters and digits at the beginning of a text, or the one character of another kind that stands there.
struct Run {
    /// In bytes, at least one.
    length: usize,
    /// Whether its look-alikes are Latin letters.
    folds: bool,
}

impl Run {
    fn at(text: &[u8]) -> Self {
        let (mut length, mut latin, mut only_w) = (0, false, true);
        while length < text.len() {
            let (character, size) = decode(&text[length..]);
            let Some(character) = character.filter(|character| character.is_alphanumeric()) else { break };
            latin |= character.is_ascii_lowercase();
            only_w &= character == 'w' || look_alike(character) == Some(b'w');
            length += size;
        }
        // A link's head would have been seen had it stood there: folding must not make one afterwards.
        let link = text[length..].starts_with(b":/") || (only_w && text[length..].starts_with(b"."));
        let one = if text.is_empty() { 1 } else { decode(text).1 };
        Self { length: length.max(one), folds: latin && !link }
    }
}

/// The character at the beginning of `text`, which is UTF-8, and its length in bytes.
fn decode(text: &[u8]) -> (Option<char>, usize) {
    let size = match text.first() {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    let bytes = &text[..size.min(text.len())];
    (std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()), bytes.len().max(1))
}

/// Rule 2.
fn join_marked<T: Trace + ?Sized>(out: &mut [u8], start: usize, trace: &mut T, rules: &mut Rules) -> usize {
    let end = out.len();
    let mut rewrite = Rewrite { out, to: start, trace };
    let (mut at, mut before) = (start, b' ');
    while at < end {
        let run = if is_edge(before) { marked_run(&rewrite.out[at..]) } else { 1 };
        let stop = at + run;
        let letters = rewrite.out[at..stop].iter().filter(|byte| byte.is_ascii_lowercase());
        let joins = is_hidden_word(letters);
        rules.insert_if(Rule::Punctuated, joins);
        // The last letter may begin another run.
        let stop = if run == 1 || joins { stop } else { stop - 1 };
        before = rewrite.out[stop - 1];
        for from in at..stop {
            if !joins || rewrite.out[from].is_ascii_lowercase() {
                rewrite.keep(from);
            }
        }
        at = stop;
    }
    rewrite.to
}

/// The length of the run of single letters at the beginning of `text` that one mark, single or double, stands between;
/// 1 for fewer than two letters.
fn marked_run(text: &[u8]) -> usize {
    let [b'a'..=b'z', mark @ (b'.' | b'-' | b'_' | b'*' | b'+' | b'~'), ..] = *text else { return 1 };
    let mut length = 1;
    loop {
        let marks = text[length..].iter().take_while(|byte| **byte == mark).count();
        let Some((b'a'..=b'z', after)) = text[length + marks..].split_first() else { break };
        // An exclamation mark may end the word or stand for a letter.
        let after = after.iter().find(|byte| **byte != b'!');
        if !(1..=2).contains(&marks) || after.is_some_and(|&byte| !is_edge(byte)) {
            break;
        }
        length += marks + 1;
    }
    length
}

/// Whether a letter beside `byte` begins or ends there, whatever the rules do.
fn is_edge(byte: u8) -> bool {
    byte.is_ascii() && !in_run(byte)
}

/// Rule 4: digits and signs that stand for letters, within a run of letters, digits, `@`, `$` and `!`.
///
/// - Digits: where some stand between letters, none of the run is 2, 6, 8 or 9, there are fewer digits than letters and no
///   three digits in a row, and the run is neither hexadecimal nor ends as an ordinal number. `11` is `ll`.
/// - `@` and `!`: between letters, if those before or those after it, having no vowel, cannot be a word.
/// - `$`: between letters, and two of them after a letter.
///
/// A word that looks like an address, a path or code stays, and one with letters of another script.
fn signs<T: Trace + ?Sized>(out: &mut [u8], start: usize, trace: &mut T, rules: &mut Rules) -> usize {
    let end = out.len();
    let word = &mut out[start..];
    if is_code(word) || !word.is_ascii() {
        return end;
    }
    let mut changed = false;
    for run in word.chunk_by_mut(|&a, &b| in_run(a) == in_run(b)) {
        if in_run(run[0]) {
            changed |= digits(run);
            changed |= marks(run);
        }
    }
    if !changed {
        return end;
    }
    rules.insert(Rule::Leetspeak);
    let mut rewrite = Rewrite { out, to: start, trace };
    (start..end).for_each(|from| rewrite.keep(from));
    rewrite.to
}

fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'$' | b'!')
}

fn is_code(word: &[u8]) -> bool {
    word.iter().any(|byte| matches!(byte, b'/' | b'\\' | b'_' | b'=' | b'#'))
        || word.windows(3).any(|three| three[1] == b'.' && !is_edge(three[0]) && !is_edge(three[2]))
}

/// Reads the digits of `run` as letters if they are to be; says whether it did.
fn digits(run: &mut [u8]) -> bool {
    let count = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = run.len() - count;
    if count == 0 || letters < 3 || letters <= count || run.starts_with(b"0x") {
        return false;
    }
    let is_digit = |a: &u8, b: &u8| a.is_ascii_digit() == b.is_ascii_digit();
    let readable = run.iter().all(|byte| !matches!(byte, b'2' | b'6' | b'8' | b'9'))
        && run.chunk_by(is_digit).all(|part| part.len() < 3 || !part[0].is_ascii_digit());
    let hexadecimal = run.iter().all(u8::is_ascii_hexdigit);
    let ordinal = matches!(
        run,
        [.., b'0'..=b'9', b's', b't'] | [.., b'0'..=b'9', b'n' | b'r', b'd'] | [.., b'0'..=b'9', b't', b'h']
    );
    let inside = run.windows(3).any(|three| matches!(three, [b'a'..=b'z', b'0'..=b'9', b'a'..=b'z']))
        || run.windows(4).any(|four| matches!(four, [b'a'..=b'z', b'0'..=b'9', b'0'..=b'9', b'a'..=b'z']));
    if !readable || hexadecimal || ordinal || !inside {
        return false;
    }
    for part in run.chunk_by_mut(is_digit) {
        if let [b'1', b'1'] = part {
            part.fill(b'l');
        }
        for byte in part {
            *byte = match *byte {
                b'0' => b'o',
                b'1' => b'i',
                b'3' => b'e',
                b'4' => b'a',
                b'5' => b's',
                b'7' => b't',
                other => other,
            };
        }
    }
    true
}

/// Reads the signs of `run` as letters where they are to be; says whether it did.
fn marks(run: &mut [u8]) -> bool {
    let mut changed = false;
    for at in 1..run.len() {
        let (before, [sign, after @ ..]) = run.split_at(at) else { continue };
        if !before[at - 1].is_ascii_lowercase() {
            continue;
        }
        let letter = match (sign, after) {
            (b'@', [b'a'..=b'z', ..]) if is_no_word(before.iter().rev()) || is_no_word(after.iter()) => b'a',
            (b'!', [b'a'..=b'z', ..]) if is_no_word(before.iter().rev()) || is_no_word(after.iter()) => b'i',
            (b'$', [b'a'..=b'z', ..]) => b's',
            (b'$', [b'$'] | [b'$', b'a'..=b'z', ..]) => {
                run[at + 1] = b's';
                b's'
            }
            _ => continue,
        };
        run[at] = letter;
        changed = true;
    }
    changed
}

/// Whether the letters at the beginning of `bytes` hold no vowel.
fn is_no_word<'a>(bytes: impl Iterator<Item = &'a u8>) -> bool {
    !bytes.take_while(|byte| byte.is_ascii_lowercase()).any(|byte| is_vowel(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_of_one_byte_are_found_wherever_they_stand() {
        for length in 0..=16 {
            for pattern in 0..1_u32 << length {
                // A space for each 1, and in the other places bytes that differ from it in one bit.
                let text: Vec<u8> = (0..length)
                    .map(|at| if pattern >> at & 1 == 1 { b' ' } else { b"a!0\"$(@`\xa0"[at % 9] })
                    .collect();
                let expected = text.windows(5).any(|five| [five[0], five[2], five[4]] == [b' '; 3]);
                assert_eq!(has_two_singles(&text), expected, "{text:?}");
            }
        }
    }
}
