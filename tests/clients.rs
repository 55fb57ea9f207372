//! Clients that others wrote, unmodified but for the address, by the scripts in `tests/clients`: Google's for Python and
//! JavaScript, `perspective-api-client`, OpenAI's. And that a key is good wherever each of them sends it, and in no log.

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::auth::{Files, api_keys, new_key, start};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::tools::tool_or_skip;
use serde_json::{Value, json};

const ANALYZE: &str = "/v1alpha1/comments:analyze";
const SUGGEST: &str = "/v1alpha1/comments:suggestscore";
const MODERATE: &str = "/v1/moderations";

/// A daemon that wants a key, and the key.
fn guarded(files: &Files, scopes: &str, more: &[&str]) -> (Daemon, String) {
    let (key, line) = new_key(&["client", "--scopes", scopes]);
    let mut settings = api_keys(&files.write("keys", &line));
    settings.extend(more.iter().map(|&setting| setting.to_owned()));
    (start(&settings), key)
}

/// Runs a script of `tests/clients` by `tool` against a daemon that wants a key.
fn run(tool: &str, script: &str) {
    let Some(tool) = tool_or_skip(tool) else { return };
    let files = Files::new(script);
    let (daemon, key) = guarded(&files, "analyze", &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let url = format!("http://{}", daemon.address());
    let ran = Command::new(tool).arg(script).args([url, key]).output().expect("it runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
}

#[test]
fn google_s_python_client_runs_on_the_discovery_document() {
    run("python", "perspective.py");
}

#[test]
fn google_s_and_another_javascript_client_run() {
    run("node-with-clients", "perspective.js");
}

#[test]
fn openai_s_python_client_runs() {
    run("python", "moderations.py");
}

/// Good requests for each of the routes.
fn requests() -> [(&'static str, Value); 3] {
    let comment = json!({"text": "Hi."});
    [
        (ANALYZE, json!({"comment": comment, "requestedAttributes": {"TOXICITY": {}}})),
        (SUGGEST, json!({"comment": comment, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}}})),
        (MODERATE, json!({"input": "Hi."})),
    ]
}

#[test]
fn a_key_is_good_where_each_client_sends_it_and_nowhere_else() {
    let files = Files::new("places");
    let (daemon, key) = guarded(&files, "analyze", &[]);
    let bearer = format!("Bearer {key}");
    let escaped = key.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
    for (target, body) in requests() {
        let ask = |query: &str, headers: &[(&str, &str)]| {
            let request = Request::json(&format!("{target}{query}"), body.to_string());
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            daemon.ask(&request).status
        };
        let of_google = if target == MODERATE { 401 } else { 200 };
        let of_openai = if target == MODERATE { 200 } else { 401 };
        assert_eq!(ask("", &[]), 401);
        assert_eq!(ask("", &[("X-API-Key", &key)]), 200);
        assert_eq!(ask(&format!("?key={key}"), &[]), of_google);
        assert_eq!(ask(&format!("?alt=json&key={escaped}&prettyPrint=false"), &[]), of_google);
        assert_eq!(ask("", &[("x-goog-api-key", &key)]), of_google);
        assert_eq!(ask("", &[("Authorization", &bearer)]), of_openai);
        assert_eq!(ask(&format!("?key={key}&key={key}"), &[]), 401, "of two neither can be trusted");
        for wrong in ["?key=", "?key=%", "?key=wrong", "?xkey=wrong", &format!("?key={}", "a".repeat(300))] {
            assert_eq!(ask(wrong, &[]), 401, "{wrong}");
        }
        assert_eq!(ask(&format!("?key={key}"), &[("X-API-Key", "wrong")]), 401, "the header goes first");
    }
    for target in ["/analyze", "/predict", "/model-info"] {
        let request = Request::json(&format!("{target}?key={key}"), "{}").header("Authorization", &bearer);
        assert!([401, 405].contains(&daemon.ask(&request).status), "{target}: not where no such client asks");
    }
    let samples = daemon.scrape();
    assert_eq!(samples.value("tamis_key_requests_total", &[("key", "client")]), 10.0);
    assert_eq!(daemon.ask(&Request::get("/$discovery/rest?version=v1alpha1")).status, 200, "open to all");
}

#[test]
fn who_is_not_let_in_is_told_in_the_shape_of_the_service() {
    let files = Files::new("refused");
    let (daemon, key) = guarded(&files, "predict", &[]);
    for (target, body) in requests() {
        let request = || Request::json(target, body.to_string());
        for (request, status) in [(request(), 401), (request().header("X-API-Key", &key), 403)] {
            let answer = daemon.ask(&request);
            let error = &json(&answer)["error"];
            assert_eq!(answer.status, status);
            assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("APIKey")));
            if target == MODERATE {
                let code = if status == 401 { "invalid_api_key" } else { "forbidden" };
                assert_eq!(
                    (&error["code"], &error["type"]),
                    (&json!(code), &json!("invalid_request_error")),
                    "{error}"
                );
            } else {
                let name = if status == 401 { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" };
                assert_eq!((&error["code"], &error["status"]), (&json!(status), &json!(name)), "{error}");
            }
        }
    }
}

#[test]
fn a_key_in_a_query_stands_in_no_log() {
    let files = Files::new("logs");
    let (daemon, key) = guarded(&files, "analyze", &["--access-log", "--log-level", "debug"]);
    for (target, body) in requests() {
        for query in [format!("?key={key}"), "?key=a-wrong-one-of-theirs".to_owned()] {
            daemon.ask(&Request::json(&format!("{target}{query}"), body.to_string()));
        }
    }
    daemon.ask(&Request::get(&format!("/$discovery/rest?key={key}")));
    daemon.ask(&Request::get(&format!("/nowhere?key={key}")));
    daemon.signal("TERM");
    let (_, lines) = daemon.wait(Duration::from_secs(20));
    let requests = lines.iter().filter(|line| line["message"] == "request").count();
    assert_eq!(requests, 8, "{lines:?}");
    for line in lines.iter().map(ToString::to_string) {
        assert!(!line.contains(&key) && !line.contains("wrong-one") && !line.contains("?key"), "{line}");
    }
}
