//! No secret leaves the daemon but to whom it belongs: every route, with credentials good and bad, in every place that a client
//! may put one, at the most verbose level; then everything that the process emitted is searched.

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::auth::{Files, PASSWORD, PATIENCE, SECRET, log_in, new_key, run};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::tools::tool_or_skip;
use serde_json::Value;

/// Of a password that is nobody's.
const WRONG: &str = "unmistakably-wrong-password";
/// Of a text: what clients send is their own business too.
const TEXT: &str = "unmistakable words of a user";

/// What must not be found, by name, in each form in which it may be written.
struct Secrets(Vec<(&'static str, Vec<String>)>);

impl Secrets {
    fn add(&mut self, name: &'static str, secret: &str) {
        let hexadecimal = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let encoded = secret.replace('%', "%25").replace('+', "%2B").replace('&', "%26");
        let forms = [secret.to_owned(), encoded.replace(' ', "+"), encoded.replace(' ', "%20"), hexadecimal];
        self.0.push((name, forms.to_vec()));
    }

    fn assert_none_in(&self, place: &str, emitted: &str) {
        for (name, forms) in &self.0 {
            let found = forms.iter().find(|form| emitted.contains(form.as_str()));
            assert!(found.is_none(), "{name} stands in {place}: {emitted}");
        }
    }
}

/// Every route and method of the description, a path's parameters filled in, each with a body that is good.
fn routes() -> Vec<Request> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).expect("a document")).expect("JSON");
    let text = format!(r#"{{"text":"{TEXT}","texts":["{TEXT}"],"input":"{TEXT}","features":[5.1,3.5,1.4,0.2]}}"#);
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys() {
            let path = path.replace("{model}", "simple").replace("{version}", "1");
            routes.push(match method.as_str() {
                "get" => Request::get(&path),
                _ => Request::json(&path, text.clone()),
            });
        }
    }
    assert!(routes.len() >= 29, "{}", routes.len());
    routes
}

/// The request with `secret` wherever a client might put it, rightly or by mistake.
fn everywhere(request: &Request, secret: &str) -> Vec<Request> {
    let plain = secret.replace(' ', "+").replace('&', "%26");
    let mut asked = vec![
        request.clone().header("X-API-Key", secret),
        request.clone().header("X-API-Key", secret).header("X-API-Key", secret),
        request.clone().header("Authorization", &format!("Bearer {secret}")),
        request.clone().header("Authorization", &format!("Basic {secret}")),
        request.clone().header("Authorization", secret),
        request.clone().header("Cookie", &format!("session={secret}")),
    ];
    for target in [format!("?key={plain}"), format!("/{plain}")] {
        let mut strange = request.clone();
        strange.target.push_str(&target);
        asked.push(strange);
    }
    asked
}

