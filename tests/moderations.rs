//! `POST /v1/moderations`: the shape of OpenAI's moderation, categories that are judged and those that are not, errors.

mod common;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::{FOUND, Inference, json};
use common::metrics::delta;
use serde_json::{Value, json};
use tamis::model::manifest::Band;

const TARGET: &str = "/v1/moderations";
/// The categories that a label of ours stands for.
const JUDGED: [(&str, &str); 3] =
    [("harassment", "insult"), ("harassment/threatening", "threat"), ("hate", "identity_hate")];

fn daemon(more: &[&str]) -> Daemon {
    Daemon::start(&[&["--workers", "1", "--bert", "off"], more].concat())
}

fn post(body: &Value) -> Request {
    Request::json(TARGET, body.to_string())
}

fn moderated(daemon: &Daemon, body: &Value) -> Value {
    let answer = daemon.ask(&post(body));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{}", answer.text());
    json(&answer)
}

/// What `/analyze` answers about each label.
fn labels(daemon: &Daemon, text: &str) -> Value {
    json(&daemon.ask(&Request::json("/analyze", json!({"text": text}).to_string())))["labels"].clone()
}

/// What stands in an error.
fn told(response: &Response) -> (u16, Value, Value, Value, String) {
    let body = json(response);
    let error = &body["error"];
    let message = error["message"].as_str().unwrap_or_else(|| panic!("no message: {body}")).to_owned();
    (response.status, error["type"].clone(), error["param"].clone(), error["code"].clone(), message)
}

#[test]
fn a_category_is_the_label_that_means_the_same_or_null() {
    let daemon = daemon(&[]);
    let texts = ["You are kind.", "You are stupid and I hate you, idiot!", "I will kill you.", "naïve 👍"];
    let answer = moderated(&daemon, &json!({"input": texts, "model": "omni-moderation-latest"}));
    assert!(answer["id"].as_str().is_some_and(|id| id.len() == 37 && id.starts_with("modr-")), "{answer}");
    assert_eq!(answer["model"], "auto");
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results.len(), texts.len());
    for (result, text) in results.iter().zip(texts) {
        let labels = labels(&daemon, text);
        let scores = result["category_scores"].as_object().expect("scores");
        assert_eq!(scores.len(), 13);
        let mut flagged = false;
        for (category, score) in scores {
            let label = JUDGED.iter().find(|(judged, _)| judged == category).map(|(_, label)| *label);
            let expected = label.map_or(&Value::Null, |label| &labels[label]);
            assert_eq!(score, expected, "{category} of {text}");
            let flag = score.as_f64().map(|score| score >= 0.5);
            assert_eq!(result["categories"][category], json!(flag), "{category} of {text}");
            let types = if label.is_some() { json!(["text"]) } else { json!([]) };
            assert_eq!(result["category_applied_input_types"][category], types);
            flagged |= flag == Some(true);
        }
        assert_eq!(result["flagged"], flagged, "{text}");
    }
    let flags: Vec<_> = results.iter().map(|result| result["flagged"] == true).collect();
    assert_eq!(flags, [false, true, true, false]);
    let again = moderated(&daemon, &json!({"input": texts}));
    assert_ne!(again["id"], answer["id"]);
    assert_eq!(again["results"], answer["results"]);
}

#[test]
fn one_string_has_one_result_and_so_have_the_parts_of_one_input() {
    let daemon = daemon(&[]);
    let (kind, insult, threat) = ("You are kind.", "You stupid idiot!", "I will kill you.");
    let one = |text: &str| moderated(&daemon, &json!({"input": text}))["results"].clone();
    assert_eq!(one(insult).as_array().map(Vec::len), Some(1));
    let parts: Vec<_> = [kind, insult, threat].iter().map(|text| json!({"type": "text", "text": text})).collect();
    let whole = moderated(&daemon, &json!({"input": parts}))["results"].clone();
    assert_eq!(whole.as_array().map(Vec::len), Some(1));
    for (category, _) in JUDGED {
        let score = |result: &Value| result[0]["category_scores"][category].as_f64().expect("a score");
        let highest = [kind, insult, threat].iter().map(|text| score(&one(text))).fold(0.0, f64::max);
        assert_eq!(score(&whole), highest, "{category}");
    }
}

