//! A compressed body read, whole or as it arrives. What comes out is bounded by the room that is given, whatever is said of its
//! length; nothing that comes in is kept but what deflate needs.

use std::fmt;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{MAGIC, TRAILER};

/// What reads gzip.
#[derive(Debug)]
pub struct Expander {
    inflate: Decompress,
    checksum: Crc,
    place: Place,
    /// The bytes of CRC-32 and length that have come.
    trailer: [u8; TRAILER],
    /// Members that have begun.
    members: usize,
}

/// What the next byte is (RFC 1952, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The one at this index of the ten that every member begins with; and which fields follow, once that is known.
    Fixed(usize, u8),
    ExtraLength(Option<u8>, u8),
    Extra(u16, u8),
    /// A name or a comment, up to its zero.
    Words(u8),
    /// Of the header's own checksum, so many are left.
    Checksum(u8),
    Deflated,
    Trailer(usize),
}

/// Why bytes cannot be expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They are not gzip, or end too soon.
    Malformed,
    /// They become more than there is room for.
    TooLong,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the bytes are not gzip",
            Self::TooLong => "the bytes become more than there is room for",
        })
    }
}

impl std::error::Error for Unreadable {}

impl Expander {
    /// Allocates all that expanding needs, some 45 KiB.
    pub fn new() -> Self {
        Self { inflate: Decompress::new(false), checksum: Crc::new(), place: START, trailer: [0; TRAILER], members: 0 }
    }

    /// Begins another body; what is left of the last one is forgotten.
    pub fn begin(&mut self) {
        (self.place, self.members) = (START, 0);
    }

    /// Whether a body that ends here is whole.
    pub fn is_whole(&self) -> bool {
        self.place == START
    }

    /// Expands a `body` that is there in full into `out`; returns the length. No allocation.
    ///
    /// # Errors
    /// If it is not gzip, or becomes longer than `out`.
    pub fn expand_whole(&mut self, mut body: &[u8], out: &mut [u8]) -> Result<usize, Unreadable> {
        self.begin();
        let mut length = 0;
        loop {
            let (room, beyond) = (&mut out[length..], &mut [0]);
            // Where there is no room left, an end without content may still come.
            let is_full = room.is_empty();
            let written = self.expand(&mut body, if is_full { beyond } else { room })?;
            if is_full && written > 0 || self.members > MAX_MEMBERS {
                return Err(Unreadable::TooLong);
            }
            length += written;
            if written == 0 && body.is_empty() {
                return if self.is_whole() { Ok(length) } else { Err(Unreadable::Malformed) };
            }
        }
    }

    /// Expands what there is of the body from the front of `input`, which moves on, into `out`, until either ends or a member
    /// does; returns the bytes written. An `out` that is filled may not have taken all that there was. No allocation.
    ///
    /// # Errors
    /// If it is not gzip: then and after no byte of it is to be believed.
    pub fn expand(&mut self, input: &mut &[u8], out: &mut [u8]) -> Result<usize, Unreadable> {
        loop {
            if self.place == Place::Deflated {
                let written = self.inflate(input, out)?;
                if written > 0 || self.place == Place::Deflated {
                    return Ok(written);
                }
            }
            let Some((&byte, rest)) = input.split_first() else { return Ok(0) };
            *input = rest;
            self.place = self.after(byte).ok_or(Unreadable::Malformed)?;
            if self.place == START {
                return Ok(0);
            }
        }
    }

    fn inflate(&mut self, input: &mut &[u8], out: &mut [u8]) -> Result<usize, Unreadable> {
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None).map_err(|_| Unreadable::Malformed)?;
        let (read, written) =
            ((self.inflate.total_in() - read) as usize, (self.inflate.total_out() - written) as usize);
        *input = input.get(read..).unwrap_or_default();
        self.checksum.update(out.get(..written).unwrap_or_default());
        if status == Status::StreamEnd {
            self.place = Place::Trailer(0);
        }
        Ok(written)
    }

    /// The place after `byte`; `None` if that cannot stand here.
    fn after(&mut self, byte: u8) -> Option<Place> {
        match self.place {
            Place::Fixed(at, _) if MAGIC.get(at).is_some_and(|&magic| magic != byte) => None,
            Place::Fixed(3, _) => (byte & RESERVED == 0).then_some(Place::Fixed(4, byte)),
            Place::Fixed(at, flags) if at < 9 => Some(Place::Fixed(at + 1, flags)),
            Place::ExtraLength(None, flags) => Some(Place::ExtraLength(Some(byte), flags)),
            Place::ExtraLength(Some(low), flags) => match u16::from_le_bytes([low, byte]) {
                0 => Some(self.field(flags)),
                length => Some(Place::Extra(length, flags)),
            },
            Place::Fixed(_, flags) | Place::Extra(1, flags) => Some(self.field(flags)),
            Place::Extra(left, flags) => Some(Place::Extra(left - 1, flags)),
            Place::Words(flags) => Some(if byte == 0 { self.field(flags) } else { self.place }),
            Place::Checksum(2) => Some(Place::Checksum(1)),
            Place::Checksum(_) => Some(self.field(0)),
            Place::Trailer(at) => {
                *self.trailer.get_mut(at)? = byte;
                if at + 1 < TRAILER {
                    return Some(Place::Trailer(at + 1));
                }
                let sums = u64::from(self.checksum.sum()) | u64::from(self.checksum.amount()) << 32;
                (u64::from_le_bytes(self.trailer) == sums).then_some(START)
            }
            Place::Deflated => None,
        }
    }

    /// The first of the fields of the header that `flags` say are still to come, else what is compressed.
    fn field(&mut self, flags: u8) -> Place {
        if flags & EXTRA != 0 {
            Place::ExtraLength(None, flags & !EXTRA)
        } else if flags & NAME != 0 {
            Place::Words(flags & !NAME)
        } else if flags & COMMENT != 0 {
            Place::Words(flags & !COMMENT)
        } else if flags & HEADER_CHECKSUM != 0 {
            Place::Checksum(2)
        } else {
            self.inflate.reset(false);
            self.checksum.reset();
            self.members += 1;
            Place::Deflated
        }
    }
}

