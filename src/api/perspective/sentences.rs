//! The sentences of a text, by what ends one: a rule, no grammar. `e.g. this` is two.

use std::ops::Range;

/// The most sentences of a text; the last takes all that is left.
pub const MOST_SENTENCES: usize = 64;

/// The sentences of `text` in their order: they do not overlap, begin and end with something to be seen, and between them is
/// white space alone. What holds no letter and no digit belongs to the sentence before it, at the beginning to the one after.
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> {
    let (mut at, mut count) = (0, 0);
    std::iter::from_fn(move || {
        let start = after_space(text, at)?;
        count += 1;
        let mut end = end_of(text, start);
        let mut speaks = has_words(&text[start..end]);
        while let Some(next) = after_space(text, end) {
            let next_end = end_of(text, next);
            let next_speaks = has_words(&text[next..next_end]);
            if speaks && next_speaks && count < MOST_SENTENCES {
                break;
            }
            (end, speaks) = (next_end, speaks || next_speaks);
        }
        at = end;
        Some(start..end)
    })
}

/// Where what follows `at` begins, if something does.
fn after_space(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let start = text.len() - rest.trim_start().len();
    (start < text.len()).then_some(start)
}

/// Where the sentence that begins at `start` ends, the space after it left out.
fn end_of(text: &str, start: usize) -> usize {
    let rest = &text[start..];
    let mut characters = rest.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\n' {
            return start + rest[..at].trim_end().len();
        }
        if !ENDS.contains(&character) {
            continue;
        }
        let mut wide = WIDE_ENDS.contains(&character);
        while let Some(&(_, next)) = characters.peek()
            && (ENDS.contains(&next) || CLOSES.contains(&next))
        {
            wide |= WIDE_ENDS.contains(&next);
            characters.next();
        }
        match characters.peek() {
            None => break,
            Some(&(end, next)) if wide || next.is_whitespace() => return start + end,
            Some(_) => {}
        }
    }
    start + rest.trim_end().len()
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// What ends a sentence, if space or nothing follows.
const ENDS: [char; 9] = ['.', '!', '?', '…', '‼', '⁉', '。', '！', '？'];

/// What ends one whatever follows: the languages that use it set no space.
const WIDE_ENDS: [char; 3] = ['。', '！', '？'];

/// What belongs to the sentence whose end it follows.
const CLOSES: [char; 11] = ['"', '\'', ')', ']', '}', '»', '”', '’', '›', '」', '』'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        sentences(text).map(|range| &text[range]).collect()
    }

    #[test]
    fn a_sentence_ends_where_its_sign_is_followed_by_space() {
        for (text, expected) in [
            ("", &[][..]),
            (" \n ", &[]),
            ("One", &["One"]),
            (" One. ", &["One."]),
            ("What kind of name is foo? Sorry, I like it.", &["What kind of name is foo?", "Sorry, I like it."]),
            ("He said \"go!\" (Then left.) Fine...", &["He said \"go!\"", "(Then left.)", "Fine..."]),
            ("Version 1.2 of tamis.rs is out", &["Version 1.2 of tamis.rs is out"]),
            ("one\ntwo \r\n\n three", &["one", "two", "three"]),
            ("Good. 👍 !!! Bad.", &["Good. 👍 !!!", "Bad."]),
            ("... ? one. two.", &["... ? one.", "two."]),
            ("!!!", &["!!!"]),
            ("你好。再见！", &["你好。", "再见！"]),
        ] {
            assert_eq!(parts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_last_takes_what_is_left() {
        let text = "a. ".repeat(100);
        let parts = parts(&text);
        assert_eq!(parts.len(), MOST_SENTENCES);
        assert_eq!(parts.last().map(|last| last.len()), Some(37 * 3 - 1));
    }

    #[test]
    fn a_text_of_nothing_but_ends_takes_no_longer_than_another() {
        let text = ". ".repeat(1 << 20);
        assert_eq!(sentences(&text).count(), 1);
    }

    proptest! {
        #[test]
        fn they_tile_the_text_but_for_space(text in "(?s).{0,60}|[a-c.!? \n\u{301}👍。\"]{0,200}") {
            let mut end = 0;
            for range in sentences(&text) {
                prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
                prop_assert!(text[end..range.start].trim().is_empty());
                let part = &text[range.clone()];
                prop_assert_eq!(part.trim(), part);
                prop_assert!(!part.is_empty());
                end = range.end;
            }
            prop_assert!(text[end..].trim().is_empty());
        }
    }
}
