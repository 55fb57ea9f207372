//! Whatever is sent to the routes of other services is answered by JSON in their shape; and the documents say of them what the
//! code does.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use tamis::api::health::SharedPhase;
use tamis::api::oip::Inference;
use tamis::api::perspective::discovery::Origin;
use tamis::api::route::Surface;
use tamis::api::scrape::Scrape;
use tamis::api::{CompatibleModel, Limits, Request, Worker};
use tamis::metrics::labels::{Handler, Method};
use tamis::metrics::{Representation, Shard};
use tamis::model::toxicity::EngineChoice;
use tamis::model::{Loaded, Models};

const LIMITS: Limits = Limits { body: 4096, text: 1024, rows: 1, batch: 8, window: 1 };

fn worker() -> Worker {
    let loaded = Arc::new(Loaded::new(false));
    assert!(loaded.publish(Models::load(None, EngineChoice::Auto).expect("the embedded models")));
    let shards: Arc<[Arc<Shard>]> = [Arc::from(Shard::new())].into();
    let scrape = Scrape::new(&shards, 1);
    let worker = Worker::new(Arc::clone(&shards[0]), loaded, scrape, LIMITS, SharedPhase::new(), Instant::now());
    worker.with_compatible(CompatibleModel::Simple)
}

/// Status and JSON of the answer.
fn ask(worker: &mut Worker, handler: Handler, body: &[u8]) -> (u16, Value) {
    let request = Request {
        handler,
        method: Method::Post,
        surface: Surface::Whole,
        body,
        received: Instant::now(),
        client: 0,
        trace: None,
        representation: Representation::default(),
        inference: Inference::default(),
        origin: Origin::default(),
    };
    let mut out = vec![0; worker.max_reply()];
    let mut waiting = None;
    let answered = worker.answer(&request, &mut out, &mut waiting);
    let outcome = match waiting {
        None => answered,
        // It made way for others.
        Some(mut waiting) => loop {
            if let Poll::Ready(found) = worker.poll(&mut waiting, &mut Context::from_waker(Waker::noop())) {
                break worker.resume(&waiting, found, &[], &mut out);
            }
        },
    };
    let json = serde_json::from_slice(&out[..outcome.length]);
    (
        outcome.status,
        json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out[..outcome.length]))),
    )
}

