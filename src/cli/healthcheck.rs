//! `tamis healthcheck`: for images without a shell, let alone a client.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::Flags;

/// Exit code 0 if the daemon that these settings describe answers `/readyz` with 200 within [`PATIENCE`], else 1.
pub fn run(flags: &Flags) -> ExitCode {
    let address = reachable(flags.admin_listen.unwrap_or(flags.listen));
    match status(address, flags) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(401) => {
            tracing::warn!(status = 401, "the probes are closed: 'healthcheck' needs --auth-probes open");
            ExitCode::FAILURE
        }
        Ok(status) => {
            tracing::warn!(status, %address, "not ready");
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::warn!(%error, %address, "no answer");
            ExitCode::FAILURE
        }
    }
}

/// A daemon bound to every address is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The status of the answer.
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "only TLS is a matter of flags"))]
fn status(address: SocketAddr, flags: &Flags) -> Result<u16> {
    let deadline = Instant::now() + PATIENCE;
    let socket = TcpStream::connect_timeout(&address, left(deadline))?;
    let mut socket = Patient { socket, deadline };
    #[cfg(feature = "tls")]
    if flags.tls_certificate.is_some() && flags.admin_listen.is_none() {
        let mut client = crate::tls::loopback::client(address.ip())?;
        return ask(&mut tokio_rustls::rustls::Stream::new(&mut client, &mut socket), address);
    }
    ask(&mut socket, address)
}

fn ask(stream: &mut (impl Read + Write), address: SocketAddr) -> Result<u16> {
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let code = head.strip_prefix(b"HTTP/1.1 ").and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    code.ok_or(ErrorKind::InvalidData.into())
}

/// A socket whose reads and writes all end by `deadline`.
struct Patient {
    socket: TcpStream,
    deadline: Instant,
}

impl Patient {
    /// The time that is left, unless none is.
    fn left(&self) -> Result<Option<Duration>> {
        if Instant::now() >= self.deadline { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left(self.deadline))) }
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.socket.flush()
    }
}

/// How much time there is; a timeout of nothing would mean none.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(2);
