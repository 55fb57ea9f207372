//! HTTP/2 by its frames (RFC 9113, section 4.1), as no client library would send them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use super::hostile::LONG;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Error codes (section 7).
pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const REFUSED_STREAM: u32 = 7;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// One frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A client that sends what it is told.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame's bytes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Fields as HPACK has them without any of its tables (RFC 7541, section 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(text.len(), &mut block);
            block.extend(text.bytes());
        }
    }
    block
}

/// An integer behind a prefix of seven bits (RFC 7541, section 5.1).
pub fn integer(value: usize, block: &mut Vec<u8>) {
    if value < 127 {
        block.push(value as u8);
        return;
    }
    block.push(127);
    let mut left = value - 127;
    while left >= 128 {
        block.push((left % 128 + 128) as u8);
        left /= 128;
    }
    block.push(left as u8);
}

/// The fields of a request of JSON, or without a body.
pub fn request(method: &str, path: &str) -> Vec<u8> {
    let fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
    let json = ("content-type", "application/json");
    block(&if method == "POST" { [&fields[..], &[json]].concat() } else { fields.to_vec() })
}

/// The one setting of this number.
pub fn setting(number: u16, value: u32) -> Vec<u8> {
    [&number.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

impl Client {
    /// Connects and sends the preface with these settings; reads nothing.
    pub fn new(daemon: &Daemon, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(daemon.address()).expect("it accepts");
        stream.set_nodelay(true).expect("a socket");
        stream.set_write_timeout(Some(LONG)).expect("a socket");
        let mut client = Self { stream, buffer: Vec::new() };
        let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, settings)].concat();
        assert!(client.send(&preface), "it goes at once");
        client
    }

    /// Sends bytes; whether the daemon still takes any.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                let waits = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!waits, "neither does it read nor does it end");
                false
            }
        }
    }

    /// A request without a body.
    pub fn get(&mut self, stream: u32, path: &str) -> bool {
        self.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", path)))
    }

    /// The next frame within `patience`; `None` when there is none by then or the connection has ended.
    pub fn read(&mut self, patience: Duration) -> Option<Frame> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(frame) = self.taken() {
                return Some(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).expect("a socket");
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// Reads on to the first frame that is `wanted`.
    pub fn read_until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let deadline = Instant::now() + LONG;
        loop {
            let frame = self.read(deadline.saturating_duration_since(Instant::now()))?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// The body of the answer on `stream`, which has one, as text.
    pub fn body(&mut self, stream: u32) -> Option<String> {
        let mut body = Vec::new();
        loop {
            let frame = self.read_until(|frame| frame.stream == stream && matches!(frame.kind, DATA | RST_STREAM))?;
            if frame.kind == RST_STREAM {
                return None;
            }
            body.extend(frame.payload);
            if frame.flags & END_STREAM != 0 {
                return String::from_utf8(body).ok();
            }
        }
    }

    /// The error code with which the daemon ends the connection; `None` if it ends it without a word.
    pub fn goaway(&mut self) -> Option<u32> {
        self.read_until(|frame| frame.kind == GOAWAY).map(|frame| code(&frame))
    }

    fn taken(&mut self) -> Option<Frame> {
        let head = self.buffer.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let (kind, flags) = (head[3], head[4]);
        if self.buffer.len() < 9 + length {
            return None;
        }
        let payload = self.buffer.drain(..9 + length).skip(9).collect();
        Some(Frame { kind, flags, stream, payload })
    }
}

/// The error code of a frame that has one.
pub fn code(frame: &Frame) -> u32 {
    let at = if frame.kind == GOAWAY { 4 } else { 0 };
    frame.payload.get(at..at + 4).map_or(0, |code| u32::from_be_bytes(code.try_into().expect("four bytes")))
}
