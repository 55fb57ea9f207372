use std::fs;
use std::path::Path;
use std::task::{Poll, Waker};

use super::keys::hexadecimal_digest;
use super::scopes::Scope;
use super::token::MAX_TOKEN;
use super::*;

/// "password", as in the tests of [`users`].
const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).expect("a name")
}

fn key(name: &str, key: &str) -> String {
    format!("{name}:{}\n", hexadecimal_digest(key.as_bytes()))
}

/// A directory of credentials, which goes with the test.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tamis-unit-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    /// Written beside and renamed over, so that the file is another whatever the clock says.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(self.0.join("next"), text).expect("written");
        fs::rename(self.0.join("next"), &path).expect("renamed");
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings(files: &Files) -> Settings {
    let tokens = TokenSettings {
        users: files.write("users", &format!("student:{HASH}:predict\n")),
        secret: files.write("secret", &"s".repeat(32)),
        seconds: 60,
        attempts: 2,
    };
    let api_keys = Some(files.write("keys", &key("team", "first")));
    Settings { api_keys, tokens: Some(tokens), closed_metrics: true, closed_probes: false }
}

/// With these files, and no thread that looks at them unasked.
fn unattended(settings: &Settings) -> Auth {
    let schemes =
        Schemes { api_key: true, bearer: true, token_seconds: 60, closed_metrics: false, closed_probes: false };
    let auth = Auth::empty(schemes, Attempts::new(2, 0), Watch::new(settings));
    let credentials = auth.watch.lock().read_all(&auth).expect("good files");
    auth.publish(credentials);
    auth
}

fn opens(auth: &Auth, key: &str) -> bool {
    let (_, credentials) = auth.published();
    credentials.keys.as_ref().expect("keys").find(key.as_bytes()).is_some()
}

#[test]
fn each_file_is_followed_by_itself_and_a_bad_one_changes_nothing() {
    let files = Files::new("followed");
    let auth = unattended(&settings(&files));
    auth.look();
    assert_eq!((auth.reloads(), auth.generation()), ([0; 6], 1), "nothing has changed");
    files.write("keys", &(key("team", "second") + &key("other", "third")));
    auth.look();
    assert_eq!((opens(&auth, "first"), opens(&auth, "second"), opens(&auth, "third")), (false, true, true));
    assert_eq!(auth.reloads(), [1, 0, 0, 0, 0, 0]);
    files.write("keys", "team:unreadable\n");
    auth.look();
    auth.look();
    assert!(opens(&auth, "second"));
    assert_eq!(auth.reloads(), [1, 1, 0, 0, 0, 0], "it is refused once, not at each look");

    let mut token = [0; MAX_TOKEN];
    let (length, _) = auth.issue(name("student"), None, &mut token).expect("a token");
    let good = |token: &[u8]| {
        let (_, credentials) = auth.published();
        credentials.tokens.as_ref().expect("tokens").signer.verify(token, unix_seconds()).is_ok()
    };
    assert!(good(&token[..length]));
    files.write("users", &format!("teacher:{HASH}:analyze\nassistant:{HASH}\n"));
    auth.look();
    assert_eq!(auth.issue(name("student"), None, &mut [0; MAX_TOKEN]), Err(Scopes::NONE), "struck from the file");
    assert!(auth.issue(name("teacher"), None, &mut [0; MAX_TOKEN]).is_ok());
    assert!(good(&token[..length]), "the secret is as it was");
    files.write("secret", &"t".repeat(32));
    auth.look();
    assert!(!good(&token[..length]), "another secret");
    files.write("secret", "short");
    fs::remove_file(files.0.join("users")).expect("removed");
    auth.look();
    assert!(auth.issue(name("teacher"), None, &mut [0; MAX_TOKEN]).is_ok(), "those from before stay");
    assert_eq!(auth.reloads(), [1, 1, 1, 1, 1, 1]);
    assert_eq!(File::ALL.map(File::as_str), ["api-keys", "users", "token-secret"]);
}

#[test]
fn a_token_is_good_for_what_is_asked_but_never_for_more_than_its_user_is() {
    let files = Files::new("issued");
    let auth = unattended(&settings(&files));
    files.write("users", &format!("student:{HASH}:predict,analyze\n"));
    auth.look();
    let (predict, both) = (Scopes::parse("predict", ',').expect("a scope"), Scopes::DEFAULT);
    let mut out = [0; MAX_TOKEN];
    assert_eq!(auth.issue(name("student"), None, &mut out).expect("a token").1, both);
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let (length, granted) = auth.issue(name("student"), Some(predict), &mut out).expect("a token");
    assert_eq!(granted, predict);
    let (_, credentials) = auth.published();
    let claims = credentials.tokens.as_ref().expect("tokens").signer.verify(&out[..length], before).expect("good");
    assert_eq!((claims.subject, claims.scopes), (name("student"), predict));
    assert!((before + 60..before + 90).contains(&claims.expires), "by the wall clock: {}", claims.expires);
    for more in ["admin", "predict,admin"] {
        let asked = Scopes::parse(more, ',').expect("scopes");
        assert_eq!(auth.issue(name("student"), Some(asked), &mut out), Err(both), "{more}");
    }
    assert!(granted.has(Scope::Predict));
    auth.publish(Credentials { keys: None, tokens: None });
    assert_eq!(auth.issue(name("student"), None, &mut out), Err(Scopes::NONE), "no tokens at all");
}

