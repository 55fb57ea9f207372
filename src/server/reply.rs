//! The body of a response: static, inline in the future, or in a slot; never on the heap.

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

#[expect(
    clippy::large_enum_variant,
    reason = "a small reply lives in the future that makes it; boxing it would allocate"
)]
enum Memory {
    Inline([u8; SMALL_REPLY]),
    Slot(Slot),
}

impl Reply {
    /// No body.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// A small reply, written by `write`, which answers how many bytes it wrote and what else it has to say.
    pub fn inline<T>(write: impl FnOnce(&mut [u8]) -> (usize, T)) -> (Self, T) {
        let mut buffer = [0; SMALL_REPLY];
        let (end, told) = write(&mut buffer);
        (Self::of(Memory::Inline(buffer), end), told)
    }

    /// A large reply, written into `slot`.
    pub fn in_slot<T>(mut slot: Slot, write: impl FnOnce(&mut [u8]) -> (usize, T)) -> (Self, T) {
        let (end, told) = write(slot.bytes_mut());
        (Self::of(Memory::Slot(slot), end), told)
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
            Memory::Inline(buffer) => &buffer[self.start..self.end],
            Memory::Slot(slot) => &slot.bytes()[self.start..self.end],
        }
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced past the end of a reply");
        self.start += count;
    }
}
