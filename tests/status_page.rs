//! The page of `/status` in a real browser, by `tests/browser/status_page.py`: what is sent is what is shown, in both colour
//! schemes and on a phone, without a request elsewhere; pause; and what happens when the daemon goes.

mod common;

use common::tools::check_in_browser;

#[test]
fn the_page_shows_what_happens() {
    check_in_browser("status_page.py");
}
