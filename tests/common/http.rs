//! A small blocking HTTP/1.1 client that is strict where a server can be wrong (RFC 9112).
//!
//! It sends the bytes it is given, cut where the test wants them cut, and refuses an answer whose framing is ambiguous:
//! what a lenient client would repair is a finding here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use framing::{Framing, broken, framing, parse_field, parse_head};

mod framing;

/// A connection: the stream and what has arrived beyond the answers read so far.
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// A request under construction; [`Request::to_bytes`] is what goes onto the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// One whole answer. An interim answer (1xx) is an answer of its own, without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order of arrival, repeated where they were repeated.
    pub headers: Vec<(String, String)>,
    /// The content: chunks joined, trailers dropped after they were checked.
    pub body: Vec<u8>,
}

impl Connection<TcpStream> {
    /// Connects without Nagle's delay, so that each write leaves at once; a read or write that takes [`PATIENCE`] fails.
    pub fn open(address: impl ToSocketAddrs) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }

    /// Says that nothing more will be sent (TCP FIN); answers can still be read.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// The stream itself, for what only a socket can do.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl<S: Read + Write> Connection<S> {
    /// A connection over any stream.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends `bytes` as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends each segment by itself and waits `pause` between two, so that the server reads them apart.
    pub fn send_segments(&mut self, segments: &[&[u8]], pause: Duration) -> io::Result<()> {
        for (index, segment) in segments.iter().enumerate() {
            if index > 0 {
                thread::sleep(pause);
            }
            self.send(segment)?;
        }
        Ok(())
    }

    /// Sends a request and reads its answer; also the answer of a server that refused before it had read everything.
    pub fn exchange(&mut self, request: &Request) -> io::Result<Response> {
        let sent = self.send(&request.to_bytes());
        let response = self.read_response_to(&request.method);
        if response.is_err() { sent.and(response) } else { response }
    }

    /// Reads one answer to a request whose method is not `HEAD` or `CONNECT`.
    pub fn read_response(&mut self) -> io::Result<Response> {
        self.read_response_to("GET")
    }

    /// Reads one answer; the method decides whether it has a content.
    ///
    /// # Errors
    /// `InvalidData` for an answer that breaks RFC 9112, `UnexpectedEof` for one that is cut short (also before its first
    /// byte), `WouldBlock` or `TimedOut` when it takes too long.
    pub fn read_response_to(&mut self, method: &str) -> io::Result<Response> {
        let head = self.take_until(b"\r\n\r\n")?;
        let (status, headers) = parse_head(&head)?;
        let body = match framing(method, status, &headers)? {
            Framing::Empty => Vec::new(),
            Framing::Length(length) => self.take(length)?,
            Framing::Chunked => self.take_chunks()?,
            Framing::UntilClose => self.take_rest()?,
        };
        Ok(Response { status, headers, body })
    }

    /// Reads `count` answers in order, as pipelined `GET` or `POST` requests get them.
    pub fn read_responses(&mut self, count: usize) -> io::Result<Vec<Response>> {
        (0..count).map(|_| self.read_response()).collect()
    }

    /// Whether the server closed the connection (or reset it) with nothing left unread; waits for one or the other.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        if !self.buffer.is_empty() {
            return Ok(false);
        }
        match self.fill() {
            Ok(read) => Ok(read == 0),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let read = loop {
            match self.stream.read(&mut piece) {
                // A read with a timeout is not begun again by the system when a signal, of a child's end for one, comes.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(read)
    }

    fn fill_some(&mut self) -> io::Result<()> {
        if self.fill()? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended inside an answer"));
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill_some()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Everything up to `end`, which is consumed and not returned.
    fn take_until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let mut taken = self.take(at + end.len())?;
                taken.truncate(at);
                return Ok(taken);
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(broken("no end of the header section, or of a chunk's line"));
            }
            self.fill_some()?;
        }
    }

    fn take_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.take_until(b"\r\n")?;
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size =
                std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let size =
                size.and_then(|text| usize::from_str_radix(text, 16).ok()).ok_or_else(|| broken("chunk size"))?;
            if size == 0 {
                break;
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(broken("a chunk is longer than its size says"));
            }
        }
        loop {
            let trailer = self.take_until(b"\r\n")?;
            if trailer.is_empty() {
                return Ok(body);
            }
            parse_field(&trailer)?;
        }
    }

    fn take_rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }
}

impl Request {
    /// A request with `Host` alone.
    pub fn new(method: &str, target: &str) -> Self {
        let headers = vec![("Host".to_owned(), "localhost".to_owned())];
        Self { method: method.to_owned(), target: target.to_owned(), headers, body: None }
    }

    /// `GET target`.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST target` with a body and its `Content-Length`, without `Content-Type`.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", target);
        request.body = Some(body.into());
        request
    }

    /// `POST target` with `Content-Type: application/json`.
    pub fn json(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::post(target, body).header("Content-Type", "application/json")
    }

    /// Adds a header, as written.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        if let Some(body) = &self.body {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// Sends the request on a connection of its own and reads the answer.
    pub fn send_to(&self, address: impl ToSocketAddrs) -> io::Result<Response> {
        Connection::open(address)?.exchange(self)
    }
}

impl Response {
    /// The value of the one header of this name (in lower case). Panics when it stands twice: no header of ours does.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "the header {name} stands twice");
        value
    }

    /// The content as text. Panics when it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the content is UTF-8")
    }
}

/// The longest wait for one read or write.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The longest header section or chunk line that is read, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
