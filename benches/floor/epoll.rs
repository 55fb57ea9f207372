//! Below hyper: an epoll loop that finds where a request ends and sends fixed bytes. No HTTP library could cost less.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::listen;

/// A client, and the bytes of its requests that are not answered yet.
struct Client {
    socket: TcpStream,
    bytes: Vec<u8>,
}

/// Serves `body` to every request on `port`, for ever, on `workers` threads.
pub fn serve(port: u16, body: &[u8], workers: usize) -> ! {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer: &'static [u8] = [head.as_bytes(), body].concat().leak();
    for _ in 1..workers {
        std::thread::spawn(move || work(port, answer));
    }
    work(port, answer)
}

fn work(port: u16, answer: &[u8]) -> ! {
    let listener = listen(port);
    let epoll = epoll::create(CreateFlags::CLOEXEC).expect("epoll");
    epoll::add(&epoll, &listener, EventData::new_u64(u64::MAX), EventFlags::IN).expect("epoll");
    let mut clients: Vec<Option<Client>> = Vec::new();
    let (mut events, mut answers) = (Vec::with_capacity(256), Vec::new());
    loop {
        if epoll::wait(&epoll, spare_capacity(&mut events), None).is_err() {
            continue;
        }
        for event in events.drain(..) {
            let at = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            if at == usize::MAX {
                let Ok((socket, _)) = listener.accept() else { continue };
                let _ = (socket.set_nonblocking(true), socket.set_nodelay(true));
                epoll::add(&epoll, socket.as_fd(), EventData::new_u64(clients.len() as u64), EventFlags::IN)
                    .expect("epoll");
                clients.push(Some(Client { socket, bytes: Vec::with_capacity(1 << 14) }));
            } else if clients[at].as_mut().is_some_and(|client| !client.answer(answer, &mut answers)) {
                clients[at] = None;
            }
        }
    }
}

impl Client {
    /// Reads what has come and answers each whole request; false when the client has gone.
    fn answer(&mut self, answer: &[u8], answers: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 1 << 14];
        match self.socket.read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => self.bytes.extend_from_slice(&buffer[..read]),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
        answers.clear();
        let mut end = 0;
        while let Some(length) = request(&self.bytes[end..]) {
            end += length;
            answers.extend_from_slice(answer);
        }
        self.bytes.drain(..end);
        // A client that does not read is none of the loads here.
        answers.is_empty() || self.socket.write_all(answers).is_ok()
    }
}

/// The length of the first request, if all of it is there.
fn request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let name = b"content-length: ";
    let value = bytes[..head].windows(name.len()).position(|window| window.eq_ignore_ascii_case(name));
    let digits = value.map_or(&[][..], |at| &bytes[at + name.len()..head]);
    let body =
        digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |sum, byte| sum * 10 + usize::from(byte - b'0'));
    (bytes.len() >= head + body).then_some(head + body)
}
