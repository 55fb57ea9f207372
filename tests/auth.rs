//! Authentication against the real daemon: every mode, every refusal with its headers, passwords that are tried too often.

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::auth::{
    Files, analyze, api_keys, bearer, challenge, form, log_in, new_key, predict, start, told, wait_for,
};
use common::http::Request;
use common::inference::json;
use common::metrics::delta;
use common::tools;

#[test]
fn a_key_opens_what_it_is_good_for_and_nothing_opens_without() {
    let files = Files::new("keys");
    let ((good, line), (admin, admin_line)) = (new_key(&["team"]), new_key(&["operator", "--scopes", "admin,predict"]));
    assert!(good.len() == 49 && good.starts_with("tamis_") && good != admin);
    let path = files.write("keys", &format!("{line}{admin_line}"));
    let daemon = start(
        &[api_keys(&path), ["--auth-metrics", "closed", "--auth-probes", "closed"].map(str::to_owned).to_vec()]
            .concat(),
    );
    let ask = |request: Request, key: &str| daemon.ask(&request.header("X-API-Key", key));
    let realm = "APIKey realm=\"tamis\"";
    for path in ["/model-info", "/metrics", "/status", "/health", "/livez", "/readyz", "/startupz"] {
        assert_eq!(told(&daemon.ask(&Request::get(path))), (401, "unauthorized".to_owned(), realm), "{path}");
        let head = Request::new("HEAD", path);
        let mut connection = daemon.connect();
        connection.send(&head.to_bytes()).expect("sent");
        assert_eq!(connection.read_response_to("HEAD").expect("an answer").status, 401, "{path}");
        assert_eq!(ask(Request::get(path), &admin).status, 200, "{path}");
        let expected = if path == "/model-info" { 200 } else { 403 };
        let refused = ask(Request::get(path), &good);
        assert_eq!(refused.status, expected, "{path}");
        if expected == 403 {
            assert_eq!(challenge(&refused), format!("{realm}, error=\"insufficient_scope\", scope=\"admin\""));
        }
    }
    for request in [predict(), analyze()] {
        assert_eq!(told(&daemon.ask(&request)), (401, "unauthorized".to_owned(), realm));
        assert_eq!(ask(request.clone(), &good).status, 200);
        for wrong in ["", "tamis_", &good[..48], &good.to_uppercase(), "x".repeat(5000).as_str()] {
            let answer = ask(request.clone(), wrong);
            assert_eq!((answer.status, challenge(&answer)), (401, "APIKey realm=\"tamis\", error=\"invalid_token\""));
        }
        let twice = request.clone().header("X-API-Key", &good);
        assert_eq!(ask(twice, &good).status, 401, "of two keys neither is trusted");
        let as_token = request.clone().header("Authorization", &format!("Bearer {good}"));
        assert_eq!(daemon.ask(&as_token).status, 401, "a key is no token");
    }
    assert_eq!(told(&ask(analyze(), &admin)).0, 403);
    // What needs no credential: the greeting, what browsers ask before they ask, and what is refused anyway.
    for (request, status) in [
        (Request::get("/"), 200),
        (Request::new("OPTIONS", "/predict"), 204),
        (Request::get("/nope"), 404),
        (Request::get("/predict"), 405),
        (log_in("student"), 404),
    ] {
        assert_eq!(daemon.ask(&request).status, status);
    }
    // The connection is fit for the next request after a refusal, whose body was read.
    let mut connection = daemon.connect();
    for _ in 0..3 {
        assert_eq!(connection.exchange(&predict()).expect("an answer").status, 401);
        assert_eq!(connection.exchange(&predict().header("X-API-Key", &good)).expect("an answer").status, 200);
    }
}

