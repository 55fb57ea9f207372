//! Files of credentials and headers that present one: whoever is let in holds a key of the file or a token that was issued.

use std::cell::RefCell;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tamis::auth::gate::{Denied, Gate, Need, Presented, Scheme, bearer};
use tamis::auth::keys::{Keys, hexadecimal_digest};
use tamis::auth::name::Name;
use tamis::auth::scopes::{Scope, Scopes};
use tamis::auth::token::{Claims, MAX_TOKEN, Signer};
use tamis::auth::users::Users;
use tamis::auth::{Auth, Credentials, Settings, Tokens};

use super::sample::Sample;

const KEY: &[u8] = b"tamis_fuzz";
const USERS: &str =
    "student:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4:predict";
/// When requests come, and when tokens end.
const NOW: u64 = 50;
const END: u64 = 100;

thread_local! {
    static GATE: RefCell<Gate> = RefCell::new(gate());
}

/// A choice, and then a file or two headers, parted by a line feed.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    match sample.below(3) {
        0 => presented(sample.until(b'\n'), sample.0),
        1 => keys(sample.0),
        _ => users(sample.0),
    }
}

/// The value of `X-API-Key`, and that of `Authorization` in which `TOKEN` and `OLD` stand for tokens.
fn presented(api_key: &[u8], authorization: &[u8]) {
    let authorization: Vec<u8> = match authorization.split_at_checked(7) {
        Some((scheme, b"TOKEN")) => [scheme, &token(END)].concat(),
        Some((scheme, b"OLD")) => [scheme, &token(NOW)].concat(),
        _ => authorization.to_vec(),
    };
    let presented = Presented {
        api_key: (api_key != b"-").then_some(api_key),
        authorization: (authorization != b"-").then_some(&authorization),
    };
    let held = bearer(&authorization).filter(|_| presented.authorization.is_some());
    for need in [Need::Credential, Need::Scope(Scope::Analyze), Need::Scope(Scope::Predict), Need::Scope(Scope::Admin)]
    {
        // The key is good for analyses, the token for irises.
        let by_key = api_key == KEY && matches!(need, Need::Credential | Need::Scope(Scope::Analyze));
        let by_token = held == Some(&token(END)) && matches!(need, Need::Credential | Need::Scope(Scope::Predict));
        let admitted = GATE.with_borrow_mut(|gate| gate.admit(need, &presented, || NOW));
        assert_eq!(admitted.is_ok(), by_key || by_token, "{need:?}: {admitted:?}");
        match admitted {
            Ok(subject) => assert_eq!(subject.scheme == Scheme::ApiKey, by_key),
            Err(Denied::Missing) => assert!(presented.api_key.is_none() && held.is_none()),
            Err(Denied::Expired) => assert_eq!(held, Some(&*token(NOW))),
            Err(Denied::Scope(_)) => assert!(api_key == KEY || held == Some(&token(END))),
            Err(Denied::Invalid(_)) => {}
        }
    }
}

/// A file of keys: each of its lines is found by the digest that stands there, and nothing else is.
fn keys(file: &[u8]) {
    let Ok(keys) = Keys::parse(file, |name| name.as_str().len() as u8) else { return };
    let text = std::str::from_utf8(file).expect("a file that is read is text");
    let entries: Vec<&str> =
        text.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(keys.count(), entries.len());
    for presented in [KEY, b"", b"other"] {
        let digest = hexadecimal_digest(presented);
        assert_eq!(Sha256::digest(presented).iter().map(|byte| format!("{byte:02x}")).collect::<String>(), digest);
        let entry = entries
            .iter()
            .find(|entry| entry.split(':').nth(1).is_some_and(|digits| digits.trim().eq_ignore_ascii_case(&digest)));
        let found = keys.find(presented);
        assert_eq!(found.map(|key| key.name.as_str()), entry.map(|entry| entry.split(':').next().unwrap_or("").trim()));
        let Some(key) = found else { continue };
        assert_eq!(usize::from(key.counted), key.name.as_str().len());
        let scopes = entry.and_then(|entry| entry.splitn(3, ':').nth(2));
        assert_eq!(
            key.scopes,
            scopes.map_or(Some(Scopes::DEFAULT), |names| Scopes::parse(names, ',')).expect("scopes")
        );
    }
}

/// A file of users: as many as it has entries, and each by its name.
fn users(file: &[u8]) {
    let Ok(users) = Users::parse(file) else { return };
    let text = std::str::from_utf8(file).expect("a file that is read is text");
    let entries = text.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for entry in entries {
        let name = Name::new(entry.split(':').next().unwrap_or_default().trim().as_bytes()).expect("a name");
        assert!(users.find(&name).is_some(), "{entry}");
        count += 1;
    }
    assert_eq!(users.count(), count);
    assert!(users.find(&Name::new(b"nobody@nowhere").expect("a name")).is_none() || text.contains("nobody@nowhere"));
}

fn signer() -> Signer {
    Signer::parse(&[1; 32]).expect("a secret")
}

/// A token of the user for everything, which ends at `expires`.
fn token(expires: u64) -> Vec<u8> {
    let claims = Claims {
        subject: Name::new(b"student").expect("a name"),
        scopes: Scopes::parse("analyze predict admin", ' ').expect("scopes"),
        expires,
    };
    let mut out = [0; MAX_TOKEN];
    let length = signer().issue(&claims, 1, &mut out);
    out[..length].to_vec()
}

/// A gate of a key and a user. Credentials come from files alone, so it begins with one that is no longer there.
fn gate() -> Gate {
    let path = std::env::temp_dir().join(format!("tamis-fuzzed-{}", std::process::id()));
    let line = format!("team:{}:analyze", hexadecimal_digest(KEY));
    std::fs::write(&path, &line).expect("a writable directory");
    let settings = Settings { api_keys: Some(path.clone()), tokens: None, closed_metrics: false, closed_probes: false };
    let auth = Auth::start(&settings).expect("a good file");
    let keys = Some(Arc::new(Keys::parse(line.as_bytes(), |_| 0).expect("a good file")));
    let users = Arc::new(Users::parse(USERS.as_bytes()).expect("a good file"));
    auth.publish(Credentials { keys, tokens: Some(Tokens { users, signer: Arc::new(signer()) }) });
    std::fs::remove_file(path).expect("it was there");
    Gate::new(auth)
}
