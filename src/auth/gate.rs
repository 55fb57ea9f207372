//! The gate of one worker: what a request presents, held against what its route needs. No allocation, no lock unless the
//! credentials have changed.

use std::sync::Arc;

use super::cache::{Cache, Verified};
use super::scopes::Scope;
use super::token::BadToken;
use super::{Auth, Credentials, NO_NAME, Tokens};

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Any credential that is good.
    Credential,
    /// A credential that is good for this.
    Scope(Scope),
}

/// The credentials that a request presents; what stands twice is presented as empty, which is never good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presented<'a> {
    /// The value of `X-API-Key`.
    pub api_key: Option<&'a [u8]>,
    /// The value of `Authorization`.
    pub authorization: Option<&'a [u8]>,
}

/// How a credential is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// An API key.
    ApiKey,
    /// A token.
    Bearer,
}

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What tells the subject from other clients.
    pub client: u64,
    /// By what.
    pub scheme: Scheme,
    /// Where the requests of a key are counted.
    pub counted: u8,
}

/// Who is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing of an accepted scheme was presented.
    Missing,
    /// What was presented is no good.
    Invalid(Scheme),
    /// The token's time is over.
    Expired,
    /// The credential is good, but not for this.
    Scope(Subject),
}

/// One worker's view of the credentials.
pub struct Gate {
    auth: Arc<Auth>,
    seen: u64,
    credentials: Arc<Credentials>,
    /// Tokens that were verified by these credentials.
    verified: Cache,
}

impl Gate {
    /// A gate that follows what `auth` publishes.
    pub fn new(auth: Arc<Auth>) -> Self {
        let (seen, credentials) = auth.published();
        let verified = Cache::new(auth.schemes().bearer);
        Self { auth, seen, credentials, verified }
    }

    /// What it follows.
    pub fn auth(&self) -> &Arc<Auth> {
        &self.auth
    }

    /// Whether what is `presented` is good for what is needed. Either credential is enough. `now` answers the seconds since the Unix
    /// epoch, and is asked only if a token is presented.
    ///
    /// # Errors
    /// Why it is not: of the key, if it is the key and the token that are no good.
    pub fn admit(
        &mut self,
        need: Need,
        presented: &Presented<'_>,
        now: impl FnOnce() -> u64,
    ) -> Result<Subject, Denied> {
        if self.auth.generation() != self.seen {
            (self.seen, self.credentials) = self.auth.published();
            self.verified.clear();
        }
        let by_key = self.by_key(need, presented);
        match by_key {
            Ok(_) => by_key,
            Err(denied) => match (self.by_token(need, presented, now), denied) {
                (Ok(subject), _) => Ok(subject),
                (by_token, Denied::Missing) => by_token,
                _ => by_key,
            },
        }
    }

    fn by_key(&self, need: Need, presented: &Presented<'_>) -> Result<Subject, Denied> {
        let keys = self.credentials.keys.as_ref().ok_or(Denied::Missing)?;
        let presented = presented.api_key.ok_or(Denied::Missing)?;
        let key = keys.find(presented).ok_or(Denied::Invalid(Scheme::ApiKey))?;
        let subject = Subject { client: key.client, scheme: Scheme::ApiKey, counted: key.counted };
        met(need, |scope| key.scopes.has(scope), subject)
    }

    fn by_token(
        &mut self,
        need: Need,
        presented: &Presented<'_>,
        now: impl FnOnce() -> u64,
    ) -> Result<Subject, Denied> {
        let Self { credentials, verified, .. } = self;
        let tokens = credentials.tokens.as_ref().ok_or(Denied::Missing)?;
        let token = presented.authorization.and_then(bearer).ok_or(Denied::Missing)?;
        let now = now();
        let good = match verified.find(token) {
            Some(good) if now < good.expires => good,
            Some(_) => return Err(Denied::Expired),
            None => {
                let good = verify(tokens, token, now)?;
                verified.insert(token, good);
                good
            }
        };
        let subject = Subject { client: good.client, scheme: Scheme::Bearer, counted: NO_NAME };
        met(need, |scope| good.scopes.has(scope), subject)
    }
}