#[test]
fn a_password_gives_a_token_which_opens_what_the_user_may() {
    let files = Files::new("tokens");
    let daemon = start(&files.tokens());
    let answer = daemon.ask(&log_in("student"));
    let told_token = json(&answer);
    assert_eq!(
        (answer.status, &told_token["token_type"], &told_token["expires_in"]),
        (200, &"bearer".into(), &1800.into())
    );
    assert_eq!(told_token["scope"], "analyze predict");
    let greeting = json(&daemon.ask(&Request::get("/")));
    assert!(greeting["endpoints"].as_array().is_some_and(|all| all.contains(&"POST /token".into())), "{greeting}");
    for response in [&answer, &daemon.ask(&form("username=student"))] {
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("pragma"), Some("no-cache"));
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    let realm = "Bearer realm=\"tamis\"";
    for request in [predict(), analyze(), Request::get("/model-info")] {
        assert_eq!(told(&daemon.ask(&request)), (401, "unauthorized".to_owned(), realm));
        assert_eq!(daemon.ask(&bearer(request.clone(), &answer)).status, 200);
        for wrong in ["Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c"] {
            let refused = daemon.ask(&request.clone().header("Authorization", wrong));
            assert_eq!(refused.status, 401, "{wrong}");
        }
        let refused = daemon.ask(&request.clone().header("Authorization", "Bearer a.b.c"));
        assert_eq!(challenge(&refused), "Bearer realm=\"tamis\", error=\"invalid_token\"");
        let basic = daemon.ask(&request.clone().header("Authorization", "Basic YTpi"));
        assert_eq!(challenge(&basic), realm, "another scheme is no credential");
    }
    // Metrics and probes are open unless they are closed.
    assert_eq!((daemon.ask(&Request::get("/metrics")).status, daemon.ask(&Request::get("/readyz")).status), (200, 200));
    let narrow = daemon.ask(&form(
        "grant_type=password&username=student&password=an+unmistakable+pass%2Bword+%26+more&scope=predict&client_id=x",
    ));
    assert_eq!(json(&narrow)["scope"], "predict");
    assert_eq!(daemon.ask(&bearer(predict(), &narrow)).status, 200);
    let refused = daemon.ask(&bearer(analyze(), &narrow));
    let expected = "Bearer realm=\"tamis\", error=\"insufficient_scope\", scope=\"analyze\"";
    assert_eq!(told(&refused), (403, "forbidden".to_owned(), expected));
    assert_eq!(daemon.ask(&bearer(predict(), &daemon.ask(&log_in("operator")))).status, 403);
}

