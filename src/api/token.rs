//! `POST /token`: a token for a password, the resource owner password credentials grant of RFC 6749, section 4.3.
//!
//! `grant_type` may be left out, as `FastAPI`'s form allows: clients of the stacks that this daemon takes over do. What is
//! unknown is ignored (section 3.2), a client's own identifier and secret among it.

use std::task::{Context, Poll};

use super::form::{Field, fields};
use super::{Request, Worker};
use crate::auth::Busy;
use crate::auth::name::Name;
use crate::auth::passwords::Login;
use crate::auth::scopes::Scopes;
use crate::auth::token::MAX_TOKEN;
use crate::auth::users::MAX_PASSWORD;
use crate::json::write::Writer;
use crate::metrics::labels::{Authentication, Shed};
use crate::problem::{Fault, Problem};

/// A request whose password is being verified; dropping it gives up.
pub struct Waiting {
    login: Login,
    name: Option<Name>,
    asked: Option<Scopes>,
    client: u64,
}

impl Waiting {
    /// Whether the password is the user's, once; until then the task of `context` is woken when that is known.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.login.poll(context)
    }
}

/// Reads the form and has the password verified.
///
/// # Errors
/// What is wrong with the form; [`Problem::TooManyAttempts`] and [`Problem::Overloaded`].
pub fn begin(worker: &Worker, request: &Request<'_>) -> Result<Waiting, Fault> {
    let auth = worker.auth.as_ref().ok_or(Fault::new(Problem::NotFound))?;
    let (mut grant, mut user) = (Field::<32>::new(), Field::<256>::new());
    let (mut password, mut scope) = (Field::<MAX_PASSWORD>::new(), Field::<128>::new());
    for (name, value) in fields(request.body) {
        match name {
            b"grant_type" => grant.take(value, "grant_type")?,
            b"username" => user.take(value, "username")?,
            b"password" => password.take(value, "password")?,
            b"scope" => scope.take(value, "scope")?,
            _ => {}
        }
    }
    if grant.value().is_some_and(|grant| grant != b"password") {
        return Err(Fault::new(Problem::UnsupportedGrantType));
    }
    let missing = |name| Fault::new(Problem::InvalidRequest).field(name).expected("is missing", "");
    let user = user.value().ok_or(missing("username"))?;
    let password = password.value().ok_or(missing("password"))?;
    let asked = match scope.value() {
        None => None,
        Some(names) => {
            let scopes = std::str::from_utf8(names).ok().and_then(|names| Scopes::parse(names, ' '));
            Some(scopes.ok_or(Fault::new(Problem::InvalidScope).field("scope"))?)
        }
    };
    // What cannot be a name is nobody's, and verified as long as anybody's.
    let name = Name::new(user);
    let login = auth.log_in(request.client, name, password).map_err(|busy| match busy {
        Busy::Attempts(seconds) => {
            worker.shard.authenticated(Authentication::PasswordLimited);
            Fault::new(Problem::TooManyAttempts).retry_after(seconds)
        }
        Busy::Queue => {
            worker.shard.shed(Shed::Queue);
            Fault::new(Problem::Overloaded)
        }
    })?;
    Ok(Waiting { login, name, asked, client: request.client })
}

/// Writes the token, if the password `matches`; answers the length.
///
/// # Errors
/// [`Problem::InvalidGrant`] if it does not, [`Problem::InvalidScope`] if the user may not have what was asked for.
pub fn resume(worker: &Worker, waiting: &Waiting, matches: bool, out: &mut [u8]) -> Result<usize, Fault> {
    let auth = worker.auth.as_ref().ok_or(Fault::new(Problem::NotFound))?;
    let Some(name) = waiting.name.filter(|_| matches) else {
        worker.shard.authenticated(Authentication::PasswordRefused);
        return Err(Fault::new(Problem::InvalidGrant));
    };
    worker.shard.authenticated(Authentication::PasswordAccepted);
    auth.logged_in(waiting.client);
    let mut token = [0; MAX_TOKEN];
    let issued = auth.issue(name, waiting.asked, &mut token);
    let (length, scopes) = issued.map_err(|_| Fault::new(Problem::InvalidScope).field("scope"))?;
    let mut writer = Writer::new(out);
    writer.raw(br#"{"access_token":""#);
    writer.raw(&token[..length]);
    writer.raw(br#"","token_type":"bearer","expires_in":"#);
    writer.integer(auth.schemes().token_seconds);
    writer.raw(br#","scope":""#);
    for (index, scope) in scopes.each().enumerate() {
        writer.raw(if index == 0 { b"" } else { b" " });
        writer.raw(scope.as_bytes());
    }
    writer.raw(br#""}"#);
    Ok(writer.finish().unwrap_or_default())
}
