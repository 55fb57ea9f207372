//! Answers on their way out, gathered until hyper asks for more input: one write for a whole pipeline.
//!
//! hyper can gather by itself (`pipeline_flush`), but then drops what it has gathered when the bytes after it
//! are not HTTP; here nothing that was answered is lost.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Stream;
use super::wire::Wire;
use crate::server::slots::{Slot, Slots};

/// Bytes that an outbox gathers before it must send.
pub const CAPACITY: usize = 16 * 1024;

/// Bytes accepted from hyper and not yet taken by the socket, in a slot that is borrowed only while there are any.
pub struct Outbox {
    slots: Slots,
    pending: Option<Pending>,
}

struct Pending {
    slot: Slot,
    start: usize,
    end: usize,
}

impl Outbox {
    /// An empty outbox that borrows from `slots`.
    pub fn new(slots: Slots) -> Self {
        Self { slots, pending: None }
    }

    /// Lets `write` add bytes behind those that wait. `None`, and nothing added, if there is no slot or `write`
    /// finds no room.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<()> {
        if self.pending.is_none() {
            self.pending = Some(Pending { slot: self.slots.borrow()?, start: 0, end: 0 });
        }
        let pending = self.pending.as_mut()?;
        let written = write(&mut pending.slot.bytes_mut()[pending.end..]);
        pending.end += written.unwrap_or_default();
        if pending.end == 0 {
            self.pending = None;
        }
        written.map(|_| ())
    }

    /// Sends what waits, and gives the slot back once all of it is gone.
    ///
    /// # Errors
    /// What the socket says.
    pub fn poll_send(
        &mut self,
        socket: &mut impl Stream,
        wire: &Wire,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(Pending { slot, start, end }) = &mut self.pending {
            *start += ready!(poll_write(socket, wire, &slot.bytes()[*start..*end], context))?;
            if start == end {
                self.pending = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes to the socket, noting on `wire` whether the client takes it.
///
/// # Errors
/// What the socket says; `WriteZero` if it takes nothing and says nothing.
pub fn poll_write(
    socket: &mut impl Stream,
    wire: &Wire,
    bytes: &[u8],
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    match Pin::new(socket).poll_write(context, bytes) {
        Poll::Pending => {
            wire.write_stalled();
            Poll::Pending
        }
        Poll::Ready(Ok(0)) if !bytes.is_empty() => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written @ Poll::Ready(_) => {
            wire.bytes_written();
            written
        }
    }
}
