//! Every example of the description is what the daemon says: requests as they stand there are sent, and each error is brought
//! about, as far as that takes no load.

mod common;

use common::auth::{Files, log_in, new_key};
use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::json;
use serde_json::Value;
use tamis::api::openapi::refusals::{self, Sent};
use tamis::api::openapi::{LIMITS, operation, operations};
use tamis::metrics::labels::Handler;
use tamis::problem::Problem;

fn document(daemon: &Daemon) -> Value {
    let answer = daemon.ask(&Request::get("/openapi.json"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let printed = common::auth::run(&["print-openapi"], "");
    assert_eq!(printed, answer.text());
    json(&answer)
}

/// The media type of an answer, without parameters.
fn essence(response: &Response) -> String {
    response.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}

/// The content that the description has for an answer.
fn content<'d>(document: &'d Value, operation: &'d Value, response: &Response) -> &'d Value {
    let told = &operation["responses"][response.status.to_string()];
    let told = match told["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).expect("a component"),
        None => told,
    };
    let media = told["content"].as_object().expect("content");
    let own = essence(response);
    media.iter().find(|(name, _)| name.split(';').next() == Some(&own)).map_or(&Value::Null, |(_, media)| media)
}

/// Numbers that differ by rounding or by the machine: times, and the last digits of probabilities.
fn agree(name: &str, told: &Value, found: &Value) -> bool {
    match (told, found) {
        (Value::Object(told), Value::Object(found)) => {
            told.len() == found.len()
                && told.iter().all(|(key, value)| found.get(key).is_some_and(|other| agree(key, value, other)))
        }
        (Value::Array(told), Value::Array(found)) => {
            told.len() == found.len() && told.iter().zip(found).all(|(told, found)| agree(name, told, found))
        }
        (Value::Number(told), Value::Number(found)) => {
            let (told, found) = (told.as_f64().expect("a double"), found.as_f64().expect("a double"));
            let room = if name == "score" || name == "data" { 2.0 } else { 0.03 };
            name == "processing_time_ms" || (told - found).abs() <= room
        }
        // It is a new one each time.
        (Value::String(_), Value::String(id)) if id.starts_with("modr-") => name == "id",
        _ => told == found,
    }
}

#[test]
fn every_example_of_a_request_is_answered_by_the_example_of_that_name() {
    let daemon = Daemon::start(&["--workers", "1", "--bert-timeout", "60s"]);
    let document = document(&daemon);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while json(&daemon.ask(&Request::get("/health")))["models"]["bert"] != true {
        assert!(std::time::Instant::now() < deadline, "bert is loaded");
    }
    let mut compared = 0;
    for described in Handler::ALL.into_iter().flat_map(operations).filter(|one| one.handler != Handler::Token) {
        let operation = &document["paths"][described.path]["post"];
        // One version is that of one model.
        let version = if described.path.contains("iris") { "1.0.0" } else { "1.2.0" };
        let path = described.path.replace("{model}", "simple").replace("{version}", version);
        for (media, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            for (name, example) in body["examples"].as_object().into_iter().flatten() {
                let value = &example["value"];
                let sent = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let answer = daemon.ask(&Request::post(&path, sent).header("Content-Type", media));
                assert_eq!(answer.status, 200, "{path}, {name}: {}", answer.text());
                let told = &content(&document, operation, &answer)["examples"][name]["value"];
                if told.is_null() {
                    continue;
                }
                compared += 1;
                if let Some(lines) = told.as_str() {
                    let parsed =
                        |text: &str| text.lines().map(|line| line.parse().expect("JSON")).collect::<Vec<Value>>();
                    let (told, found) = (Value::from(parsed(lines)), Value::from(parsed(answer.text())));
                    assert!(agree("", &told, &found), "{path}, {name}: {found}");
                } else {
                    assert!(agree("", told, &json(&answer)), "{path}, {name}: {}", answer.text());
                }
            }
        }
    }
    assert!(compared >= 14, "{compared} compared");
}

#[test]
fn what_the_daemon_says_of_itself_is_of_the_shape_of_its_examples() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let document = document(&daemon);
    for described in Handler::ALL.into_iter().flat_map(operations) {
        let operation = &document["paths"][described.path]["get"];
        if operation.is_null() {
            continue;
        }
        let path = described.path.replace("{model}", "iris").replace("{version}", "1.0.0");
        let answer = daemon.ask(&Request::get(&path).header("Accept", "application/json"));
        assert_eq!(answer.status, 200, "{path}");
        let media = content(&document, operation, &answer);
        let examples = media["examples"].as_object().unwrap_or_else(|| panic!("{path}: {}", essence(&answer)));
        for (name, example) in examples {
            let Some(members) = example["value"].as_object() else { continue };
            let found = json(&answer);
            assert!(members.keys().all(|key| found.get(key).is_some()), "{path}, {name}: {found}");
        }
    }
}

/// The request that brings a refusal about at `path`, if one is told.
fn provoking(path: &str, sent: Sent) -> Option<Request> {
    let post = |body: Vec<u8>| Some(Request::json(path, body));
    match sent {
        Sent::Json(body) => post(body.into()),
        Sent::Bytes(body) => post(body.into()),
        Sent::Gzip(body) => Some(Request::json(path, body).header("Content-Encoding", "gzip")),
        Sent::Blanks(length) => post(vec![b' '; length]),
        Sent::Text(before, length, after) => post(format!("{before}{}{after}", "a".repeat(length)).into()),
        Sent::Texts(name, count) => post(serde_json::json!({name: vec!["a"; count]}).to_string().into()),
        Sent::Form(body) => Some(common::auth::form(body)),
        Sent::Untyped => Some(Request::post(path, "a").header("Content-Type", "text/plain")),
        Sent::Path(path) if path.ends_with("/infer") => Some(Request::json(path, "{}")),
        Sent::Path(path) => Some(Request::get(path)),
        Sent::Elsewhere | Sent::Load => None,
    }
}

/// The value of the example that is told of `problem`.
fn told<'d>(document: &'d Value, operation: &'d Value, answer: &Response, problem: Problem) -> &'d Value {
    &content(document, operation, answer)["examples"][problem.error_type()]["value"]
}

#[test]
fn every_error_that_a_request_can_bring_about_is_told_as_in_its_example() {
    let files = Files::new("examples");
    let tokens = files.tokens();
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    let open = Daemon::start(&["--workers", "1", "--bert", "off"]);
    let guarded = Daemon::start(&[&["--workers", "1", "--bert", "off"], &tokens[..]].concat());
    let document = document(&open);
    let (mut provoked, mut others) = (0, Vec::new());
    for described in Handler::ALL.into_iter().flat_map(operations) {
        let handler = described.handler;
        // The first path of a route stands for the others.
        if operations(handler)[0].path != described.path {
            continue;
        }
        let operation = &document["paths"][described.path][operation::method(handler)];
        for problem in operation::problems(handler) {
            let refusal = refusals::of(handler, problem).expect("an example");
            let path = described.path.replace("{model}", "simple");
            let Some(request) = provoking(&path, refusal.sent) else { continue };
            let daemon = if handler == Handler::Token && problem != Problem::NotFound { &guarded } else { &open };
            let answer = daemon.ask(&request);
            let expected = told(&document, operation, &answer, problem);
            if expected != &json(&answer) {
                others.push(format!("{problem:?} at {path}: {expected} is told, {} is said", answer.text()));
            }
            provoked += 1;
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    assert!(provoked >= 80, "{provoked} errors were brought about");
}

#[test]
fn who_is_not_let_in_is_told_as_in_the_examples() {
    let files = Files::new("examples-guarded");
    let (key, line) = new_key(&["nobody", "--scopes", "admin"]);
    let (other, other_line) = new_key(&["team", "--scopes", "predict"]);
    let keys = files.write("keys", &(line + &other_line));
    let mut settings = files.tokens();
    settings[1] = "both".to_owned();
    settings.extend(["--api-keys", &keys, "--auth-metrics", "closed", "--auth-probes", "closed"].map(str::to_owned));
    settings.extend(["--workers", "1", "--bert", "off", "--token-attempts", "1"].map(str::to_owned));
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&settings);
    let document = document(&daemon);
    let mut refused = 0;
    for described in Handler::ALL.into_iter().flat_map(operations).filter(|one| one.handler != Handler::Token) {
        let operation = &document["paths"][described.path][operation::method(described.handler)];
        if operation["security"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let path = described.path.replace("{model}", "simple").replace("{version}", "1.2.0");
        let path = if path.contains("iris") { path.replace("1.2.0", "1.0.0") } else { path };
        let post = operation::method(described.handler) == "post";
        let request = || if post { Request::json(&path, "{}") } else { Request::get(&path) };
        let missing = daemon.ask(&request());
        assert_eq!(missing.status, 401, "{path}");
        assert_eq!(told(&document, operation, &missing, Problem::Unauthorized), &json(&missing), "{path}");
        refused += 1;
        let wrong = if post { &key } else { &other };
        let forbidden = daemon.ask(&request().header("X-API-Key", wrong));
        if operation["responses"]["403"].is_object() {
            assert_eq!(forbidden.status, 403, "{path}");
            assert_eq!(told(&document, operation, &forbidden, Problem::Forbidden), &json(&forbidden), "{path}");
        }
        for answer in [&missing, &forbidden] {
            assert_eq!(answer.header("www-authenticate").is_some(), answer.status != 200, "{path}");
        }
    }
    assert!(refused >= 18, "{refused} were refused");
    let operation = &document["paths"]["/token"]["post"];
    let good = daemon.ask(&log_in("student"));
    assert_eq!(good.status, 200);
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let token = &content(&document, operation, &good)["examples"]["token"]["value"];
    assert_eq!(keys(&json(&good)), keys(token));
    let wrong = || daemon.ask(&common::auth::form("username=student&password=wrong"));
    let answers = [wrong(), wrong()];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [400, 429]);
    assert_eq!(told(&document, operation, &answers[1], Problem::TooManyAttempts), &json(&answers[1]));
}

#[test]
fn what_is_no_request_is_told_as_in_the_components() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--header-timeout", "500ms"]);
    let document = document(&daemon);
    let component = |name: &str, example: &str| {
        document["components"]["responses"][name]["content"]["application/problem+json"]["examples"][example]["value"]
            .clone()
    };
    let raw = |bytes: &[u8]| {
        let mut connection = daemon.connect();
        connection.send(bytes).expect("sent");
        connection.read_response().expect("an answer")
    };
    let long = Request::get("/health").header("X-Long", &"x".repeat(20_000));
    for (answer, name, example) in [
        (raw(b"nonsense\r\n\r\n"), "MalformedRequest", "malformed_request"),
        (raw(b"GET / HTTP/1.1\r\nhost"), "RequestTimeout", "request_timeout_head"),
        (daemon.ask(&long), "HeaderSectionTooLarge", "header_section_too_large"),
        (daemon.ask(&Request::get("/nowhere")), "NotFound", "not_found"),
        (daemon.ask(&Request::get("/predict")), "MethodNotAllowed", "method_not_allowed"),
    ] {
        assert_eq!(json(&answer), component(name, example), "{name}");
        assert_eq!(answer.header("allow").is_some(), name == "MethodNotAllowed");
    }
    assert_eq!(LIMITS.body, 65536);
}
