//! Who may pass to a handler: the credentials in a request's headers, held against what its route needs.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use crate::api::form::{Field, fields};
use crate::api::route::{Access, Action, Route, access};
use crate::auth::gate::{Denied, Gate, Need, Presented, Scheme, Subject, bearer};
use crate::auth::keys::MAX_KEY;
use crate::auth::scopes::Scope;
use crate::auth::{Schemes, unix_seconds};
use crate::metrics::Shard;
use crate::metrics::labels::{Authentication, Handler};
use crate::problem::{Fault, Problem};

/// A request that is not let in.
pub struct Refusal {
    /// What is wrong.
    pub fault: Fault,
    /// The value of `WWW-Authenticate`.
    pub challenge: &'static str,
}

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where Google's clients send the key, if not in the query.
static GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Lets a request for `route` in, or not; answers what tells the subject from other clients, if it has one. No allocation.
/// `query` is looked at where the route has the shape of a service that has its keys there.
///
/// # Errors
/// What the answer is to say.
pub fn admit(
    gate: &mut Gate,
    route: Route,
    headers: &HeaderMap,
    query: Option<&str>,
    shard: &Shard,
) -> Result<Option<u64>, Refusal> {
    let Some(need) = need(route, gate.auth().schemes()) else { return Ok(None) };
    let authorization = value(headers, &AUTHORIZATION);
    let mut of_query = Field::<MAX_KEY>::new();
    let api_key = value(headers, &API_KEY).or_else(|| match route.handler {
        Handler::CommentsAnalyze | Handler::CommentsSuggest => {
            value(headers, &GOOGLE_KEY).or_else(|| key_of_query(query?, &mut of_query))
        }
        Handler::Moderations => authorization.and_then(bearer),
        _ => None,
    });
    let presented = Presented { api_key, authorization };
    let admitted = gate.admit(need, &presented, unix_seconds);
    shard.authenticated(counted(admitted.as_ref()));
    if let Ok(subject) | Err(Denied::Scope(subject)) = &admitted
        && subject.scheme == Scheme::ApiKey
    {
        shard.key_used(subject.counted);
    }
    admitted.map(|subject| Some(subject.client)).map_err(|denied| refusal(denied, need, gate.auth().schemes()))
}

/// What a route needs, if anything: a refusal and `OPTIONS`, which browsers ask without credentials, need nothing.
fn need(route: Route, schemes: &Schemes) -> Option<Need> {
    if !matches!(route.action, Action::Answer | Action::ReadJson | Action::ReadForm | Action::ReadTensors) {
        return None;
    }
    match access(route.handler) {
        Access::Metrics if schemes.closed_metrics => Some(Need::Scope(Scope::Admin)),
        Access::Probe if schemes.closed_probes => Some(Need::Scope(Scope::Admin)),
        Access::Open | Access::Metrics | Access::Probe => None,
        Access::Credential => Some(Need::Credential),
        Access::Scope(scope) => Some(Need::Scope(scope)),
    }
}

/// The value of `key` in a query, decoded into `field`; empty, which is never good, if it stands twice or is no key.
fn key_of_query<'f>(query: &str, field: &'f mut Field<MAX_KEY>) -> Option<&'f [u8]> {
    let mut keys = fields(query.as_bytes()).filter(|(name, _)| *name == b"key").map(|(_, value)| value);
    let taken = field.take(keys.next()?, "key").and(keys.try_for_each(|again| field.take(again, "key")));
    Some(if taken.is_ok() { field.value().unwrap_or_default() } else { b"" })
}

/// The value of a header; of one that stands twice neither can be trusted, so it counts as empty.
fn value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes();
    Some(if values.next().is_some() { b"" } else { value })
}

fn counted(admitted: Result<&Subject, &Denied>) -> Authentication {
    let of = |scheme, key, token| if scheme == Scheme::ApiKey { key } else { token };
    match admitted {
        Ok(subject) => of(subject.scheme, Authentication::KeyAccepted, Authentication::TokenAccepted),
        Err(Denied::Missing) => Authentication::NoneMissing,
        Err(Denied::Invalid(scheme)) => of(*scheme, Authentication::KeyInvalid, Authentication::TokenInvalid),
        Err(Denied::Expired) => Authentication::TokenExpired,
        Err(Denied::Scope(subject)) => of(subject.scheme, Authentication::KeyForbidden, Authentication::TokenForbidden),
    }
}

fn refusal(denied: Denied, need: Need, schemes: &Schemes) -> Refusal {
    /// The challenge of keys, of tokens and of both, with the parameters of RFC 6750, section 3.
    macro_rules! challenges {
        ($parameters:literal) => {
            [
                concat!("APIKey realm=\"tamis\"", $parameters),
                concat!("Bearer realm=\"tamis\"", $parameters),
                concat!("Bearer realm=\"tamis\"", $parameters, ", APIKey realm=\"tamis\""),
            ]
        };
    }
    let unauthorized = |why| Fault::new(Problem::Unauthorized).expected(why, "");
    let (fault, challenges) = match denied {
        Denied::Missing => {
            let why = match (schemes.api_key, schemes.bearer) {
                (true, false) => "send an API key as X-API-Key",
                (false, _) => "send a token of POST /token as Authorization: Bearer",
                (true, true) => "send an API key as X-API-Key, or a token of POST /token as Authorization: Bearer",
            };
            (unauthorized(why), challenges!(""))
        }
        Denied::Invalid(Scheme::ApiKey) => {
            (unauthorized("the API key is not known"), challenges!(", error=\"invalid_token\""))
        }
        Denied::Invalid(Scheme::Bearer) => {
            (unauthorized("the token is not valid"), challenges!(", error=\"invalid_token\""))
        }
        Denied::Expired => (
            unauthorized("the token has expired; POST /token gives another"),
            challenges!(", error=\"invalid_token\", error_description=\"the token has expired\""),
        ),
        Denied::Scope(_) => {
            let scope = if let Need::Scope(scope) = need { scope } else { Scope::Admin };
            let challenges = match scope {
                Scope::Analyze => challenges!(", error=\"insufficient_scope\", scope=\"analyze\""),
                Scope::Predict => challenges!(", error=\"insufficient_scope\", scope=\"predict\""),
                Scope::Admin => challenges!(", error=\"insufficient_scope\", scope=\"admin\""),
            };
            (Fault::new(Problem::Forbidden).expected(scope.as_str(), ""), challenges)
        }
    };
    let accepted = usize::from(schemes.bearer) + usize::from(schemes.bearer && schemes.api_key);
    Refusal { fault, challenge: challenges[accepted] }
}
