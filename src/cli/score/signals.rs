//! Ends that come from outside: the first signal is passed on, the second ends the process.

use std::io;
use std::sync::mpsc::SyncSender;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Event;
use crate::log;

/// Has the first SIGINT, SIGTERM or SIGHUP told to `events`, as the exit code that shells give it.
///
/// # Errors
/// What the system gives.
pub fn watch(events: SyncSender<Event>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut signals = Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
        hang_up: signal(SignalKind::hangup())?,
    };
    drop(inside);
    let watch = move || {
        let code = runtime.block_on(signals.next());
        // If nobody listens, it has ended.
        let _ = events.send(Event::Stop(code));
        log::end(i32::from(runtime.block_on(signals.next())));
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch)?;
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hang_up.recv() => SignalKind::hangup(),
        };
        128 + number.as_raw_value() as u8
    }
}
