//! The programs of `docs/examples`, run as they are: what they answer, how they wait and what they say of a refusal, and that
//! Locust and the daemon count the same.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::auth::{Files, api_keys, new_key, start};
use common::daemon::Daemon;
use common::http::PATIENCE;
use common::inference::{Gate, Inference, analyze};
use common::tools::tool_or_skip;

/// By which tool each program runs.
const PROGRAMS: [(&str, &str); 3] = [("bash", "analyze.sh"), ("python", "analyze.py"), ("node", "analyze.mjs")];

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "docs/examples", name].iter().collect()
}

/// A program to be run against the daemon at `address`, if its tool is here.
fn program(tool: &str, name: &str, address: impl std::fmt::Display) -> Option<Command> {
    if name == "analyze.sh" {
        tool_or_skip("curl")?;
    }
    let mut command = Command::new(tool_or_skip(tool)?);
    command.arg(path(name)).env("TAMIS_URL", format!("http://{address}")).env_remove("TAMIS_KEY");
    Some(command)
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn each_program_has_texts_scored() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let text = "You are \"stupid\" \\ and I\nhate you! é";
    for (tool, name) in PROGRAMS {
        let Some(mut command) = program(tool, name, daemon.address()) else { continue };
        let (code, answer, complaints) = told(&command.arg(text).output().expect("it runs"));
        assert_eq!((code, complaints.as_str()), (Some(0), ""), "{name}: {answer}");
        if name == "analyze.sh" {
            let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
            assert_eq!(answer["toxicity_level"], "high");
        } else {
            assert!(answer.contains(&format!("\thigh\t{text}")), "{name}: {answer}");
        }
    }
}

#[test]
fn long_lists_are_sent_in_parts_and_what_is_wrong_stands_in_its_place() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let mut batches = 0.0;
    for (tool, name) in &PROGRAMS[1..] {
        let Some(mut command) = program(tool, name, daemon.address()) else { continue };
        batches += 2.0;
        let mut texts: Vec<_> = (0..300).map(|number| format!("You are kind, {number}.")).collect();
        texts[290] = " ".to_owned();
        let (code, answer, complaints) = told(&command.args(&texts).output().expect("it runs"));
        assert_eq!((code, complaints.as_str()), (Some(1), ""), "{name}");
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!((lines.len(), lines[290]), (300, "-\tempty_text\t "), "{name}");
        assert!(lines[299].ends_with("You are kind, 299."), "{name}: {}", lines[299]);
    }
    if batches > 0.0 {
        let labels = [("method", "POST"), ("handler", "/analyze/batch"), ("status", "200")];
        assert_eq!(daemon.scrape().value("http_requests_total", &labels), batches);
    }
}

#[test]
fn a_key_is_sent_and_a_refusal_is_told_in_the_daemons_words() {
    let files = Files::new("examples");
    let (key, line) = new_key(&["client"]);
    let daemon = start(&api_keys(&files.write("keys", &line)));
    for (tool, name) in PROGRAMS {
        for (key, model, code, said) in [
            (Some(key.as_str()), "simple", 0, ""),
            (Some("wrong"), "simple", 1, "not authenticated"),
            (None, "simple", 1, "not authenticated"),
            (Some(key.as_str()), "nobody", 1, "must be one of 'simple'"),
        ] {
            let Some(mut command) = program(tool, name, daemon.address()) else { continue };
            let command = command.arg("You are kind.").env("TAMIS_MODEL", model);
            let command = if name == "analyze.sh" { command.arg(model) } else { command };
            key.map(|key| command.env("TAMIS_KEY", key));
            let (found, answer, complaints) = told(&command.output().expect("it runs"));
            assert_eq!(found, Some(code), "{name}: {answer}{complaints}");
            assert!(complaints.contains(said), "{name}: {complaints}");
            assert_eq!((answer.is_empty(), complaints.is_empty()), (code == 1, code == 0), "{name}");
        }
    }
}

#[test]
fn who_is_told_to_come_back_comes_back() {
    for (tool, name) in PROGRAMS {
        let gate = Gate::shut();
        let run = gate.clone();
        // One text is being scored and none may wait.
        let inference =
            Inference::start(&["--bert-queue", "0", "--bert-timeout", "60s"], None, move |ids| run.run(ids));
        let Some(mut command) = program(tool, name, inference.address()) else { continue };
        let mut busy = inference.connect();
        busy.send(&analyze("Some text.", "bert").to_bytes()).expect("sent");
        gate.wait_begun(1);
        let command = command.arg("You are kind.").env("TAMIS_MODEL", "bert");
        let command = if name == "analyze.sh" { command.arg("bert") } else { command };
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        while inference.scrape().value("tamis_requests_shed_total", &[("reason", "queue")]) == 0.0 {
            assert!(Instant::now() < deadline, "{name}: it is never refused");
            std::thread::sleep(Duration::from_millis(20));
        }
        gate.open();
        let (code, answer, complaints) = told(&process.wait_with_output().expect("it ends"));
        assert_eq!(code, Some(0), "{name}: {answer}{complaints}");
        assert!(answer.contains("42"), "what the model found: {answer}");
    }
}

#[test]
fn locust_counts_what_the_daemon_counts() {
    let Some(locust) = tool_or_skip("locust") else { return };
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let host = format!("http://{}", daemon.address());
    let quick =
        ["--headless", "--users", "5", "--spawn-rate", "5", "--run-time", "4s", "--stop-timeout", "20", "--json"];
    let output = Command::new(locust)
        .args(quick)
        .args(["--host", &host, "--locustfile"])
        .arg(path("locustfile.py"))
        .env_remove("TAMIS_KEY")
        .output()
        .expect("Locust runs");
    let (code, printed, complaints) = told(&output);
    assert_eq!(code, Some(0), "{printed}{complaints}");
    let entries: Vec<serde_json::Value> = serde_json::from_str(&printed).expect("JSON");
    let mut counted = BTreeMap::new();
    for entry in &entries {
        let word = |name: &str| entry[name].as_str().expect("a word").to_owned();
        assert_eq!(entry["num_failures"], 0, "{entry}");
        counted.insert((word("method"), word("name")), entry["num_requests"].as_f64().expect("a number"));
    }
    let asked = ["/analyze", "/analyze/batch", "/predict", "/v1/moderations", "/v1alpha1/comments:analyze"];
    for handler in asked {
        assert!(counted.contains_key(&("POST".to_owned(), handler.to_owned())), "{handler}: {counted:?}");
    }
    let samples = daemon.scrape();
    for ((method, path), count) in counted {
        let labels = [("method", method.as_str()), ("handler", path.as_str()), ("status", "200")];
        assert_eq!(samples.value("http_requests_total", &labels), count, "{method} {path}");
    }
}
