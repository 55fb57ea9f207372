//! The server: workers that share a port, from bind to the last connection closed.
//!
//! ```text
//! main ──orders──► worker 0..N: one thread, one runtime, one listener per address
//!   │                └─ accept ─► connection ─► exchange ─► api (handlers) ─► reply, or stream of a batch
//!   └─phase, models (read by all, written once)        └─► bert's threads, for what takes milliseconds
//! ```

mod admission;
pub mod bodies;
mod body;
mod coalescing;
mod coding;
pub mod connection;
mod cors;
mod descriptors;
pub mod exchange;
mod fields;
mod framing;
mod headers;
mod listen;
mod models;
mod patience;
pub mod reply;
pub mod slots;
pub mod station;
pub mod stream;
mod timing;
pub mod worker;

use std::fmt;
use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::api;
use crate::api::health::SharedPhase;
use crate::api::route::Surface;
use crate::api::scrape::Scrape;
use crate::auth::Auth;
use crate::auth::lines::FileError;
use crate::config::Flags;
use crate::log;
use crate::metrics::Shard;
use crate::metrics::labels::Phase;
use crate::model::{Loaded, Models};
#[cfg(feature = "tls")]
use crate::tls::Tls;
pub use models::Shown;
use station::Station;
use worker::Order;

/// A running server.
pub struct Server {
    addresses: Vec<SocketAddr>,
    phase: SharedPhase,
    models: Shown,
    orders: watch::Sender<Order>,
    workers: Vec<JoinHandle<()>>,
    running: Arc<Running>,
    auth: Option<Arc<Auth>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<Tls>>,
    shards: Arc<[Arc<Shard>]>,
}

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// A file of credentials cannot be used.
    Credentials(FileError),
    /// A port cannot be opened or a thread cannot be started.
    System(std::io::Error),
}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(error) => error.fmt(formatter),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for StartError {}

/// How many workers have not ended yet.
struct Running {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Server {
    /// Reads the credentials and the certificate, opens the ports and starts the workers. They answer probes at once, and everything else once
    /// [`Server::ready`] has been called.
    ///
    /// # Errors
    /// If a file of credentials cannot be used, a port cannot be opened or a thread cannot be started.
    pub fn start(flags: &Flags) -> std::result::Result<Self, StartError> {
        let auth = flags.auth().map(|settings| Auth::start(&settings)).transpose();
        let auth = auth.map_err(StartError::Credentials)?;
        #[cfg(feature = "tls")]
        let tls = flags.tls().map(Tls::start).transpose().map_err(StartError::Credentials)?;
        let count = flags.workers();
        let max_connections = descriptors::connections(flags.max_connections, count)?;
        let flags = &Flags { max_connections, ..flags.clone() };
        let surface = if flags.admin_listen.is_some() { Surface::Public } else { Surface::Whole };
        let mut listeners: Vec<Vec<(TcpListener, Surface)>> = (0..count).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        let admin = flags.admin_listen.map(|address| (address, Surface::Admin));
        for (address, surface) in std::iter::once((flags.listen, surface)).chain(admin) {
            let opened = listen::listen(address, count)?;
            addresses.push(opened[0].local_addr()?);
            for (worker, listener) in listeners.iter_mut().zip(opened) {
                worker.push((listener, surface));
            }
        }
        let running = Arc::new(Running { count: Mutex::new(count), changed: Condvar::new() });
        let (orders, _) = watch::channel(Order::Serve);
        let models = Shown::new(Loaded::new(flags.bert()));
        let (phase, workers) = (SharedPhase::new(), Vec::new());
        let shards = (0..count).map(|_| Arc::from(Shard::new())).collect();
        let mut server = Self {
            addresses,
            phase,
            models,
            orders,
            workers,
            running,
            auth,
            #[cfg(feature = "tls")]
            tls,
            shards,
        };
        let started = Instant::now();
        let (prepared, all_prepared) = mpsc::sync_channel(count);
        for (index, listeners) in listeners.into_iter().enumerate() {
            let worker = server.spawn(index, listeners, flags.clone(), started, prepared.clone())?;
            server.workers.push(worker);
        }
        drop(prepared);
        // Their memory is taken before what models are loaded in has been freed: of the system's own, which is zero already, no
        // page is touched before it is used. Ends early where a worker cannot run, which ends the process.
        all_prepared.iter().take(count).for_each(drop);
        Ok(server)
    }

