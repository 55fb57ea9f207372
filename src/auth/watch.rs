//! The files of credentials: read at start, and again when they have changed.
//!
//! A file counts as changed when its [`Stamp`] is another. What cannot be used changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::keys::Keys;
use super::lines::{self, FileError};
use super::token::Signer;
use super::users::Users;
use super::{Auth, Credentials, File, Settings, Tokens};
use crate::stamp::Stamp;

/// The files that are asked for, each with how it looked when it was last read.
#[derive(Default)]
pub struct Watch(Vec<Watched>);

struct Watched {
    file: File,
    path: PathBuf,
    seen: Option<Stamp>,
}

impl Watch {
    /// The files of `settings`, none of them read yet.
    pub fn new(settings: &Settings) -> Self {
        let tokens = settings.tokens.as_ref();
        let paths = [
            (File::Keys, settings.api_keys.as_ref()),
            (File::Users, tokens.map(|tokens| &tokens.users)),
            (File::Secret, tokens.map(|tokens| &tokens.secret)),
        ];
        let watched = |(file, path): (File, Option<&PathBuf>)| Some(Watched { file, path: path?.clone(), seen: None });
        Self(paths.into_iter().filter_map(watched).collect())
    }

    /// Reads every file, for the first time.
    ///
    /// # Errors
    /// What is wrong with the first that cannot be used.
    pub fn read_all(&mut self, auth: &Auth) -> Result<Credentials, FileError> {
        let (mut keys, mut users, mut signer) = (None, None, None);
        for watched in &mut self.0 {
            watched.seen = Stamp::of(&watched.path);
            match watched.file {
                File::Keys => keys = Some(read_keys(&watched.path, auth)?),
                File::Users => users = Some(read_users(&watched.path)?),
                File::Secret => signer = Some(read_signer(&watched.path)?),
            }
        }
        let tokens = users.zip(signer).map(|(users, signer)| Tokens { users, signer });
        Ok(Credentials { keys, tokens })
    }

    /// Reads again and publishes what has changed since; logs and counts what cannot be used.
    pub fn look(&mut self, auth: &Auth) {
        for watched in &mut self.0 {
            // Before the file is read: what is written meanwhile is read the next time.
            let now = Stamp::of(&watched.path);
            if now == watched.seen {
                continue;
            }
            watched.seen = now;
            let loaded = watched.reload(auth);
            auth.reloads[watched.file as usize][usize::from(loaded.is_err())].fetch_add(1, Ordering::Relaxed);
            match loaded {
                Ok(entries) => tracing::info!(file = %watched.path.display(), entries, "credentials loaded anew"),
                Err(error) => tracing::error!(%error, "credentials cannot be used: those from before stay"),
            }
        }
    }
}

impl Watched {
    /// Reads the file and publishes it beside what the others hold; answers how many entries it has.
    fn reload(&self, auth: &Auth) -> Result<usize, FileError> {
        let (_, current) = auth.published();
        let mut credentials = Credentials::clone(&current);
        let entries = match self.file {
            File::Keys => {
                let keys = read_keys(&self.path, auth)?;
                credentials.keys.insert(keys).count()
            }
            File::Users => {
                let users = read_users(&self.path)?;
                let count = users.count();
                if let Some(tokens) = &mut credentials.tokens {
                    tokens.users = users;
                }
                count
            }
            File::Secret => {
                let signer = read_signer(&self.path)?;
                if let Some(tokens) = &mut credentials.tokens {
                    tokens.signer = signer;
                }
                1
            }
        };
        auth.publish(credentials);
        Ok(entries)
    }
}

fn read_keys(path: &Path, auth: &Auth) -> Result<Arc<Keys>, FileError> {
    lines::read(path, |bytes| Keys::parse(bytes, |name| auth.counted(name))).map(Arc::new)
}

fn read_users(path: &Path) -> Result<Arc<Users>, FileError> {
    lines::read(path, Users::parse).map(Arc::new)
}

fn read_signer(path: &Path) -> Result<Arc<Signer>, FileError> {
    lines::read(path, Signer::parse).map(Arc::new)
}
