//! A handler that reads the body and sends fixed bytes, under hyper with the daemon's knobs.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Answers `body` to every request on `socket` until either side ends it.
pub async fn serve_connection(socket: impl AsyncRead + AsyncWrite + Unpin, body: &'static [u8]) {
    let mut builder = tamis::server::connection::http1_builder();
    // Gathering a pipeline's answers is hyper's part here.
    builder.pipeline_flush(true);
    let io = Io { socket, buffer: vec![0; 8192].into() };
    let _ = builder.serve_connection(io, Service(body)).await;
}

struct Service(&'static [u8]);

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Fixed>;
    type Error = Infallible;
    type Future = Exchange;

    fn call(&self, request: Request<Incoming>) -> Exchange {
        let (head, incoming) = request.into_parts();
        let mut headers = head.headers;
        headers.clear();
        Exchange { incoming, headers, body: self.0 }
    }
}

struct Exchange {
    incoming: Incoming,
    headers: HeaderMap,
    body: &'static [u8],
}

impl Future for Exchange {
    type Output = Result<Response<Fixed>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        while !self.incoming.is_end_stream() {
            if !matches!(ready!(Pin::new(&mut self.incoming).poll_frame(context)), Some(Ok(_))) {
                break;
            }
        }
        let mut response = Response::new(Fixed(self.body));
        *response.headers_mut() = std::mem::take(&mut self.headers);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Poll::Ready(Ok(response))
    }
}

struct Fixed(&'static [u8]);

impl Body for Fixed {
    type Data = &'static [u8];
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        let data = std::mem::take(&mut self.0);
        Poll::Ready((!data.is_empty()).then_some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.remaining() as u64)
    }
}

/// The plainest adapter without `unsafe`: one copy of the request's bytes, a few nanoseconds.
struct Io<S> {
    socket: S,
    buffer: Box<[u8]>,
}

impl<S: AsyncRead + Unpin> hyper::rt::Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, buffer } = &mut *self;
        let room = cursor.remaining().min(buffer.len());
        let mut filled = ReadBuf::new(&mut buffer[..room]);
        ready!(Pin::new(socket).poll_read(context, &mut filled))?;
        cursor.put_slice(filled.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
