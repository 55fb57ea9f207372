//! Files of credentials under the real daemon: which are refused at start, that they are followed while it runs, and a log that
//! never says a secret.

mod common;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::auth::{Files, PATIENCE, api_keys, bearer, form, log_in, new_key, predict, start, wait_for};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::tools;

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
