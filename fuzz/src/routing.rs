//! Method and path to a route: closed labels, listeners that serve parts of the whole, and methods as `Allow` tells them.

use tamis::api::oip::path::is_of_protocol;
use tamis::api::route::{Action, Surface, access, allow, route};
use tamis::metrics::labels::{Handler, Method};
use tamis::problem::Problem;

/// A method, a space and a path.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    let whole = route(Surface::Whole, method, path);
    assert!(Handler::ALL.contains(&whole.handler));
    let _ = access(whole.handler);
    let labelled = if whole.method == Method::Other { None } else { Some(whole.method.as_str()) };
    assert!(labelled.is_none_or(|label| label == method), "{method} is labelled {labelled:?}");
    assert_eq!(whole.handler != Handler::None, named(path).is_some_and(|template| template == whole.handler.as_str()));
    let refused = matches!(whole.action, Action::Refuse(_));
    if whole.handler == Handler::None {
        let of_server = method == "OPTIONS" && path == "*";
        let expected = if of_server { Action::Options } else { Action::Refuse(Problem::NotFound) };
        assert_eq!(whole.action, expected);
    } else {
        let allowed = allow(whole.handler).split(", ").any(|name| name == method);
        assert_ne!(refused, allowed, "{method} of {path}");
        assert!(!refused || whole.action == Action::Refuse(Problem::MethodNotAllowed));
    }
    let parts = [Surface::Public, Surface::Admin].map(|surface| route(surface, method, path));
    for part in parts {
        assert!(part == whole || part == whole.unknown() || part.handler == Handler::None, "{part:?} of {whole:?}");
    }
    assert!(parts.contains(&whole), "served by neither of two listeners, but by one");
}

/// The template of `path`, as the contract has it.
fn named(path: &str) -> Option<&str> {
    if is_of_protocol(path) {
        return named_by_protocol(path);
    }
    if path == "/discovery/v1/apis/commentanalyzer/v1alpha1/rest" {
        return Some(Handler::Discovery.as_str());
    }
    let fixed = |handler: &Handler| *handler != Handler::None && !handler.is_of_open_inference();
    Handler::ALL.into_iter().filter(fixed).map(Handler::as_str).find(|&template| template == path)
}

fn named_by_protocol(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let handler = match segments[..] {
        [] | [""] => Handler::InferenceServer,
        ["health", "live"] => Handler::InferenceLive,
        ["health", "ready"] => Handler::InferenceReady,
        ["models", model] | ["models", model, "versions", _] if !model.is_empty() => Handler::InferenceModel,
        ["models", model, "ready"] | ["models", model, "versions", _, "ready"] if !model.is_empty() => {
            Handler::InferenceModelReady
        }
        ["models", model, "infer"] | ["models", model, "versions", _, "infer"] if !model.is_empty() => {
            if unescaped(model) == b"iris" { Handler::InferIris } else { Handler::InferText }
        }
        _ => return None,
    };
    // A version that is named has a name.
    (!matches!(segments[..], [_, _, "versions", ""] | [_, _, "versions", "", _])).then(|| handler.as_str())
}

fn unescaped(segment: &str) -> Vec<u8> {
    let (mut out, bytes) = (Vec::new(), segment.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|digits| std::str::from_utf8(digits).ok()).filter(|_| bytes[at] == b'%') {
            Some(digits) => {
                out.push(u8::from_str_radix(digits, 16).expect("two digits"));
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}
