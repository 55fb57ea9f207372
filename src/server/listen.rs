//! Listening sockets: one per worker and address, which the kernel balances.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Opens `count` listeners on `address` with `SO_REUSEPORT`; port 0 picks one port for all of them.
///
/// # Errors
/// What the operating system says: the address is in use, or may not be bound.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // `SO_REUSEPORT` would let a second daemon share the port unnoticed; without it the second one is refused.
    drop(open(address, false)?);
    let first = open(address, true)?;
    let bound = first.local_addr()?;
    let rest = (1..count).map(|_| open(bound, true));
    std::iter::once(Ok(first)).chain(rest).collect()
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // `[::]` serves both families, whatever the node's default.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connections that the kernel holds for a worker that is not accepting; capped by `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_for_all_workers_and_none_for_a_second_daemon() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = listen(any, 3).expect("a free port");
        let bound = listeners[0].local_addr().expect("bound");
        assert!(listeners.iter().all(|listener| listener.local_addr().is_ok_and(|address| address == bound)));
        assert_eq!(listen(bound, 1).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
    }
}