fn verify(tokens: &Tokens, token: &[u8], now: u64) -> Result<Verified, Denied> {
    let claims = tokens.signer.verify(token, now).map_err(|bad| match bad {
        BadToken::Invalid => Denied::Invalid(Scheme::Bearer),
        BadToken::Expired => Denied::Expired,
    })?;
    // Who has been struck from the file is out at once, and who may do less may do less at once.
    let user = tokens.users.find(&claims.subject).ok_or(Denied::Invalid(Scheme::Bearer))?;
    let scopes = claims.scopes.and(user.scopes);
    Ok(Verified { client: claims.subject.client(), scopes, expires: claims.expires })
}

fn met(need: Need, has: impl FnOnce(Scope) -> bool, subject: Subject) -> Result<Subject, Denied> {
    match need {
        Need::Scope(scope) if !has(scope) => Err(Denied::Scope(subject)),
        _ => Ok(subject),
    }
}

/// The token of `Bearer token`, the scheme in any case (RFC 9110, section 11.1, and RFC 6750, section 2.1).
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    if value.is_empty() {
        // It stood twice.
        return Some(value);
    }
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::keys::{Keys, hexadecimal_digest};
    use crate::auth::name::Name;
    use crate::auth::scopes::Scopes;
    use crate::auth::token::{Claims, MAX_TOKEN, Signer};
    use crate::auth::users::Users;

    const USERS: &str =
        "student:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4:predict";

    fn signer() -> Signer {
        Signer::parse(&[1; 32]).expect("a secret")
    }

    fn token(subject: &str, scopes: &str) -> Vec<u8> {
        let subject = Name::new(subject.as_bytes()).expect("a name");
        let claims = Claims { subject, scopes: Scopes::parse(scopes, ' ').expect("scopes"), expires: 100 };
        let mut out = [0; MAX_TOKEN];
        let length = signer().issue(&claims, 1, &mut out);
        [b"bEARER ".as_slice(), &out[..length]].concat()
    }

    fn gate(keys: bool, tokens: bool) -> Gate {
        let keys = keys.then(|| {
            let text = format!("team:{}:analyze", hexadecimal_digest(b"secret"));
            Arc::new(Keys::parse(text.as_bytes(), |_| 3).expect("a good file"))
        });
        let users = || Arc::new(Users::parse(USERS.as_bytes()).expect("a good file"));
        let tokens = tokens.then(|| Tokens { users: users(), signer: Arc::new(signer()) });
        Gate::new(Arc::new(Auth::with(Credentials { keys, tokens })))
    }

    const PREDICT: Need = Need::Scope(Scope::Predict);
    const ANALYZE: Need = Need::Scope(Scope::Analyze);

    fn outcome(
        gate: &mut Gate,
        need: Need,
        api_key: Option<&[u8]>,
        authorization: Option<&[u8]>,
    ) -> Result<Scheme, Denied> {
        gate.admit(need, &Presented { api_key, authorization }, || 50).map(|subject| subject.scheme)
    }

    #[test]
    fn a_key_opens_what_it_is_good_for() {
        let mut gate = gate(true, false);
        let mut ask = |need, key| outcome(&mut gate, need, key, Some(b"Bearer x"));
        assert_eq!(ask(ANALYZE, Some(b"secret".as_slice())), Ok(Scheme::ApiKey));
        assert_eq!(ask(Need::Credential, Some(b"secret")), Ok(Scheme::ApiKey));
        assert!(matches!(ask(PREDICT, Some(b"secret")), Err(Denied::Scope(subject)) if subject.counted == 3));
        for wrong in [b"".as_slice(), b"secre", b"Secret", b"secret "] {
            assert_eq!(ask(ANALYZE, Some(wrong)), Err(Denied::Invalid(Scheme::ApiKey)));
        }
        assert_eq!(ask(ANALYZE, None), Err(Denied::Missing), "a token is no credential here");
    }

    #[test]
    fn a_token_opens_what_both_it_and_its_user_are_good_for() {
        let mut gate = gate(false, true);
        let mut ask = |need, value: &[u8]| outcome(&mut gate, need, Some(b"secret"), Some(value));
        assert_eq!(ask(PREDICT, &token("student", "predict")), Ok(Scheme::Bearer));
        assert!(matches!(ask(ANALYZE, &token("student", "predict analyze")), Err(Denied::Scope(_))));
        assert_eq!(ask(PREDICT, &token("stranger", "predict")), Err(Denied::Invalid(Scheme::Bearer)));
        assert_eq!(ask(PREDICT, b"Bearer nonsense"), Err(Denied::Invalid(Scheme::Bearer)));
        assert_eq!(ask(PREDICT, b""), Err(Denied::Invalid(Scheme::Bearer)), "it stood twice");
        for other in [b"Basic c3R1ZGVudDpwYXNzd29yZA==".as_slice(), b"Bearer", b"bearer"] {
            assert_eq!(ask(PREDICT, other), Err(Denied::Missing));
        }
        let presented = token("student", "predict");
        let late = Presented { api_key: None, authorization: Some(&presented) };
        assert_eq!(gate.admit(PREDICT, &late, || 100), Err(Denied::Expired));
    }

    #[test]
    fn of_both_either_is_enough() {
        let mut gate = gate(true, true);
        let token = token("student", "predict");
        let mut ask = |need, key: Option<&[u8]>, value: Option<&[u8]>| outcome(&mut gate, need, key, value);
        assert_eq!(ask(ANALYZE, Some(b"secret"), None), Ok(Scheme::ApiKey));
        assert_eq!(ask(PREDICT, None, Some(&token)), Ok(Scheme::Bearer));
        assert_eq!(ask(PREDICT, Some(b"secret"), Some(&token)), Ok(Scheme::Bearer), "the key is not good for it");
        assert_eq!(ask(PREDICT, Some(b"wrong"), Some(&token)), Ok(Scheme::Bearer));
        assert_eq!(ask(ANALYZE, Some(b"secret"), Some(b"Bearer wrong")), Ok(Scheme::ApiKey));
        assert_eq!(ask(PREDICT, None, None), Err(Denied::Missing));
        assert_eq!(ask(PREDICT, Some(b"wrong"), None), Err(Denied::Invalid(Scheme::ApiKey)));
        assert_eq!(ask(PREDICT, None, Some(b"Bearer wrong")), Err(Denied::Invalid(Scheme::Bearer)));
    }

    #[test]
    fn what_is_published_counts_from_the_next_request_on() {
        let mut gate = gate(true, false);
        assert_eq!(outcome(&mut gate, ANALYZE, Some(b"secret"), None), Ok(Scheme::ApiKey));
        let text = format!("team:{}", hexadecimal_digest(b"new"));
        let keys = Some(Arc::new(Keys::parse(text.as_bytes(), |_| 0).expect("a good file")));
        gate.auth().publish(Credentials { keys, tokens: None });
        assert_eq!(outcome(&mut gate, ANALYZE, Some(b"secret"), None), Err(Denied::Invalid(Scheme::ApiKey)));
        assert_eq!(outcome(&mut gate, ANALYZE, Some(b"new"), None), Ok(Scheme::ApiKey));
    }

    #[test]
    fn a_token_that_was_let_in_before_is_held_against_the_clock_the_need_and_the_newest_credentials() {
        let mut gate = gate(false, true);
        let value = token("student", "predict");
        let mut changed = value.clone();
        changed[60] ^= 1;
        let again = |gate: &mut Gate, value: &[u8], now| {
            gate.admit(PREDICT, &Presented { api_key: None, authorization: Some(value) }, || now)
                .map(|subject| subject.scheme)
        };
        for _ in 0..3 {
            assert_eq!(again(&mut gate, &value, 99), Ok(Scheme::Bearer));
            assert_eq!(again(&mut gate, &changed, 99), Err(Denied::Invalid(Scheme::Bearer)));
            assert_eq!(again(&mut gate, &value, 100), Err(Denied::Expired));
            assert!(matches!(outcome(&mut gate, ANALYZE, None, Some(&value)), Err(Denied::Scope(_))));
        }
        let publish = |gate: &Gate, users: &str, signer| {
            let users = Arc::new(Users::parse(users.as_bytes()).expect("a good file"));
            gate.auth().publish(Credentials { keys: None, tokens: Some(Tokens { users, signer: Arc::new(signer) }) });
        };
        publish(&gate, &USERS.replace(":predict", ":analyze"), signer());
        assert!(matches!(again(&mut gate, &value, 50), Err(Denied::Scope(_))), "its user may do less");
        publish(&gate, &USERS.replace("student", "teacher"), signer());
        assert_eq!(again(&mut gate, &value, 50), Err(Denied::Invalid(Scheme::Bearer)), "its user is struck");
        publish(&gate, USERS, Signer::parse(&[2; 32]).expect("a secret"));
        assert_eq!(again(&mut gate, &value, 50), Err(Denied::Invalid(Scheme::Bearer)), "the secret is another");
        publish(&gate, USERS, signer());
        assert_eq!(again(&mut gate, &value, 50), Ok(Scheme::Bearer));
    }
}
