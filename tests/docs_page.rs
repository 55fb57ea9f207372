//! The page of `/docs` in a real browser, by `tests/browser/docs_page.py`: it shows all of the description, sends what is to be
//! tried, and asks nobody else for anything.

mod common;

use std::process::Command;

use common::tools::{tamis_binary, tool_or_skip};
use tamis::metrics::labels::Handler;
use tamis::pages;

#[test]
fn the_page_shows_the_description_and_tries_it() {
    let (Some(python), Some(chromium)) = (tool_or_skip("python"), tool_or_skip("chromium")) else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/docs_page.py");
    let ran = Command::new(python).arg(script).arg(tamis_binary()).arg(chromium).output().expect("Python runs");
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{told}{complaints}");
}

#[test]
fn the_page_is_small() {
    let page = pages::at(Handler::Docs).expect("a page").plain.bytes;
    assert!(page.len() < 40_000, "{} bytes", page.len());
}
