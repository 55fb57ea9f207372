//! The body of a response, in a slot: a handle of some words, which hyper moves about often on its way to the socket.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};

use super::slots::Slot;
use crate::api::SMALL_REPLY;

/// The bytes of one response body, sent as a single frame.
pub struct Reply(Option<Bytes>);

/// A cursor over the reply's bytes, as hyper copies them into its write buffer.
pub struct Bytes {
    memory: Memory,
    start: usize,
    end: usize,
}

enum Memory {
    Slot(Slot),
    /// Where all slots are lent.
    Heap(Box<[u8]>),
}

impl Reply {
    /// No body.
    pub const fn empty() -> Self {
        Self(None)
    }

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

    /// Bytes still to be sent.
    pub fn length(&self) -> usize {
        self.0.as_ref().map_or(0, Buf::remaining)
    }

    fn of(memory: Memory, end: usize) -> Self {
        Self((end > 0).then_some(Bytes { memory, start: 0, end }))
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length() as u64)
    }
}

impl Buf for Bytes {
    fn remaining(&self) -> usize {
        self.end - self.start
    }

    fn chunk(&self) -> &[u8] {
        match &self.memory {
            Memory::Slot(slot) => &slot.bytes()[self.start..self.end],
            Memory::Heap(buffer) => &buffer[self.start..self.end],
        }
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced past the end of a reply");
        self.start += count;
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
        for (mut reply, told) in [Reply::in_slot(slots.borrow().expect("a slot"), write), Reply::on_heap(write)] {
            assert_eq!((reply.length(), told), (5, 7));
            let mut bytes = reply.0.take().expect("a body");
            bytes.advance(1);
            assert_eq!(bytes.chunk(), b"ello");
        }
        assert_eq!(slots.lent(), 0, "given back");
        assert!(Reply::on_heap(|_| (0, ())).0.is_end_stream(), "nothing was written");
        assert!(size_of::<Reply>() <= 96, "{} bytes to move", size_of::<Reply>());
    }
}
