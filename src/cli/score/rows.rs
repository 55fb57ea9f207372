//! The rows of one input: how much of what has arrived is whole.

use std::io::{self, ErrorKind, Read};

use memchr::memchr_iter;

use super::chunk::{BLOCK, Digest, Place, Unread};
use super::split::Splitter;

/// An input, and what of it has arrived and is not taken yet.
pub struct Rows<'r> {
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that the splitter has seen.
    seen: usize,
    splitter: Splitter,
    digest: &'r mut Digest,
    max_row: usize,
    has_ended: bool,
    /// Where the buffer begins.
    pub place: Place,
    /// Where the rows begin that were found last.
    pub begin: Place,
}

/// Whole rows at the beginning of what is not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// So many bytes.
    pub bytes: usize,
    /// So many rows.
    pub rows: u64,
    /// Why the one row, if it is one, cannot be read; of one that is too long nothing is left.
    pub unread: Option<Unread>,
}

impl<'r> Rows<'r> {
    /// The rows of `input`, the `file`th, behind a byte order mark if there is one. What is taken is taken into `digest` too.
    ///
    /// # Errors
    /// What reading gives; that it is UTF-16.
    pub fn new(
        input: Box<dyn Read>,
        file: usize,
        splitter: Splitter,
        max_row: usize,
        digest: &'r mut Digest,
    ) -> io::Result<Self> {
        let place = Place { file, ..Place::default() };
        let mut rows = Self {
            input,
            buffer: Vec::new(),
            seen: 0,
            splitter,
            digest,
            max_row,
            has_ended: false,
            place,
            begin: place,
        };
        // A text of one letter, typed, is not kept waiting for a second.
        while rows.buffer.len() < UTF8.len() && UTF8.starts_with(&rows.buffer) && !rows.has_ended {
            rows.fill()?;
        }
        if UTF16.iter().any(|mark| rows.buffer.starts_with(mark)) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "it is UTF-16, not UTF-8: convert it first, as by iconv",
            ));
        }
        if rows.buffer.starts_with(UTF8) {
            rows.take(UTF8.len(), 0, &mut Vec::new());
        }
        Ok(rows)
    }

    /// Waits for whole rows: for one if `one`, else for at least one; `None` at the end of the input.
    ///
    /// # Errors
    /// What reading gives.
    pub fn next(&mut self, one: bool) -> io::Result<Option<Whole>> {
        self.begin = self.place;
        loop {
            let split = self.splitter.read(&self.buffer[self.seen..], one);
            if split.rows > 0 {
                let bytes = self.seen + split.end;
                self.seen = if one { bytes } else { self.buffer.len() };
                return Ok(Some(Whole { bytes, rows: split.rows, unread: None }));
            }
            self.seen = self.buffer.len();
            if self.seen > self.max_row {
                self.skip_blank();
                return self.pass_over().map(Some);
            }
            if self.has_ended {
                self.skip_blank();
                let bytes = self.seen;
                if bytes == 0 || self.splitter.is_between() {
                    self.take(bytes, 0, &mut Vec::new());
                    return Ok(None);
                }
                let unread = self.splitter.is_open().then_some(Unread::Open);
                return Ok(Some(Whole { bytes, rows: 1, unread }));
            }
            self.fill()?;
        }
    }

    /// Moves `bytes`, which hold `rows`, to the end of `out`.
    pub fn take(&mut self, bytes: usize, rows: u64, out: &mut Vec<u8>) {
        let taken = &self.buffer[..bytes];
        out.extend_from_slice(taken);
        self.digest.update(taken);
        self.place.offset += bytes as u64;
        self.place.rows += rows;
        self.place.lines += memchr_iter(b'\n', taken).count() as u64;
        self.buffer.drain(..bytes);
        self.seen -= bytes.min(self.seen);
    }

    /// The digest of all that has been taken.
    pub fn digest(&self) -> String {
        self.digest.told()
    }

    /// Takes blank lines before columns, and the second byte of a line end: they are part of no row.
    fn skip_blank(&mut self) {
        if self.splitter != Splitter::Lines {
            let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.take(blank, 0, &mut Vec::new());
            self.begin = self.place;
        }
    }

    /// Reads on to the end of a row that is too long, and keeps nothing of it.
    fn pass_over(&mut self) -> io::Result<Whole> {
        loop {
            self.take(self.buffer.len(), 0, &mut Vec::new());
            self.fill()?;
            let split = self.splitter.read(&self.buffer, true);
            self.seen = if split.rows > 0 { split.end } else { self.buffer.len() };
            if split.rows > 0 || self.has_ended {
                self.take(self.seen, 1, &mut Vec::new());
                return Ok(Whole { bytes: 0, rows: 1, unread: Some(Unread::TooLong) });
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let length = self.buffer.len();
        self.buffer.resize(length + BLOCK, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(length + read.as_ref().map_or(0, |read| *read));
        self.has_ended = read? == 0;
        Ok(())
    }
}

const UTF8: &[u8] = b"\xef\xbb\xbf";
const UTF16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

#[cfg(test)]
mod tests {
    use super::*;

    /// An input that gives so many bytes at a time.
    struct Slow(&'static [u8], usize);

    impl Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn told(bytes: &'static [u8], piece: usize, splitter: Splitter) -> Vec<(String, u64, Option<Unread>)> {
        let mut digest = Digest::new(true);
        let mut rows = Rows::new(Box::new(Slow(bytes, piece)), 0, splitter, 16, &mut digest).expect("UTF-8");
        let mut told = Vec::new();
        while let Some(whole) = rows.next(true).expect("memory can be read") {
            let mut out = Vec::new();
            if whole.unread != Some(Unread::TooLong) {
                rows.take(whole.bytes, whole.rows, &mut out);
            }
            told.push((String::from_utf8_lossy(&out).into_owned(), rows.place.lines, whole.unread));
        }
        assert_eq!(rows.place.offset, bytes.len() as u64, "all is taken");
        let mut whole = Digest::new(true);
        whole.update(bytes);
        assert_eq!(rows.digest(), whole.told(), "and has gone into the digest");
        told
    }

    #[test]
    fn rows_come_whole_however_the_input_arrives() {
        let some = |text: &str, lines| (text.to_owned(), lines, None);
        for piece in 1..20 {
            assert_eq!(
                told(b"\xef\xbb\xbfa\n\nb", piece, Splitter::Lines),
                [some("a\n", 1), some("\n", 2), some("b", 2)]
            );
            let columns = told(b"a,\"b\nc\"\r\nd\n\n", piece, Splitter::columns(b','));
            assert_eq!(columns, [some("a,\"b\nc\"\r", 1), some("\nd\n", 3)]);
            assert_eq!(told(b"", piece, Splitter::Lines), []);
            assert_eq!(told(b"\xef", piece, Splitter::Lines), [some("\u{fffd}", 0)]);
        }
    }

    #[test]
    fn a_row_that_is_too_long_or_open_is_told_and_the_next_is_read() {
        let long = |lines| (String::new(), lines, Some(Unread::TooLong));
        for piece in 1..40 {
            let lines = told(b"a\n0123456789012345678901234567890123456789\nb\n", piece, Splitter::Lines);
            let whole = piece > 16;
            let b = ("b\n".to_owned(), 3, None);
            if !whole {
                assert_eq!(lines, [("a\n".to_owned(), 1, None), long(2), b], "{piece}");
            }
            let open = told(b"a\n\"b\n", piece, Splitter::columns(b','));
            assert_eq!(open, [("a\n".to_owned(), 1, None), ("\"b\n".to_owned(), 2, Some(Unread::Open))]);
        }
    }

    #[test]
    fn utf_16_is_named() {
        for bytes in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a"] {
            let mut digest = Digest::new(false);
            let rows = Rows::new(Box::new(bytes), 0, Splitter::Lines, 16, &mut digest);
            assert!(rows.err().expect("refused").to_string().contains("UTF-16"));
        }
    }
}