impl Default for Expander {
    fn default() -> Self {
        Self::new()
    }
}

const START: Place = Place::Fixed(0, 0);

/// Flags of the header; that it is text says nothing that we would do.
const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Members of a body that is expanded at once: one, but for what was compressed in pieces. Each costs as much time as tens of
/// kilobytes that are expanded.
const MAX_MEMBERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(body: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    }

    fn expanded(expander: &mut Expander, body: &[u8], room: usize) -> Result<Vec<u8>, Unreadable> {
        let mut out = vec![0; room];
        let length = expander.expand_whole(body, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    #[test]
    fn every_field_of_a_header_is_passed_over() {
        let mut expander = Expander::new();
        for fields in 0..8 {
            let mut builder = GzBuilder::new().mtime(7);
            if fields & 1 != 0 {
                builder = builder.extra(vec![1; 300]);
            }
            if fields & 2 != 0 {
                builder = builder.filename("texts.json");
            }
            if fields & 4 != 0 {
                builder = builder.comment("a comment");
            }
            let mut encoder = builder.write(Vec::new(), Compression::best());
            encoder.write_all(b"{\"text\":\"a\"}").expect("memory");
            let body = encoder.finish().expect("memory");
            assert_eq!(expanded(&mut expander, &body, 100).as_deref(), Ok(&b"{\"text\":\"a\"}"[..]), "{fields}");
        }
        // No encoder at hand writes the header's own checksum; nor an extra field of nothing.
        let mut body = gzip(b"text", 6);
        body[3] = HEADER_CHECKSUM | EXTRA;
        body.splice(10..10, [0, 0, 0xab, 0xcd]);
        assert_eq!(expanded(&mut expander, &body, 4).as_deref(), Ok(&b"text"[..]));
    }

    #[test]
    fn what_is_torn_or_altered_is_refused() {
        let body = gzip(b"some text, some text", 6);
        let mut expander = Expander::new();
        for end in 0..body.len() {
            let torn = expanded(&mut expander, &body[..end], 100);
            assert_eq!(torn, if end == 0 { Ok(Vec::new()) } else { Err(Unreadable::Malformed) }, "{end}");
        }
        for at in (0..4).chain(body.len() - 8..body.len()) {
            let mut altered = body.clone();
            altered[at] ^= 0x80;
            assert_eq!(expanded(&mut expander, &altered, 100), Err(Unreadable::Malformed), "{at}");
        }
        assert_eq!(expanded(&mut expander, &[&body[..], b"x"].concat(), 100), Err(Unreadable::Malformed));
        assert_eq!(expanded(&mut expander, &body, 100).as_deref(), Ok(&b"some text, some text"[..]), "and the next");
    }

    #[test]
    fn a_bomb_ends_where_the_room_does() {
        let bomb = gzip(&vec![b' '; 64 << 20], 9);
        assert!(bomb.len() < 70_000);
        let mut expander = Expander::new();
        assert_eq!(expanded(&mut expander, &bomb, 65_536), Err(Unreadable::TooLong));
        assert_eq!(expanded(&mut expander, &gzip(&vec![b' '; 65_536], 9), 65_536).map(|out| out.len()), Ok(65_536));
        assert_eq!(expanded(&mut expander, &gzip(&vec![b' '; 65_537], 9), 65_536), Err(Unreadable::TooLong));
        let empty = gzip(b"", 6).repeat(3000);
        assert_eq!(expanded(&mut expander, &empty, 65_536), Err(Unreadable::TooLong), "each member costs its time");
    }

    proptest! {
        #[test]
        fn members_are_one_body_however_they_arrive(
            members in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5),
            level in 0_u32..10, piece in 1_usize..40, room in 1_usize..50,
        ) {
            let body: Vec<u8> = members.iter().flat_map(|member| gzip(member, level)).collect();
            let mut expander = Expander::new();
            prop_assert_eq!(expanded(&mut expander, &body, members.concat().len()), Ok(members.concat()));
            expander.begin();
            let (mut found, mut out) = (Vec::new(), vec![0; room]);
            for mut piece in body.chunks(piece) {
                loop {
                    let written = expander.expand(&mut piece, &mut out).expect("gzip");
                    found.extend_from_slice(&out[..written]);
                    if written == 0 && piece.is_empty() {
                        break;
                    }
                }
            }
            prop_assert!(expander.is_whole());
            prop_assert_eq!(found, members.concat());
        }

        #[test]
        fn nothing_is_too_strange(body: Vec<u8>, garbage: Vec<u8>, at in 0_usize..200) {
            let mut expander = Expander::new();
            let _ = expanded(&mut expander, &garbage, 100);
            let mut body = gzip(&body, 6);
            let at = at.min(body.len());
            body.splice(at.., garbage);
            let _ = expanded(&mut expander, &body, 100);
        }
    }
}
