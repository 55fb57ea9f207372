//! Folding of one character outside ASCII to the characters that the model reads.
//!
//! Compatibility decomposition (Unicode Standard Annex 15, NFKD) with the combining marks dropped, lower case, and a
//! short list of Latin letters and marks that Unicode does not decompose. Letters of other scripts stay what they are:
//! that some are drawn like a Latin letter ([`look_alike`]) tells nothing about a character, only about a word.

use unicode_normalization::char::{decompose_canonical, decompose_compatible, is_combining_mark};

/// Hands each character of `character`'s folded form to `emit`: none, one, or up to eighteen (U+FDFA).
///
/// Folding a folded character again changes nothing. White space comes out as `' '`; control characters, combining
/// marks and characters that draw nothing come out as nothing.
pub fn fold(character: char, mut emit: impl FnMut(char)) {
    if is_invisible(character) {
        return;
    }
    decompose_compatible(character, |part| {
        for lower in part.to_lowercase() {
            // Lower-casing may give a composed letter again; only U+0130 does, and its mark falls away here.
            if is_combining_mark(lower) || is_invisible(lower) {
                continue;
            }
            if lower.is_whitespace() {
                emit(' ');
            } else if lower.is_ascii() {
                emit(lower);
            } else {
                match latin(lower) {
                    Some(letters) => letters.chars().for_each(&mut emit),
                    None => emit(lower),
                }
            }
        }
    });
}

/// Control characters that are not white space, characters whose only purpose is to change how others are drawn or
/// joined (the default-ignorable ones that occur in text, Unicode Standard, section 5.21, and other format characters but
/// for those of three scripts: Arabic U+0890 and U+0891, Kaithi U+110CD, Egyptian hieroglyphs U+13430 to U+1343F), and those
/// for private use.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffd}'
        | '\u{110bd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10fffd}' | '\u{e0000}'..='\u{e0fff}'
    ) || (character.is_control() && !character.is_whitespace())
}

/// Whether `character`, one outside ASCII, is a letter or digit whose compatibility decomposition is not its canonical
/// one: drawn otherwise than the plain letter, but the same letter.
pub(super) fn is_compatibility_form(character: char) -> bool {
    // Accented Latin letters, Cyrillic and the common ideographs have none, and are what most texts are made of.
    if matches!(character, '\u{c0}'..='\u{131}' | '\u{400}'..='\u{52f}' | '\u{4e00}'..='\u{9fff}') {
        return false;
    }
    character.is_alphanumeric() && has_other_compatibility(character)
}

fn has_other_compatibility(character: char) -> bool {
    // They differ in how many characters they have or in the first of them.
    let (mut canonical, mut compatible) = ((0, None), (0, None));
    decompose_canonical(character, |part| canonical = (canonical.0 + 1, canonical.1.or(Some(part))));
    decompose_compatible(character, |part| compatible = (compatible.0 + 1, compatible.1.or(Some(part))));
    canonical != compatible
}

/// The ASCII that stands for a lower-case Latin letter or a mark without a decomposition.
const fn latin(character: char) -> Option<&'static str> {
    Some(match character {
        'ɑ' => "a",
        'æ' => "ae",
        'ƅ' => "b",
        'đ' | 'ð' => "d",
        'ə' => "e",
        'ɡ' => "g",
        'ħ' => "h",
        'ı' | 'ɩ' => "i",
        'ȷ' => "j",
        'ł' => "l",
        'ø' => "o",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        'ʋ' => "u",
        '‘' | '’' | '‛' | '′' | 'ʹ' | 'ʼ' | '`' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '‐'..='―' | '−' => "-",
        _ => return None,
    })
}

