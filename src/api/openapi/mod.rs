//! The OpenAPI 3.1 document of all routes, put together from what the code has in its tables: routes, methods, problems, statuses,
//! scopes, labels, limits. What is served is the file `docs/openapi.json`, which a test holds equal to [`document`]: nothing of this is
//! run, or carried, by the daemon.
//!
//! ```text
//! Handler ─► Operation (one function a contract) ─► paths      route::access ─► security
//! ERRORS ─► Refusal (an example of each problem) ─► responses  Problem ─► schemas
//! ```

mod compatible;
mod inference;
pub mod node;
pub mod operation;
pub mod refusals;
mod scoring;
mod service;

use super::Limits;
use crate::auth::scopes::Scope;
use crate::metrics::labels::Handler;
use crate::problem::Problem;
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
        .with("components", components())
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

fn components() -> Node {
    let named = |entries: Vec<(&'static str, Node)>| {
        entries.into_iter().fold(Node::object(), |node, (name, value)| node.with(name, value))
    };
    let schemas = [scoring::schemas(), service::schemas(), inference::schemas(), compatible::schemas(), errors()];
    let parameters = PARAMETERS.iter().map(|(name, text)| {
        let text = text.replace("%TEXTMODELS%", &inference::text_models());
        (*name, schema(&text))
    });
    let headers = HEADERS.iter().map(|(name, _, text)| (*name, schema(text)));
    Node::object()
        .with("schemas", named(schemas.into_iter().flatten().collect()))
        .with("responses", responses())
        .with("parameters", named(parameters.collect()))
        .with("headers", named(headers.collect()))
        .with("securitySchemes", security())
}

/// What is answered where there is no operation.
fn responses() -> Node {
    [
        ("NotFound", Problem::NotFound, "Another path."),
        ("MethodNotAllowed", Problem::MethodNotAllowed, "Another method."),
    ]
    .into_iter()
    .fold(operation::components(), |node, (name, problem, description)| {
        let (_, media, body) = operation::written(Handler::None, &crate::problem::Fault::new(problem));
        let example = Node::object().with("value", Node::Raw(body));
        let content = Node::object()
            .with("schema", Node::reference("schemas/Problem"))
            .with("examples", Node::object().with(problem.error_type(), example));
        let mut response = Node::object().with_text("description", description);
        if problem == Problem::MethodNotAllowed {
            response = response.with("headers", Node::object().with("Allow", Node::reference("headers/Allow")));
        }
        node.with(name, response.with("content", Node::object().with(media, content)))
    })
}

/// What errors are made of.
fn errors() -> Vec<(&'static str, Node)> {
    let types = names(&Problem::ALL.map(Problem::error_type));
    let filled = |text: &str| schema(&text.replace("%TYPES%", &types));
    ERRORS.iter().map(|(name, text)| (*name, filled(text))).collect()
}

