//! Who may ask for what: keys, users, tokens, and the gate that a request passes. Knows neither HTTP nor models.
//!
//! ```text
//! files ──Watch, on the thread `auth`──► Credentials ──published──► Gate (one a worker) ◄── what a request presents
//! password ──Passwords, a bounded queue──► the thread `auth`: Argon2id ──woken──► whoever polls the Login
//! ```
//!
//! No secret is kept that a digest or a hash can stand for, except the tokens that a gate has verified ([`cache`]), and none is
//! ever logged: of a file that cannot be used the log has the name and the line's number.

pub mod attempts;
pub mod cache;
pub mod gate;
#[cfg(all(test, feature = "loom"))]
mod interleavings;
pub mod keys;
pub mod lines;
pub mod name;
pub mod passwords;
pub mod scopes;
pub mod token;
pub mod users;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use attempts::Attempts;
use keys::Keys;
use lines::FileError;
use name::Name;
use passwords::{Login, Passwords};
use scopes::Scopes;
use token::{Claims, Signer};
use users::{MAX_PASSWORD, Users};
use watch::Watch;

use crate::sync::RwLock;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::{alloc, secrecy};

/// What is asked for, and where it is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file of API keys, if they are accepted.
    pub api_keys: Option<PathBuf>,
    /// The files for tokens, if they are accepted.
    pub tokens: Option<TokenSettings>,
    /// Whether metrics and status need a credential.
    pub closed_metrics: bool,
    /// Whether the probes do.
    pub closed_probes: bool,
}

/// What tokens are made of.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The file of users.
    pub users: PathBuf,
    /// The file of the secret that signs.
    pub secret: PathBuf,
    /// How long a token lives, in seconds.
    pub seconds: u64,
    /// How often a client may try a password in a minute.
    pub attempts: u32,
}

/// What is good at present.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The keys, if they are accepted.
    pub keys: Option<Arc<Keys>>,
    /// Whose tokens are good, if they are accepted.
    pub tokens: Option<Tokens>,
}

/// Whose tokens are good, and how one is told.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The users.
    pub users: Arc<Users>,
    /// Signs and verifies.
    pub signer: Arc<Signer>,
}

/// The files that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum File {
    Keys,
    Users,
    Secret,
}

impl File {
    /// Every file, in the order of the counts.
    pub const ALL: [Self; 3] = [Self::Keys, Self::Users, Self::Secret];

    /// The name in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "api-keys",
            Self::Users => "users",
            Self::Secret => "token-secret",
        }
    }
}

/// Keys whose requests are counted by name; those that come later are counted together.
pub const NAMED_KEYS: usize = 64;

/// Where the requests of no named key are counted.
pub const NO_NAME: u8 = NAMED_KEYS as u8;

/// Authentication as all threads share it.
pub struct Auth {
    schemes: Schemes,
    current: RwLock<Arc<Credentials>>,
    generation: AtomicU64,
    /// The names that have a count of their own, in the order in which they came; none ever goes.
    names: Mutex<Vec<Name>>,
    reloads: [[AtomicU64; 2]; 3],
    passwords: Arc<Passwords>,
    attempts: Mutex<Attempts>,
    watch: Mutex<Watch>,
    started: Instant,
}

/// What does not change while the process lives.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four switches, each by itself")]
pub struct Schemes {
    /// Whether API keys are accepted.
    pub api_key: bool,
    /// Whether tokens are accepted and issued.
    pub bearer: bool,
    /// How long a token lives, in seconds.
    pub token_seconds: u64,
    /// Whether metrics and status need a credential.
    pub closed_metrics: bool,
    /// Whether the probes do.
    pub closed_probes: bool,
}

/// Why a password is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// Too many attempts; one is allowed again after so many seconds.
    Attempts(u64),
    /// Too many passwords wait already.
    Queue,
}

