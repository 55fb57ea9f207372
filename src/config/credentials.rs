//! The flags of authentication: what they are together, and what does not fit.

use clap::ValueEnum;

use super::Flags;
use crate::auth;

/// `--auth`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// None
    None,
    /// X-API-Key
    ApiKey,
    /// Authorization: Bearer
    #[value(name = "oauth2")]
    OAuth2,
    /// Either of the two
    Both,
}

/// `--auth-metrics`, `--auth-probes`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Door {
    /// To everybody
    Open,
    /// To the scope 'admin'
    Closed,
}

impl Flags {
    /// What requests must have, if anything.
    pub fn auth(&self) -> Option<auth::Settings> {
        if self.auth == AuthMode::None {
            return None;
        }
        let files = self.users.clone().zip(self.token_secret.clone());
        let tokens = files.map(|(users, secret)| auth::TokenSettings {
            users,
            secret,
            seconds: self.token_seconds as u64,
            attempts: self.token_attempts as u32,
        });
        Some(auth::Settings {
            api_keys: self.api_keys.clone(),
            tokens,
            closed_metrics: self.auth_metrics == Door::Closed,
            closed_probes: self.auth_probes == Door::Closed,
        })
    }

    /// What does not fit together in the flags of authentication: a file that would be ignored is as wrong as one that is
    /// missing, for either leaves a door open or shut that somebody thinks is not.
    pub(super) fn wrong_with_auth(&self) -> Option<&'static str> {
        let keys = matches!(self.auth, AuthMode::ApiKey | AuthMode::Both);
        let tokens = matches!(self.auth, AuthMode::OAuth2 | AuthMode::Both);
        let closed = self.auth_metrics == Door::Closed || self.auth_probes == Door::Closed;
        Some(match () {
            () if keys && self.api_keys.is_none() => "--auth api-key and both need --api-keys",
            () if tokens && self.users.is_none() => "--auth oauth2 and both need --users",
            () if tokens && self.token_secret.is_none() => "--auth oauth2 and both need --token-secret",
            () if !keys && self.api_keys.is_some() => "--api-keys is for --auth api-key and both",
            () if !tokens && self.users.is_some() => "--users is for --auth oauth2 and both",
            () if !tokens && self.token_secret.is_some() => "--token-secret is for --auth oauth2 and both",
            () if closed && self.auth == AuthMode::None => "--auth-metrics and --auth-probes need --auth",
            () => return None,
        })
    }
}

/// A name as it stands in a file.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    let name = auth::name::Name::new(text.as_bytes()).ok_or("not 1 to 64 letters, digits, '.', '_', '-' or '@'")?;
    Ok(name.as_str().to_owned())
}

/// Scopes as they stand in a file, in one order.
pub(super) fn scopes(text: &str) -> Result<String, &'static str> {
    let scopes = auth::scopes::Scopes::parse(text, ',').ok_or("not some of 'analyze', 'predict' and 'admin'")?;
    Ok(scopes.each().collect::<Vec<_>>().join(","))
}
