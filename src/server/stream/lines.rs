//! A body as lines, while it arrives.

use std::task::{Context, Poll};

use super::pieces::{Piece, Pieces};
use crate::problem::{Fault, Problem};
use crate::server::body::ClientGone;
use crate::server::exchange::Connection;
use crate::server::patience::Patience;
use crate::server::slots::Slot;

/// The lines of a body. A line may be as long as a body.
pub struct Lines {
    /// What has arrived and is not in `slot` yet.
    pieces: Pieces,
    slot: Slot,
    /// Bytes of the line so far, those that the slot has no room for included.
    length: usize,
    /// Whether the line is there to its end.
    is_whole: bool,
    has_ended: bool,
    patience: Patience,
    is_late: bool,
}

/// What comes next.
pub enum Line<'l> {
    /// A line without its end; not a blank one.
    Whole(&'l [u8]),
    /// What stands in the place of a line.
    Wrong(Fault),
    /// A piece has gone by in which no line ends; there may be another.
    Part,
    /// Nothing more.
    End,
}

impl Lines {
    /// The lines of `pieces`, each collected in `slot`.
    pub fn new(pieces: Pieces, slot: Slot) -> Self {
        Self {
            pieces,
            slot,
            length: 0,
            is_whole: false,
            has_ended: false,
            patience: Patience::default(),
            is_late: false,
        }
    }

    /// The line that is next, again and again until [`Self::advance`]. `received` counts the bytes of the body.
    ///
    /// # Errors
    /// If the client goes before the body has ended.
    pub fn poll(
        &mut self,
        connection: &Connection,
        received: &mut usize,
        context: &mut Context<'_>,
    ) -> Result<Poll<Line<'_>>, ClientGone> {
        if !self.is_whole && !self.has_ended {
            let before = *received;
            let Poll::Ready(piece) = self.pieces.poll(received, context)? else {
                self.is_late = self.patience.is_over(connection, context);
                return Ok(Poll::Pending);
            };
            if *received > before {
                self.patience.begins_anew(connection);
            }
            if self.pieces.has_trailers {
                connection.wire.end();
            }
            match piece {
                Piece::Some => self.collect_line(),
                Piece::Empty => {}
                Piece::End => self.has_ended = true,
                Piece::Broken(fault) => {
                    (self.has_ended, self.length) = (true, 0);
                    return Ok(Poll::Ready(Line::Wrong(fault)));
                }
            }
        }
        if self.has_ended && !self.is_whole {
            if self.is_blank() {
                return Ok(Poll::Ready(Line::End));
            }
            // The last line may do without its end.
            self.is_whole = true;
        }
        if !self.is_whole {
            return Ok(Poll::Ready(Line::Part));
        }
        let room = self.slot.bytes().len();
        if self.length > room {
            let fault = Fault::new(Problem::TextTooLong).field("line").count(self.length, room);
            return Ok(Poll::Ready(Line::Wrong(fault)));
        }
        Ok(Poll::Ready(Line::Whole(&self.slot.bytes()[..self.length])))
    }

    /// Whether nothing has come for too long.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// The turn passes to the next line.
    pub fn advance(&mut self) {
        (self.is_whole, self.length) = (false, 0);
    }

    /// Moves what is there behind the line, up to its end or that of the first that is not blank.
    fn collect_line(&mut self) {
        while !self.is_whole && !self.pieces.bytes().is_empty() {
            let end = self.pieces.bytes().iter().position(|&byte| byte == b'\n');
            self.collect(end.unwrap_or(self.pieces.bytes().len()));
            if end.is_some() {
                self.pieces.advance(1);
                self.is_whole = !self.is_blank();
                self.length *= usize::from(self.is_whole);
            }
        }
    }

    /// Moves `count` bytes of the piece behind the line, as far as there is room.
    fn collect(&mut self, count: usize) {
        let room = self.slot.bytes_mut().get_mut(self.length..).unwrap_or_default();
        let kept = count.min(room.len());
        room[..kept].copy_from_slice(&self.pieces.bytes()[..kept]);
        self.length = self.length.saturating_add(count);
        self.pieces.advance(count);
    }

    /// What reads the pieces.
    pub fn into_pieces(self) -> Pieces {
        self.pieces
    }

    fn is_blank(&self) -> bool {
        self.slot.bytes().get(..self.length).is_some_and(|line| line.trim_ascii().is_empty())
    }
}
