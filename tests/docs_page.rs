//! The page of `/docs` in a real browser, by `tests/browser/docs_page.py`: it shows all of the description, sends what is to be
//! tried, and asks nobody else for anything.

mod common;

use common::tools::check_in_browser;
use tamis::metrics::labels::Handler;
use tamis::pages;

#[test]
fn the_page_shows_the_description_and_tries_it() {
    check_in_browser("docs_page.py");
}

#[test]
fn the_page_is_small() {
    let page = pages::at(Handler::Docs).expect("a page").plain.bytes;
    assert!(page.len() < 40_000, "{} bytes", page.len());
}
