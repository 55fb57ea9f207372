//! Secrets are compared in constant time: callgrind counts the instructions of a comparison, and they are the same, to the
//! last one, wherever what was presented begins to differ. Instructions and not nanoseconds, because no other load on the machine
//! can disturb them; a comparison that stops at the first difference is counted beside, to show that the counts would tell.
//!
//! The count is that of the code between a call and its answer, for one kind of answer: that a key is good is no secret.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tamis::auth::cache::{Cache, Verified};
use tamis::auth::keys::{Keys, hexadecimal_digest};
use tamis::auth::name::Name;
use tamis::auth::scopes::Scopes;
use tamis::auth::token::{Claims, MAX_TOKEN, Signer};
use tamis::auth::users::Users;

// Not the whole room, of which this test has no use.
#[path = "common/tools.rs"]
#[allow(dead_code)]
mod tools;

const KEY: &str = "tamis_kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
/// "password" with the salt "somesalt", from the tests of the reference implementation of Argon2.
const USER: &str =
    "student:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4:predict";

/// What is counted: everything below these names, and nothing else.
mod counted {
    use super::{Cache, Keys, Name, Signer, Users};
    use std::hint::black_box;

    #[inline(never)]
    pub fn counted_key(keys: &Keys, presented: &[u8]) -> bool {
        black_box(keys).find(black_box(presented)).is_some()
    }

    #[inline(never)]
    pub fn counted_token(signer: &Signer, presented: &[u8]) -> bool {
        black_box(signer).verify(black_box(presented), 1000).is_ok()
    }

    #[inline(never)]
    pub fn counted_remembered(cache: &Cache, presented: &[u8]) -> bool {
        black_box(cache).find(black_box(presented)).is_some()
    }

    #[inline(never)]
    pub fn counted_password(users: &Users, name: &Name, presented: &[u8]) -> bool {
        black_box(users).verify(Some(name), black_box(presented))
    }