    fn spawn(
        &self,
        index: usize,
        listeners: Vec<(TcpListener, Surface)>,
        flags: Flags,
        started: Instant,
        prepared: mpsc::SyncSender<()>,
    ) -> Result<JoinHandle<()>> {
        let (orders, running) = (self.orders.subscribe(), Arc::clone(&self.running));
        let (models, phase, shards) = (self.models.follow(), self.phase.clone(), self.shards());
        let auth = self.auth.clone();
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            let _ended = EndOfWorker(running);
            let ended = worker::run(listeners, orders, models, |loaded| {
                let shard = Arc::clone(&shards[index]);
                let scrape = Scrape::new(&shards, flags.body_slots());
                let api = api::Worker::new(Arc::clone(&shard), loaded, scrape, flags.limits(), phase, started);
                let api = api.with_auth(auth.clone()).with_compatible(flags.compatible_model);
                let api = api.with_reloads(flags.model_dir.is_some());
                #[cfg(feature = "tls")]
                let api = api.with_tls(tls.as_ref().map(|tls| Arc::clone(tls.counts())));
                let station = Station::new(api, shard, &flags, auth);
                #[cfg(feature = "tls")]
                if let Some(tls) = tls {
                    let _ = station.tls.set(tls);
                }
                // Whoever waits for it is there, or the start has failed.
                let _ = prepared.send(());
                station
            });
            if let Err(error) = ended {
                tracing::error!(%error, index, "a worker cannot run");
                // With one worker fewer it would limp on; whoever started it starts it again.
                log::end(71);
            }
        })
    }

    /// The addresses served: `--listen`, then `--admin-listen`, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the workers answer with, for whoever loads more of it.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.models.now()
    }

    /// The same, for whoever puts another set in its place.
    pub fn models(&self) -> Shown {
        self.models.clone()
    }

    /// Who may ask, if anybody has to say who they are.
    pub fn auth(&self) -> Option<Arc<Auth>> {
        self.auth.clone()
    }

    /// What encrypts, if anything does.
    #[cfg(feature = "tls")]
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// What the workers count, for whoever tells of it once they have ended.
    pub fn shards(&self) -> Arc<[Arc<Shard>]> {
        Arc::clone(&self.shards)
    }

    /// Publishes the models and turns ready.
    pub fn ready(&self, models: Models) {
        turn_ready(&self.loaded(), models, &self.phase);
    }

    /// Turns unready for good: whoever routes to this server is told to look elsewhere.
    pub fn unready(&self) {
        self.phase.advance(Phase::Draining);
    }

    /// Ends gently: unready at once, no new connections after `delay`, an end to all others when they have
    /// been answered or `timeout` is over. Answers whether every connection ended by itself.
    pub fn drain(self, delay: Duration, timeout: Duration) -> bool {
        self.unready();
        std::thread::sleep(delay);
        // Workers that have ended already hear nothing, and need not.
        let _ = self.orders.send(Order::Finish);
        let gentle = self.running.wait(timeout);
        let _ = self.orders.send(Order::Abort);
        for worker in self.workers {
            // A worker's panic ends the process where it happens.
            let _ = worker.join();
        }
        gentle
    }
}

/// Models first: who sees that the phase is [`Phase::Ready`] sees them.
fn turn_ready<M, B>(loaded: &Loaded<M, B>, models: M, phase: &SharedPhase) {
    // Models are published once; a second set would be dropped.
    if loaded.publish(models) {
        phase.advance(Phase::Ready);
    }
}

impl Running {
    /// Waits until no worker runs; answers whether that came about within `timeout`.
    fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut count = self.count.lock();
        while *count > 0 {
            if self.changed.wait_until(&mut count, deadline).timed_out() {
                return *count == 0;
            }
        }
        true
    }
}

/// Tells of a worker's end however it comes.
struct EndOfWorker(Arc<Running>);

impl Drop for EndOfWorker {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(all(test, feature = "loom"))]
mod interleavings;