/// The Latin letter that a folded letter of another script is drawn like, in lower case or as its capital (Unicode
/// Technical Standard 39, confusables; those letters of Cyrillic, Greek and Armenian that keyboards have).
pub const fn look_alike(character: char) -> Option<u8> {
    Some(match character {
        'а' | 'α' => b'a',
        'в' | 'ь' | 'β' => b'b',
        'с' => b'c',
        'ԁ' => b'd',
        'е' | 'ҽ' | 'ε' => b'e',
        'ց' => b'g',
        'н' | 'һ' | 'հ' => b'h',
        'і' | 'ι' => b'i',
        'ј' => b'j',
        'к' | 'κ' => b'k',
        'ӏ' => b'l',
        'м' => b'm',
        'η' | 'ո' => b'n',
        'о' | 'ο' | 'σ' | 'օ' => b'o',
        'р' | 'ρ' => b'p',
        'г' => b'r',
        'ѕ' => b's',
        'т' | 'τ' => b't',
        'υ' | 'ս' => b'u',
        'ν' | 'ѵ' => b'v',
        'ѡ' | 'ԝ' | 'ω' => b'w',
        'х' | 'χ' => b'x',
        'у' | 'γ' => b'y',
        'ζ' => b'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|character| fold(character, |part| out.push(part)));
        out
    }

    #[test]
    fn accents_ligatures_and_widths_fold_to_ascii() {
        assert_eq!(folded("Éàçœuvre ﬁn Ｆｕｌｌ ① ß Ł İ"), "eacoeuvre fin full 1 ss l i");
    }

    #[test]
    fn other_scripts_keep_their_letters_without_case_and_marks() {
        assert_eq!(folded("Сосо Привет Ёлка"), "сосо привет елка");
        assert_eq!(folded("Ελλάδα ἀρχή"), "ελλαδα αρχη");
    }

    #[test]
    fn look_alikes_are_folded_letters_drawn_like_the_latin_one() {
        let drawn_like = [
            ('a', "\u{430}\u{3b1}"),
            ('b', "\u{432}\u{44c}\u{3b2}"),
            ('c', "\u{441}"),
            ('d', "\u{501}"),
            ('e', "\u{435}\u{4bd}\u{3b5}"),
            ('g', "\u{581}"),
            ('h', "\u{43d}\u{4bb}\u{570}"),
            ('i', "\u{456}\u{3b9}"),
            ('j', "\u{458}"),
            ('k', "\u{43a}\u{3ba}"),
            ('l', "\u{4cf}"),
            ('m', "\u{43c}"),
            ('n', "\u{3b7}\u{578}"),
            ('o', "\u{43e}\u{3bf}\u{3c3}\u{585}"),
            ('p', "\u{440}\u{3c1}"),
            ('r', "\u{433}"),
            ('s', "\u{455}"),
            ('t', "\u{442}\u{3c4}"),
            ('u', "\u{3c5}\u{57d}"),
            ('v', "\u{3bd}\u{475}"),
            ('w', "\u{461}\u{51d}\u{3c9}"),
            ('x', "\u{445}\u{3c7}"),
            ('y', "\u{443}\u{3b3}"),
            ('z', "\u{3b6}"),
        ];
        let mut found = 0;
        for (latin, characters) in drawn_like {
            for character in characters.chars() {
                assert_eq!(look_alike(character), Some(latin as u8), "U+{:04X}", character as u32);
                assert_eq!(folded(&character.to_string()), character.to_string(), "U+{:04X}", character as u32);
                found += 1;
            }
        }
        assert_eq!(
            ('\0'..=char::MAX).filter(|&character| look_alike(character).is_some()).count(),
            found,
            "and no others"
        );
    }

    #[test]
    fn invisible_characters_vanish_and_spaces_are_one_kind() {
        assert_eq!(folded("a\u{200b}b\u{ad}c\u{301}d\u{a0}e\u{2028}f\u{85}g\u{feff}"), "abcd e f g");
    }

    #[test]
    fn compatibility_forms_are_those_of_unicode() {
        for character in '\u{80}'..=char::MAX {
            let (mut canonical, mut compatible) = (String::new(), String::new());
            decompose_canonical(character, |part| canonical.push(part));
            decompose_compatible(character, |part| compatible.push(part));
            let expected = character.is_alphanumeric() && canonical != compatible;
            assert_eq!(is_compatibility_form(character), expected, "U+{:04X}", character as u32);
        }
        assert!(['ｆ', '𝐟', 'ﬁ', 'Ⓐ', '²'].into_iter().all(is_compatibility_form));
        assert!(!['é', 'œ', 'я', 'ё', '日', '“', '…', '\u{a0}'].into_iter().any(is_compatibility_form));
    }

    #[test]
    fn folding_every_character_twice_changes_nothing() {
        for character in '\u{80}'..=char::MAX {
            let (mut once, mut count) = (String::new(), 0);
            fold(character, |part| {
                once.push(part);
                count += 1;
            });
            assert!(count <= 18, "U+{:04X} folds to {count} characters", character as u32);
            let ascii_lower = once.to_ascii_lowercase();
            assert_eq!(once, ascii_lower, "U+{:04X}", character as u32);
            let twice: String =
                once.chars().map(|c| if c.is_ascii() { c.to_string() } else { folded(&c.to_string()) }).collect();
            assert_eq!(once, twice, "U+{:04X}", character as u32);
        }
    }
}
