//! Authentication against the real daemon: every mode, every refusal with its headers, files that change while it runs,
//! passwords that are tried too often, and a log that never says a secret.

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::json;
use common::metrics::delta;
use common::tools;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "an unmistakable secret of more than 32 bytes";
const PASSWORD: &str = "an unmistakable pass+word & more";
const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;
const TEXT: &str = r#"{"text":"You are kind."}"#;

/// A directory of credentials, gone with the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tamis-auth-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a plain path").to_owned()
    }

    /// `--auth oauth2` with the users `student`, who has what users have, and `operator`, who has `admin` alone.
    fn tokens(&self) -> Vec<String> {
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
fn run(arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut process = Command::new(tools::tamis_binary());
    let mut process = process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    process.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = process.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// A new key, and its line for the file.
fn new_key(arguments: &[&str]) -> (String, String) {
    let printed = run(&[&["new-key"], arguments].concat(), "");
    let lines: Vec<_> = printed.lines().filter_map(|line| line.split_once(' ')).collect();
    let [("key", key), ("line", line)] = lines[..] else { panic!("{printed}") };
    (key.trim().to_owned(), format!("{}\n", line.trim()))
}

fn start(more: &[String]) -> Daemon {
    let mut arguments = vec!["--workers", "1", "--bert", "off"];
    arguments.extend(more.iter().map(String::as_str));
    Daemon::start(&arguments)
}

fn api_keys(path: &str) -> Vec<String> {
    ["--auth", "api-key", "--api-keys", path].map(str::to_owned).to_vec()
}

fn predict() -> Request {
    Request::json("/predict", IRIS)
}

fn analyze() -> Request {
    Request::json("/analyze", TEXT)
}

fn form(body: &str) -> Request {
    Request::post("/token", body).header("Content-Type", "application/x-www-form-urlencoded")
}

fn log_in(user: &str) -> Request {
    form(&format!("username={user}&password=an+unmistakable%20pass%2Bword+%26+more"))
}

fn bearer(request: Request, response: &Response) -> Request {
    let answer = json(response);
    request.header("Authorization", &format!("Bearer {}", answer["access_token"].as_str().expect("a token")))
}

fn challenge(response: &Response) -> &str {
    response.header("www-authenticate").unwrap_or("none")
}

/// Status, `error_type` and challenge.
fn told(response: &Response) -> (u16, String, &str) {
    let kind = if response.status < 400 {
        String::new()
    } else {
        json(response)["error_type"].as_str().unwrap_or("none").to_owned()
    };
    (response.status, kind, challenge(response))
}

/// Asks until the answer has this status.
fn wait_for(daemon: &Daemon, request: &Request, status: u16) {
    let deadline = Instant::now() + PATIENCE;
    while daemon.ask(request).status != status {
        assert!(Instant::now() < deadline, "it never answers {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_key_opens_what_it_is_good_for_and_nothing_opens_without() {
    let files = Files::new("keys");
    let ((good, line), (admin, admin_line)) = (new_key(&["team"]), new_key(&["operator", "--scopes", "admin,predict"]));
    assert!(good.len() == 49 && good.starts_with("tamis_") && good != admin);
    let path = files.write("keys", &format!("{line}{admin_line}"));
    let daemon = start(
        &[api_keys(&path), ["--auth-metrics", "closed", "--auth-probes", "closed"].map(str::to_owned).to_vec()]
            .concat(),
    );
    let ask = |request: Request, key: &str| daemon.ask(&request.header("X-API-Key", key));
    let realm = "APIKey realm=\"tamis\"";
    for path in ["/model-info", "/metrics", "/status", "/health", "/livez", "/readyz", "/startupz"] {
        assert_eq!(told(&daemon.ask(&Request::get(path))), (401, "unauthorized".to_owned(), realm), "{path}");
        let head = Request::new("HEAD", path);
        let mut connection = daemon.connect();
        connection.send(&head.to_bytes()).expect("sent");
        assert_eq!(connection.read_response_to("HEAD").expect("an answer").status, 401, "{path}");
        assert_eq!(ask(Request::get(path), &admin).status, 200, "{path}");
        let expected = if path == "/model-info" { 200 } else { 403 };
        let refused = ask(Request::get(path), &good);
        assert_eq!(refused.status, expected, "{path}");
        if expected == 403 {
            assert_eq!(challenge(&refused), format!("{realm}, error=\"insufficient_scope\", scope=\"admin\""));
        }
    }
    for request in [predict(), analyze()] {
        assert_eq!(told(&daemon.ask(&request)), (401, "unauthorized".to_owned(), realm));
        assert_eq!(ask(request.clone(), &good).status, 200);
        for wrong in ["", "tamis_", &good[..48], &good.to_uppercase(), "x".repeat(5000).as_str()] {
            let answer = ask(request.clone(), wrong);
            assert_eq!((answer.status, challenge(&answer)), (401, "APIKey realm=\"tamis\", error=\"invalid_token\""));
        }
        let twice = request.clone().header("X-API-Key", &good);
        assert_eq!(ask(twice, &good).status, 401, "of two keys neither is trusted");
        let as_token = request.clone().header("Authorization", &format!("Bearer {good}"));
        assert_eq!(daemon.ask(&as_token).status, 401, "a key is no token");
    }
    assert_eq!(told(&ask(analyze(), &admin)).0, 403);
    // What needs no credential: the greeting, what browsers ask before they ask, and what is refused anyway.
    for (request, status) in [
        (Request::get("/"), 200),
        (Request::new("OPTIONS", "/predict"), 204),
        (Request::get("/nope"), 404),
        (Request::get("/predict"), 405),
        (log_in("student"), 404),
    ] {
        assert_eq!(daemon.ask(&request).status, status);
    }
    // The connection is fit for the next request after a refusal, whose body was read.
    let mut connection = daemon.connect();
    for _ in 0..3 {
        assert_eq!(connection.exchange(&predict()).expect("an answer").status, 401);
        assert_eq!(connection.exchange(&predict().header("X-API-Key", &good)).expect("an answer").status, 200);
    }
}

#[test]
fn a_password_gives_a_token_which_opens_what_the_user_may() {
    let files = Files::new("tokens");
    let daemon = start(&files.tokens());
    let answer = daemon.ask(&log_in("student"));
    let told_token = json(&answer);
    assert_eq!(
        (answer.status, &told_token["token_type"], &told_token["expires_in"]),
        (200, &"bearer".into(), &1800.into())
    );
    assert_eq!(told_token["scope"], "analyze predict");
    for response in [&answer, &daemon.ask(&form("username=student"))] {
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("pragma"), Some("no-cache"));
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    let realm = "Bearer realm=\"tamis\"";
    for request in [predict(), analyze(), Request::get("/model-info")] {
        assert_eq!(told(&daemon.ask(&request)), (401, "unauthorized".to_owned(), realm));
        assert_eq!(daemon.ask(&bearer(request.clone(), &answer)).status, 200);
        for wrong in ["Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c"] {
            let refused = daemon.ask(&request.clone().header("Authorization", wrong));
            assert_eq!(refused.status, 401, "{wrong}");
        }
        let refused = daemon.ask(&request.clone().header("Authorization", "Bearer a.b.c"));
        assert_eq!(challenge(&refused), "Bearer realm=\"tamis\", error=\"invalid_token\"");
        let basic = daemon.ask(&request.clone().header("Authorization", "Basic YTpi"));
        assert_eq!(challenge(&basic), realm, "another scheme is no credential");
    }
    // Metrics and probes are open unless they are closed.
    assert_eq!((daemon.ask(&Request::get("/metrics")).status, daemon.ask(&Request::get("/readyz")).status), (200, 200));
    let narrow = daemon.ask(&form(
        "grant_type=password&username=student&password=an+unmistakable+pass%2Bword+%26+more&scope=predict&client_id=x",
    ));
    assert_eq!(json(&narrow)["scope"], "predict");
    assert_eq!(daemon.ask(&bearer(predict(), &narrow)).status, 200);
    let refused = daemon.ask(&bearer(analyze(), &narrow));
    let expected = "Bearer realm=\"tamis\", error=\"insufficient_scope\", scope=\"analyze\"";
    assert_eq!(told(&refused), (403, "forbidden".to_owned(), expected));
    assert_eq!(daemon.ask(&bearer(predict(), &daemon.ask(&log_in("operator")))).status, 403);
}

#[test]
fn what_is_wrong_with_a_request_for_a_token_is_told_as_rfc_6749_says() {
    let files = Files::new("token-errors");
    let daemon = start(&[files.tokens(), ["--token-attempts", "1000"].map(str::to_owned).to_vec()].concat());
    let good = "username=student&password=an+unmistakable+pass%2Bword+%26+more";
    let before = daemon.scrape();
    for (body, error) in [
        ("", "invalid_request"),
        ("username=student", "invalid_request"),
        ("username=&password=x", "invalid_request"),
        ("password=x", "invalid_request"),
        ("username=student&password=%zz", "invalid_request"),
        ("username=student&username=student&password=x", "invalid_request"),
        (&format!("username=student&password={}", "x".repeat(513)), "invalid_request"),
        (&format!("{good}&grant_type=client_credentials"), "unsupported_grant_type"),
        ("username=student&password=wrong", "invalid_grant"),
        ("username=stranger&password=wrong", "invalid_grant"),
        ("username=no+name&password=wrong", "invalid_grant"),
        ("username=Student&password=an+unmistakable+pass%2Bword+%26+more", "invalid_grant"),
        (&format!("{good}&scope=admin"), "invalid_scope"),
        (&format!("{good}&scope=root"), "invalid_scope"),
        ("username=student&password=wrong&scope=admin", "invalid_grant"),
    ] {
        let answer = daemon.ask(&form(body));
        let document = json(&answer);
        assert_eq!(
            (answer.status, &document["error"], &document["error_type"]),
            (400, &error.into(), &error.into()),
            "{body}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    let moved = delta(&before, &daemon.scrape());
    let errors = |kind| moved.value("api_errors_total", &[("error_type", kind), ("endpoint", "/token")]);
    let found = ["invalid_request", "unsupported_grant_type", "invalid_grant", "invalid_scope"].map(errors);
    assert_eq!(found, [7.0, 1.0, 5.0, 2.0]);
    let labels = [("method", "POST"), ("handler", "/token"), ("status", "400")];
    assert_eq!(moved.value("http_requests_total", &labels), 15.0);
    let json_body = daemon.ask(&Request::json("/token", "{}"));
    assert_eq!((json_body.status, daemon.ask(&Request::get("/token")).status), (415, 405));
    assert!(json(&json_body)["detail"].as_str().is_some_and(|detail| detail.contains("x-www-form-urlencoded")));
}

#[test]
fn of_both_either_is_enough_and_who_asks_is_one_client_whatever_the_address() {
    let files = Files::new("both");
    let (key, line) = new_key(&["team"]);
    let mut arguments = files.tokens();
    arguments[1] = "both".to_owned();
    arguments.extend(["--api-keys".to_owned(), files.write("keys", &line)]);
    let daemon = start(&arguments);
    let token = daemon.ask(&log_in("student"));
    let both = "Bearer realm=\"tamis\", APIKey realm=\"tamis\"";
    assert_eq!(told(&daemon.ask(&analyze())), (401, "unauthorized".to_owned(), both));
    assert_eq!(daemon.ask(&analyze().header("X-API-Key", &key)).status, 200);
    assert_eq!(daemon.scrape().value("toxicity_api_active_users", &[]), 1.0);
    assert_eq!(daemon.ask(&bearer(analyze(), &token)).status, 200);
    assert_eq!(daemon.ask(&bearer(analyze().header("X-API-Key", "wrong"), &token)).status, 200);
    let samples = daemon.scrape();
    assert_eq!(samples.value("toxicity_api_active_users", &[]), 2.0, "two subjects at one address");
    let count = |scheme, result| samples.value("tamis_auth_total", &[("scheme", scheme), ("result", result)]);
    assert_eq!((count("none", "missing"), count("api-key", "accepted"), count("bearer", "accepted")), (1.0, 1.0, 2.0));
    assert_eq!(count("password", "accepted"), 1.0);
    let requests = |key| samples.value("tamis_key_requests_total", &[("key", key)]);
    assert_eq!((requests("team"), requests("other")), (1.0, 0.0));
}

#[test]
fn tokens_end_and_too_many_passwords_are_refused() {
    let files = Files::new("limits");
    let more = ["--token-seconds", "2", "--token-attempts", "3"].map(str::to_owned).to_vec();
    let daemon = start(&[files.tokens(), more].concat());
    let answer = daemon.ask(&log_in("student"));
    assert_eq!((answer.status, daemon.ask(&bearer(predict(), &answer)).status), (200, 200));
    wait_for(&daemon, &bearer(predict(), &answer), 401);
    let expired = "Bearer realm=\"tamis\", error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!(challenge(&daemon.ask(&bearer(predict(), &answer))), expired);
    // Right passwords do not count, however many.
    for _ in 0..5 {
        assert_eq!(daemon.ask(&log_in("student")).status, 200);
    }
    for _ in 0..3 {
        assert_eq!(daemon.ask(&form("username=student&password=wrong")).status, 400);
    }
    let limited = daemon.ask(&log_in("student"));
    assert_eq!((limited.status, json(&limited)["error_type"].as_str()), (429, Some("too_many_attempts")));
    let seconds = limited.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{seconds:?}");
    let samples = daemon.scrape();
    let count = |result| samples.value("tamis_auth_total", &[("scheme", "password"), ("result", result)]);
    assert_eq!((count("accepted"), count("refused"), count("limited")), (6.0, 3.0, 1.0));
}

#[test]
fn a_user_who_does_not_exist_takes_as_long_as_one_who_does() {
    let files = Files::new("timing");
    let daemon = start(&[files.tokens(), ["--token-attempts", "1000"].map(str::to_owned).to_vec()].concat());
    let least = |user: &str| {
        let body = format!("username={user}&password=wrong");
        let times = (0..7).map(|_| {
            let begun = Instant::now();
            assert_eq!(daemon.ask(&form(&body)).status, 400);
            begun.elapsed()
        });
        times.min().expect("seven")
    };
    let (known, unknown, nobody) = (least("student"), least("stranger"), least("no+name"));
    // The work is tens of milliseconds for each; a lookup that spared it would take less than one.
    for other in [unknown, nobody] {
        assert!(other * 3 > known && known * 3 > other, "{known:?} {unknown:?} {nobody:?}");
    }
    assert!(known > Duration::from_millis(2), "{known:?}");
}

#[test]
fn files_are_loaded_anew_when_they_change_and_a_bad_one_changes_nothing() {
    let files = Files::new("reload");
    let ((first, first_line), (second, second_line)) = (new_key(&["first"]), new_key(&["second"]));
    let path = files.write("keys", &first_line);
    let mut daemon = start(&api_keys(&path));
    let with = |key: &str| predict().header("X-API-Key", key);
    assert_eq!((daemon.ask(&with(&first)).status, daemon.ask(&with(&second)).status), (200, 401));
    // Another file renamed over it.
    let next = files.write("next", &second_line);
    std::fs::rename(&next, &path).expect("renamed");
    wait_for(&daemon, &with(&second), 200);
    assert_eq!(daemon.ask(&with(&first)).status, 401, "what is gone from the file is gone");
    // A line that cannot be read.
    std::fs::write(&path, format!("{second_line}\nthird:unmistakable\n")).expect("written");
    let line = daemon.wait_for("credentials cannot be used: those from before stay", PATIENCE);
    assert!(line["error"].as_str().is_some_and(|error| error.contains(&path) && error.contains("line 3")), "{line}");
    assert!(!line.to_string().contains("unmistakable"), "{line}");
    assert_eq!(daemon.ask(&with(&second)).status, 200);
    // Both in the same file, in place.
    std::fs::write(&path, format!("{first_line}{second_line}")).expect("written");
    wait_for(&daemon, &with(&first), 200);
    let samples = daemon.scrape();
    let reloads = |result| samples.value("tamis_auth_reloads_total", &[("file", "api-keys"), ("result", result)]);
    assert_eq!((reloads("loaded"), reloads("refused")), (2.0, 1.0));
    let requests = |key| samples.value("tamis_key_requests_total", &[("key", key)]);
    assert!(requests("first") >= 2.0 && requests("second") >= 2.0, "names that come later are counted too");
}

#[test]
fn mounted_secrets_are_followed_through_the_swap_of_their_links() {
    let files = Files::new("mounted");
    let ((first, first_line), (second, second_line)) = (new_key(&["team"]), new_key(&["team"]));
    // As the kubelet lays a secret out: keys -> ..data/keys, ..data -> a directory, swapped by a rename.
    let lay = |directory: &str, text: &str| {
        std::fs::create_dir(files.0.join(directory)).expect("a directory");
        std::fs::write(files.0.join(directory).join("keys"), text).expect("written");
    };
    lay("..1", &first_line);
    symlink("..1", files.0.join("..data")).expect("linked");
    symlink(Path::new("..data/keys"), files.0.join("keys")).expect("linked");
    let path = files.0.join("keys");
    let daemon = start(&api_keys(path.to_str().expect("a plain path")));
    let with = |key: &str| predict().header("X-API-Key", key);
    assert_eq!((daemon.ask(&with(&first)).status, daemon.ask(&with(&second)).status), (200, 401));
    lay("..2", &second_line);
    symlink("..2", files.0.join("..data_tmp")).expect("linked");
    std::fs::rename(files.0.join("..data_tmp"), files.0.join("..data")).expect("renamed");
    wait_for(&daemon, &with(&second), 200);
    assert_eq!(daemon.ask(&with(&first)).status, 401);
}

#[test]
fn users_and_the_secret_are_loaded_anew_too() {
    let files = Files::new("reload-users");
    let daemon = start(&files.tokens());
    let token = daemon.ask(&log_in("student"));
    let with_token = bearer(predict(), &token);
    assert_eq!(daemon.ask(&with_token).status, 200);
    let users = std::fs::read_to_string(files.0.join("users")).expect("users");
    let without: String = users.split_inclusive('\n').filter(|line| !line.starts_with("student")).collect();
    files.write("users", &without);
    wait_for(&daemon, &with_token, 401);
    assert_eq!(daemon.ask(&log_in("student")).status, 400, "struck from the file");
    files.write("users", &users);
    wait_for(&daemon, &with_token, 200);
    files.write("secret", &"another secret of 32 bytes or more".repeat(2));
    wait_for(&daemon, &with_token, 401);
    assert_eq!(daemon.ask(&bearer(predict(), &daemon.ask(&log_in("student")))).status, 200);
}

#[test]
fn what_cannot_be_used_at_start_is_said_and_ends_with_2() {
    let files = Files::new("start");
    let (_, line) = new_key(&["team"]);
    let tokens = files.tokens();
    let (short, bad) = (files.write("short", "unmistakable"), files.write("bad", &format!("{line}unmistakable:x\n")));
    let missing = files.0.join("missing");
    let missing = missing.to_str().expect("a plain path");
    for (arguments, part) in [
        (vec!["--auth", "api-key"], "--api-keys"),
        (vec!["--auth", "both", "--api-keys", &bad], "--users"),
        (vec!["--auth", "oauth2", "--users", &tokens[3]], "--token-secret"),
        (vec!["--api-keys", &bad], "--auth api-key"),
        (vec!["--users", &bad], "--auth oauth2"),
        (vec!["--auth-metrics", "closed"], "need --auth"),
        (vec!["--auth", "api-key", "--api-keys", &bad], "line 2"),
        (vec!["--auth", "api-key", "--api-keys", missing], "missing"),
        (vec!["--auth", "oauth2", "--users", &tokens[3], "--token-secret", &short], "32 bytes"),
    ] {
        let mut process = Command::new(tools::tamis_binary());
        let output = process.args(["--listen", "127.0.0.1:0"]).args(&arguments).output().expect("it ends");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(part) && !errors.contains("unmistakable"), "{arguments:?}: {errors}");
    }
}

#[test]
fn no_secret_is_ever_logged() {
    let files = Files::new("log");
    let (key, line) = new_key(&["team"]);
    let mut arguments = files.tokens();
    arguments[1] = "both".to_owned();
    arguments.extend(["--api-keys".to_owned(), files.write("keys", &line)]);
    arguments.extend(["--log-level", "debug", "--access-log", "--access-log-limit", "100000"].map(str::to_owned));
    let daemon = start(&arguments);
    let token = daemon.ask(&log_in("student"));
    assert_eq!(token.status, 200);
    let text = json(&token)["access_token"].as_str().expect("a token").to_owned();
    for request in [
        bearer(predict(), &token),
        predict().header("X-API-Key", &key),
        predict().header("X-API-Key", "tamis_unmistakable"),
        predict().header("Authorization", "Bearer unmistakable"),
        Request::get(&format!("/predict?api_key={key}")),
        form("username=student&password=unmistakable"),
        form("username=unmistakable&password=unmistakable%zz"),
    ] {
        daemon.ask(&request);
    }
    let hash = std::fs::read_to_string(files.0.join("users")).expect("users");
    let hash = hash.split('$').nth(5).and_then(|rest| rest.lines().next()).expect("a hash").to_owned();
    files.write("users", "unmistakable:unmistakable\n");
    files.write("secret", "unmistakable");
    let refused = |daemon: &Daemon, file| {
        let samples = daemon.scrape();
        samples.value("tamis_auth_reloads_total", &[("file", file), ("result", "refused")])
    };
    let deadline = Instant::now() + PATIENCE;
    while refused(&daemon, "users") + refused(&daemon, "token-secret") < 2.0 {
        assert!(Instant::now() < deadline, "the bad files are never seen");
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.signal("TERM");
    let (_, lines) = daemon.wait(PATIENCE);
    let log = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(lines.len() > 8, "the most verbose log: {log}");
    let digest = line.split(':').nth(1).expect("a digest");
    for secret in ["unmistakable", &key, &key[6..], &text, text.split('.').nth(2).expect("a signature"), &hash, digest]
    {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn the_probes_of_the_binary_itself_say_why_they_fail_behind_closed_doors() {
    let files = Files::new("probes");
    let (_, line) = new_key(&["team"]);
    let keys = api_keys(&files.write("keys", &line));
    for (door, code) in [("open", 0), ("closed", 1)] {
        let daemon = start(&[keys.clone(), vec!["--auth-probes".to_owned(), door.to_owned()]].concat());
        let mut process = Command::new(tools::tamis_binary());
        let output =
            process.args(["healthcheck", "--listen", &daemon.address().to_string()]).output().expect("it ends");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert_eq!(errors.contains("--auth-probes"), door == "closed", "{errors}");
    }
}
