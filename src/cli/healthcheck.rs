//! `tamis healthcheck`: for images without a shell, let alone a client.

use std::io::{Read as _, Result, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Flags;

/// Exit code 0 if the daemon that these settings describe answers `/readyz` with 200.
pub fn run(flags: &Flags) -> ExitCode {
    match status(reachable(flags.admin_listen.unwrap_or(flags.listen))) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(401) => {
            tracing::warn!(status = 401, "the probes are closed: 'healthcheck' needs --auth-probes open");
            ExitCode::FAILURE
        }
        Ok(status) => {
            tracing::warn!(status, "not ready");
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::warn!(%error, "no answer");
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

fn status(address: SocketAddr) -> Result<u16> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let code = std::str::from_utf8(&head[9..]).ok().and_then(|code| code.parse().ok());
    code.ok_or(std::io::ErrorKind::InvalidData.into())
}