#[test]
fn the_first_names_are_counted_by_themselves_and_the_later_ones_together() {
    let auth = Auth::with(Credentials { keys: None, tokens: None });
    assert_eq!((auth.named(), auth.names()), (0, vec![]));
    let names: Vec<_> = (0..NAMED_KEYS + 2).map(|at| name(&format!("n{at}"))).collect();
    for round in 0..2 {
        for (at, name) in names.iter().enumerate() {
            let expected = if at < NAMED_KEYS { at as u8 } else { NO_NAME };
            assert_eq!(auth.counted(name), expected, "round {round}");
        }
    }
    assert_eq!((auth.named(), auth.names()), (NAMED_KEYS, names[..NAMED_KEYS].to_vec()));
}

#[test]
fn what_is_asked_for_is_what_is_accepted() {
    let files = Files::new("accepted");
    let all = settings(&files);
    let schemes = *Auth::start(&all).expect("good files").schemes();
    assert!(schemes.api_key && schemes.bearer && schemes.closed_metrics && !schemes.closed_probes);
    assert_eq!(schemes.token_seconds, 60);
    let keys_only = Settings { tokens: None, closed_metrics: false, closed_probes: true, ..all.clone() };
    let schemes = *Auth::start(&keys_only).expect("a good file").schemes();
    assert!(schemes.api_key && !schemes.bearer && !schemes.closed_metrics && schemes.closed_probes);
    for file in ["keys", "users", "secret"] {
        let kept = fs::read(files.0.join(file)).expect("read");
        fs::remove_file(files.0.join(file)).expect("removed");
        let error = Auth::start(&all).err().expect("refused");
        assert_eq!(error.path, files.0.join(file));
        assert!(error.to_string().starts_with(&format!("{}: ", error.path.display())), "{error}");
        fs::write(files.0.join(file), kept).expect("written");
    }
    assert!(Auth::start(&all).is_ok());
}

#[test]
fn a_wrong_password_counts_against_its_client_and_a_right_one_does_not() {
    let files = Files::new("attempts");
    let auth = Auth::start(&settings(&files)).expect("good files");
    let log_in = |password: &[u8]| auth.log_in(1, Some(name("student")), password).map(ended);
    for _ in 0..5 {
        assert_eq!(log_in(b"password"), Ok(true));
        auth.logged_in(1);
    }
    assert_eq!((log_in(b"wrong"), log_in(b"Password")), (Ok(false), Ok(false)));
    assert!(matches!(log_in(b"password"), Err(Busy::Attempts(1..=60))), "the third");
    assert!(auth.log_in(2, None, b"password").is_ok(), "another client is not held back");
}

#[test]
fn a_file_that_changes_is_read_without_being_asked() {
    let files = Files::new("unasked");
    let auth = Auth::start(&settings(&files)).expect("good files");
    files.write("keys", &key("team", "second"));
    let deadline = Instant::now() + Duration::from_mins(1);
    while !opens(&auth, "second") {
        assert!(Instant::now() < deadline, "not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!opens(&auth, "first"));
}

/// How the login ends, which takes milliseconds.
fn ended(mut login: Login) -> bool {
    let mut context = std::task::Context::from_waker(Waker::noop());
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Poll::Ready(matches) = login.poll(&mut context) {
            return matches;
        }
        assert!(Instant::now() < deadline, "not within a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_file_longer_than_what_is_read_is_refused_and_named() {
    let files = Files::new("longest");
    let line = key("team", "first");
    let filled = |length: usize| format!("{line}#{}", "x".repeat(length - line.len() - 1));
    let read = |path: &Path| lines::read(path, |bytes| keys::Keys::parse(bytes, |_| 0).map(|_| bytes.len()));
    let most = lines::MAX_FILE as usize;
    assert_eq!(most, 1_048_576);
    assert_eq!(read(&files.write("keys", &filled(most))), Ok(most));
    let path = files.write("keys", &filled(most + 1));
    let error = read(&path).expect_err("refused");
    assert_eq!(error.to_string(), format!("{}: longer than 1048576 bytes", path.display()));
    let path = files.write("keys", &format!("{line}b:00\n"));
    let error = read(&path).expect_err("refused").to_string();
    assert!(error.starts_with(&format!("{}, line 2: after the name", path.display())), "{error}");
}
