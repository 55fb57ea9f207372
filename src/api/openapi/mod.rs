//! The OpenAPI 3.1 document of all routes, put together from what the code has in its tables: routes, methods, problems, statuses,
//! scopes, labels, limits. What is served is the file `docs/openapi.json`, which a test holds equal to [`document`]: nothing of this is
//! run, or carried, by the daemon.
//!
//! ```text
//! Handler ─► Operation (one function a contract) ─► paths      route::access ─► security
//! ERRORS ─► Refusal (an example of each problem) ─► responses  Problem ─► schemas
//! ```

mod compatible;
mod components;
mod inference;
pub mod node;
pub mod operation;
pub mod refusals;
mod scoring;
mod service;

use super::Limits;
use crate::metrics::labels::Handler;
use node::Node;
use operation::Operation;

/// The limits of a daemon to which nothing else was said, which the document names.
pub const LIMITS: Limits = Limits { body: 65536, text: 16384, rows: 1024, batch: 256, window: 8 };

/// The document, as the code has it.
pub fn document() -> String {
    let mut paths = Node::object();
    for handler in Handler::ALL {
        for operation in operations(handler) {
            let item = Node::object().with(operation::method(handler), operation.node(tag(handler)));
            paths = paths.with(operation.path, item);
        }
    }
    let tags = TAGS.map(|(name, text)| Node::object().with_text("name", name).with_text("description", text));
    Node::object()
        .with_text("openapi", "3.1.1")
        .with("info", info())
        .with("servers", Node::parse(r#"[{"url":"/"}]"#))
        .with("tags", Node::List(tags.into()))
        .with("paths", paths)
        .with("components", components::all())
        .pretty()
}

/// What the contract of a route says of its paths.
pub fn operations(handler: Handler) -> Vec<Operation> {
    match handler {
        Handler::Analyze => vec![scoring::analyze()],
        Handler::AnalyzeBatch => vec![scoring::batch()],
        Handler::Predict => vec![scoring::predict()],
        Handler::Root => vec![service::root()],
        Handler::Health => vec![service::health()],
        Handler::Livez | Handler::Readyz | Handler::Startupz => vec![service::probe(handler)],
        Handler::Metrics => vec![service::metrics()],
        Handler::ModelInfo => vec![service::model_info()],
        Handler::Status => vec![service::status()],
        Handler::Token => vec![service::token()],
        Handler::InferenceServer | Handler::InferenceLive | Handler::InferenceReady => {
            vec![inference::server(handler)]
        }
        Handler::InferenceModel => inference::metadata().into(),
        Handler::InferenceModelReady => inference::ready().into(),
        Handler::InferIris => inference::irises().into(),
        Handler::InferText => inference::texts().into(),
        Handler::CommentsAnalyze => vec![compatible::analyze()],
        Handler::CommentsSuggest => vec![compatible::suggest()],
        Handler::Discovery => vec![compatible::discovery()],
        Handler::Moderations => vec![compatible::moderate()],
        Handler::OpenApi => vec![service::description()],
        Handler::Docs => vec![service::docs()],
        Handler::None => Vec::new(),
    }
}

/// The group in which the operations of a route are listed.
const fn tag(handler: Handler) -> &'static str {
    let (name, _) = TAGS[match handler {
        Handler::Analyze | Handler::AnalyzeBatch => 0,
        Handler::Predict => 1,
        Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Discovery | Handler::Moderations => 3,
        Handler::Token => 4,
        of if of.is_of_open_inference() => 2,
        _ => 5,
    }];
    name
}

const TAGS: [(&str, &str); 6] = [
    ("Toxicity", "How toxic are texts?"),
    ("Iris", "Which irises are they?"),
    (
        "Open Inference Protocol",
        "Version 2, as KServe, Triton and MLServer speak it. Each model takes one tensor, whatever its name.",
    ),
    (
        "Other services",
        "What Perspective and OpenAI's moderation answer, for clients that change nothing but the address.",
    ),
    ("Tokens", "With `--auth oauth2`: tokens for passwords."),
    ("Service", "What the daemon says of itself: health, metrics, models."),
];

fn info() -> Node {
    let description = "Scores text for toxicity and classifies irises.\n\nErrors are problem documents (RFC 9457) with a stable \
        `error_type`; routes of other services have errors in their shape. Every route answers `OPTIONS`, and `HEAD` where it answers \
        `GET`; another method gets 405 with `Allow`, another path 404. A body may come in gzip (`Content-Encoding`), but for that of \
        `/token`, and a long answer goes so where `Accept-Encoding` takes it. Limits are those of the defaults, credentials those of \
        `--auth`, which is off unless it is set.";
    Node::object()
        .with_text("title", "tamis")
        .with_text("version", env!("CARGO_PKG_VERSION"))
        .with_text("summary", "Toxicity scores and iris classes")
        .with_text("description", description)
        .with("license", Node::parse(r#"{"name":"Apache-2.0","identifier":"Apache-2.0"}"#))
}

/// `"a","b"`
fn names(names: &[&str]) -> String {
    names.iter().map(|name| Node::text(name).line()).collect::<Vec<_>>().join(",")
}

/// What `text`, which stands in the code, says.
fn schema(text: &str) -> Node {
    Node::parse(text)
}

#[cfg(test)]
mod tests;
