//! Between hyper and a tokio socket: bytes in, bytes out, and a note of every wait on the [`Wire`].
//!
//! hyper answers bytes that are not HTTP by itself, with a bare status line. The adapter sees that answer pass
//! and sends the problem document in its place, so that every error of the daemon looks alike and counts.
#![allow(unsafe_code)] // hyper lends its read buffer uninitialised, and its cursor can only be moved by hand

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::refusal::{self, Refusals};
use super::slots::Slot;
use super::wire::Wire;

/// The length of HTTP/2's connection preface (RFC 9113, section 3.4).
pub const PREFACE: usize = 24;

/// A socket as hyper wants it.
pub struct Io<R> {
    socket: TcpStream,
    wire: Rc<Wire>,
    refusals: R,
    /// Bytes that were read to tell the protocol, and are still to be handed on.
    sniffed: [u8; PREFACE],
    sniffed_range: (usize, usize),
    /// A refusal on its way out, and how far it is.
    staged: Option<(Slot, usize, usize)>,
}

impl<R: Refusals> Io<R> {
    /// Wraps `socket`; `refusals` renders what replaces hyper's own error answers.
    pub fn new(socket: TcpStream, wire: Rc<Wire>, refusals: R) -> Self {
        Self { socket, wire, refusals, sniffed: [0; PREFACE], sniffed_range: (0, 0), staged: None }
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Reads until the first bytes tell whether the client speaks HTTP/2 by prior knowledge. They are handed
    /// on to hyper afterwards.
    ///
    /// # Errors
    /// What the socket says; `UnexpectedEof` if it ends first without a byte.
    pub fn poll_is_http2(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        const HTTP2: &[u8; PREFACE] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        loop {
            let length = self.sniffed_range.1;
            if length == PREFACE || (length > 0 && self.sniffed[..length] != HTTP2[..length]) {
                return Poll::Ready(Ok(self.sniffed == *HTTP2));
            }
            let mut buffer = ReadBuf::new(&mut self.sniffed[length..]);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 if length == 0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                0 => return Poll::Ready(Ok(false)),
                read => self.sniffed_range.1 += read,
            }
            self.wire.bytes_read();
        }
    }

    fn poll_send_staged(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((slot, start, end)) = &mut self.staged {
            let sent = Pin::new(&mut self.socket).poll_write(context, &slot.bytes()[*start..*end]);
            match sent {
                Poll::Pending => {
                    self.wire.write_stalled();
                    return Poll::Pending;
                }
                Poll::Ready(sent) => *start += sent?,
            }
            if start == end {
                self.staged = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: Refusals + Unpin> hyper::rt::Read for Io<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (start, end) = self.sniffed_range;
        if start < end {
            let count = cursor.remaining().min(end - start);
            cursor.put_slice(&self.sniffed[start..start + count]);
            self.sniffed_range.0 += count;
            return Poll::Ready(Ok(()));
        }
        self.wire.read_begins();
        // SAFETY: `ReadBuf::uninit` never de-initialises bytes, which is all that `as_mut` asks. Needed because
        // zeroing hyper's 8 KiB on every read would cost more than the read.
        let mut buffer = ReadBuf::uninit(unsafe { cursor.as_mut() });
        ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
        let filled = buffer.filled().len();
        // SAFETY: the first `filled` bytes of the cursor were initialised through `buffer` just now. Needed
        // because a cursor has no safe way to be told so.
        unsafe { cursor.advance(filled) };
        if filled > 0 {
            self.wire.bytes_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<R: Refusals + Unpin> hyper::rt::Write for Io<R> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send_staged(context))?;
        if let Some(status) = refusal::at_end(bytes)
            && let Some((slot, length)) = self.refusals.render(status, bytes)
        {
            self.staged = Some((slot, 0, length));
            return Poll::Ready(Ok(bytes.len()));
        }
        match Pin::new(&mut self.socket).poll_write(context, bytes) {
            Poll::Pending => {
                self.wire.write_stalled();
                Poll::Pending
            }
            written => {
                self.wire.bytes_written();
                written
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send_staged(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_staged(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
