//! A body as lines, while it arrives.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Buf as _;
use hyper::body::{Body as _, Bytes, Incoming};

use crate::problem::{Fault, Problem};
use crate::server::body::{ClientGone, is_bad_framing};
use crate::server::connection::wire::Wire;
use crate::server::slots::Slot;

/// The lines of a body. A line may be as long as a body.
pub struct Lines {
    incoming: Incoming,
    /// What has arrived and is not in `slot` yet.
    piece: Bytes,
    slot: Slot,
    /// Bytes of the line so far, those that the slot has no room for included.
    length: usize,
    /// Whether the line is there to its end.
    is_whole: bool,
    has_ended: bool,
}

/// What comes next.
pub enum Line<'l> {
    /// A line without its end; not a blank one.
    Whole(&'l [u8]),
    /// What stands in the place of a line.
    Wrong(Fault),
    /// Nothing more.
    End,
}

impl Lines {
    /// The lines of `incoming`, each collected in `slot`.
    pub fn new(incoming: Incoming, slot: Slot) -> Self {
        Self { incoming, piece: Bytes::new(), slot, length: 0, is_whole: false, has_ended: false }
    }

    /// The line that is next, again and again until [`Self::advance`]. `received` counts the bytes of the body.
    ///
    /// # Errors
    /// If the client goes before the body has ended.
    pub fn poll(
        &mut self,
        wire: &Wire,
        received: &mut usize,
        context: &mut Context<'_>,
    ) -> Result<Poll<Line<'_>>, ClientGone> {
        while !self.is_whole {
            if self.piece.is_empty() && !self.has_ended {
                // Given back first: hyper reads into the same memory again.
                self.piece = Bytes::new();
                match Pin::new(&mut self.incoming).poll_frame(context) {
                    Poll::Pending => {
                        wire.body_pending();
                        return Ok(Poll::Pending);
                    }
                    Poll::Ready(None) => self.has_ended = true,
                    Poll::Ready(Some(Err(error))) if is_bad_framing(&error) => {
                        (self.has_ended, self.length) = (true, 0);
                        return Ok(Poll::Ready(Line::Wrong(Fault::new(Problem::MalformedRequest))));
                    }
                    Poll::Ready(Some(Err(_))) => return Err(ClientGone),
                    Poll::Ready(Some(Ok(frame))) => {
                        // Trailers are read and dropped.
                        self.piece = frame.into_data().unwrap_or_default();
                        *received += self.piece.len();
                        wire.body_goes_on(Instant::now());
                    }
                }
                if !self.has_ended {
                    continue;
                }
            }
            if self.has_ended && self.piece.is_empty() {
                if self.is_blank() {
                    return Ok(Poll::Ready(Line::End));
                }
                // The last line may do without its end.
                self.is_whole = true;
                break;
            }
            let end = self.piece.iter().position(|&byte| byte == b'\n');
            self.collect(end.unwrap_or(self.piece.len()));
            if end.is_some() {
                self.piece.advance(1);
                self.is_whole = !self.is_blank();
                self.length *= usize::from(self.is_whole);
            }
        }
        let room = self.slot.bytes().len();
        if self.length > room {
            let fault = Fault::new(Problem::TextTooLong).field("line").count(self.length, room);
            return Ok(Poll::Ready(Line::Wrong(fault)));
        }
        Ok(Poll::Ready(Line::Whole(&self.slot.bytes()[..self.length])))
    }

    /// The turn passes to the next line.
    pub fn advance(&mut self) {
        (self.is_whole, self.length) = (false, 0);
    }

    /// Moves `count` bytes of the piece behind the line, as far as there is room.
    fn collect(&mut self, count: usize) {
        let room = self.slot.bytes_mut().get_mut(self.length..).unwrap_or_default();
        let kept = count.min(room.len());
        room[..kept].copy_from_slice(&self.piece[..kept]);
        self.length = self.length.saturating_add(count);
        self.piece.advance(count);
    }

    fn is_blank(&self) -> bool {
        self.slot.bytes().get(..self.length).is_some_and(|line| line.trim_ascii().is_empty())
    }
}