const ERRORS: [(&str, &str); 7] = [
    (
        "ErrorType",
        r#"{"type":"string","enum":[%TYPES%],"description":"What is wrong, by a name that does not change."}"#,
    ),
    (
        "Problem",
        r##"{"type":"object","required":["type","title","status","detail","error_type"],"description":"RFC 9457, with FastAPI's `detail`.","properties":{
            "type":{"const":"about:blank"},"title":{"type":"string"},"status":{"type":"integer","minimum":400,"maximum":599},
            "detail":{"type":"string","description":"What is wrong and how to mend it."},
            "error_type":{"$ref":"#/components/schemas/ErrorType"},
            "field":{"type":"string","description":"The field at fault, with its place: `features[2]`."},
            "offset":{"type":"integer","minimum":0,"description":"The byte at fault."},
            "limit":{"type":"integer","minimum":0,"description":"The limit that was passed."}}}"##,
    ),
    (
        "TokenError",
        r##"{"description":"RFC 6749, section 5.2.","allOf":[{"$ref":"#/components/schemas/Problem"},
            {"type":"object","required":["error"],"properties":{"error":{"enum":["invalid_request","unsupported_grant_type","invalid_grant","invalid_scope"]}}}]}"##,
    ),
    (
        "Wrong",
        r##"{"type":"object","required":["status","detail","error_type"],"description":"What is wrong, in the place of a result.","properties":{
            "status":{"type":"integer","minimum":400,"maximum":599},"detail":{"type":"string"},
            "error_type":{"$ref":"#/components/schemas/ErrorType"},"field":{"type":"string"},
            "offset":{"type":"integer","minimum":0},"limit":{"type":"integer","minimum":0}}}"##,
    ),
    ("InferenceError", r#"{"type":"object","required":["error"],"properties":{"error":{"type":"string"}}}"#),
    (
        "GoogleError",
        r#"{"type":"object","required":["error"],"description":"AIP-193.","properties":{"error":{"type":"object","required":["code","message","status"],"properties":{
            "code":{"type":"integer"},"message":{"type":"string"},"status":{"type":"string"},"details":{"type":"array","items":{"type":"object"}}}}}}"#,
    ),
    (
        "OpenAiError",
        r#"{"type":"object","required":["error"],"properties":{"error":{"type":"object","required":["message","type","param","code"],"properties":{
            "message":{"type":"string"},"type":{"enum":["invalid_request_error","server_error"]},"param":{"type":["string","null"]},"code":{"type":"string"}}}}}"#,
    ),
];

const PARAMETERS: [(&str, &str); 8] = [
    (
        "Traceparent",
        r#"{"name":"traceparent","in":"header","schema":{"type":"string"},"example":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "description":"W3C Trace Context, version 00: comes back, stands in the log, and is the exemplar of the request's durations. Anything else is passed over."}"#,
    ),
    (
        "RequestId",
        r#"{"name":"X-Request-ID","in":"header","schema":{"type":"string"},"example":"01993d52-7a3c-7e90-8f6a-2f1b6c0d9e11",
            "description":"Up to 128 visible ASCII characters: comes back, and stands in the log. Anything else is passed over."}"#,
    ),
    (
        "Prefer",
        r#"{"name":"Prefer","in":"header","schema":{"type":"string"},"example":"server-timing",
            "description":"`server-timing` (RFC 7240) has the answer tell where its time went. Other preferences are passed over."}"#,
    ),
    (
        "IfNoneMatch",
        r#"{"name":"If-None-Match","in":"header","schema":{"type":"string"},"example":"\"4bf92f3577b34da6a3ce92\"",
            "description":"The `ETag` of a page that the client has: if it is still the one, the answer is 304."}"#,
    ),
    (
        "ModelPath",
        r#"{"name":"model","in":"path","required":true,"schema":{"type":"string","enum":["iris",%TEXTMODELS%]},"example":"simple",
            "description":"The model. A daemon with `--model-dir` also serves the models that it finds there."}"#,
    ),
    (
        "TextModelPath",
        r#"{"name":"model","in":"path","required":true,"schema":{"type":"string","enum":[%TEXTMODELS%]},"example":"simple",
            "description":"The model. A daemon with `--model-dir` also serves the models that it finds there."}"#,
    ),
    (
        "VersionPath",
        r#"{"name":"version","in":"path","required":true,"schema":{"type":"string","minLength":1},"example":"1.0.0",
            "description":"The version, which must be the one that the model has."}"#,
    ),
    (
        "InferenceHeaderContentLength",
        r#"{"name":"Inference-Header-Content-Length","in":"header","schema":{"type":"integer","minimum":0},
            "description":"Bytes of the body that are JSON, where binary tensors stand behind it; absent where all of it is."}"#,
    ),
];

