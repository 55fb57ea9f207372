//! What pages of other origins may do (the Fetch standard), as the wire has it and as a real browser understands it; and the
//! ids that requests are told apart by.

mod common;

use std::process::Command;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::tools::{check_in_browser, tamis_binary};

const PAGE: &str = "https://example.org";
const IRIS: &str = r#"{"features":[5.1,3.5,1.4,0.2]}"#;

fn started(origins: &str) -> Daemon {
    Daemon::start(&["--workers", "1", "--bert", "off", "--cors-origins", origins])
}

/// What an answer lets the page of another origin do.
fn allowed(answer: &Response) -> Vec<(&str, &str)> {
    let of_cors = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-"));
    of_cors.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_page_may_read_every_answer_and_others_none() {
    let daemon = started("https://example.org,http://localhost:3000");
    for request in [
        Request::json("/predict", IRIS),
        Request::json("/predict", "{"),
        Request::get("/nowhere"),
        Request::get("/metrics"),
        Request::json("/analyze/batch", r#"{"texts":["a"]}"#),
    ] {
        let of_page = daemon.ask(&request.clone().header("Origin", PAGE));
        let expected = [("access-control-allow-origin", PAGE), ("access-control-expose-headers", "*")];
        assert_eq!(allowed(&of_page), expected, "{request:?}");
        let of_another = daemon.ask(&request.clone().header("Origin", "https://example.com"));
        let of_nobody = daemon.ask(&request);
        assert!(allowed(&of_another).is_empty() && allowed(&of_nobody).is_empty());
        for answer in [&of_page, &of_another, &of_nobody] {
            assert!(answer.header("vary").is_some_and(|vary| vary.ends_with("Origin")), "no cache mixes them up");
        }
    }
}

#[test]
fn a_page_is_told_what_it_may_send_before_it_does() {
    let daemon = started(PAGE);
    let asks = |target: &str, origin: &str| {
        let request = Request::new("OPTIONS", target).header("Origin", origin);
        daemon.ask(&request.header("Access-Control-Request-Method", "POST"))
    };
    let told = asks("/analyze", PAGE);
    assert_eq!(told.status, 204);
    assert_eq!(
        allowed(&told),
        [
            ("access-control-allow-origin", PAGE),
            ("access-control-expose-headers", "*"),
            ("access-control-allow-methods", "POST, OPTIONS"),
            ("access-control-allow-headers", "*, authorization"),
            ("access-control-max-age", "7200"),
        ]
    );
    assert!(allowed(&asks("/analyze", "https://example.com")).is_empty());
    assert_eq!(asks("/nowhere", PAGE).status, 404);
}

#[test]
fn all_pages_are_let_in_by_an_asterisk_and_none_where_nothing_is_said() {
    let daemon = started("*");
    let answer = daemon.ask(&Request::json("/predict", IRIS).header("Origin", "null"));
    assert_eq!(allowed(&answer)[0], ("access-control-allow-origin", "*"));
    assert_eq!(answer.header("vary"), None);
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let answer = daemon.ask(&Request::json("/predict", IRIS).header("Origin", PAGE));
    assert_eq!((answer.status, allowed(&answer), answer.header("vary")), (200, vec![], None));
}

#[test]
fn an_origin_that_no_browser_sends_is_refused_before_a_port_opens() {
    let tamis = || Command::new(tamis_binary());
    for (wrong, why) in
        [("https://example.org/", "more than a host"), ("example.org", "no scheme"), ("null", "no scheme")]
    {
        let ran = tamis().args(["--cors-origins", wrong]).output().expect("it runs");
        let told = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{told}");
        assert!(told.contains(why) && told.contains("--cors-origins"), "{told}");
    }
}

#[test]
fn an_id_goes_back_as_it_came() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let mut connection = daemon.connect();
    for id in ["1", "01993d52-7a3c-7e90-8f6a-2f1b6c0d9e11", "%{x}/=+"] {
        for request in [Request::get("/health"), Request::json("/predict", IRIS), Request::json("/predict", "[")] {
            let answer = connection.exchange(&request.header("X-Request-ID", id)).expect("an answer");
            assert_eq!(answer.header("x-request-id"), Some(id));
        }
    }
    for wrong in ["", "two words", &"a".repeat(129)] {
        let answer = connection.exchange(&Request::get("/health").header("X-Request-ID", wrong)).expect("an answer");
        assert_eq!((answer.status, answer.header("x-request-id")), (200, None), "{wrong}");
    }
}

#[test]
fn a_browser_lets_the_page_of_an_allowed_origin_in_and_no_other() {
    check_in_browser("cors.py");
}
