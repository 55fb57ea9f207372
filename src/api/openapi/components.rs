//! What operations have in common: errors, parameters, header fields, credentials, and what is answered where there is none.

use super::node::Node;
use super::{compatible, inference, names, operation, schema, scoring, service};
use crate::auth::scopes::Scope;
use crate::metrics::labels::Handler;
use crate::problem::{Fault, Problem};

/// The Components Object.
pub fn all() -> Node {
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
    .fold(operation::common_answers(), |node, (name, problem, description)| {
        let (_, media, body) = operation::written(Handler::None, &Fault::new(problem));
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
        r#"{"name":"X-Request-ID","in":"header","schema":{"type":"string"},"example":"7f3a","description":"Up to 128 visible characters come back and stand in the log. Anything else is passed over."}"#,
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
        r#"{"schema":{"type":"string","maxLength":128},"description":"That of the request, if that had one."}"#,
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
    ("CacheControl", "Cache-Control", r#"{"schema":{"enum":["no-store","no-cache"]}}"#),
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
pub fn header(name: &str) -> (&'static str, &'static str) {
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