/// Files that turn bad while it runs: told by their name and line, and not quoted.
fn spoil(daemon: &Daemon, files: [(&String, String); 3]) {
    for (path, text) in files {
        std::fs::write(path, text).expect("written");
    }
    let deadline = Instant::now() + PATIENCE;
    let refused = || {
        let samples = daemon.scrape();
        let of = |file| samples.value("tamis_auth_reloads_total", &[("file", file), ("result", "refused")]);
        ["api-keys", "users", "token-secret"].map(of)
    };
    while refused().contains(&0.0) {
        assert!(Instant::now() < deadline, "the files are not read anew");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn no_secret_stands_in_logs_answers_metrics_or_the_command_line() {
    let files = Files::new("secrets");
    let (key, line) = new_key(&["team", "--scopes", "analyze,predict,admin"]);
    let (stranger, _) = new_key(&["nobody"]);
    let mut arguments = files.tokens();
    arguments[1] = "both".to_owned();
    let (users, secret) = (arguments[3].clone(), arguments[5].clone());
    let keys = files.write("keys", &line);
    let more = ["--api-keys", &keys, "--log-level", "debug", "--access-log", "--access-log-limit", "1000000"];
    let more = [&more[..], &["--workers", "1", "--bert", "off", "--token-attempts", "1000"]].concat();
    arguments.extend(more.into_iter().map(str::to_owned));
    let mut daemon = Daemon::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());

    let hash = run(&["hash-password"], &format!("{PASSWORD}\n"));
    let stored = std::fs::read_to_string(&users).expect("users");
    let mut secrets = Secrets(Vec::new());
    for (name, secret) in [
        ("the key", key.as_str()),
        ("a key of nobody", &stranger),
        ("the password", PASSWORD),
        ("a wrong password", WRONG),
        ("what signs tokens", SECRET),
        ("a hash of a password", hash.trim().rsplit('$').next().expect("a hash")),
        ("the stored hash", stored.lines().nth(1).and_then(|line| line.rsplit('$').next()).expect("a hash")),
        ("the digest of the key", line.split(':').nth(1).expect("a digest")),
        ("a text", TEXT),
    ] {
        secrets.add(name, secret);
    }
    // The one answer that may say one is to whoever asks for it.
    let token = json(&daemon.ask(&log_in("student")))["access_token"].as_str().expect("a token").to_owned();
    secrets.add("a token", &token);
    secrets.add("a token's signature", token.rsplit('.').next().expect("a signature"));

    let form = |body: String| Request::post("/token", body).header("Content-Type", "application/x-www-form-urlencoded");
    let mut asked: Vec<_> = ["student", "stranger", "no+name", PASSWORD]
        .map(|user| form(format!("username={}&password={WRONG}", user.replace('&', "%26"))))
        .into();
    asked.push(form(format!("username=student&password={WRONG}&password={WRONG}&client_secret={WRONG}")));
    asked.push(form(format!("username=student&password={WRONG}%zz")));
    asked.push(Request::json("/token", format!(r#"{{"username":"student","password":"{WRONG}"}}"#)));
    for credential in [key.as_str(), &stranger, &token, &token[..token.len() - 4], SECRET, PASSWORD] {
        asked.extend(routes().iter().flat_map(|route| everywhere(route, credential)));
    }
    // What cannot be read, and what is too much, by who may ask and who may not.
    for (credential, body) in [(&key, "{\"text\":\"unmistakable words of a user"), (&stranger, "[["), (&key, "")] {
        asked.push(Request::json("/analyze", body).header("X-API-Key", credential));
    }
    asked.push(Request::json("/analyze", TEXT.repeat(100_000)).header("X-API-Key", &key));
    asked.push(Request::get(&"/x".repeat(40_000)).header("X-API-Key", &key));
    let mut statuses = std::collections::BTreeSet::new();
    for request in &asked {
        let answer = daemon.ask(request);
        // An answer may give back what asked for it only where that is what was asked: nothing here is.
        let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let headers = headers.collect::<Vec<_>>().concat();
        secrets.assert_none_in(&format!("the answer to {} {}", request.method, request.target), &headers);
        secrets.assert_none_in(&format!("the body for {}", request.target), &String::from_utf8_lossy(&answer.body));
        statuses.insert(answer.status);
    }
    for status in [200, 400, 401, 404, 413] {
        assert!(statuses.contains(&status), "not every refusal was met: {statuses:?}");
    }
    for junk in [format!("GET /{key} HTTP/9\r\n\r\n"), format!("{key}\r\n\r\n"), format!("X-API-Key : {key}\r\n\r\n")] {
        let mut connection = daemon.connect();
        connection.send(junk.as_bytes()).expect("sent");
        let answer = connection.read_response().expect("a refusal");
        secrets.assert_none_in("the answer to junk", &String::from_utf8_lossy(&answer.body));
    }
    if let Some(curl) = tool_or_skip("curl") {
        for path in ["/predict", "/nope"] {
            let url = format!("http://{}{path}?key={key}", daemon.address());
            let told = Command::new(&curl)
                .args(["--silent", "--http2-prior-knowledge", "--header", &format!("X-API-Key: {key}"), &url])
                .args(["--header", &format!("Authorization: Bearer {token}"), "--data", TEXT])
                .output()
                .expect("curl runs");
            secrets.assert_none_in("an answer over HTTP/2", &String::from_utf8_lossy(&told.stdout));
        }
    }
    for accept in ["text/plain", "application/openmetrics-text", "application/vnd.google.protobuf"] {
        for path in ["/metrics", "/status"] {
            let answer = daemon.ask(&Request::get(path).header("Accept", accept).header("X-API-Key", &key));
            secrets.assert_none_in(path, &String::from_utf8_lossy(&answer.body));
        }
    }
    for file in ["cmdline", "environ", "comm", "status"] {
        let told = std::fs::read(format!("/proc/{}/{file}", daemon.id())).unwrap_or_default();
        secrets.assert_none_in(file, &String::from_utf8_lossy(&told));
    }
    spoil(&daemon, [(&keys, format!("{key}\n")), (&users, format!("student:{PASSWORD}\n")), (&secret, WRONG.into())]);
    daemon.wait_for("credentials cannot be used: those from before stay", PATIENCE);
    daemon.signal("TERM");
    let (ended, lines) = daemon.wait(PATIENCE);
    assert!(ended.success());
    assert!(lines.len() > asked.len(), "the access log was on: {}", lines.len());
    for line in lines {
        secrets.assert_none_in("the log", &line.to_string());
    }
}

#[test]
fn a_start_that_fails_names_the_file_and_quotes_nothing() {
    let files = Files::new("failing-start");
    let (key, line) = new_key(&["team"]);
    let mut secrets = Secrets(Vec::new());
    for (name, secret) in [("the key", key.as_str()), ("a password", PASSWORD), ("what signs", "short secret")] {
        secrets.add(name, secret);
    }
    let good = files.write("good-keys", &line);
    let users = files.write("users", &format!("student:{PASSWORD}\n"));
    let short = files.write("short", "short secret");
    for arguments in [
        vec!["--auth", "api-key", "--api-keys", &files.write("keys", &format!("{key}\n"))],
        vec!["--auth", "both", "--api-keys", &good, "--users", &users, "--token-secret", &short],
        vec!["--auth", "oauth2", "--users", &good, "--token-secret", &short],
        vec!["--auth", "api-key", "--api-keys", &good, "--users", &users],
    ] {
        let ran = Command::new(common::tools::tamis_binary())
            .args(["--listen", "127.0.0.1:0", "--log-level", "debug"])
            .args(&arguments)
            .output()
            .expect("it runs");
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(!told.is_empty());
        secrets.assert_none_in("what a failing start says", &told);
    }
}
