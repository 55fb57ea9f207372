//! Mutations of a corpus, the same ones in every run.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Makes one input of others, again and again.
pub struct Mutator<'c> {
    corpus: &'c [&'c [u8]],
    input: Vec<u8>,
    /// Of the generator xorshift64 (Marsaglia 2003).
    state: u64,
}

impl<'c> Mutator<'c> {
    /// Over a `corpus` of at least one input; `name` sets it apart from other targets.
    pub fn new(name: &str, corpus: &'c [&'c [u8]]) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self { corpus, input: Vec::new(), state: hasher.finish() | 1 }
    }

    /// The next one: an input of the corpus, changed in one to four places.
    pub fn next(&mut self) -> &[u8] {
        let (corpus, chosen) = (self.corpus, self.below(self.corpus.len()));
        self.input.clear();
        self.input.extend_from_slice(corpus[chosen]);
        for _ in 0..=self.below(4) {
            self.change();
        }
        self.input.truncate(LONGEST);
        &self.input
    }

    fn change(&mut self) {
        let at = self.below(self.input.len() + 1);
        let end = at + self.below((self.input.len() - at).min(32) + 1);
        match self.below(8) {
            0 if at < self.input.len() => {
                let bit = self.below(8);
                self.input[at] ^= 1 << bit;
            }
            1 if at < self.input.len() => {
                let byte = self.below(256) as u8;
                self.input[at] = byte;
            }
            2 => {
                let byte = self.below(256) as u8;
                self.input.insert(at, byte);
            }
            3 => drop(self.input.drain(at..end)),
            4 => {
                let times = 1 + self.below(8);
                let part = self.input[at..end].repeat(times);
                self.input.splice(at..at, part);
            }
            5 => {
                let word = WORDS[self.below(WORDS.len())];
                self.input.splice(at..end, word.bytes());
            }
            6 => self.input.truncate(end),
            _ => {
                let (corpus, chosen) = (self.corpus, self.below(self.corpus.len()));
                let other = corpus[chosen];
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                self.input.splice(at..end, other[from..to].iter().copied());
            }
        }
    }

    /// A number below `limit`, or 0 where that is 0.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) as usize % limit.max(1)
    }
}

/// Inputs are no longer than this.
const LONGEST: usize = 8 << 10;

/// What has a meaning for one target or another.
const WORDS: [&str; 32] = [
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-0",
    "1e999",
    "1e-5",
    "18446744073709551616",
    "\\ud800",
    "\\u0000",
    "é",
    "\u{200b}",
    "\u{301}",
    "日",
    "\u{1f642}",
    "a",
    "   ",
    "%",
    "%41",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];
