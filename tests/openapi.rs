//! The description of the API, judged by others: by openapi-spec-validator and jsonschema (`tests/openapi/judge.py`), and by
//! schemathesis, which sends thousands of requests that the description allows, and that it does not, and holds every answer
//! against it.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::auth::{Files, new_key};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json;
use common::tools::tool_or_skip;

/// So many cases at least say something; by examples for each operation of [`EXAMPLES`].
const CASES: usize = 3000;

/// Cases that schemathesis makes up for each operation beside those that the schemas' limits are.
const EXAMPLES: &str = "60";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn it_is_openapi_and_every_example_is_of_its_schema() {
    let Some(python) = tool_or_skip("python-with-openapi") else { return };
    let ran = Command::new(python).arg(file("tests/openapi/judge.py")).arg(file("docs/openapi.json")).output();
    let ran = ran.expect("it runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && told.starts_with("valid, "), "{told}{complaints}");
}

/// Has schemathesis judge `daemon`; answers how many cases it has sent.
fn judge(schemathesis: &Path, daemon: &Daemon, examples: &str, more: &[&str]) -> usize {
    let mut command = Command::new(schemathesis);
    command.arg("--config-file").arg(file("tests/openapi/schemathesis.toml")).arg("run").arg(file("docs/openapi.json"));
    command.args(["--url", &format!("http://{}", daemon.address()), "--checks", "all", "--no-color", "--seed", "1"]);
    command.args(["--request-timeout", "60", "--max-examples", examples]).args(more);
    // Where it keeps what it has seen.
    let kept = std::env::temp_dir().join(format!("tamis-openapi-{}-{}", std::process::id(), daemon.address().port()));
    std::fs::create_dir_all(&kept).expect("a directory");
    let ran = command.env("SCHEMATHESIS_HOOKS", file("tests/openapi/hooks.py")).current_dir(&kept).output();
    let ran = ran.expect("it runs");
    let _ = std::fs::remove_dir_all(&kept);
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    // Bodies at their limits are long.
    let told: Vec<_> = told.lines().map(|line| line.chars().take(1000).collect::<String>()).collect();
    assert!(ran.status.success(), "{}\n{complaints}", told.join("\n"));
    let cases = told.iter().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok());
    cases.unwrap_or_else(|| panic!("{}", told.join("\n")))
}

/// Asserts that everything that was answered has a series of its own.
fn check_counters(daemon: &Daemon) {
    let samples = daemon.scrape();
    let never = [("method", "other"), ("handler", "none"), ("status", "500")];
    assert_eq!(samples.value("http_requests_total", &never), 0.0);
    assert_eq!(samples.value("api_errors_total", &[("error_type", "other"), ("endpoint", "none")]), 0.0);
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(schemathesis) = tool_or_skip("schemathesis") else { return };
    // A debug build's `bert` is slow, and all that is valid is to be answered.
    let daemon = Daemon::start(&["--workers", "2", "--bert-timeout", "60s", "--bert-queue", "1024"]);
    wait_for_bert(&daemon);
    let begun = Instant::now();
    // Without --auth oauth2 there is no such route.
    let cases = judge(&schemathesis, &daemon, EXAMPLES, &["--exclude-operation-id", "issueToken"]);
    println!("{cases} cases in {:.0} s", begun.elapsed().as_secs_f64());
    assert!(cases >= CASES, "{cases} cases");
    check_counters(&daemon);
}

#[test]
fn schemathesis_finds_nothing_where_authentication_is_on() {
    let Some(schemathesis) = tool_or_skip("schemathesis") else { return };
    let files = Files::new("openapi");
    let (key, line) = new_key(&["judge", "--scopes", "analyze,predict,admin"]);
    let keys = files.write("keys", &line);
    let mut settings = files.tokens();
    settings[1] = "both".to_owned();
    settings.extend(["--api-keys", &keys, "--auth-metrics", "closed", "--auth-probes", "closed"].map(str::to_owned));
    settings.extend(["--workers", "1", "--bert-timeout", "60s", "--bert-queue", "1024"].map(str::to_owned));
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&settings);
    let with_key = judge(&schemathesis, &daemon, "8", &["-H", &format!("X-API-Key: {key}")]);
    let without = judge(&schemathesis, &daemon, "4", &["--phases", "examples,fuzzing"]);
    println!("{with_key} cases with a key, {without} without");
    assert!(with_key > 1000 && without > 100, "{with_key}, {without}");
    let scrape = daemon.ask(&Request::get("/metrics").header("X-API-Key", &key));
    let never = ["method=\"other\",handler=\"none\",status=\"500\"} 0", "error_type=\"other\",endpoint=\"none\"} 0"];
    for line in never {
        assert!(scrape.text().contains(line), "{line}");
    }
}

fn wait_for_bert(daemon: &Daemon) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while json(&daemon.ask(&Request::get("/health")))["models"]["bert"] != true {
        assert!(Instant::now() < deadline, "bert is loaded");
        std::thread::sleep(Duration::from_millis(50));
    }
}