    /// Stops where the two differ.
    #[inline(never)]
    pub fn counted_naively(stored: &[u8], presented: &[u8]) -> bool {
        black_box(stored).iter().zip(black_box(presented)).all(|(one, other)| one == other)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [perform, kind, presented] = &arguments[..]
        && perform == "--perform"
    {
        return perform_once(kind, presented);
    }
    // As a test with the harness would: a name that does not fit asks for another test.
    if arguments.iter().any(|word| !word.starts_with('-') && !"constant_time".contains(word.as_str())) {
        return;
    }
    let Some(valgrind) = tools::tool_or_skip("valgrind") else { return };
    let mut table = String::new();
    let mut count = |kind: &str, name: &str, presented: &str| {
        let count = instructions(&valgrind, kind, presented);
        let _ = writeln!(table, "| {kind} | {name} | {count} |");
        count
    };
    let keys = wrong_keys();
    let keys = keys.each_ref().map(|(name, key)| count("key", name, key));
    let tokens = wrong_tokens();
    let remembered = tokens.each_ref().map(|(name, token)| count("remembered", name, token));
    let tokens = tokens.each_ref().map(|(name, token)| count("token", name, token));
    let passwords =
        [("first letter differs", "qassword"), ("last letter differs", "passwore"), ("all differ", "12345678")];
    let passwords = passwords.map(|(name, password)| count("password", name, password));
    let naive = [("first byte differs", "x".repeat(64)), ("last byte differs", format!("{}x", "0".repeat(63)))];
    let naive = naive.each_ref().map(|(name, presented)| count("naive", name, presented));
    let mut out = std::io::stdout().lock();
    let _ = std::io::Write::write_all(&mut out, table.as_bytes());
    for counts in [&keys[..], &tokens, &remembered, &passwords] {
        assert!(counts.iter().all(|count| *count == counts[0] && *count > 100), "they are not the same:\n{table}");
    }
    assert!(naive[0] < naive[1], "the counts would not tell:\n{table}");
}

/// Keys that are no good, by where they or their digests begin to differ from the good one.
fn wrong_keys() -> [(&'static str, String); 4] {
    let stored = Sha256::digest(KEY);
    // By its first bytes the digest is looked up as well.
    let shared = |key: &String| Sha256::digest(key).iter().zip(&stored).take_while(|(one, other)| one == other).count();
    let guess = |number: u32| format!("tamis_{number:043}");
    let close = (0..10_000_000).map(guess).find(|key| shared(key) >= 2).expect("one of 65,536");
    let last = format!("{}j", &KEY[..KEY.len() - 1]);
    [
        ("first letter differs", format!("T{}", &KEY[1..])),
        ("last letter differs", last),
        ("all differ", "x".repeat(KEY.len())),
        ("two bytes of the digest are right", close),
    ]
}

/// Tokens whose signature is wrong in one place.
fn wrong_tokens() -> [(&'static str, String); 3] {
    let claims = Claims { subject: name(), scopes: Scopes::DEFAULT, expires: 2000 };
    let mut out = [0; MAX_TOKEN];
    let length = signer().issue(&claims, 1000, &mut out);
    let good = std::str::from_utf8(&out[..length]).expect("text");
    assert!(signer().verify(good.as_bytes(), 1000).is_ok());
    [("first letter of the signature", 43), ("a letter in the middle", 22), ("last letter", 1)].map(
        |(name, from_end)| {
            let mut wrong = good.as_bytes().to_vec();
            let at = wrong.len() - from_end;
            // Letters whose last two bits are 0, as those of the last one have to be.
            wrong[at] = if wrong[at] == b'E' { b'I' } else { b'E' };
            (name, String::from_utf8(wrong).expect("text"))
        },
    )
}

fn signer() -> Signer {
    Signer::parse(&[7; 32]).expect("a secret")
}

fn name() -> Name {
    Name::new(b"student").expect("a name")
}

/// One comparison, after another of the same kind, by which everything is where it will be.
fn perform_once(kind: &str, presented: &str) {
    let presented = presented.as_bytes();
    let before = vec![b'y'; presented.len()];
    let good = match kind {
        "key" => {
            let line = format!("team:{}\nother:{}\n", hexadecimal_digest(KEY.as_bytes()), hexadecimal_digest(b"other"));
            let keys = Keys::parse(line.as_bytes(), |_| 0).expect("good lines");
            assert!(keys.find(KEY.as_bytes()).is_some() && keys.find(&before).is_none());
            counted::counted_key(&keys, presented)
        }
        "token" => {
            assert!(signer().verify(&before, 1000).is_err());
            let mut out = [0; MAX_TOKEN];
            let claims = Claims { subject: name(), scopes: Scopes::DEFAULT, expires: 2000 };
            assert!(signer().issue(&claims, 1000, &mut out) > 0);
            counted::counted_token(&signer(), presented)
        }
        "remembered" => {
            let mut cache = Cache::new(true);
            let mut out = [0; MAX_TOKEN];
            let claims = Claims { subject: name(), scopes: Scopes::DEFAULT, expires: 2000 };
            let length = signer().issue(&claims, 1000, &mut out);
            cache.insert(&out[..length], Verified { client: 1, scopes: Scopes::DEFAULT, expires: 2000 });
            assert!(cache.find(&out[..length]).is_some() && cache.find(&before).is_none());
            counted::counted_remembered(&cache, presented)
        }
        "password" => {
            let users = Users::parse(USER.as_bytes()).expect("a good line");
            assert!(users.verify(Some(&name()), b"password") && !users.verify(Some(&name()), &before));
            counted::counted_password(&users, &name(), presented)
        }
        _ => counted::counted_naively(&[b'0'; 64], presented),
    };
    assert!(!good, "only what is wrong is counted");
}

/// What callgrind counts of one comparison.
fn instructions(valgrind: &Path, kind: &str, presented: &str) -> u64 {
    let binary: PathBuf = std::env::current_exe().expect("this binary");
    let ran = Command::new(valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_*"])
        .arg(binary)
        .args(["--perform", kind, presented])
        .output()
        .expect("valgrind runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{kind} {presented}: {told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    collected.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{told}"))
}
