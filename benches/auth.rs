//! What a request's credentials cost: an API key among as many as a file may hold, one that is not known, a token that this
//! worker has seen before, and the signature of one that it has not.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tamis::auth::gate::{Gate, Need, Presented};
use tamis::auth::keys::{MAX_KEYS, hexadecimal_digest};
use tamis::auth::name::Name;
use tamis::auth::scopes::Scope;
use tamis::auth::token::{MAX_TOKEN, Signer};
use tamis::auth::{Auth, Settings, TokenSettings, unix_seconds};

/// A key has 49 bytes, as `tamis new-key` makes them.
const KEY: &str = "tamis_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const SECRET: &str = "ssssssssssssssssssssssssssssssss";
const USER: &str =
    "student:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4:predict\n";

fn admission(criterion: &mut Criterion) {
    let auth = auth();
    let mut token = [0; MAX_TOKEN];
    let name = Name::new(b"student").expect("a name");
    let (length, _) = auth.issue(name, None, &mut token).expect("a user");
    let bearer = [b"Bearer ", &token[..length]].concat();
    let mut gate = Gate::new(auth);
    let mut group = criterion.benchmark_group("auth");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    let wrong = KEY.replace('0', "1");
    for (what, presented, is_good) in [
        ("key", Presented { api_key: Some(KEY.as_bytes()), authorization: None }, true),
        ("unknown key", Presented { api_key: Some(wrong.as_bytes()), authorization: None }, false),
        ("token", Presented { api_key: None, authorization: Some(&bearer) }, true),
    ] {
        let mut admit = || gate.admit(Need::Scope(Scope::Predict), black_box(&presented), unix_seconds);
        assert_eq!(admit().is_ok(), is_good, "{what}");
        group.bench_function(what, |bencher| bencher.iter(&mut admit));
    }
    let signer = Signer::parse(SECRET.as_bytes()).expect("a secret");
    let token = &token[..length];
    assert!(signer.verify(token, unix_seconds()).is_ok());
    group.bench_function("signature of a token", |bencher| {
        bencher.iter(|| signer.verify(black_box(token), unix_seconds()));
    });
    group.finish();
}

/// As a daemon with the fullest file of keys, a user and a secret.
fn auth() -> Arc<Auth> {
    let file = |name: &str, text: &str| -> PathBuf {
        let path = std::env::temp_dir().join(format!("tamis-bench-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a writable directory");
        path
    };
    let mut keys = format!("team:{}\n", hexadecimal_digest(KEY.as_bytes()));
    for other in 1..MAX_KEYS {
        let _ = writeln!(keys, "team:{}", hexadecimal_digest(format!("{KEY}{other}").as_bytes()));
    }
    let files = [file("keys", &keys), file("users", USER), file("secret", SECRET)];
    let [api_keys, users, secret] = files.clone();
    let tokens = TokenSettings { users, secret, seconds: 1800, attempts: 10 };
    let settings =
        Settings { api_keys: Some(api_keys), tokens: Some(tokens), closed_metrics: false, closed_probes: false };
    let auth = Auth::start(&settings).expect("good files");
    for file in files {
        std::fs::remove_file(file).expect("its own");
    }
    auth
}

criterion_group!(benches, admission);
criterion_main!(benches);
