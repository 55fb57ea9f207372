//! One worker: a thread, its runtime, its listeners, its connections.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::spawn_local;

use super::station::{STREAMS, Seat, Station};
use super::stream;
use super::{coalescing, connection};
use crate::api::route::Surface;
use crate::model::Loaded;

/// What the process tells its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Accept and answer.
    Serve,
    /// Accept no more; end every connection after what it has under way.
    Finish,
    /// End now.
    Abort,
}

/// Serves `listeners` on the calling thread until ordered to end. `station` builds the worker's state here,
/// because that state never leaves the thread.
///
/// # Errors
/// If the runtime cannot be built or a listener cannot be registered with it.
pub fn run(
    listeners: Vec<(StdListener, Surface)>,
    orders: watch::Receiver<Order>,
    models: watch::Receiver<Arc<Loaded>>,
    station: impl FnOnce(Arc<Loaded>) -> Rc<Station>,
) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(coalescing::before_park)
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let loaded = Arc::clone(&models.borrow());
        let station = station(loaded);
        spawn_local(follow(Rc::clone(&station), models));
        stream::prepare(STREAMS).await;
        let mut acceptors = Vec::with_capacity(listeners.len());
        for (listener, surface) in listeners {
            let listener = TcpListener::from_std(listener)?;
            let (station, orders) = (Rc::clone(&station), orders.clone());
            acceptors.push(spawn_local(accept(listener, surface, station, orders)));
        }
        for acceptor in acceptors {
            // It ends when ordered to.
            let _ = acceptor.await;
        }
        finish(&station, orders).await;
        Ok(())
    })
}

/// Has whatever begins from then on answered by the models that are shown last.
async fn follow(station: Rc<Station>, mut models: watch::Receiver<Arc<Loaded>>) {
    while models.changed().await.is_ok() {
        let loaded = Arc::clone(&models.borrow_and_update());
        station.api.borrow_mut().load(Arc::clone(&loaded));
        loaded.take();
    }
}

/// Accepts until ordered to finish, and then what the kernel has accepted already: a connection left in the
/// backlog of a closed listener would be reset.
async fn accept(listener: TcpListener, surface: Surface, station: Rc<Station>, mut orders: watch::Receiver<Order>) {
    let mut fails = false;
    while *orders.borrow_and_update() == Order::Serve {
        let Some(seat) = station.seat(surface) else {
            // No slot, no accept: the kernel's backlog holds newcomers back.
            station.crowd();
            tokio::select! { biased; () = station.closed.notified() => {}, _ = orders.changed() => {} }
            continue;
        };
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    fails = false;
                    begin(&station, socket, peer, surface, seat);
                }
                Err(error) => {
                    drop(seat);
                    // The system is out of descriptors, most likely: they come back. Said once, not twenty times a second.
                    if !std::mem::replace(&mut fails, true) {
                        tracing::warn!(%error, "accepting a connection failed");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            _ = orders.changed() => {}
        }
    }
    let Ok(backlog) = listener.into_std() else { return };
    while let (Some(seat), Ok((socket, peer))) = (station.seat(surface), backlog.accept()) {
        let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
        if let Ok(socket) = socket {
            begin(&station, socket, peer, surface, seat);
        }
    }
}

/// Serves an accepted connection beside all others.
fn begin(station: &Rc<Station>, socket: TcpStream, peer: SocketAddr, surface: Surface, seat: Seat) {
    // A client that has gone already is found out by the first read.
    let _ = socket.set_nodelay(true);
    #[cfg(feature = "tls")]
    if let Some(tls) = station.tls.get().filter(|_| surface != Surface::Admin) {
        let (tls, station) = (Arc::clone(tls), Rc::clone(station));
        spawn_local(connection::secure::serve(tls, station, socket, peer, surface, seat.taken()));
        return;
    }
    spawn_local(connection::serve(Rc::clone(station), socket, peer, surface, seat.taken()));
}

/// Ends every connection gently, and returns when all have ended or the order comes to end now.
async fn finish(station: &Station, mut orders: watch::Receiver<Order>) {
    station.draining.set(true);
    station.call_all();
    while station.connections() > 0 && *orders.borrow_and_update() != Order::Abort {
        tokio::select! { biased; () = station.closed.notified() => {}, changed = orders.changed() => if changed.is_err() { return } }
    }
}