/// A name or a text that some of the contracts know, or none.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "comment",
        "text",
        "type",
        "PLAIN_TEXT",
        "HTML",
        "requestedAttributes",
        "requested_attributes",
        "TOXICITY",
        "INSULT",
        "OBSCENE",
        "scoreType",
        "scoreThreshold",
        "spanAnnotations",
        "languages",
        "en",
        "fr-CA",
        "ja",
        "doNotStore",
        "clientToken",
        "context",
        "entries",
        "articleAndParentComment",
        "dropUnsupportedAttributes",
        "attributeScores",
        "summaryScore",
        "spanScores",
        "begin",
        "end",
        "score",
        "value",
        "input",
        "model",
        "auto",
        "simple",
        "omni-moderation-latest",
        "image_url",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "(?s).{0,4}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        "[a-zé👍.!? \n\u{301}]{0,80}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn whatever_is_sent_is_answered_in_the_shape_of_the_service() {
    let worker = RefCell::new(worker());
    let routes = [Handler::CommentsAnalyze, Handler::CommentsSuggest, Handler::Moderations];
    let mut config = ProptestConfig::with_cases(2048);
    config.failure_persistence = None;
    let text = "[a-zA-Zé👍.!?。 \n\u{301}\"\\\\]{1,200}";
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let bodies = (value(), value(), value(), text, any::<bool>(), 0_usize..400);
    let ran = runner.run(&bodies, |(any, other, third, text, spans, cut)| {
        let good = [
            json!({"comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, "spanAnnotations": spans}),
            json!({"comment": {"text": text}, "attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}}),
            json!({"input": [text, text]}),
        ];
        for (handler, good) in routes.into_iter().zip(good) {
            let with = |name: &str, value: &Value| {
                let mut body = good.clone();
                body[name] = value.clone();
                body.to_string().into_bytes()
            };
            let cut_off = good.to_string().into_bytes()[..cut.min(good.to_string().len())].to_vec();
            for body in [
                any.to_string().into_bytes(),
                with("comment", &other),
                with("requestedAttributes", &other),
                with("attributeScores", &third),
                with("languages", &third),
                with("clientToken", &other),
                with("context", &other),
                with("input", &third),
                good.to_string().into_bytes(),
                cut_off,
            ] {
                let (status, answer) = ask(&mut worker.borrow_mut(), handler, &body);
                let known =
                    ["attributeScores", "languages", "clientToken", "requestedLanguages", "results", "id", "model"];
                let members = answer.as_object().expect("an object");
                match status {
                    200 => prop_assert!(members.keys().all(|key| known.contains(&key.as_str())), "{}", answer),
                    400 | 413 => prop_assert!(answer["error"]["message"].is_string(), "{}", answer),
                    _ => prop_assert!(false, "{}: {}", status, answer),
                }
            }
        }
        Ok(())
    });
    ran.expect("every answer is one");
}

#[test]
fn spans_tile_any_text_on_whole_characters() {
    let worker = RefCell::new(worker());
    let mut config = ProptestConfig::with_cases(512);
    config.failure_persistence = None;
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let ran = runner.run(&"([a-z]{1,5}|[.!?。\n ]|👍|e\u{301}|👩\u{200d}👧|\\PC){1,60}", |text| {
        let body = json!({"comment": {"text": text}, "requestedAttributes": {"THREAT": {}}, "spanAnnotations": true});
        let (status, answer) = ask(&mut worker.borrow_mut(), Handler::CommentsAnalyze, body.to_string().as_bytes());
        if status == 400 {
            return Ok(());
        }
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut end = 0;
        for span in answer["attributeScores"]["THREAT"]["spanScores"].as_array().expect("spans") {
            let place = |name: &str| span[name].as_u64().expect("a place") as usize;
            prop_assert!(end <= place("begin") && place("begin") < place("end") && place("end") <= units.len());
            prop_assert!(String::from_utf16(&units[place("begin")..place("end")]).is_ok());
            end = place("end");
        }
        Ok(())
    });
    ran.expect("every text is tiled");
}

#[test]
fn the_documents_map_attributes_and_categories_as_the_code_does() {
    let (page, readme) = (include_str!("../docs/perspective.md"), include_str!("../README.md"));
    let mut worker = worker();
    let attributes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | `")).collect();
    let attributes: Vec<_> =
        attributes.iter().filter_map(|(name, rest)| Some((*name, rest.split_once('`')?.0))).collect();
    assert_eq!(attributes.len(), 6, "{attributes:?}");
    let text = "You stupid idiot, I will kill you!";
    let (_, labels) = ask(&mut worker, Handler::Analyze, json!({"text": text}).to_string().as_bytes());
    let (status, moderated) = ask(&mut worker, Handler::Moderations, json!({"input": text}).to_string().as_bytes());
    assert_eq!(status, 200);
    for (name, label) in attributes {
        let body = json!({"comment": {"text": text}, "requestedAttributes": {name: {}}});
        let (_, answer) = ask(&mut worker, Handler::CommentsAnalyze, body.to_string().as_bytes());
        assert_eq!(answer["attributeScores"][name]["summaryScore"]["value"], labels["labels"][label], "{name}");
    }
    let scores = moderated["results"][0]["category_scores"].as_object().expect("scores");
    for (category, score) in scores.iter().filter(|(_, score)| !score.is_null()) {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{category}` | `"))).expect("a row");
        let label = row.split('`').nth(3).expect("a label");
        assert_eq!(*score, labels["labels"][label], "{category}");
    }
    for (category, _) in scores.iter().filter(|(_, score)| score.is_null()) {
        let named = readme.lines().find(|line| line.contains(&format!("`{category}`")) && line.contains("| none |"));
        assert!(named.is_some() || category.starts_with("self-harm/"), "{category}");
    }
}
