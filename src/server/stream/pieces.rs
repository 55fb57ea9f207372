//! The pieces in which a body arrives, expanded where they are compressed.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf as _;
use hyper::body::{Body as _, Bytes, Incoming};

use crate::gzip::Expander;
use crate::problem::{Fault, Problem};
use crate::server::body::{ClientGone, is_bad_framing};
use crate::server::reply::Memory;

/// A body, piece by piece.
pub struct Pieces {
    incoming: Incoming,
    /// What has arrived and is not used yet.
    arrived: Bytes,
    has_ended: bool,
    /// Whether fields came behind the body.
    pub has_trailers: bool,
    coding: Option<Coding>,
}

/// What it takes to read a body that is compressed.
pub struct Coding {
    /// At the beginning of a body.
    pub expander: Box<Expander>,
    /// Where pieces are expanded.
    pub memory: Memory,
    /// The part of `memory` that is not used yet.
    start: usize,
    end: usize,
}

impl Coding {
    /// A body not begun.
    pub fn new(mut expander: Box<Expander>, memory: Memory) -> Self {
        expander.begin();
        Self { expander, memory, start: 0, end: 0 }
    }
}

/// What has come.
pub enum Piece {
    /// [`Pieces::bytes`] are some.
    Some,
    /// What came is nothing yet.
    Empty,
    /// The body has ended.
    End,
    /// It breaks off here.
    Broken(Fault),
}

impl Pieces {
    /// The pieces of `incoming`.
    pub fn new(incoming: Incoming, coding: Option<Coding>) -> Self {
        Self { incoming, arrived: Bytes::new(), has_ended: false, has_trailers: false, coding }
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        match &self.coding {
            Some(coding) => &coding.memory.bytes()[coding.start..coding.end],
            None => &self.arrived,
        }
    }

    /// The first `count` of them are used.
    pub fn advance(&mut self, count: usize) {
        match &mut self.coding {
            Some(coding) => coding.start += count,
            None => self.arrived.advance(count),
        }
    }

    /// Sees to it that there are bytes, if there are none. `received` counts those of the body as they come.
    ///
    /// # Errors
    /// If the client goes before the body has ended.
    pub fn poll(&mut self, received: &mut usize, context: &mut Context<'_>) -> Poll<Result<Piece, ClientGone>> {
        if !self.bytes().is_empty() {
            return Poll::Ready(Ok(Piece::Some));
        }
        if self.coding.is_none() || self.arrived.is_empty() && !self.may_hold_back() {
            if self.has_ended {
                return Poll::Ready(Ok(self.end()));
            }
            // Given back first: hyper reads into the same memory again.
            self.arrived = Bytes::new();
            match std::task::ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                None => {
                    self.has_ended = true;
                    return Poll::Ready(Ok(self.end()));
                }
                Some(Err(error)) if is_bad_framing(&error) => {
                    self.has_ended = true;
                    return Poll::Ready(Ok(Piece::Broken(Fault::new(Problem::MalformedRequest))));
                }
                Some(Err(_)) => return Poll::Ready(Err(ClientGone)),
                Some(Ok(frame)) => {
                    // Trailers are read and dropped.
                    self.has_trailers |= frame.is_trailers();
                    self.arrived = frame.into_data().unwrap_or_default();
                    *received += self.arrived.len();
                }
            }
        }
        Poll::Ready(Ok(self.expand()))
    }

    /// Whether more may come of what has been taken in: the memory was filled.
    fn may_hold_back(&self) -> bool {
        self.coding.as_ref().is_some_and(|coding| coding.end == coding.memory.bytes().len())
    }

    /// Expands what has arrived, as far as there is room.
    fn expand(&mut self) -> Piece {
        if let Some(Coding { expander, memory, start, end }) = &mut self.coding {
            let mut input = &self.arrived[..];
            let Ok(length) = expander.expand(&mut input, memory.bytes_mut()) else {
                self.has_ended = true;
                self.arrived = Bytes::new();
                return Piece::Broken(Fault::new(Problem::MalformedGzip));
            };
            let used = self.arrived.len() - input.len();
            debug_assert!(used + length > 0 || self.arrived.is_empty(), "it goes on");
            self.arrived.advance(used);
            (*start, *end) = (0, length);
        }
        if self.bytes().is_empty() { Piece::Empty } else { Piece::Some }
    }

    fn end(&self) -> Piece {
        match &self.coding {
            Some(coding) if !coding.expander.is_whole() => Piece::Broken(Fault::new(Problem::MalformedGzip)),
            _ => Piece::End,
        }
    }

    /// Gives back what it took to read.
    pub fn into_expander(self) -> Option<Box<Expander>> {
        self.coding.map(|coding| coding.expander)
    }
}
