//! `POST /v1alpha1/comments:analyze` and `comments:suggestscore`: the contract of Perspective, held against its documentation
//! and discovery document.

mod common;

use common::daemon::Daemon;
use common::http::{Request, Response};
use common::inference::{FOUND, Gate, Inference, json};
use common::metrics::delta;
use serde_json::{Value, json};
use tamis::model::manifest::Band;

const ANALYZE: &str = "/v1alpha1/comments:analyze";
const SUGGEST: &str = "/v1alpha1/comments:suggestscore";
const ALL: [(&str, &str); 6] = [
    ("TOXICITY", "toxic"),
    ("SEVERE_TOXICITY", "severe_toxic"),
    ("PROFANITY", "obscene"),
    ("THREAT", "threat"),
    ("INSULT", "insult"),
    ("IDENTITY_ATTACK", "identity_hate"),
];

fn daemon(more: &[&str]) -> Daemon {
    Daemon::start(&[&["--workers", "1", "--bert", "off"], more].concat())
}

fn post(target: &str, body: &Value) -> Request {
    Request::json(target, body.to_string())
}

/// The answer to a request that is good.
fn analyzed(daemon: &Daemon, body: &Value) -> Value {
    let answer = daemon.ask(&post(ANALYZE, body));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{}", answer.text());
    json(&answer)
}

/// The labels of a text as `/analyze` answers them.
fn labels(daemon: &Daemon, text: &str) -> Value {
    json(&daemon.ask(&post("/analyze", &json!({"text": text}))))["labels"].clone()
}

/// Status, `status`, message, and the `errorType` of a refusal.
fn told(response: &Response) -> (u16, String, String, Value) {
    let body = json(response);
    let error = &body["error"];
    assert_eq!(error["code"], response.status, "{body}");
    let text = |name: &str| error[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned();
    (response.status, text("status"), text("message"), error["details"][0]["errorType"].clone())
}

#[test]
fn each_attribute_is_the_probability_of_its_label_over_the_whole_text() {
    let daemon = daemon(&[]);
    let text = "You are stupid and I hate you!";
    let attributes: Value = ALL.iter().map(|(name, _)| ((*name).to_owned(), json!({}))).collect();
    let body = json!({"comment": {"text": text}, "requestedAttributes": attributes, "languages": ["en"],
        "doNotStore": true, "clientToken": "a \"token\"\n", "sessionId": "1", "communityId": "c",
        "context": {"entries": [{"text": "before"}]}});
    let answer = analyzed(&daemon, &body);
    let labels = labels(&daemon, text);
    for (name, label) in ALL {
        let score = json!({"value": labels[label], "type": "PROBABILITY"});
        let expected = json!({"spanScores": [{"begin": 0, "end": 30, "score": score}], "summaryScore": score});
        assert_eq!(answer["attributeScores"][name], expected, "{name}");
    }
    assert_eq!(answer["attributeScores"].as_object().map(serde_json::Map::len), Some(ALL.len()));
    assert_eq!((&answer["languages"], &answer["clientToken"]), (&json!(["en"]), &json!("a \"token\"\n")));
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(3), "{answer}");
    assert!(labels["insult"].as_f64().is_some_and(|value| value > 0.5), "{labels}");
}

#[test]
fn names_may_come_as_the_schema_has_them_and_null_is_nothing() {
    let daemon = daemon(&[]);
    let plain = analyzed(&daemon, &json!({"comment": {"text": "Hi."}, "requestedAttributes": {"INSULT": {}}}));
    let other = json!({"comment": {"text": "Hi.", "type": "PLAIN_TEXT"}, "requested_attributes": {"INSULT": null},
        "do_not_store": null, "client_token": null, "languages": null, "context": null, "span_annotations": null});
    assert_eq!(analyzed(&daemon, &other), plain);
    assert_eq!(plain["languages"], json!(["en"]), "what no language is named for is taken for English");
}

