//! The body of a response, in a slot or as it comes about: a handle of some words, which hyper moves about often on its way to
//! the socket.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};

use super::body::ClientGone;
use super::connection::wire::Wire;
use super::slots::Slot;
use super::stream::Stream;
use crate::api::SMALL_REPLY;
use crate::pool::Lent;

/// One response body.
pub enum Reply {
    /// No body.
    Empty,
    /// Sent as a single frame.
    Whole(Bytes),
    /// Sent as it comes about.
    Stream(Lent<Stream>),
}

/// A cursor over the reply's bytes, as hyper copies them into its write buffer.
pub struct Bytes {
    source: Source,
    start: usize,
    end: usize,
    /// On HTTP/2: who notes that the client has not taken it.
    owed: Option<OwedPart>,
}

/// A part of an answer on the list of those that a connection's client has not taken.
struct OwedPart {
    wire: Rc<Wire>,
    generation: usize,
}

/// Where bytes of an answer come from.
enum Source {
    /// They were written for it.
    Written(Memory),
    /// They are the same for everybody.
    Constant(&'static [u8]),
}

/// Where bytes of an answer are written.
pub enum Memory {
    /// In a worker's arena.
    Slot(Slot),
    /// Where all slots are lent.
    Heap(Box<[u8]>),
}

impl Memory {
    /// The memory.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Slot(slot) => slot.bytes(),
            Self::Heap(buffer) => buffer,
        }
    }

    /// The memory, to write into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Slot(slot) => slot.bytes_mut(),
            Self::Heap(buffer) => buffer,
        }
    }

    /// Its first `end` bytes as a part of an answer.
    pub const fn into_bytes(self, end: usize) -> Bytes {
        Bytes { source: Source::Written(self), start: 0, end, owed: None }
    }
}

impl Reply {
    /// A reply written into `slot` by `write`, which answers how many bytes it wrote and what else it has to say.
    pub fn in_slot<T>(mut slot: Slot, write: impl FnOnce(&mut [u8]) -> (usize, T)) -> (Self, T) {
        let (end, told) = write(slot.bytes_mut());
        (Self::of(Memory::Slot(slot), end), told)
    }

    /// A reply of at most [`SMALL_REPLY`] bytes in memory of its own.
    pub fn on_heap<T>(write: impl FnOnce(&mut [u8]) -> (usize, T)) -> (Self, T) {
        let mut buffer = vec![0; SMALL_REPLY].into_boxed_slice();
        let (end, told) = write(&mut buffer);
        (Self::of(Memory::Heap(buffer), end), told)
    }

    /// A reply that lies in the binary.
    pub const fn constant(bytes: &'static [u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        Self::Whole(Bytes { source: Source::Constant(bytes), start: 0, end: bytes.len(), owed: None })
    }

    /// Bytes still to be sent, where that is known.
    pub fn length(&self) -> usize {
        if let Self::Whole(bytes) = self { bytes.remaining() } else { 0 }
    }

    /// The same, on the list of what the client of `wire` has not taken; parts of a stream are put there as they come about.
    #[must_use]
    pub fn watched(self, wire: &Rc<Wire>) -> Self {
        if let Self::Whole(bytes) = self { Self::Whole(bytes.watched(wire)) } else { self }
    }

    fn of(memory: Memory, end: usize) -> Self {
        if end > 0 { Self::Whole(memory.into_bytes(end)) } else { Self::Empty }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = ClientGone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientGone>>> {
        if let Self::Stream(stream) = &mut *self {
            return stream.poll(context).map(|polled| polled.map(|bytes| bytes.map(Frame::data)));
        }
        let whole = std::mem::replace(&mut *self, Self::Empty);
        Poll::Ready(if let Self::Whole(bytes) = whole { Some(Ok(Frame::data(bytes))) } else { None })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        if let Self::Stream(_) = self { SizeHint::default() } else { SizeHint::with_exact(self.length() as u64) }
    }
}

impl Bytes {
    /// The same, on the list of what the client of `wire` has not taken.
    #[must_use]
    pub fn watched(self, wire: &Rc<Wire>) -> Self {
        let generation = wire.owed.begin(Instant::now());
        Self { owed: Some(OwedPart { wire: Rc::clone(wire), generation }), ..self }
    }
}

impl OwedPart {
    /// The client has taken some of it, and has as long again for the rest.
    fn goes_on(&mut self) {
        self.wire.owed.end(self.generation);
        self.generation = self.wire.owed.begin(Instant::now());
    }
}

impl Drop for OwedPart {
    fn drop(&mut self) {
        self.wire.owed.end(self.generation);
    }
}

impl Buf for Bytes {
    fn remaining(&self) -> usize {
        self.end - self.start
    }

    fn chunk(&self) -> &[u8] {
        let bytes = match &self.source {
            Source::Written(memory) => memory.bytes(),
            Source::Constant(bytes) => bytes,
        };
        &bytes[self.start..self.end]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced past the end of a reply");
        self.start += count;
        if let Some(owed) = &mut self.owed {
            owed.goes_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::slots::Slots;

    #[test]
    fn a_reply_is_the_bytes_that_were_written_wherever_they_lie() {
        let slots = Slots::new(1, SMALL_REPLY);
        let write = |out: &mut [u8]| {
            out[..5].copy_from_slice(b"hello");
            (5, 7)
        };
        for (reply, told) in [Reply::in_slot(slots.borrow().expect("a slot"), write), Reply::on_heap(write)] {
            assert_eq!((reply.length(), told), (5, 7));
            let Reply::Whole(mut bytes) = reply else { panic!("no body") };
            bytes.advance(1);
            assert_eq!(bytes.chunk(), b"ello");
        }
        assert_eq!(slots.lent(), 0, "given back");
        let Reply::Whole(mut bytes) = Reply::constant(b"hello") else { panic!("no body") };
        bytes.advance(1);
        assert_eq!(bytes.chunk(), b"ello");
        assert!(Reply::constant(b"").is_end_stream(), "nothing to send");
        assert!(Reply::on_heap(|_| (0, ())).0.is_end_stream(), "nothing was written");
        assert!(size_of::<Reply>() <= 96, "{} bytes to move", size_of::<Reply>());
    }
}
