use super::*;
use crate::text::trace::{Origin, character_end};
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
        ("see http://Example.org/a?b=1 and (https://b.example) or [www.c.example]!", " see url and (url) or [url]! "),
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
    let mut three = [0; 3];
    assert_eq!((normalize("a", &mut three), three), (3, *b" a "));
}

#[test]
fn no_rule_writes_beyond_a_short_buffer() {
    for text in [
        "www.a.example b",
        "a https://b",
        "(http://x",
        "12345 67",
        "niiiiice!!!!",
        "st0pid",
        "s.i.l.l.y",
        "i d i o t s",
        "\u{440}\u{430}ge",
        "日日日",
    ] {
        let whole = normalized(text);
        for room in 0..whole.len() + 4 {
            let mut out = vec![b'?'; room];
            let length = normalize(text, &mut out);
            let found = std::str::from_utf8(&out[..length]).expect("UTF-8");
            assert!(
                length == 0 || (length >= 3 && found.starts_with(' ') && found.ends_with(' ')),
                "{room}: {found:?}"
            );
            assert!(room < text.len() + 3 || found == whole, "{room}: {found:?}");
        }
    }
}

#[test]
fn the_trace_leads_back_to_the_input() {
    for (text, expected) in [
        ("A\u{a0}\u{fb01}n", vec![("a", "A"), ("fin", "\u{fb01}n")]),
        ("so  niiiiice!!!! x", vec![("so", "so"), ("nice!!", "niiiiice!!!!"), ("x", "x")]),
        ("in 20245, (www.c.example/d)!", vec![("in", "in"), ("000,", "20245,"), ("(url)!", "(www.c.example/d)!")]),
        ("www.c.example/d x", vec![("url", "www.c.example/d"), ("x", "x")]),
        ("at 12345 x", vec![("at", "at"), ("000", "12345"), ("x", "x")]),
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
        "x1y l1l1l1 0x1f4a 0xdeadb33f d3adb33f e4da3b7f #a1b2c3 42 17 3.14 10% 1e5",
        // Addresses, paths, code.
        "user@example.org b0b@e.org me@localhost src/m4in.rs a_b1g_name x4y=z log4j.properties c3p.example.com",
        // Prices and marks.
        "$5 us$ a$ 5$ $var hello!what wow!you yes!! c++ e-mail well-known and/or it's o'neil mr.smith fine.then",
        "s.i.ly s.i..lly s.i",
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
        // Of a run that mixes scripts, whatever else it holds, but not of what would become the head of a link.
        ("p\u{65e5}\u{430} p\u{20000}\u{430} \u{65e5}\u{430}", " p\u{65e5}a p\u{20000}a \u{65e5}\u{430} "),
        ("w\u{461}w.a htt\u{440}:/x w\u{461}w", " w\u{461}w.a htt\u{440}:/x ww "),
        ("i d i o t", " idiot "),
        ("s i i i l l y c o o o l", " sillycool "),
        ("s.i.l.l.y!! x.s-i-l-l-y", " silly!! x.silly "),
        ("you  I D I O T!! you", " you idiot!! you "),
        ("such an (e v i l) thing, s-i-l-l-y s.i..l.l.y s*i*l*l*y.", " such an (evil) thing, silly silly silly. "),
        ("stup1d m0r0n k1ll he11o p3rs0n 5p33dily", " stupid moron kill hello person speedily "),
        ("stu111id st1u111id", " stu000id st1u000id "),
        ("mi$ter", " mister "),
        ("b@nana s!lly cra$$ly cra$$ dumb@ss", " banana silly crassly crass dumbass "),
        // As few letters as can be told: Roman numerals keep two ones.
        ("viii iii", " vii ii "),
        ("ab cd s.i.i.i.t ab x.i.i.i.s", " ab cd sit ab xiis "),
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
        ("si\u{200d}lly", Rule::Invisible),
        ("\u{65e5}\u{200b}\u{672c}", Rule::Invisible),
        ("\u{ff53}illy", Rule::Compatibility),
        ("\u{1d42c}illy", Rule::Compatibility),
        ("in 2024", Rule::Digits),
        ("call 0123456", Rule::Digits),
        ("see https://example.org/x", Rule::Links),
        ("see https://example.org/\u{65e5}\u{65e5}\u{65e5}", Rule::Links),
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
        "\u{1f602}\u{1f602}\u{1f602}\u{1f602}",
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