#[test]
fn spans_are_sentences_in_utf_16_code_units_each_scored_by_itself() {
    let daemon = daemon(&[]);
    // An emoji of two units, a combining mark, a letter of two bytes, an emoji of several code points, CRLF.
    let sentences = ["👍 You are kind!", "E\u{301}tonnant, naïve?", "Idiot 👩\u{200d}👩\u{200d}👧.", "你好。", "Bye"];
    let text = format!("  {} {}\r\n{} {}{}\n", sentences[0], sentences[1], sentences[2], sentences[3], sentences[4]);
    let body = json!({"comment": {"text": text}, "spanAnnotations": true, "requestedAttributes": {"TOXICITY": {}, "THREAT": {}}});
    let before = daemon.scrape();
    let answer = analyzed(&daemon, &body);
    let moved = delta(&before, &daemon.scrape());
    let units: Vec<u16> = text.encode_utf16().collect();
    for (attribute, label) in [("TOXICITY", "toxic"), ("THREAT", "threat")] {
        let of_attribute = &answer["attributeScores"][attribute];
        assert_eq!(of_attribute["summaryScore"]["value"], labels(&daemon, &text)[label]);
        let spans = of_attribute["spanScores"].as_array().expect("spans");
        assert_eq!(spans.len(), sentences.len(), "{spans:?}");
        for (span, sentence) in spans.iter().zip(sentences) {
            let place = |name: &str| span[name].as_u64().expect("a place") as usize;
            let part = String::from_utf16(&units[place("begin")..place("end")]).expect("whole characters");
            assert_eq!(part, sentence);
            assert_eq!(span["score"], json!({"value": labels(&daemon, sentence)[label], "type": "PROBABILITY"}));
        }
    }
    let counted = moved.value("toxicity_api_requests_total", &[("model_type", "simple"), ("status", "success")]);
    assert_eq!(counted, 1.0, "a comment is one analysis, whatever its sentences");
    assert_eq!(moved.value("toxicity_score_distribution_count", &[]), 1.0);
    // One sentence is the whole, as without spans.
    let one = |spans: bool| {
        let body =
            json!({"comment": {"text": " Idiot. "}, "spanAnnotations": spans, "requestedAttributes": {"INSULT": {}}});
        analyzed(&daemon, &body)
    };
    assert_eq!(one(true), one(false));
}

