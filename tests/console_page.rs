//! The console in a real browser, by `tests/browser/console.py`: what is typed is scored and shaded as the daemon says, by every model;
//! the sliders' iris; both languages and colour schemes, a narrow screen, keys alone, axe-core; the key where one is asked for; what
//! is said of refusals; and no request elsewhere.

mod common;

use std::process::Command;

use common::tools::{tamis_binary, tool_or_skip};

#[test]
fn the_console_shows_what_the_daemon_says() {
    let (Some(python), Some(chromium)) = (tool_or_skip("python"), tool_or_skip("chromium")) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/console.py");
    let ran = Command::new(python).arg(script).arg(tamis_binary()).arg(chromium).output().expect("Python runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
}
