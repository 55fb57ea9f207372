//! Folding against Python's unicodedata: every character outside ASCII, by what `tests/judges/fold.py` wrote.

use flate2::Crc;
use tamis::text::fold::fold;

const GOLDEN: &str = include_str!("judges/fold.golden");

#[test]
fn every_character_folds_as_its_definition_says_over_the_tables_of_another_implementation() {
    let (mut characters, mut wrong) = (0, Vec::new());
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let numbers: Vec<u32> =
            line.split(' ').map(|number| u32::from_str_radix(number, 16).expect("hexadecimal")).collect();
        let [first, last, sum] = numbers[..] else { panic!("three numbers: {line}") };
        let mut crc = Crc::new();
        for character in (first..=last).filter_map(char::from_u32) {
            let mut folded = String::new();
            fold(character, |part| folded.push(part));
            folded.push('\n');
            crc.update(folded.as_bytes());
            characters += 1;
        }
        if crc.sum() != sum {
            wrong.push(format!("U+{first:04X} to U+{last:04X}"));
        }
    }
    assert!(characters > 280_000, "{characters} characters");
    assert!(wrong.is_empty(), "{wrong:?}");
}
