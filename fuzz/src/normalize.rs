//! Text to what features are cut from: normalising twice changes nothing, a short buffer cuts and does no more, and every byte comes
//! from somewhere in the text.

use std::cell::RefCell;

use tamis::text::normalize::{Normalized, normalize, normalize_traced};
use tamis::text::trace::{Origin, character_end};

/// The longest text here; the most that it becomes is 11 times as much, and two spaces.
const LONGEST: usize = 4096;

thread_local! {
    static BUFFERS: RefCell<(Vec<u8>, Vec<u8>, Vec<Origin>)> =
        RefCell::new((vec![0; LONGEST * 11 + 2], vec![0; LONGEST * 11 + 2], vec![Origin::default(); LONGEST * 11 + 2]));
}

/// The room of a short buffer, and then a text.
pub fn run(input: &[u8]) {
    let Some((&room, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(&text[..text.len().min(LONGEST)]) else { return };
    BUFFERS.with_borrow_mut(|(once, twice, origins)| {
        let length = normalize(text, once);
        let once = &once[..length];
        has_the_form(once);
        let normalized = std::str::from_utf8(once).expect("text stays text");
        let again = normalize(normalized, twice);
        // Known (README.md): what looked like `www.` behind a letter of another script is a link only the second time.
        let is_known = once.windows(4).any(|four| four[0] >= 0x80 && four[1..] == *b"ww.")
            // And a link's `url` behind a control character may stretch the word before that.
            || once.windows(3).any(|three| three == b"uuu");
        assert!(
            is_known || once == &twice[..again],
            "twice: {normalized}, {}",
            String::from_utf8_lossy(&twice[..again])
        );
        let traced = normalize_traced(text, twice, &mut origins[..]);
        assert_eq!(once, &twice[..traced.length], "traced");
        come_from(text, &origins[..traced.length]);
        short(text, usize::from(room), &traced);
    });
}

/// Empty, or words between single spaces, without capitals and control characters.
fn has_the_form(normalized: &[u8]) {
    if normalized.is_empty() {
        return;
    }
    assert!(normalized.len() >= 3 && normalized[0] == b' ' && normalized[normalized.len() - 1] == b' ');
    assert!(!normalized.windows(2).any(|two| two == b"  "), "two spaces");
    assert!(!normalized.iter().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control()));
}

/// Each origin is a part of the text, and no byte comes from before the one on its left.
fn come_from(text: &str, origins: &[Origin]) {
    let mut before = 0;
    // The first space comes from nowhere.
    for origin in origins.iter().skip(1) {
        let (first, end) = (origin.first as usize, character_end(text, origin.last));
        assert!(first <= end && text.get(first..end).is_some(), "{first}..{end} of {} bytes", text.len());
        assert!(before <= first, "{first} after {before}");
        before = first;
    }
}

/// In a short buffer there is no more than its room, and it has the form of a normalised text.
fn short(text: &str, room: usize, whole: &Normalized) {
    let mut out = vec![0xff; room + 1];
    let length = normalize(text, &mut out[..room]);
    assert!(length <= room && out[room] == 0xff);
    assert!(std::str::from_utf8(&out[..length]).is_ok(), "a whole character at a time");
    has_the_form(&out[..length]);
    assert!(length > 0 || whole.length == 0 || room < 16, "nothing in {room} bytes of {}", whole.length);
}
