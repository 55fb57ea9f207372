//! What is counted of TLS, which belongs to no request and to no worker.

use std::sync::atomic::{AtomicU64, Ordering};

use super::labels::{Handshake, RELOADED};

/// The counts of a daemon that speaks TLS, shared by all workers: one addition a handshake, beside a signature.
#[derive(Debug, Default)]
pub struct TlsCounts {
    handshakes: [AtomicU64; Handshake::ALL.len()],
    reloads: [AtomicU64; RELOADED.len()],
    not_after: AtomicU64,
}

/// The same at a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFigures {
    /// Handshakes, in the order of [`Handshake::ALL`].
    pub handshakes: [u64; Handshake::ALL.len()],
    /// How often the certificate was loaded anew, and how often it could not be.
    pub reloads: [u64; RELOADED.len()],
    /// When the certificate ends, in nanoseconds since the Unix epoch; [`UNKNOWN`](super::decimal::UNKNOWN) if it does not tell.
    pub not_after: u64,
}

impl TlsFigures {
    /// Nothing has happened.
    pub const NONE: Self = Self { handshakes: [0; Handshake::ALL.len()], reloads: [0; RELOADED.len()], not_after: 0 };
}

impl TlsCounts {
    /// Counts a handshake that has ended.
    pub fn handshake(&self, result: Handshake) {
        self.handshakes[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a certificate that was loaded anew, or was not.
    pub fn reload(&self, loaded: bool) {
        self.reloads[usize::from(!loaded)].fetch_add(1, Ordering::Relaxed);
    }

    /// The certificate that is served from now on ends then.
    pub fn set_not_after(&self, nanoseconds: u64) {
        self.not_after.store(nanoseconds, Ordering::Relaxed);
    }

    /// What a scrape tells.
    pub fn figures(&self) -> TlsFigures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TlsFigures {
            handshakes: self.handshakes.each_ref().map(read),
            reloads: self.reloads.each_ref().map(read),
            not_after: read(&self.not_after),
        }
    }
}
