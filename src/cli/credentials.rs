//! `tamis hash-password` and `tamis new-key`: what stands in the files of `--users` and `--api-keys`.

use std::io::{BufRead as _, Error, IsTerminal as _, Read as _, Result, Write as _, stderr, stdin};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::auth::keys::hexadecimal_digest;
use crate::auth::users::{self, MAX_PASSWORD};

/// The hash of the password that is typed, unseen, or that stands in the first line of standard input.
///
/// # Errors
/// If there is none, or it is too long.
pub fn hash_password() -> Result<String> {
    let password = if stdin().is_terminal() {
        let password = ask("Password: ")?;
        if ask("Once more: ")? != password {
            return Err(Error::other("the two differ"));
        }
        password
    } else {
        first_line()?
    };
    users::hash_password(&password).map_err(Error::other)
}

/// A new key, and its line for the file.
///
/// # Errors
/// If the system gives no random bytes.
pub fn new_key(name: &str, scopes: &str) -> Result<String> {
    let (mut random, mut text) = ([0; 32], [0; 64]);
    getrandom::fill(&mut random).map_err(|error| Error::other(error.to_string()))?;
    let text = Base64UrlUnpadded::encode(&random, &mut text).map_err(|error| Error::other(error.to_string()))?;
    let key = format!("{PREFIX}{text}");
    Ok(format!("key   {key}\nline  {name}:{}:{scopes}\n", hexadecimal_digest(key.as_bytes())))
}

/// What a key begins with, so that whoever finds one knows what it opens.
const PREFIX: &str = "tamis_";

fn ask(question: &str) -> Result<Vec<u8>> {
    // Before the question: whoever answers at once is not shown either.
    let _unseen = Unseen::new()?;
    let mut errors = stderr();
    errors.write_all(question.as_bytes())?;
    errors.flush()?;
    let line = first_line();
    errors.write_all(b"\n")?;
    line
}

/// The next line of standard input without its end, no longer than a password may be and a byte.
fn first_line() -> Result<Vec<u8>> {
    let mut line = Vec::new();
    stdin().lock().take(MAX_PASSWORD as u64 + 3).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

/// A terminal that does not show what is typed, until it is dropped.
struct Unseen(Termios);

impl Unseen {
    fn new() -> Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // Of a terminal that is gone there is nothing to mend.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
