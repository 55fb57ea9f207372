use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::api::fault;
use crate::api::route::{Action, Surface, route};
use crate::metrics::labels::Method;
use crate::metrics::series::REQUESTS;
use crate::pages;
use crate::problem::Problem;
use crate::text::Scratch;

fn current() -> Value {
    serde_json::from_str(&document()).expect("JSON")
}

/// Every Operation Object, with its path and its method.
fn each(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            found.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    found
}

#[test]
fn every_operation_is_routed_to_its_handler_and_every_handler_has_one() {
    for handler in Handler::ALL {
        let operations = operations(handler);
        assert_eq!(operations.is_empty(), handler == Handler::None, "{handler:?}");
        for operation in operations {
            assert_eq!(operation.handler, handler);
            let text = if handler == Handler::InferIris { "iris" } else { "simple" };
            let path = operation.path.replace("{model}", text).replace("{version}", "1.0.0");
            let method = operation::method(handler).to_uppercase();
            let found = route(Surface::Whole, &method, &path);
            assert_eq!(found.handler, handler, "{path}");
            assert!(!matches!(found.action, Action::Refuse(_)), "{method} {path}");
            assert_eq!(operation.bodies.is_empty(), handler.main_method() == Method::Get);
        }
    }
    let document = current();
    let ids: Vec<_> = each(&document).iter().map(|(.., operation)| operation["operationId"].to_string()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn the_answers_of_an_operation_are_those_that_the_daemon_counts() {
    let document = current();
    for handler in Handler::ALL.into_iter().filter(|handler| *handler != Handler::None) {
        let counted = REQUESTS.into_iter().filter(|(of, method, _)| *of == handler && *method == handler.main_method());
        let mut statuses: BTreeSet<_> = counted.map(|(.., status)| status.code()).collect();
        statuses.extend(operation::OF_CONNECTIONS.map(|(problem, _)| problem.status()));
        statuses.extend((handler == Handler::Token).then_some(404));
        if pages::at(handler).is_none() {
            statuses.remove(&304);
        }
        for operation in operations(handler) {
            let told = &document["paths"][operation.path][operation::method(handler)]["responses"];
            let told: BTreeSet<u16> =
                told.as_object().expect("responses").keys().map(|code| code.parse().expect("a status")).collect();
            assert_eq!(told, statuses, "{}", operation.path);
        }
    }
}

#[test]
fn every_problem_has_an_example_at_every_route_that_tells_of_it() {
    let document = current();
    let mut shown = BTreeSet::from([Problem::MethodNotAllowed.error_type(), Problem::NotFound.error_type()]);
    for handler in Handler::ALL.into_iter().filter(|handler| *handler != Handler::None) {
        for problem in operation::problems(handler) {
            assert!(refusals::of(handler, problem).is_some(), "{problem:?} at {handler:?}");
            let status = fault::status(problem, handler).to_string();
            for operation in operations(handler) {
                let told = &document["paths"][operation.path][operation::method(handler)]["responses"][&status];
                let contents = told["content"].as_object().expect("content");
                let examples = contents.values().filter_map(|media| media["examples"].as_object());
                let found = examples.flatten().find(|(name, _)| *name == problem.error_type());
                assert!(found.is_some(), "{problem:?} at {}", operation.path);
            }
            shown.insert(problem.error_type());
        }
    }
    shown.extend(operation::OF_CONNECTIONS.map(|(problem, _)| problem.error_type()));
    assert_eq!(shown, Problem::ALL.map(Problem::error_type).into());
}

#[test]
fn the_pattern_of_a_text_refuses_none_that_can_be_scored() {
    let mut scratch = Scratch::new(LIMITS.text);
    for (first, last) in scoring::INVISIBLE {
        for character in first..=last {
            assert!(scratch.features(&character.to_string()).is_empty(), "{character:?}");
        }
    }
    let text = current()["components"]["schemas"]["Text"]["pattern"].to_string();
    assert!(text.starts_with(r#""[^\\s\\u0000-\\u001f\\u007f-\\u009f"#), "{text}");
}

#[test]
fn every_body_has_an_example_unless_it_is_binary() {
    let document = current();
    for (path, method, operation) in each(&document) {
        let responses = operation["responses"].as_object().expect("responses").values();
        for part in responses.chain(operation.get("requestBody")) {
            for (name, media) in part["content"].as_object().into_iter().flatten() {
                let binary = name == "application/octet-stream" || name.starts_with("application/vnd.google.protobuf");
                let examples = media["examples"].as_object().map_or(0, serde_json::Map::len);
                assert_eq!(examples == 0, binary, "{method} {path}: {name}");
            }
        }
    }
}

#[test]
fn every_reference_leads_to_a_component_and_every_component_is_referred_to() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = current();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let mut components = BTreeSet::new();
    for kind in ["schemas", "parameters", "headers", "responses"] {
        let named = document["components"][kind].as_object().expect("components").keys();
        components.extend(named.map(|name| format!("#/components/{kind}/{name}")));
    }
    // What is answered where there is no operation.
    found.extend(["NotFound", "MethodNotAllowed"].map(|name| format!("#/components/responses/{name}")));
    assert_eq!(found, components);
}

#[test]
fn what_is_to_be_filled_in_was_filled_in() {
    let document = document();
    assert!(!document.contains('%'), "{:?}", document.lines().find(|line| line.contains('%')));
}