#[test]
fn what_is_wrong_with_a_request_for_a_token_is_told_as_rfc_6749_says() {
    let files = Files::new("token-errors");
    let daemon = start(&[files.tokens(), ["--token-attempts", "1000"].map(str::to_owned).to_vec()].concat());
    let good = "username=student&password=an+unmistakable+pass%2Bword+%26+more";
    let before = daemon.scrape();
    for (body, error) in [
        ("", "invalid_request"),
        ("username=student", "invalid_request"),
        ("username=&password=x", "invalid_request"),
        ("password=x", "invalid_request"),
        ("username=student&password=%zz", "invalid_request"),
        ("username=student&username=student&password=x", "invalid_request"),
        (&format!("username=student&password={}", "x".repeat(513)), "invalid_request"),
        (&format!("{good}&grant_type=client_credentials"), "unsupported_grant_type"),
        ("username=student&password=wrong", "invalid_grant"),
        ("username=stranger&password=wrong", "invalid_grant"),
        ("username=no+name&password=wrong", "invalid_grant"),
        ("username=Student&password=an+unmistakable+pass%2Bword+%26+more", "invalid_grant"),
        (&format!("{good}&scope=admin"), "invalid_scope"),
        (&format!("{good}&scope=root"), "invalid_scope"),
        ("username=student&password=wrong&scope=admin", "invalid_grant"),
    ] {
        let answer = daemon.ask(&form(body));
        let document = json(&answer);
        assert_eq!(
            (answer.status, &document["error"], &document["error_type"]),
            (400, &error.into(), &error.into()),
            "{body}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }
    let moved = delta(&before, &daemon.scrape());
    let errors = |kind| moved.value("api_errors_total", &[("error_type", kind), ("endpoint", "/token")]);
    let found = ["invalid_request", "unsupported_grant_type", "invalid_grant", "invalid_scope"].map(errors);
    assert_eq!(found, [7.0, 1.0, 5.0, 2.0]);
    let labels = [("method", "POST"), ("handler", "/token"), ("status", "400")];
    assert_eq!(moved.value("http_requests_total", &labels), 15.0);
    let json_body = daemon.ask(&Request::json("/token", "{}"));
    assert_eq!((json_body.status, daemon.ask(&Request::get("/token")).status), (415, 405));
    assert!(json(&json_body)["detail"].as_str().is_some_and(|detail| detail.contains("x-www-form-urlencoded")));
}

#[test]
fn of_both_either_is_enough_and_who_asks_is_one_client_whatever_the_address() {
    let files = Files::new("both");
    let (key, line) = new_key(&["team"]);
    let mut arguments = files.tokens();
    arguments[1] = "both".to_owned();
    arguments.extend(["--api-keys".to_owned(), files.write("keys", &line)]);
    let daemon = start(&arguments);
    let token = daemon.ask(&log_in("student"));
    let both = "Bearer realm=\"tamis\", APIKey realm=\"tamis\"";
    assert_eq!(told(&daemon.ask(&analyze())), (401, "unauthorized".to_owned(), both));
    assert_eq!(daemon.ask(&analyze().header("X-API-Key", &key)).status, 200);
    assert_eq!(daemon.scrape().value("toxicity_api_active_users", &[]), 1.0);
    assert_eq!(daemon.ask(&bearer(analyze(), &token)).status, 200);
    assert_eq!(daemon.ask(&bearer(analyze().header("X-API-Key", "wrong"), &token)).status, 200);
    let samples = daemon.scrape();
    assert_eq!(samples.value("toxicity_api_active_users", &[]), 2.0, "two subjects at one address");
    let count = |scheme, result| samples.value("tamis_auth_total", &[("scheme", scheme), ("result", result)]);
    assert_eq!((count("none", "missing"), count("api-key", "accepted"), count("bearer", "accepted")), (1.0, 1.0, 2.0));
    assert_eq!(count("password", "accepted"), 1.0);
    let requests = |key| samples.value("tamis_key_requests_total", &[("key", key)]);
    assert_eq!((requests("team"), requests("other")), (1.0, 0.0));
}

#[test]
fn tokens_end_and_too_many_passwords_are_refused() {
    let files = Files::new("limits");
    let more = ["--token-seconds", "2", "--token-attempts", "3"].map(str::to_owned).to_vec();
    let daemon = start(&[files.tokens(), more].concat());
    let answer = daemon.ask(&log_in("student"));
    assert_eq!((answer.status, daemon.ask(&bearer(predict(), &answer)).status), (200, 200));
    wait_for(&daemon, &bearer(predict(), &answer), 401);
    let expired = "Bearer realm=\"tamis\", error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!(challenge(&daemon.ask(&bearer(predict(), &answer))), expired);
    // Right passwords do not count, however many.
    for _ in 0..5 {
        assert_eq!(daemon.ask(&log_in("student")).status, 200);
    }
    for _ in 0..3 {
        assert_eq!(daemon.ask(&form("username=student&password=wrong")).status, 400);
    }
    let limited = daemon.ask(&log_in("student"));
    assert_eq!((limited.status, json(&limited)["error_type"].as_str()), (429, Some("too_many_attempts")));
    let seconds = limited.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{seconds:?}");
    let samples = daemon.scrape();
    let count = |result| samples.value("tamis_auth_total", &[("scheme", "password"), ("result", result)]);
    assert_eq!((count("accepted"), count("refused"), count("limited")), (6.0, 3.0, 1.0));
}

#[test]
fn a_user_who_does_not_exist_takes_as_long_as_one_who_does() {
    let files = Files::new("timing");
    let daemon = start(&[files.tokens(), ["--token-attempts", "1000"].map(str::to_owned).to_vec()].concat());
    let least = |user: &str| {
        let body = format!("username={user}&password=wrong");
        let times = (0..7).map(|_| {
            let begun = Instant::now();
            assert_eq!(daemon.ask(&form(&body)).status, 400);
            begun.elapsed()
        });
        times.min().expect("seven")
    };
    let (known, unknown, nobody) = (least("student"), least("stranger"), least("no+name"));
    // The work is tens of milliseconds for each; a lookup that spared it would take less than one.
    for other in [unknown, nobody] {
        assert!(other * 3 > known && known * 3 > other, "{known:?} {unknown:?} {nobody:?}");
    }
    assert!(known > Duration::from_millis(2), "{known:?}");
}

#[test]
fn the_probes_of_the_binary_itself_say_why_they_fail_behind_closed_doors() {
    let files = Files::new("probes");
    let (_, line) = new_key(&["team"]);
    let keys = api_keys(&files.write("keys", &line));
    for (door, code) in [("open", 0), ("closed", 1)] {
        let daemon = start(&[keys.clone(), vec!["--auth-probes".to_owned(), door.to_owned()]].concat());
        let mut process = Command::new(tools::tamis_binary());
        let output =
            process.args(["healthcheck", "--listen", &daemon.address().to_string()]).output().expect("it ends");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert_eq!(errors.contains("--auth-probes"), door == "closed", "{errors}");
    }
}
