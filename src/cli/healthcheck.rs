//! `tamis healthcheck`: for images without a shell, let alone a client.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::Flags;

/// Exit code 0 if the daemon that these settings describe answers `/readyz` with 200 within [`PATIENCE`], else 1.
pub fn run(flags: &Flags) -> ExitCode {
    let address = reachable(flags.admin_listen.unwrap_or(flags.listen));
    match status(address) {
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
fn status(address: SocketAddr) -> Result<u16> {
    let deadline = Instant::now() + PATIENCE;
    // A timeout of nothing means none.
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&address, left())?;
    stream.set_write_timeout(Some(left()))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut head = [0; 12];
    let mut read = 0;
    while read < head.len() {
        if Instant::now() >= deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left()))?;
        match stream.read(&mut head[read..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => read += count,
        }
    }
    let code = head.strip_prefix(b"HTTP/1.1 ").and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    code.ok_or(ErrorKind::InvalidData.into())
}

/// How long it may take in all.
const PATIENCE: Duration = Duration::from_secs(2);
