//! Bodies to answers, for every route that takes one: the answer is JSON, its status is one of the contract's, nothing outgrows the
//! room that is made for it; and a route's own rules, written a second time over serde_json, agree on what is taken and what it gets.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value;
use tamis::api::oip::Inference;
use tamis::api::perspective::discovery::Origin;
use tamis::api::route::Surface;
use tamis::api::{Content, Outcome, Request, SMALL_REPLY, spans};
use tamis::metrics::Representation;
use tamis::metrics::labels::{Handler, Method, Status};
use tamis::model::iris::{self, CLASSES};
use tamis::text::Scratch;

use super::daemon::{Daemon, daemon};
use super::sample::Sample;

struct State {
    daemon: Daemon,
    scratch: Scratch,
    small: [u8; SMALL_REPLY],
    large: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new({
        let daemon = daemon();
        let large = vec![0; daemon.worker.max_reply()];
        let scratch = Scratch::new(daemon.flags.limits().text);
        State { daemon, scratch, small: [0; _], large }
    });
}

const HANDLERS: [Handler; 7] = [
    Handler::Analyze,
    Handler::Predict,
    Handler::InferIris,
    Handler::InferText,
    Handler::CommentsAnalyze,
    Handler::CommentsSuggest,
    Handler::Moderations,
];

/// A route, how much of a body of tensors is JSON, and then a body.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    let handler = HANDLERS[sample.below(HANDLERS.len())];
    let json_bytes = if handler.infers() && sample.below(2) == 1 { Some(sample.number() as usize) } else { None };
    STATE.with_borrow_mut(|state| {
        let body = &sample.0[..sample.0.len().min(state.daemon.flags.limits().body)];
        let (outcome, bytes) = answer(state, handler, json_bytes, body);
        let answer = check(handler, &outcome, &bytes);
        match handler {
            Handler::Predict => predicted(state, &outcome, body, &answer),
            Handler::Analyze => analyzed(state, &outcome, body, &answer),
            _ => {}
        }
    });
}

fn answer(state: &mut State, handler: Handler, json_bytes: Option<usize>, body: &[u8]) -> (Outcome, Vec<u8>) {
    let worker = &mut state.daemon.worker;
    let path = handler.as_str().replace("{model}", "simple");
    let target = worker.inference_target(handler, &path).expect("a model of ours");
    let request = Request {
        handler,
        method: Method::Post,
        surface: Surface::Whole,
        body,
        received: Instant::now(),
        client: 1,
        trace: None,
        representation: Representation::default(),
        inference: Inference { is_spoken: handler.is_of_open_inference(), target, json_bytes },
        origin: Origin::default(),
    };
    let is_large = worker.is_large(handler, body);
    let out = if is_large { &mut state.large[..] } else { &mut state.small[..] };
    let mut waiting = None;
    let answered = worker.answer(&request, out, &mut waiting);
    let outcome = match waiting {
        None => answered,
        Some(mut waiting) => {
            let mut context = Context::from_waker(Waker::noop());
            let mut turns = 0;
            let found = loop {
                match worker.poll(&mut waiting, &mut context) {
                    Poll::Ready(found) => break found,
                    Poll::Pending => assert!(waiting.takes_rest(), "nobody would wake it"),
                }
                turns += 1;
                assert!(turns < 1000, "it never ends");
            };
            worker.resume(&waiting, found, if waiting.needs_body() { body } else { b"" }, out)
        }
    };
    assert!(outcome.length <= out.len() && outcome.length > 0, "{handler:?}: the room of {} is too small", out.len());
    let bytes = out[..outcome.length].to_vec();
    (outcome, bytes)
}

