//! Where rows end, while their bytes arrive: nothing is looked at twice, and nothing is kept.

use memchr::{memchr, memchr_iter, memchr3, memrchr};

/// What ends rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splitter {
    /// A line feed.
    Lines,
    /// A line feed or a carriage return, unless quoted (RFC 4180, read as leniently as the crate `csv` does).
    Columns {
        /// What parts columns.
        delimiter: u8,
        /// Where in a row the last bytes left off.
        state: State,
    },
}

/// A place in a row of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Before its first byte: line ends are passed over.
    Row,
    /// Before the first byte of a column.
    Column,
    /// In a column without quotation marks, or behind those of one.
    Plain,
    /// Between quotation marks.
    Quoted,
    /// Behind a mark that ends the quotation, unless another one follows.
    Mark,
}

/// What a piece of the input holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Bytes up to the end of the last row that ends here; 0 if none does.
    pub end: usize,
    /// Rows that end here.
    pub rows: u64,
}

impl Splitter {
    /// Rows of columns that `delimiter` parts.
    pub const fn columns(delimiter: u8) -> Self {
        Self::Columns { delimiter, state: State::Row }
    }

    /// Reads on through `bytes`, up to the end of the first row in them if `stops`.
    pub fn read(&mut self, bytes: &[u8], stops: bool) -> Split {
        match self {
            Self::Lines if stops => {
                memchr(b'\n', bytes).map_or_else(Split::default, |at| Split { end: at + 1, rows: 1 })
            }
            Self::Lines => memrchr(b'\n', bytes).map_or_else(Split::default, |at| Split {
                end: at + 1,
                rows: memchr_iter(b'\n', bytes).count() as u64,
            }),
            Self::Columns { delimiter, state } => read_columns(*delimiter, state, bytes, stops),
        }
    }

    /// Whether the input, if it ended now, would end within a quotation.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Columns { state: State::Quoted, .. })
    }

    /// Whether the input, if it ended now, would end between rows.
    pub const fn is_between(self) -> bool {
        matches!(self, Self::Columns { state: State::Row, .. })
    }
}

fn read_columns(delimiter: u8, state: &mut State, bytes: &[u8], stops: bool) -> Split {
    let (mut split, mut at) = (Split::default(), 0);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let ends = matches!(byte, b'\n' | b'\r');
        let skipped = match *state {
            State::Row if ends => 1,
            State::Row | State::Column | State::Mark if byte == b'"' => {
                *state = State::Quoted;
                1
            }
            State::Quoted => {
                let mark = memchr(b'"', rest);
                if mark.is_some() {
                    *state = State::Mark;
                }
                mark.map_or(rest.len(), |mark| mark + 1)
            }
            _ if ends => {
                *state = State::Row;
                split = Split { end: at + 1, rows: split.rows + 1 };
                if stops {
                    return split;
                }
                1
            }
            _ if byte == delimiter => {
                *state = State::Column;
                1
            }
            _ => {
                *state = State::Plain;
                memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len())
            }
        };
        at += skipped;
    }
    split
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `bytes` in pieces; answers where rows end.
    fn ends(mut splitter: Splitter, bytes: &[u8], piece: usize) -> (Vec<usize>, Splitter) {
        let mut ends = Vec::new();
        for (index, piece_of) in bytes.chunks(piece).enumerate() {
            let mut from = 0;
            loop {
                let split = splitter.read(&piece_of[from..], true);
                if split.rows == 0 {
                    break;
                }
                from += split.end;
                ends.push(index * piece + from);
            }
        }
        (ends, splitter)
    }

    #[test]
    fn lines_end_at_line_feeds() {
        assert_eq!(ends(Splitter::Lines, b"a\r\n\n\"b\nc", 3).0, [3, 4, 7]);
        assert_eq!(Splitter::Lines.read(b"a\nb\nc", false), Split { end: 4, rows: 2 });
        assert_eq!(Splitter::Lines.read(b"abc", false), Split::default());
    }

    proptest! {
        #[test]
        fn rows_of_columns_end_where_csv_says(text in "[a\",;\n\r ]{0,40}", piece in 1_usize..9) {
            let bytes = text.as_bytes();
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(b';').from_reader(bytes);
            let (mut rows, mut record) = (Vec::new(), csv::ByteRecord::new());
            while reader.read_byte_record(&mut record).expect("memory can be read") {
                rows.push(reader.position().byte() as usize);
            }
            let (mut found, splitter) = ends(Splitter::columns(b';'), bytes, piece);
            if !splitter.is_between() {
                found.push(bytes.len());
            }
            prop_assert_eq!(found, rows);
            let whole = Splitter::columns(b';').read(bytes, false);
            let (ends, _) = ends(Splitter::columns(b';'), bytes, bytes.len().max(1));
            prop_assert_eq!(whole, Split { end: ends.last().copied().unwrap_or_default(), rows: ends.len() as u64 });
        }
    }
}
