//! TLS before HTTP: the handshake, within the time that the first head has, and what is served over it afterwards.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::server::TlsStream;

use super::{Draining, FAREWELL, Seat, Station, Watch, linger};
use crate::api::route::Surface;
use crate::metrics::labels::Handshake;
use crate::tls::Tls;

/// Serves `socket` until either side ends it, as [`serve`](super::serve) does, over TLS. Handshake and first head have
/// `--header-timeout` together.
pub async fn serve(
    tls: Arc<Tls>,
    station: Rc<Station>,
    socket: TcpStream,
    peer: SocketAddr,
    surface: Surface,
    seat: Seat,
) {
    let mut watch = Watch::new(station);
    let Some(mut stream) = watch.handshake(&tls, socket).await else { return };
    if watch.station.draining.get() {
        // It has begun meanwhile. A client that has got through a handshake has a request on its way: that is answered.
        let _ = tokio::time::timeout(FAREWELL, stream.inner.fill_buf()).await;
    }
    watch.serve(stream, peer, surface, seat).await;
}

impl Watch {
    /// `None` if there is no connection to serve; what became of it is counted.
    async fn handshake(&mut self, tls: &Tls, socket: TcpStream) -> Option<Encrypted> {
        // Until there is a byte, TLS would only take memory. Who opens a connection in advance, or looks whether the port is open,
        // has not begun a handshake, and does not hold the drain up.
        let first = self.until_due(true, |context| socket.poll_peek(context, &mut ReadBuf::new(&mut [0])));
        if !matches!(first.await, Some(Ok(1..))) {
            return None;
        }
        let mut accepted = pin!(TlsAcceptor::from(tls.config()).accept(socket).into_fallible());
        match self.until_due(false, |context| accepted.as_mut().poll(context)).await {
            Some(Ok(inner)) => {
                let is_resumed = inner.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
                tls.counts().handshake(if is_resumed { Handshake::Resumed } else { Handshake::Full });
                Some(Encrypted { inner, taken: 0 })
            }
            Some(Err((error, mut socket))) => {
                tls.counts().handshake(Handshake::Failed);
                tracing::debug!(%error, "a TLS handshake failed");
                if error.kind() == ErrorKind::InvalidData {
                    // The alert says why; closing on what the client still sends would destroy it.
                    linger(&mut socket).await;
                }
                None
            }
            None => {
                tls.counts().handshake(Handshake::TimedOut);
                None
            }
        }
    }

    /// What `work` answers before the time for a header section is over and, if it is to `give_way`, before draining begins.
    async fn until_due<T>(&mut self, give_way: bool, mut work: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
        let station = Rc::clone(&self.station);
        let mut call = pin!(station.call.notified());
        let mut draining = Draining::new();
        poll_fn(|context| match work(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if draining.begins(&station, call.as_mut(), context) && give_way => Poll::Ready(None),
            Poll::Pending => self.deadline.poll_expired(&self.wire, station.patience(), context).map(|_| None),
        })
        .await
    }
}

/// A connection that is encrypted. It is closed with `close_notify` (RFC 8446, section 6.1) however it ends, if nothing is left
/// half sent: the client knows then that nobody cut it off.
struct Encrypted {
    inner: TlsStream<TcpStream>,
    /// Of the bytes that were to be written last, those that are encrypted and may not have gone yet.
    taken: usize,
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    /// Takes bytes when the socket has taken what they were encrypted to, and not when there is still room to keep that in
    /// memory: a client that does not read is found out as on a socket, and nothing lies here that nobody flushes.
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            self.taken = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        }
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken).min(bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        let (socket, session) = self.inner.get_mut();
        if !session.wants_write() {
            session.send_close_notify();
            // Where there is no room, the client has not taken what came before either.
            let _ = session.write_tls(&mut AtOnce(socket));
        }
    }
}

/// Writes what the socket takes without waiting.
struct AtOnce<'s>(&'s TcpStream);

impl Write for AtOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
