//! Between hyper and a socket: bytes in, bytes out, and a note of every wait on the [`Wire`].
//!
//! hyper answers bytes that are not HTTP by itself, with a bare status line. The adapter sees that answer pass
//! and sends the problem document in its place, so that every error of the daemon looks alike and counts.
#![allow(unsafe_code)] // hyper lends its read buffer uninitialised, and its cursor can only be moved by hand

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::ReadBuf;

use super::Stream;
use super::outbox::{self, Outbox};
use super::refusal;
use super::wire::Wire;
use crate::server::station::Station;

/// A socket as hyper wants it.
pub struct Io<S> {
    socket: S,
    outbox: Outbox,
    wire: Rc<Wire>,
    station: Rc<Station>,
    /// Whether to gather answers: HTTP/1 only, which is sure to read or to shut down after the last one.
    gathers: bool,
    /// Bytes that were read to tell the protocol, and which of them are still to be handed on.
    sniffed: [u8; HTTP2_PREFACE.len()],
    unread: std::ops::Range<usize>,
}

impl<S: Stream> Io<S> {
    /// Wraps `socket`.
    pub fn new(socket: S, wire: Rc<Wire>, station: Rc<Station>) -> Self {
        let outbox = Outbox::new(station.outgoing.clone());
        Self { socket, outbox, wire, station, gathers: true, sniffed: [0; HTTP2_PREFACE.len()], unread: 0..0 }
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Reads until the first bytes tell whether the client speaks HTTP/2 by prior knowledge. They are handed
    /// on to hyper afterwards.
    ///
    /// # Errors
    /// What the socket says; `UnexpectedEof` if it ends first without a byte.
    pub fn poll_is_http2(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            let length = self.unread.end;
            if length == HTTP2_PREFACE.len() || self.sniffed[..length] != HTTP2_PREFACE[..length] {
                let is_http2 = self.sniffed == *HTTP2_PREFACE;
                self.gathers = !is_http2;
                return Poll::Ready(Ok(is_http2));
            }
            let mut buffer = ReadBuf::new(&mut self.sniffed[length..]);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 if length == 0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                0 => return Poll::Ready(Ok(false)),
                read => self.unread.end += read,
            }
            self.wire.bytes_read();
        }
    }

    /// Sends what the outbox holds. hyper believes it gone, so whoever takes the socket from hyper calls this.
    ///
    /// # Errors
    /// What the socket says.
    pub fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.poll_send(&mut self.socket, &self.wire, context)
    }

    /// Adds `bytes`, with hyper's own error answer at their end made a problem document.
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let Some(status) = refusal::at_end(bytes) else {
            return self.outbox.push(|room| {
                room.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Some(bytes.len())
            });
        };
        self.outbox.push(|room| refusal::rewrite(status, bytes, room))?;
        self.station.count_refusal(refusal::problem(status));
        Some(())
    }
}

impl<S: Stream> hyper::rt::Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let io = &mut *self;
        if !io.unread.is_empty() {
            let count = cursor.remaining().min(io.unread.len());
            cursor.put_slice(&io.sniffed[io.unread.start..io.unread.start + count]);
            io.unread.start += count;
            return Poll::Ready(Ok(()));
        }
        // hyper has used up what it had: the pipeline is answered. A client that does not read is no reason
        // not to read from it; the outbox's room is.
        if let Poll::Ready(Err(error)) = io.poll_send(context) {
            return Poll::Ready(Err(error));
        }
        io.wire.read_begins();
        // SAFETY: `ReadBuf::uninit` never de-initialises bytes, which is all that `as_mut` asks. Needed because
        // zeroing hyper's 8 KiB on every read would cost more than the read.
        let mut buffer = ReadBuf::uninit(unsafe { cursor.as_mut() });
        ready!(Pin::new(&mut io.socket).poll_read(context, &mut buffer))?;
        let filled = buffer.filled().len();
        // SAFETY: the first `filled` bytes of the cursor were initialised through `buffer` just now. Needed
        // because a cursor has no safe way to be told so.
        unsafe { cursor.advance(filled) };
        if filled > 0 {
            io.wire.bytes_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> hyper::rt::Write for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let io = &mut *self;
        if io.gathers {
            if io.push(bytes).is_some() {
                return Poll::Ready(Ok(bytes.len()));
            }
            ready!(io.poll_send(context))?;
            if io.push(bytes).is_some() {
                return Poll::Ready(Ok(bytes.len()));
            }
            // More than an outbox holds, or no slot to be had.
            if bytes.len() <= outbox::CAPACITY {
                io.station.shard.slot_fallback();
            }
        }
        outbox::poll_write(&mut io.socket, &io.wire, bytes, context)
    }

    /// Between requests nothing is sent yet: hyper goes on to the next request it holds, or asks for more input.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.is_between_requests() { Poll::Ready(Ok(())) } else { self.poll_send(context) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// RFC 9113, section 3.4.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
