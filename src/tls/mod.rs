//! TLS 1.3 and 1.2 (RFC 8446, RFC 5246) for the clients of `--listen`, by rustls.
//!
//! ```text
//! --tls-certificate, --tls-key ──Tls::look, on the thread `tls` and at SIGHUP──► Identity ──published──► next handshake
//! ```
//!
//! An `Identity` is all that a handshake needs: certificate, key and the keys of tickets. It is replaced as a whole, so that a
//! handshake has one certificate with its own key, and no ticket of a key that was taken back is good any more. All workers share
//! it: a client resumes on whichever accepts it. Connections under way go on with what they began with. There is no early
//! data (0-RTT), which can be replayed, and no session is kept in memory: the client holds it, sealed, as its ticket.

mod identity;
pub mod loopback;
mod validity;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio_rustls::rustls::ServerConfig;

use crate::auth::lines::FileError;
use crate::auth::unix_seconds;
use crate::metrics::TlsCounts;
use crate::metrics::decimal::UNKNOWN;
use crate::stamp::Stamp;
use identity::Identity;

/// The files of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The certificate in PEM, and after it those that lead from it to one that clients know.
    pub certificate: PathBuf,
    /// Its key in PEM: PKCS #8, PKCS #1 or SEC 1; RSA, ECDSA on P-256 or P-384, or Ed25519.
    pub key: PathBuf,
}

/// What all threads share of TLS.
pub struct Tls {
    settings: Settings,
    current: RwLock<Arc<ServerConfig>>,
    counts: Arc<TlsCounts>,
    watch: Mutex<Watch>,
}

/// How the two files looked.
type Stamps = [Option<Stamp>; 2];

struct Watch {
    /// When they were last read.
    read: Stamps,
    /// When they were last looked at.
    seen: Stamps,
}

impl Tls {
    /// Reads the files and starts the thread that watches them.
    ///
    /// # Errors
    /// If a file cannot be used, the key is not the certificate's, or there is no thread or no randomness to be had.
    pub fn start(settings: Settings) -> Result<Arc<Self>, FileError> {
        // Before the files are read: what is written meanwhile is read the next time.
        let stamps = settings.stamps();
        let identity = Identity::read(&settings)?;
        let (counts, watch) = (Arc::default(), Mutex::new(Watch { read: stamps, seen: stamps }));
        let current = RwLock::new(Arc::clone(&identity.config));
        let tls = Arc::new(Self { settings, current, counts, watch });
        tls.tell(&identity, "TLS certificate loaded");
        let work = Arc::clone(&tls);
        let thread = std::thread::Builder::new().name("tls".to_owned()).spawn(move || work.work());
        thread.map_err(|error| FileError { path: "TLS".into(), line: None, what: error.to_string() })?;
        Ok(tls)
    }

    /// What the next handshake is made with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read())
    }

    /// What is counted.
    pub fn counts(&self) -> &Arc<TlsCounts> {
        &self.counts
    }

    /// Reads the files if they have changed since they were last read, and publishes what they hold; logs and counts what cannot
    /// be used, which changes nothing.
    pub fn look(&self) {
        let mut watch = self.watch.lock();
        watch.seen = self.settings.stamps();
        self.reload(&mut watch);
    }

    /// The life of the thread `tls`, which ends with the process. Of two files one is written first: they are read once neither
    /// has changed between two looks.
    fn work(&self) {
        loop {
            std::thread::sleep(EVERY);
            let mut watch = self.watch.lock();
            let before = std::mem::replace(&mut watch.seen, self.settings.stamps());
            if watch.seen == before {
                self.reload(&mut watch);
            }
        }
    }

    fn reload(&self, watch: &mut Watch) {
        if watch.seen == watch.read {
            return;
        }
        watch.read = watch.seen;
        match Identity::read(&self.settings) {
            Ok(identity) => {
                *self.current.write() = Arc::clone(&identity.config);
                self.counts.reload(true);
                self.tell(&identity, "TLS certificate loaded anew");
            }
            Err(error) => {
                self.counts.reload(false);
                tracing::error!(%error, "the TLS certificate cannot be used: the one from before stays");
            }
        }
    }

    fn tell(&self, identity: &Identity, what: &'static str) {
        let (file, not_after) = (self.settings.certificate.display(), identity.not_after);
        self.counts
            .set_not_after(not_after.map_or(UNKNOWN, |seconds| seconds.saturating_mul(1_000_000_000).min(UNKNOWN - 1)));
        let Some(not_after) = not_after else {
            tracing::info!(%file, "{what}");
            return;
        };
        if let Some(left) = not_after.checked_sub(unix_seconds()) {
            tracing::info!(%file, not_after, days_left = left / DAY, "{what}");
        } else {
            tracing::warn!(%file, not_after, "{what}, but it has expired: clients refuse it");
        }
    }
}

impl Settings {
    fn stamps(&self) -> Stamps {
        [&self.certificate, &self.key].map(|path| Stamp::of(path))
    }
}

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// In seconds.
const DAY: u64 = 24 * 60 * 60;
