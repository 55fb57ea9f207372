//! The page of `/status` in a real browser, by `tests/browser/status_page.py`: what is sent is what is shown, in both colour
//! schemes and on a phone, without a request elsewhere; pause; and what happens when the daemon goes.

mod common;

use std::process::Command;

use common::tools::{tamis_binary, tool_or_skip};

#[test]
fn the_page_shows_what_happens() {
    let (Some(python), Some(chromium)) = (tool_or_skip("python"), tool_or_skip("chromium")) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/status_page.py");
    let ran = Command::new(python).arg(script).arg(tamis_binary()).arg(chromium).output().expect("Python runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
}