/// Each header of answers: its component, its name, and what it says.
const HEADERS: [(&str, &str, &str); 12] = [
    (
        "Traceparent",
        "traceparent",
        r#"{"schema":{"type":"string"},"description":"That of the request, if that had one."}"#,
    ),
    (
        "RequestId",
        "X-Request-ID",
        r#"{"schema":{"type":"string"},"description":"That of the request, if that had one."}"#,
    ),
    (
        "AcceptEncoding",
        "Accept-Encoding",
        r#"{"required":true,"schema":{"const":"gzip"},"description":"What a body may be encoded in."}"#,
    ),
    (
        "RetryAfter",
        "Retry-After",
        r#"{"schema":{"type":"integer","minimum":1,"maximum":60},"description":"Of an error: seconds after which to come back."}"#,
    ),
    (
        "WwwAuthenticate",
        "WWW-Authenticate",
        r#"{"required":true,"schema":{"type":"string"},"example":"Bearer realm=\"tamis\", APIKey realm=\"tamis\"","description":"What to authenticate by."}"#,
    ),
    ("Allow", "Allow", r#"{"required":true,"schema":{"type":"string"},"example":"POST, OPTIONS"}"#),
    (
        "ServerTiming",
        "Server-Timing",
        r#"{"schema":{"type":"string"},"example":"read;dur=0.0123, parse;dur=0.0091, total;dur=0.0438","description":"Where the time went, in milliseconds, if `Prefer` asked for it (W3C Server Timing)."}"#,
    ),
    (
        "PreferenceApplied",
        "Preference-Applied",
        r#"{"schema":{"const":"server-timing"},"description":"The preference that was met."}"#,
    ),
    ("Vary", "Vary", r#"{"required":true,"schema":{"type":"string"}}"#),
    ("CacheControl", "Cache-Control", r#"{"required":true,"schema":{"enum":["no-store","no-cache"]}}"#),
    (
        "ETag",
        "ETag",
        r#"{"schema":{"type":"string"},"example":"\"4bf92f3577b34da6a3ce92\"","description":"Of a page: its digest."}"#,
    ),
    (
        "InferenceHeaderContentLength",
        "Inference-Header-Content-Length",
        r#"{"schema":{"type":"integer","minimum":1},"description":"Bytes of the answer that are JSON, where binary outputs stand behind it."}"#,
    ),
];

/// The name of the header field that is the component `name`, and what it says.
pub(crate) fn header(name: &str) -> (&'static str, &'static str) {
    HEADERS.iter().find(|(own, ..)| *own == name).map_or(("", ""), |(_, field, text)| (field, text))
}

fn security() -> Node {
    let scopes = Scope::ALL.map(|scope| {
        let what = match scope {
            Scope::Analyze => "To have texts scored",
            Scope::Predict => "To have irises classified",
            Scope::Admin => "To read metrics, status and probes where these are closed",
        };
        (scope.as_str(), what)
    });
    let scopes = scopes.iter().fold(Node::object(), |node, (name, what)| node.with_text(name, what));
    let password = Node::object().with_text("tokenUrl", Handler::Token.as_str()).with("scopes", scopes);
    let token = Node::object()
        .with_text("type", "oauth2")
        .with_text("description", "With `--auth oauth2` or `both`: a token of `POST /token`.")
        .with("flows", Node::object().with("password", password));
    [
        ("ApiKey", r#"{"type":"apiKey","in":"header","name":"X-API-Key","description":"With `--auth api-key` or `both`."}"#),
        ("GoogleKey", r#"{"type":"apiKey","in":"query","name":"key","description":"An API key, where Google's clients send it."}"#),
        (
            "GoogleKeyHeader",
            r#"{"type":"apiKey","in":"header","name":"x-goog-api-key","description":"An API key, where Google's clients send it."}"#,
        ),
        ("OpenAiKey", r#"{"type":"http","scheme":"bearer","description":"An API key, where OpenAI's clients send it."}"#),
    ]
    .into_iter()
    .fold(Node::object().with("Token", token), |node, (name, text)| node.with(name, schema(text)))
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