#[test]
fn a_score_below_its_threshold_is_left_out() {
    let daemon = daemon(&[]);
    let ask = |threshold: f64| {
        let attributes = json!({"INSULT": {"scoreThreshold": threshold, "scoreType": "PROBABILITY"}});
        let text = "You are kind and patient. Idiot!";
        analyzed(
            &daemon,
            &json!({"comment": {"text": text}, "spanAnnotations": true, "requestedAttributes": attributes}),
        )
    };
    let all = &ask(0.0)["attributeScores"]["INSULT"];
    let value = |score: &Value| score["value"].as_f64().expect("a value");
    let spans: Vec<f64> = (0..2).map(|at| value(&all["spanScores"][at]["score"])).collect();
    let summary = value(&all["summaryScore"]);
    assert!(spans[0] < 0.1 && spans[1] > 0.5 && summary > spans[0], "{all}");
    let some = ask(f64::midpoint(spans[0], summary.min(spans[1])));
    assert_eq!(some["attributeScores"]["INSULT"]["spanScores"], json!([all["spanScores"][1]]));
    assert_eq!(some["attributeScores"]["INSULT"]["summaryScore"], all["summaryScore"]);
    let highest = spans[1].max(summary);
    if spans[1] > summary {
        let spans_alone = &ask(f64::midpoint(summary, spans[1]))["attributeScores"]["INSULT"];
        assert_eq!(
            (&spans_alone["summaryScore"], spans_alone["spanScores"].as_array().map(Vec::len)),
            (&Value::Null, Some(1))
        );
    }
    assert_eq!(ask(highest + 0.000_1), json!({"languages": ["en"]}));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_is_told_as_perspective_tells_it() {
    let daemon = daemon(&["--max-text-bytes", "100", "--max-body-bytes", "2000"]);
    let toxicity = json!({"TOXICITY": {}});
    let with = |name: &str, value: Value| {
        let mut body = json!({"comment": {"text": "Hi."}, "requestedAttributes": toxicity});
        body[name] = value;
        body
    };
    let invalid = Value::from("INVALID_REQUEST");
    for (body, message, kind) in [
        (with("comment", json!({"text": ""})), "Comment must be non-empty.", json!("COMMENT_EMPTY")),
        (with("comment", json!({})), "Comment must be non-empty.", json!("COMMENT_EMPTY")),
        (with("comment", Value::Null), "Comment must be non-empty.", json!("COMMENT_EMPTY")),
        (with("comment", json!({"text": " \u{200b}\n"})), "Comment must be non-empty.", json!("COMMENT_EMPTY")),
        (with("comment", json!({"text": "a".repeat(101)})), "Comment text too long.", json!("COMMENT_TOO_LONG")),
        (
            with("comment", json!({"text": "a", "type": "HTML"})),
            "Currently, only 'PLAIN_TEXT' comments are supported",
            invalid.clone(),
        ),
        (with("comment", json!({"text": "a", "type": "PDF"})), "Unknown text type", invalid.clone()),
        (with("requestedAttributes", json!({})), "Missing requested_attributes", json!("NO_REQUESTED_ATTRIBUTES")),
        (with("requestedAttributes", Value::Null), "Missing requested_attributes", json!("NO_REQUESTED_ATTRIBUTES")),
        (
            with("requestedAttributes", json!({"FLIRTATION": {}})),
            "Unknown requested attribute: FLIRTATION",
            invalid.clone(),
        ),
        (
            with("requestedAttributes", json!({"toxicity": {}})),
            "Unknown requested attribute: toxicity",
            invalid.clone(),
        ),
        (
            with("requestedAttributes", json!({"THREAT": {"scoreType": "RAW"}})),
            "Requested score type RAW is not supported by attribute THREAT",
            invalid.clone(),
        ),
        (
            with("context", json!({"entries": [], "articleAndParentComment": {}})),
            "Context can have either entries or article_and_parent_comment, but both fields were populated.",
            invalid.clone(),
        ),
        (
            with("languages", json!(["ja", "en", "zh-Hant"])),
            "Attribute TOXICITY does not support request languages: ja, zh-Hant",
            json!("LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"),
        ),
        (
            with("nonsense", json!(1)),
            "Invalid JSON payload received. Unknown name \"nonsense\": Cannot find field.",
            invalid.clone(),
        ),
        (with("doNotStore", json!("yes")), "field 'doNotStore' must be a boolean, not a string", invalid.clone()),
        (with("clientToken", json!(7)), "field 'clientToken' must be a string, not a number", invalid.clone()),
        (with("clientToken", json!("a".repeat(1025))), "clientToken is longer than 1024 bytes", invalid.clone()),
        (
            with("languages", json!(["en", ""])),
            "field 'languages' must be a list of names, not empty, longer, other or more names",
            invalid.clone(),
        ),
        (
            with("languages", json!(["en\u{91}"])),
            "field 'languages' must be a list of names, not empty, longer, other or more names",
            invalid.clone(),
        ),
        (
            with("dropUnsupportedAttributes", json!({})),
            "field 'dropUnsupportedAttributes' must be a boolean, not an object",
            invalid.clone(),
        ),
        (with("languages", json!("en")), "field 'languages' must be a list of names, not a string", invalid.clone()),
        (json!([]), "field 'body' must be an object, not a list", invalid.clone()),
    ] {
        let answer = daemon.ask(&post(ANALYZE, &body));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(told(&answer), (400, "INVALID_ARGUMENT".into(), message.into(), kind), "{body}");
    }
    let languages = json(&daemon.ask(&post(ANALYZE, &with("languages", json!(["ja", "ko"])))));
    let expected = json!({"requestedLanguages": ["ja", "ko"], "attribute": "TOXICITY"});
    assert_eq!(languages["error"]["details"][0]["languageNotSupportedByAttributeError"], expected);

    let twice = r#"{"comment":{"text":"a"},"requestedAttributes":{"THREAT":{}},"requested_attributes":{}}"#;
    let long = format!(r#"{{"comment":{{"text":"{}"}}}}"#, "a".repeat(2000));
    for (request, status, name) in [
        (Request::json(ANALYZE, twice), 400, "INVALID_ARGUMENT"),
        (Request::json(ANALYZE, r#"{"comment""#), 400, "INVALID_ARGUMENT"),
        (Request::json(ANALYZE, b"{\"a\":\"\xff\"}".as_slice()), 400, "INVALID_ARGUMENT"),
        (Request::json(ANALYZE, long), 413, "INVALID_ARGUMENT"),
        (Request::post(ANALYZE, "{}"), 415, "INVALID_ARGUMENT"),
        (Request::get(ANALYZE), 405, "UNIMPLEMENTED"),
        (Request::get(SUGGEST), 405, "UNIMPLEMENTED"),
    ] {
        let answer = daemon.ask(&request);
        let (found, status_name, message, _) = told(&answer);
        assert_eq!((found, status_name.as_str()), (status, name), "{message}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST, OPTIONS"));
    }
    assert_eq!(daemon.ask(&Request::new("OPTIONS", ANALYZE)).header("allow"), Some("POST, OPTIONS"));
    let samples = daemon.scrape();
    assert_eq!(
        samples.value("http_requests_total", &[("method", "POST"), ("handler", ANALYZE), ("status", "400")]),
        27.0
    );
    for (kind, count) in [("empty_text", 4.0), ("unknown_attribute", 2.0), ("unsupported_language", 2.0)] {
        assert_eq!(samples.value("api_errors_total", &[("error_type", kind), ("endpoint", ANALYZE)]), count, "{kind}");
    }
    let overflow = [("method", "other"), ("handler", "none"), ("status", "500")];
    assert_eq!(samples.value("http_requests_total", &overflow), 0.0);
}

#[test]
fn languages_are_those_of_the_training_in_any_spelling() {
    let daemon = daemon(&[]);
    for languages in [json!(["EN"]), json!(["en-US", "fr_CA"]), json!(["fr"])] {
        let body =
            json!({"comment": {"text": "Salut."}, "languages": languages, "requestedAttributes": {"INSULT": {}}});
        assert_eq!(analyzed(&daemon, &body)["languages"], languages);
    }
    let body = json!({"comment": {"text": "Hallo."}, "languages": ["de"], "dropUnsupportedAttributes": true,
        "requestedAttributes": {"INSULT": {}}});
    assert_eq!(analyzed(&daemon, &body), json!({"languages": ["de"]}), "dropped instead of refused");
}

#[test]
fn suggestions_are_taken_counted_and_dropped() {
    let daemon = daemon(&[]);
    let text = json!({"text": "Get busy living."});
    let good = json!({"comment": text, "communityId": "/forum", "clientToken": "comment-53922", "attributeScores": {
        "TOXICITY": {"summaryScore": {"value": 0}},
        "THREAT": {"spanScores": [{"begin": 0, "end": 3, "score": {"value": 1, "type": "PROBABILITY"}}]},
        "SPAM": {"summaryScore": {"value": 1}}}});
    let before = daemon.scrape();
    assert!(!before.iter().any(|(series, _)| series.contains("suggest")), "nothing of it until it is used");
    let answer = daemon.ask(&post(SUGGEST, &good));
    assert_eq!((answer.status, json(&answer)), (200, json!({"clientToken": "comment-53922"})));
    let mut with_languages = good.clone();
    with_languages["languages"] = json!(["ja"]);
    let answer = json(&daemon.ask(&post(SUGGEST, &with_languages)));
    assert_eq!(answer, json!({"requestedLanguages": ["ja"], "clientToken": "comment-53922"}));
    for (scores, status) in [
        (json!({}), 400),
        (Value::Null, 400),
        (json!({"TOXICITY": {}}), 400),
        (json!({"TOXICITY": {"summaryScore": {}}}), 400),
        (json!({"TOXICITY": {"spanScores": [{"score": {"value": 1}}]}}), 400),
        (json!({"TOXICITY": {"summaryScore": {"value": "1"}}}), 400),
        (json!({"INSULT": {"summaryScore": {"value": 0.25}}}), 200),
    ] {
        let answer = daemon.ask(&post(SUGGEST, &json!({"comment": text, "attributeScores": scores})));
        assert_eq!(answer.status, status, "{scores}");
        assert!(status == 400 || answer.text() == "{}", "{}", answer.text());
    }
    let empty = daemon.ask(&post(SUGGEST, &json!({"attributeScores": {"INSULT": {"summaryScore": {"value": 1}}}})));
    assert_eq!(told(&empty).2, "Comment must be non-empty.");
    let samples = daemon.scrape();
    for (attribute, count) in [("TOXICITY", 2.0), ("THREAT", 2.0), ("INSULT", 1.0), ("other", 2.0), ("PROFANITY", 0.0)]
    {
        assert_eq!(samples.value("tamis_suggested_scores_total", &[("attribute", attribute)]), count, "{attribute}");
    }
    assert_eq!(samples.value("toxicity_score_distribution_count", &[]), 0.0, "nothing is scored");
}

#[test]
fn a_slow_model_answers_each_sentence_and_a_late_one_refuses_the_comment() {
    let everything = Some(Band { low: 0.0, high: 1.0 });
    let body = json!({"comment": {"text": "One thing. Another one! And a third?"}, "spanAnnotations": true,
        "requestedAttributes": {"TOXICITY": {}, "PROFANITY": {}}, "clientToken": "t"});
    for model in ["auto", "bert"] {
        let server = Inference::start(&["--compatible-model", model, "--bert-queue", "2"], everything, |_| Ok(FOUND));
        let answer = json(&server.ask(&post(ANALYZE, &body)));
        for (attribute, at) in [("TOXICITY", 0), ("PROFANITY", 2)] {
            let spans = answer["attributeScores"][attribute]["spanScores"].as_array().expect("spans");
            assert_eq!(spans.len(), 3, "{answer}");
            for score in
                spans.iter().map(|span| &span["score"]).chain([&answer["attributeScores"][attribute]["summaryScore"]])
            {
                let value = score["value"].as_f64().expect("a value");
                assert!((value - f64::from(FOUND[at])).abs() < 1e-6, "{answer}");
            }
        }
        assert_eq!(answer["clientToken"], "t");
        let samples = server.scrape();
        assert_eq!(samples.value("toxicity_api_requests_total", &[("model_type", "bert"), ("status", "success")]), 1.0);
    }
    let gate = Gate::shut();
    let run = gate.clone();
    let late =
        Inference::start(&["--compatible-model", "bert", "--bert-timeout", "1ms"], None, move |ids| run.run(ids));
    // A text is with the model for ever, once its thread begins within a millisecond; the next waits too long.
    let mut stuck = Vec::new();
    while gate.begun() < 1 {
        assert!(stuck.len() < 1000, "it never begins");
        stuck.push(late.connect());
        stuck.last_mut().expect("just added").send(&post(ANALYZE, &body).to_bytes()).expect("sent");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let answer = late.ask(&post(ANALYZE, &body));
    let (status, name, ..) = told(&answer);
    assert_eq!((status, name.as_str()), (503, "UNAVAILABLE"));
    assert!(answer.header("retry-after").is_some());
    drop(stuck);
    gate.open();
}

#[test]
fn without_bert_what_asks_for_it_alone_is_refused_and_auto_answers() {
    let body = json!({"comment": {"text": "Hi."}, "requestedAttributes": {"TOXICITY": {}}});
    let only = daemon(&["--compatible-model", "bert"]);
    assert_eq!(told(&only.ask(&post(ANALYZE, &body))).1, "UNAVAILABLE");
    assert_eq!(daemon(&[]).ask(&post(ANALYZE, &body)).status, 200);
}
