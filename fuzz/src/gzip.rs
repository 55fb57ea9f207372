//! gzip: what the daemon reads against flate2's reader, whole and in pieces; and what it writes read back.

use std::cell::RefCell;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use tamis::gzip::compress::max_len;
use tamis::gzip::expand::Unreadable;
use tamis::gzip::{Compressor, Expander};

use super::sample::Sample;

/// Room for what comes out.
const ROOM: usize = 4096;
/// The most members of a body that is read at once.
const MEMBERS: usize = 64;

thread_local! {
    /// Used again and again, as a worker does.
    static BOTH: RefCell<(Expander, Compressor)> = RefCell::new((Expander::new(), Compressor::new()));
}

/// The length of pieces, and then a body.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let piece = 1 + sample.below(64);
    BOTH.with_borrow_mut(|(expander, compressor)| {
        expanded(expander, sample.0, piece);
        compressed(expander, compressor, sample.0, piece);
    });
}

fn expanded(expander: &mut Expander, body: &[u8], piece: usize) {
    let mut out = [0; ROOM];
    let whole = expander.expand_whole(body, &mut out).map(|length| out[..length].to_vec());
    let mut theirs = Vec::new();
    // One byte more tells what is too long.
    let outcome = MultiGzDecoder::new(body).take(ROOM as u64 + 1).read_to_end(&mut theirs);
    // A header's own checksum (FHCRC) is read over here, as RFC 1952 leaves open, and not there.
    let has_checksum = body.windows(4).any(|four| four[..3] == [0x1f, 0x8b, 8] && four[3] & 2 != 0);
    match &whole {
        Ok(ours) => {
            // No member at all is a body of nothing here, and an end that comes too soon there.
            assert!(outcome.is_ok() || body.is_empty() || has_checksum, "taken, though {outcome:?}");
            assert!(*ours == theirs || outcome.is_err());
        }
        // A bomb of empty members is refused, which flate2 does not do.
        Err(Unreadable::TooLong) => {
            let is_refused_there = outcome.is_err() && has_checksum;
            assert!(is_refused_there || theirs.len() > ROOM || body.len() > ROOM || members(body) > MEMBERS, "it fits");
        }
        Err(Unreadable::Malformed) => {
            assert!(outcome.is_err() || theirs.len() > ROOM || body.is_empty(), "refused, though it is {theirs:?}");
        }
    }
    expander.begin();
    let (mut collected, mut small) = (Vec::new(), [0; 7]);
    let read: Result<(), Unreadable> = body.chunks(piece).try_for_each(|mut part| {
        loop {
            let written = expander.expand(&mut part, &mut small)?;
            collected.extend_from_slice(&small[..written]);
            if collected.len() > 2 * ROOM || written == 0 && part.is_empty() {
                return Ok(());
            }
        }
    });
    if let Ok(whole) = whole {
        assert_eq!((read, expander.is_whole()), (Ok(()), true), "in pieces of {piece}");
        assert_eq!(collected, whole);
    } else if read.is_ok() && collected.len() <= ROOM {
        assert!(!expander.is_whole() || body.is_empty() || members(body) > MEMBERS, "whole in pieces of {piece}");
    }
}

/// At least as many as begin in `body`.
fn members(body: &[u8]) -> usize {
    body.windows(3).filter(|three| *three == [0x1f, 0x8b, 8]).count()
}

fn compressed(expander: &mut Expander, compressor: &mut Compressor, plain: &[u8], piece: usize) {
    let plain = &plain[..plain.len().min(ROOM)];
    let mut out = Vec::new();
    compressor.begin();
    let mut rest = plain;
    loop {
        let (part, after) = rest.split_at(piece.min(rest.len()));
        rest = after;
        let mut room = vec![0; max_len(part.len())];
        let length = compressor.write(part, rest.is_empty(), &mut room).expect("as much room as it asks for");
        out.extend_from_slice(&room[..length]);
        if rest.is_empty() {
            break;
        }
    }
    let mut theirs = Vec::new();
    MultiGzDecoder::new(&out[..]).read_to_end(&mut theirs).expect("what is written can be read");
    assert_eq!(theirs, plain);
    let mut back = [0; ROOM];
    assert_eq!(expander.expand_whole(&out[..], &mut back), Ok(plain.len()));
    assert_eq!(back[..plain.len()], *plain);
}
