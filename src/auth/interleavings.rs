//! Credentials that are published while gates let requests in, in every interleaving. Run by `make loom` (see [`crate::sync`]).
//!
//! What was tried to break it, each found:
//!
//! | change | found by |
//! |---|---|
//! | `Auth::publish`: the number goes up before the lock is taken | `a_gate_is_never_behind_what_it_has_seen_and_never_between_two` |
//! | `Auth::published`: the number is read after the lock is let go | the same |
//! | `Gate::admit`: the number is noted, and the credentials are not taken | the same |
//!
//! Relaxed in the place of release and acquire was tried too, and is not found: the lock, in which the number goes up, orders
//! all that it has to. They stay, for whoever reads the number without the lock one day.

use std::sync::Arc;

use super::gate::{Denied, Gate, Need, Presented, Scheme};
use super::keys::{Keys, hexadecimal_digest};
use super::{Auth, Credentials};
use crate::sync::thread;

/// With one key, called `key`.
fn credentials(key: &str) -> Credentials {
    let line = format!("team:{}", hexadecimal_digest(key.as_bytes()));
    let keys = Keys::parse(line.as_bytes(), |_| 0).expect("a good line");
    Credentials { keys: Some(Arc::new(keys)), tokens: None }
}

fn opens(gate: &mut Gate, key: &str) -> bool {
    let presented = Presented { api_key: Some(key.as_bytes()), authorization: None };
    match gate.admit(Need::Credential, &presented, || 0) {
        Ok(_) => true,
        Err(denied) => {
            assert_eq!(denied, Denied::Invalid(Scheme::ApiKey));
            false
        }
    }
}

#[test]
fn a_gate_is_never_behind_what_it_has_seen_and_never_between_two() {
    let (first, second) = (credentials("old"), credentials("new"));
    // What authentication is made of is larger than the stacks that loom gives.
    let (first, second) = (Arc::new(first), Arc::new(second));
    loom::model(move || {
        let (first, second) = (Arc::clone(&first), Arc::clone(&second));
        let large = thread::Builder::new().stack_size(1 << 20);
        large.spawn(move || follow(&first, &second)).expect("a thread").join().expect("no panic");
    });
}

/// A gate, while `second` is published in the place of `first`.
fn follow(first: &Credentials, second: &Arc<Credentials>) {
    let auth = Arc::new(Auth::with(first.clone()));
    let watch = {
        let (auth, second) = (Arc::clone(&auth), Credentials::clone(second));
        thread::spawn(move || auth.publish(second))
    };
    let mut gate = Gate::new(Arc::clone(&auth));
    let new = opens(&mut gate, "new");
    let old = opens(&mut gate, "old");
    assert!(!(new && old), "the old key after the new one");
    watch.join().expect("no panic");
    // From the next request on.
    assert!(opens(&mut gate, "new") && !opens(&mut gate, "old"), "the gate is behind for ever");
    let (number, _) = auth.published();
    assert_eq!(number, auth.generation());
}
