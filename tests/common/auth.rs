//! What authentication is tested with: credentials as the binary writes them, requests, and what is told of a refusal.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use super::http::{Request, Response};
use super::inference::json;
use super::tools;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// What tokens are signed with.
pub const SECRET: &str = "an unmistakable secret of more than 32 bytes";
/// Of every user.
pub const PASSWORD: &str = "an unmistakable pass+word & more";
/// A body of `/predict`.
pub const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
/// A body of `/analyze`.
pub const TEXT: &str = r#"{"text":"You are kind."}"#;

/// A directory of credentials, gone with the test.
pub struct Files(pub PathBuf);

impl Files {
    /// An empty directory that no other test of this process has.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tamis-auth-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// Writes a file and answers its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a plain path").to_owned()
    }

    /// `--auth oauth2` with the users `student`, who has what users have, and `operator`, who has `admin` alone.
    pub fn tokens(&self) -> Vec<String> {
        let hash = run(&["hash-password"], &format!("{PASSWORD}\n"));
        let users = format!("# users\nstudent:{}\noperator:{}:admin\n", hash.trim(), hash.trim());
        let (users, secret) = (self.write("users", &users), self.write("secret", &format!("{SECRET}\n")));
        ["--auth", "oauth2", "--users", &users, "--token-secret", &secret].map(str::to_owned).to_vec()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the binary prints.
pub fn run(arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut process = Command::new(tools::tamis_binary());
    let mut process = process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    process.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// A new key, and its line for the file.
pub fn new_key(arguments: &[&str]) -> (String, String) {
    let printed = run(&[&["new-key"], arguments].concat(), "");
    let lines: Vec<_> = printed.lines().filter_map(|line| line.split_once(' ')).collect();
    let [("key", key), ("line", line)] = lines[..] else { panic!("{printed}") };
    (key.trim().to_owned(), format!("{}\n", line.trim()))
}

/// A daemon of one worker with `more` settings.
pub fn start(more: &[String]) -> Daemon {
    let mut arguments = vec!["--workers", "1", "--bert", "off"];
    arguments.extend(more.iter().map(String::as_str));
    Daemon::start(&arguments)
}

/// The settings for keys alone, from this file.
pub fn api_keys(path: &str) -> Vec<String> {
    ["--auth", "api-key", "--api-keys", path].map(str::to_owned).to_vec()
}

/// A request for an iris.
pub fn predict() -> Request {
    Request::json("/predict", IRIS)
}

/// A request for a text.
pub fn analyze() -> Request {
    Request::json("/analyze", TEXT)
}

/// A request for a token with this body.
pub fn form(body: &str) -> Request {
    Request::post("/token", body).header("Content-Type", "application/x-www-form-urlencoded")
}

/// The right one for `user`.
pub fn log_in(user: &str) -> Request {
    form(&format!("username={user}&password=an+unmistakable%20pass%2Bword+%26+more"))
}

/// `request` with the token that `response` gives.
pub fn bearer(request: Request, response: &Response) -> Request {
    let answer = json(response);
    request.header("Authorization", &format!("Bearer {}", answer["access_token"].as_str().expect("a token")))
}

/// The challenge of a refusal.
pub fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap_or("none")
}

/// Status, `error_type` and challenge.
pub fn told(response: &Response) -> (u16, String, &str) {
    let kind = if response.status < 400 {
        String::new()
    } else {
        json(response)["error_type"].as_str().unwrap_or("none").to_owned()
    };
    (response.status, kind, challenge(response))
}

/// Asks until the answer has this status.
pub fn wait_for(daemon: &Daemon, request: &Request, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while daemon.ask(request).status != status {
        assert!(Instant::now() < deadline, "it never answers {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