impl Auth {
    /// Reads the files, and starts the thread that watches them and verifies passwords.
    ///
    /// # Errors
    /// If a file cannot be used, or there is no thread or no randomness to be had.
    pub fn start(settings: &Settings) -> Result<Arc<Self>, FileError> {
        let system = |what: String| FileError { path: PathBuf::from("authentication"), line: None, what };
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| system(error.to_string()))?;
        let schemes = Schemes {
            api_key: settings.api_keys.is_some(),
            bearer: settings.tokens.is_some(),
            token_seconds: settings.tokens.as_ref().map_or(0, |tokens| tokens.seconds),
            closed_metrics: settings.closed_metrics,
            closed_probes: settings.closed_probes,
        };
        let most = settings.tokens.as_ref().map_or(1, |tokens| tokens.attempts);
        let watch = Watch::new(settings);
        let auth = Self::empty(schemes, Attempts::new(most, u64::from_le_bytes(seed)), watch);
        let credentials = auth.watch.lock().read_all(&auth)?;
        auth.publish(credentials);
        let auth = Arc::new(auth);
        let work = Arc::clone(&auth);
        let thread = std::thread::Builder::new().name("auth".to_owned());
        thread.spawn(move || work.work()).map_err(|error| system(error.to_string()))?;
        Ok(auth)
    }

    fn empty(schemes: Schemes, attempts: Attempts, watch: Watch) -> Self {
        Self {
            schemes,
            current: RwLock::new(Arc::new(Credentials { keys: None, tokens: None })),
            generation: AtomicU64::new(0),
            names: Mutex::new(Vec::with_capacity(NAMED_KEYS)),
            reloads: Default::default(),
            passwords: Arc::new(Passwords::new()),
            attempts: Mutex::new(attempts),
            watch: Mutex::new(watch),
            started: Instant::now(),
        }
    }

    /// With these credentials, no file and no thread.
    #[cfg(test)]
    fn with(credentials: Credentials) -> Self {
        let schemes = Schemes {
            api_key: credentials.keys.is_some(),
            bearer: credentials.tokens.is_some(),
            token_seconds: 60,
            closed_metrics: false,
            closed_probes: false,
        };
        let auth = Self::empty(schemes, Attempts::new(10, 0), Watch::default());
        auth.publish(credentials);
        auth
    }

    /// What is accepted.
    pub const fn schemes(&self) -> &Schemes {
        &self.schemes
    }

    /// Shows `credentials` to every gate, from its next request on.
    pub fn publish(&self, credentials: Credentials) {
        let mut current = self.current.write();
        *current = Arc::new(credentials);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The number of what was published last.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What was published last, and its number.
    pub fn published(&self) -> (u64, Arc<Credentials>) {
        let current = self.current.read();
        (self.generation(), Arc::clone(&current))
    }

    /// The names whose requests are counted apart: they only become more, up to [`NAMED_KEYS`].
    pub fn names(&self) -> Vec<Name> {
        self.names.lock().clone()
    }

    /// How many they are.
    pub fn named(&self) -> usize {
        self.names.lock().len()
    }

    /// Where the requests of `name` are counted.
    fn counted(&self, name: &Name) -> u8 {
        let mut names = self.names.lock();
        if let Some(at) = names.iter().position(|other| other == name) {
            return at as u8;
        }
        if names.len() == NAMED_KEYS {
            return NO_NAME;
        }
        names.push(*name);
        names.len() as u8 - 1
    }

    /// How often each file was loaded anew and could not be, in the order of [`File::ALL`].
    pub fn reloads(&self) -> [u64; 6] {
        std::array::from_fn(|at| self.reloads[at / 2][at % 2].load(Ordering::Relaxed))
    }

    /// Reads and publishes the files that have changed since they were last looked at, which happens every two seconds in any
    /// case; logs and counts those that cannot be used.
    pub fn look(&self) {
        self.watch.lock().look(self);
    }

    /// Has `password` verified, which a thread of its own does.
    ///
    /// # Errors
    /// If `client` or all clients together have tried too often, or too many passwords wait.
    pub fn log_in(&self, client: u64, name: Option<Name>, password: &[u8]) -> Result<Login, Busy> {
        self.attempts.lock().begin(client, self.started.elapsed()).map_err(Busy::Attempts)?;
        self.passwords.submit(name, password).ok_or_else(|| {
            self.attempts.lock().forgive(client);
            Busy::Queue
        })
    }

    /// The password of `client` was right: the attempt does not count.
    pub fn logged_in(&self, client: u64) {
        self.attempts.lock().forgive(client);
    }

    /// Writes a token for `name` into `out`, which holds [`token::MAX_TOKEN`] bytes, good for what is `asked` or, if nothing is, for all
    /// that the user may; answers its length and what it is good for.
    ///
    /// # Errors
    /// If the user is gone, or may not have all that is asked: what the user may have.
    pub fn issue(&self, name: Name, asked: Option<Scopes>, out: &mut [u8]) -> Result<(usize, Scopes), Scopes> {
        let (_, credentials) = self.published();
        let tokens = credentials.tokens.as_ref().ok_or(Scopes::NONE)?;
        let scopes = tokens.users.find(&name).ok_or(Scopes::NONE)?.scopes;
        let granted = asked.unwrap_or(scopes);
        if !scopes.covers(granted) {
            return Err(scopes);
        }
        let now = unix_seconds();
        let claims = Claims { subject: name, scopes: granted, expires: now.saturating_add(self.schemes.token_seconds) };
        Ok((tokens.signer.issue(&claims, now, out), granted))
    }

    /// The life of the thread `auth`, which ends with the process.
    fn work(&self) {
        let (mut looked, mut room) = (Instant::now(), [0; MAX_PASSWORD]);
        loop {
            if let Some(job) = self.passwords.take(EVERY.saturating_sub(looked.elapsed()), &mut room) {
                let (_, credentials) = self.published();
                let matches = credentials
                    .tokens
                    .as_ref()
                    .is_some_and(|tokens| tokens.users.verify(job.name.as_ref(), job.password(&room)));
                secrecy::wipe(&mut room);
                secrecy::wipe_stack();
                self.passwords.finish(job, matches);
                // The megabytes that it took; the next one may be long in coming.
                alloc::give_back();
            }
            if looked.elapsed() >= EVERY {
                self.look();
                looked = Instant::now();
            }
        }
    }
}

/// The wall clock, in seconds since the Unix epoch.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
