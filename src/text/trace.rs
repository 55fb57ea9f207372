//! Where the bytes of a normalised text come from, so that a caller can lead a feature back to the input.

/// Told where each output byte comes from. Offsets are bytes; those into the text are of a character's first byte.
///
/// Of one output byte the last word counts: a rule that rewrites what stands there tells so anew.
pub trait Trace {
    /// The byte at `output` of the normalised text was written for the character at `input` of the text.
    fn wrote(&mut self, output: usize, input: usize);

    /// The byte at `output` stands for the character at `input`, too, which left none of its own.
    fn took(&mut self, output: usize, input: usize);

    /// The byte at `from` stands at `to` now, `to <= from`, and keeps its origin.
    fn moved(&mut self, from: usize, to: usize);
}

/// Keeps nothing.
impl Trace for () {
    #[inline(always)]
    fn wrote(&mut self, _output: usize, _input: usize) {}

    #[inline(always)]
    fn took(&mut self, _output: usize, _input: usize) {}

    #[inline(always)]
    fn moved(&mut self, _from: usize, _to: usize) {}
}

/// What of the text an output byte stands for: from the first byte of one character to the first byte of another, which
/// is the last one (the same one in most cases).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The byte offset of the first character.
    pub first: u32,
    /// The byte offset of the last character.
    pub last: u32,
}

/// Keeps the origin of each output byte; those past the slice's end are not kept.
impl Trace for [Origin] {
    fn wrote(&mut self, output: usize, input: usize) {
        if let Some(origin) = self.get_mut(output) {
            let at = offset(input);
            *origin = Origin { first: at, last: at };
        }
    }

    fn took(&mut self, output: usize, input: usize) {
        if let Some(origin) = self.get_mut(output) {
            origin.last = offset(input);
        }
    }

    fn moved(&mut self, from: usize, to: usize) {
        if let Some(&origin) = self.get(from)
            && let Some(slot) = self.get_mut(to)
        {
            *slot = origin;
        }
    }
}

/// The end in `text` of the character that begins at `first`: one past its last byte.
pub fn character_end(text: &str, first: u32) -> usize {
    let first = first as usize;
    let length = text.get(first..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    (first + length).min(text.len())
}

fn offset(input: usize) -> u32 {
    u32::try_from(input).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_nothing_is_kept_past_the_end() {
        let mut origins = [Origin::default(); 2];
        let trace = &mut origins[..];
        trace.wrote(0, 3);
        trace.wrote(1, 5);
        trace.took(1, 9);
        trace.wrote(2, 7);
        trace.took(2, 7);
        trace.moved(2, 0);
        assert_eq!(trace, [Origin { first: 3, last: 3 }, Origin { first: 5, last: 9 }]);
        trace.moved(1, 0);
        assert_eq!(trace[0], Origin { first: 5, last: 9 });
    }

    #[test]
    fn a_character_ends_where_the_next_begins() {
        let ends = [0, 1, 4, 9].map(|first| character_end("a日b", first));
        assert_eq!(ends, [1, 4, 5, 5]);
    }
}
