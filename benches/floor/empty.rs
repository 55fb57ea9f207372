//! The floor: hyper with the daemon's knobs and a handler that reads the body and sends fixed bytes.

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
use tokio::net::{TcpListener, TcpStream};

use super::listen;

/// Serves `body` to every request on `port`, for ever, on `workers` threads.
pub fn serve(port: u16, body: &[u8], workers: usize) -> ! {
    let body: &'static [u8] = body.to_vec().leak();
    for _ in 1..workers {
        std::thread::spawn(move || work(port, body));
    }
    work(port, body)
}

fn work(port: u16, body: &'static [u8]) -> ! {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(tokio::runtime::LocalOptions::default());
    runtime.expect("a runtime").block_on(async move {
        let listener = listen(port);
        listener.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::from_std(listener).expect("a reactor");
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            tokio::task::spawn_local(async move {
                let mut builder = tamis::server::connection::http1_builder();
                // Gathering a pipeline's answers is hyper's part here.
                builder.pipeline_flush(true);
                let io = Io { socket, buffer: vec![0; 8192].into() };
                let _ = builder.serve_connection(io, Service(body)).await;
            });
        }
    })
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
struct Io {
    socket: TcpStream,
    buffer: Box<[u8]>,
}

impl hyper::rt::Read for Io {
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

impl hyper::rt::Write for Io {
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
