//! The Open Inference Protocol as the clients that exist speak it: Triton's client, and the types of MLServer.

mod common;

use std::process::Command;

use common::daemon::Daemon;
use common::tools::tool_or_skip;

fn run(script: &str, flags: &[&str]) {
    let Some(python) = tool_or_skip("python") else { return };
    let daemon = Daemon::start(flags);
    let script = format!("{}/tests/clients/open_inference/{script}", env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new(python).arg(script).arg(daemon.address().to_string()).output().expect("Python runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
    let never = [("method", "other"), ("handler", "none"), ("status", "500")];
    assert_eq!(daemon.scrape().value("http_requests_total", &never), 0.0, "everything that was answered has a series");
}

#[test]
fn tritons_client_needs_no_change() {
    run("triton_client.py", &["--workers", "2"]);
}

#[test]
fn requests_and_answers_are_of_mlservers_types() {
    run("mlserver_types.py", &["--workers", "1", "--bert", "off"]);
}
