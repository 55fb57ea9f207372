//! The console in a real browser, by `tests/browser/console.py`: what is typed is scored and shaded as the daemon says, by every model;
//! the sliders' iris; both languages and colour schemes, a narrow screen, keys alone, axe-core; the key where one is asked for; what
//! is said of refusals; and no request elsewhere.

mod common;

use common::tools::check_in_browser;

#[test]
fn the_console_shows_what_the_daemon_says() {
    check_in_browser("console.py");
}