#[test]
fn the_model_is_the_one_that_is_named_or_the_one_of_the_flag() {
    let daemon = daemon(&["--compatible-model", "simple"]);
    let model = |model: Value| moderated(&daemon, &json!({"input": "Hi.", "model": model}))["model"].clone();
    for (asked, answered) in [
        (Value::Null, "simple"),
        (json!("text-moderation-stable"), "simple"),
        (json!("auto"), "auto"),
        (json!("simple"), "simple"),
    ] {
        assert_eq!(model(asked), answered);
    }
    let unknown = told(&daemon.ask(&post(&json!({"input": "Hi.", "model": "gpt-4"}))));
    assert_eq!((unknown.0, unknown.2, unknown.3), (400, json!("model"), json!("model_not_found")));
    let slow = Inference::start(&[], Some(Band { low: 0.0, high: 1.0 }), |_| Ok(FOUND));
    let answer = json(&slow.ask(&post(&json!({"input": vec!["Hi."; 100], "model": "bert"}))));
    let scores: Vec<_> =
        answer["results"].as_array().expect("results").iter().map(|result| &result["category_scores"]).collect();
    assert_eq!(scores.len(), 100);
    assert!(
        scores
            .iter()
            .all(|scores| scores["harassment"] == 0.4 && scores["hate"] == 0.5 && scores["violence"].is_null())
    );
}

#[test]
fn what_is_wrong_is_told_as_openai_tells_it() {
    let daemon = daemon(&["--max-batch", "3", "--max-text-bytes", "100", "--max-body-bytes", "1000"]);
    let before = daemon.scrape();
    let image = json!({"type": "image_url", "image_url": {"url": "data:"}});
    let text = json!({"type": "text", "text": "Hi."});
    let cases = [
        (json!({}), json!("input"), "missing_field", "is missing"),
        (json!([]), json!("body"), "invalid_type", "an object, not a list"),
        (json!({"input": 7}), json!("input"), "invalid_type", "a string or a list, not a number"),
        (json!({"input": "Hi.", "inputs": 1}), json!("inputs"), "unknown_field", "send 'input'"),
        (json!({"input": []}), json!("input"), "wrong_length", "an input or more"),
        (json!({"input": ["a", "b", "c", "d"]}), json!("input"), "wrong_length", "--max-batch"),
        (json!({"input": ""}), json!("input"), "empty_text", "nothing to score"),
        (json!({"input": ["a", " "]}), json!("input[1]"), "empty_text", "nothing to score"),
        (json!({"input": ["a", "b".repeat(101)]}), json!("input[1]"), "text_too_long", "101 bytes"),
        (json!({"input": ["a", 1]}), json!("input[1]"), "invalid_type", "not a number"),
        (json!({"input": ["a", text]}), json!("input[1]"), "invalid_type", "a string, as those before"),
        (json!({"input": [text, "a"]}), json!("input[1]"), "invalid_type", "an object, as those before"),
        (json!({"input": [text, image]}), json!("input[1]"), "unsupported_input", "images"),
        (json!({"input": [{"type": "text"}]}), json!("input[0]"), "unsupported_input", "a part must be"),
        (json!({"input": "a", "model": 1}), json!("model"), "invalid_type", "a string, not a number"),
    ];
    let count = cases.len() as f64;
    for (body, param, code, message) in cases {
        let (status, kind, found_param, found_code, found) = told(&daemon.ask(&post(&body)));
        assert_eq!((status, kind, found_param), (400, json!("invalid_request_error"), param), "{body}: {found}");
        assert_eq!(found_code, code, "{body}");
        assert!(found.contains(message), "{body}: {found}");
    }
    let moved = delta(&before, &daemon.scrape());
    let labels = [("method", "POST"), ("handler", TARGET), ("status", "400")];
    assert_eq!(moved.value("http_requests_total", &labels), count);
    for (request, status, kind) in [
        (Request::json(TARGET, "{"), 400, "invalid_request_error"),
        (Request::json(TARGET, vec![b' '; 1001]), 413, "invalid_request_error"),
        (Request::post(TARGET, "{}"), 415, "invalid_request_error"),
        (Request::get(TARGET), 405, "invalid_request_error"),
        (post(&json!({"input": "Hi.", "model": "bert"})), 503, "server_error"),
    ] {
        let told = told(&daemon.ask(&request));
        assert_eq!((told.0, told.1), (status, json!(kind)), "{}", told.4);
    }
}

#[test]
fn the_most_inputs_have_room_and_each_counts() {
    let daemon = daemon(&[]);
    let before = daemon.scrape();
    let answer = moderated(&daemon, &json!({"input": vec!["You are an idiot, a rather long one at that."; 256]}));
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(256));
    let moved = delta(&before, &daemon.scrape());
    let labels = [("model_type", "simple"), ("status", "success")];
    assert_eq!(moved.value("toxicity_api_requests_total", &labels), 256.0);
    assert_eq!(moved.value("toxicity_api_active_users", &[]), 1.0);
}
