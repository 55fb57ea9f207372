//! The signals that a daemon takes: SIGTERM and SIGINT end it, gently the first time and at once the second; SIGHUP has models
//! and credentials loaded anew.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::log;

/// Signals that are caught; those that come before anybody [watches](Self::watch) are kept.
pub struct Signals {
    runtime: Runtime,
    caught: Caught,
}

struct Caught {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
enum Asked {
    End(&'static str),
    Anew,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let caught = {
            let _inside = runtime.enter();
            Caught {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            }
        };
        Ok(Self { runtime, caught })
    }

    /// Watches on a thread of its own, which is there before it is needed: a system that has no more room for one must not
    /// keep the daemon from ending gently. Each SIGHUP is passed on to `anew`, the name of the first signal that ends to who
    /// holds what this answers; the second ends the process.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn watch(self, anew: SyncSender<()>) -> io::Result<Receiver<&'static str>> {
        let (tell, told) = sync_channel(1);
        let Self { runtime, mut caught } = self;
        let watch = async move {
            let mut tell = Some(tell);
            loop {
                match (caught.next().await, tell.take()) {
                    (Asked::End(name), Some(tell)) => {
                        // Whoever does not wait for it ends anyway.
                        let _ = tell.send(name);
                    }
                    (Asked::End(_), None) => {
                        tracing::warn!("a second signal: ending at once");
                        log::end(1);
                    }
                    (Asked::Anew, first) => {
                        // One that is asked for already sees what there is now.
                        let _ = anew.try_send(());
                        tell = first;
                    }
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch))?;
        Ok(told)
    }
}

impl Caught {
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.hang_up.recv() => Asked::Anew,
        }
    }
}