fn check(handler: Handler, outcome: &Outcome, bytes: &[u8]) -> Value {
    assert!(Status::ALL.contains(&outcome.status) && outcome.status != 500, "{handler:?}: {}", outcome.status);
    assert_eq!(outcome.problem.is_none(), outcome.status == 200, "{handler:?}");
    let json = match outcome.content {
        Content::Tensors { json } => &bytes[..json],
        Content::Json | Content::Problem => bytes,
        other => panic!("{handler:?} answers {other:?}"),
    };
    serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Predict {
    features: Member,
    sepal_length: Member,
    sepal_width: Member,
    petal_length: Member,
    petal_width: Member,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Analyze {
    text: Member,
    model: Member,
    explain: Member,
}

/// A member that is there, if only as `null`, or is not.
#[derive(Default)]
struct Member(Option<Value>);

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

type Row = [f32; iris::FEATURES];

fn predicted(state: &State, outcome: &Outcome, body: &[u8], answer: &Value) {
    let read = if is_object(body) { serde_json::from_slice::<Predict>(body).ok() } else { None };
    let rows = read.and_then(|asked| match asked.features.0 {
        Some(features) => {
            let named = [&asked.sepal_length, &asked.sepal_width, &asked.petal_length, &asked.petal_width];
            let list = features.as_array().filter(|_| named.iter().all(|member| member.0.is_none()))?;
            if list.first()?.is_array() {
                return (list.len() <= state.daemon.flags.limits().rows).then(|| list.iter().map(row).collect());
            }
            row(&features).map(|row| vec![Some(row)])
        }
        None => {
            let named = [asked.sepal_length, asked.sepal_width, asked.petal_length, asked.petal_width];
            let named: Vec<Value> = named.into_iter().filter_map(|member| member.0).collect();
            row(&named.into()).map(|row| vec![Some(row)])
        }
    });
    let Some(rows): Option<Vec<Option<Row>>> = rows else { return assert_ne!(outcome.status, 200, "{answer}") };
    assert_eq!(outcome.status, 200, "{answer}");
    let found = if answer.is_array() { answer.as_array().expect("a list") } else { std::slice::from_ref(answer) };
    assert_eq!(found.len(), rows.len());
    for (found, row) in found.iter().zip(rows) {
        let expected = row.map(|row| CLASSES[usize::from(iris::predict(&row).class_id())]);
        assert_eq!(found["prediction"].as_str(), expected);
        assert_eq!(found["error_type"].is_string(), row.is_none(), "{found}");
    }
}

fn row(value: &Value) -> Option<Row> {
    let numbers = value.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32));
    let row: Row = numbers.collect::<Option<Vec<_>>>()?.try_into().ok()?;
    row.iter().all(|number| number.is_finite()).then_some(row)
}

fn analyzed(state: &mut State, outcome: &Outcome, body: &[u8], answer: &Value) {
    let read = if is_object(body) { serde_json::from_slice::<Analyze>(body).ok() } else { None };
    let asked = read.and_then(|asked| {
        let text = asked.text.0?.as_str()?.to_owned();
        let model = match asked.model.0 {
            None | Some(Value::Null) => true,
            Some(name) => matches!(name.as_str()?, "simple" | "auto"),
        };
        let explain = match asked.explain.0 {
            None | Some(Value::Null) => false,
            Some(explain) => explain.as_bool()?,
        };
        let fits = text.len() <= state.daemon.flags.limits().text && (!explain || spans::may_be_asked(body));
        (model && fits).then_some((text, explain))
    });
    let model = &state.daemon.loaded.models().expect("they are published").toxicity;
    let scores =
        asked.as_ref().and_then(|(text, _)| model.score(text, &mut state.scratch).expect("the kernel does not fail"));
    let (Some(scores), Some((text, explain))) = (scores, asked) else {
        return assert_ne!(outcome.status, 200, "{answer}");
    };
    assert_eq!(outcome.status, 200, "{answer}");
    assert_eq!(answer["score"].as_u64(), Some(u64::from(scores.score())));
    for (label, probability) in model.manifest().labels.iter().zip(scores.probabilities()) {
        let told = answer["labels"][label].as_f64().expect("a number");
        assert!((told - f64::from(*probability)).abs() <= 0.51e-6, "{label}: {told} for {probability}");
    }
    explained(&text, answer, explain);
}

/// Spans, where they are asked for, are parts of the text (counted in code points) that do not overlap.
fn explained(text: &str, answer: &Value, explain: bool) {
    let spans = answer.get("spans").map(|spans| spans.as_array().expect("a list"));
    assert_eq!(spans.is_some(), explain, "{answer}");
    let characters: Vec<char> = text.chars().collect();
    let mut places = Vec::new();
    for span in spans.into_iter().flatten() {
        let [start, end] = ["start", "end"].map(|key| span[key].as_u64().expect("a place") as usize);
        let part: Option<String> = characters.get(start..end).map(|part| part.iter().collect());
        assert_eq!(span["text"].as_str(), part.as_deref().filter(|part| !part.is_empty()), "{span} of {text:?}");
        places.push(start..end);
    }
    places.sort_unstable_by_key(|place| place.start);
    assert!(places.is_sorted_by(|before, after| before.end <= after.start), "{places:?}");
}

/// serde takes a list for a structure, too.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}
