//! The floor on sockets: hyper with the daemon's knobs and the empty handler.

use tokio::net::TcpListener;

use super::handler::serve_connection;
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
            tokio::task::spawn_local(serve_connection(socket, body));
        }
    })
}
