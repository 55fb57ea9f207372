//! `GET /health` for people and load balancers, `/livez`, `/readyz` and `/startupz` for Kubernetes.

use std::sync::Arc;

use super::Worker;
use crate::json::write::Writer;
use crate::metrics::labels::Phase;
use crate::sync::atomic::{AtomicU8, Ordering};

/// The phase as all threads see it; it never goes back.
#[derive(Clone, Debug)]
pub struct SharedPhase(Arc<AtomicU8>);

impl SharedPhase {
    /// Begins at [`Phase::Starting`].
    pub fn new() -> Self {
        Self(Arc::new(AtomicU8::new(Phase::Starting as u8)))
    }

    /// The phase now.
    pub fn get(&self) -> Phase {
        // Acquire pairs with the release in `advance`: who sees Ready sees the models.
        Phase::ALL[usize::from(self.0.load(Ordering::Acquire))]
    }

    /// Moves on to `phase`, unless that is already past. Answers whether it moved.
    pub fn advance(&self, phase: Phase) -> bool {
        self.0.fetch_max(phase as u8, Ordering::AcqRel) < phase as u8
    }
}

impl Default for SharedPhase {
    fn default() -> Self {
        Self::new()
    }
}

/// The seeds' health document: 200 `healthy` once every model that readiness waits for is loaded, else 503 `unhealthy`.
pub fn health(worker: &Worker, out: &mut [u8]) -> (u16, usize) {
    let loaded = worker.loaded.models().is_some();
    let uptime_milliseconds = worker.started.elapsed().as_millis();
    let mut writer = Writer::new(out);
    writer.raw(if loaded { br#"{"status":"healthy""# } else { br#"{"status":"unhealthy""# });
    writer.raw(if loaded { br#","model_loaded":true"# } else { br#","model_loaded":false"# });
    writer.raw(br#","uptime_seconds":"#);
    writer.fixed::<3>(u64::try_from(uptime_milliseconds).unwrap_or(u64::MAX));
    writer.raw(br#","phase":""#);
    writer.raw(worker.phase.get().as_str().as_bytes());
    writer.raw(concat!(r#"","version":""#, env!("CARGO_PKG_VERSION"), r#"","models":{"#).as_bytes());
    writer.raw(if loaded { br#""simple":true,"iris":true"# } else { br#""simple":false,"iris":false"# });
    writer.raw(if worker.loaded.bert().is_some() { br#","bert":true}}"# } else { br#","bert":false}}"# });
    (if loaded { 200 } else { 503 }, writer.finish().unwrap_or_default())
}

/// The process turns its loop: nothing more is asked of it.
pub fn livez(out: &mut [u8]) -> (u16, usize) {
    status(true, "alive", out)
}

/// Send traffic, or do not: 503 before the models are there and as soon as draining starts.
pub fn readyz(worker: &Worker, out: &mut [u8]) -> (u16, usize) {
    let phase = worker.phase.get();
    status(phase == Phase::Ready, phase.as_str(), out)
}

/// Start-up is over: 503 until the models are there, 200 ever after.
pub fn startupz(worker: &Worker, out: &mut [u8]) -> (u16, usize) {
    let started = worker.phase.get() != Phase::Starting;
    status(started, if started { "started" } else { "starting" }, out)
}

fn status(good: bool, name: &str, out: &mut [u8]) -> (u16, usize) {
    let mut writer = Writer::new(out);
    writer.raw(br#"{"status":""#);
    writer.raw(name.as_bytes());
    writer.raw(br#""}"#);
    (if good { 200 } else { 503 }, writer.finish().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_only_go_forward() {
        let phase = SharedPhase::new();
        assert!(phase.advance(Phase::Draining));
        assert!(!phase.advance(Phase::Ready));
        assert_eq!(phase.get(), Phase::Draining);
    }
}
