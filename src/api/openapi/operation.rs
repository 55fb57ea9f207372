//! One operation of the document: what a contract says of it, and what the code's tables say: which statuses its route gives,
//! which problems, who may take it.

use super::components;
use super::node::Node;
use super::refusals::{self, Refusal};
use crate::api::fault;
use crate::api::route::{Access, access};
use crate::api::{Content, SMALL_REPLY};
use crate::metrics::labels::{Handler, Method};
use crate::metrics::series::ERRORS;
use crate::pages;
use crate::problem::{Fault, Problem};

/// What a contract says of one of its paths.
pub struct Operation {
    /// The route.
    pub handler: Handler,
    /// Its path, with the names of parameters in braces.
    pub path: &'static str,
    /// The name that generators of clients give it.
    pub id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What it does, in Markdown.
    pub description: &'static str,
    /// Components that are its parameters.
    pub parameters: &'static [&'static str],
    /// What a request may be sent as; nothing where it has no body.
    pub bodies: Vec<Media>,
    /// What is answered where nothing is wrong.
    pub answers: Vec<Answer>,
}

/// A representation of a body.
pub struct Media {
    /// The media type.
    pub name: String,
    /// Its schema.
    pub schema: Node,
    /// Examples.
    pub examples: Vec<Example>,
}

/// A body.
pub struct Example {
    /// The name by which it is known.
    pub name: String,
    /// What it is an example of.
    pub summary: String,
    /// The value, as JSON; what is no JSON as a string.
    pub value: Node,
}

/// What is answered where nothing is wrong.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it means.
    pub description: &'static str,
    /// Components that are its header fields.
    pub headers: &'static [&'static str],
    /// Its body, if it has one.
    pub media: Option<Media>,
}

/// A body in JSON of the schema that is the component `schema`.
pub fn json(schema: &str, examples: Vec<Example>) -> Media {
    Media { name: "application/json".to_owned(), schema: Node::reference(&format!("schemas/{schema}")), examples }
}

/// An example that is the JSON `value`, which fits a line.
pub fn example(name: &str, summary: &str, value: &str) -> Example {
    Example { name: name.to_owned(), summary: summary.to_owned(), value: Node::Raw(value.to_owned()) }
}

/// The answer 200.
pub fn ok(description: &'static str, media: Media) -> Answer {
    Answer { status: 200, description, headers: &[], media: Some(media) }
}

impl Operation {
    /// At the one path of `handler`, with the parameters that every request may have; what is sent and answered is to be added.
    pub fn new(handler: Handler, id: &'static str, summary: &'static str, description: &'static str) -> Self {
        let parameters = &["Traceparent", "RequestId"];
        let path = handler.as_str();
        Self { handler, path, id, summary, description, parameters, bodies: Vec::new(), answers: Vec::new() }
    }

    /// The Operation Object; `tag` is the group in which it is listed.
    pub fn node(&self, tag: &str) -> Node {
        let mut node = Node::object().with("tags", Node::List(vec![Node::text(tag)]));
        node = node.with_text("summary", self.summary).with_text("description", self.description);
        node = node.with("operationId", Node::text(self.id));
        node = node.with("security", security(self.handler));
        let conditional = pages::at(self.handler).map(|_| "IfNoneMatch");
        let parameters = self.parameters.iter().copied().chain(conditional);
        let parameters = parameters.map(|name| Node::reference(&format!("parameters/{name}"))).collect();
        node = node.with_any("parameters", Node::List(parameters));
        if !self.bodies.is_empty() {
            let content = self.bodies.iter().fold(Node::object(), |node, media| node.with(&media.name, media.node()));
            node = node.with(
                "requestBody",
                Node::object().with("required", Node::Raw("true".to_owned())).with("content", content),
            );
        }
        let mut statuses = self.responses();
        statuses.sort_by_key(|response| response.status);
        let responses =
            statuses.iter().fold(Node::object(), |node, found| node.with(&found.status.to_string(), found.node()));
        node.with("responses", responses)
    }

    fn responses(&self) -> Vec<Response> {
        let mut responses: Vec<Response> = Vec::new();
        for answer in self.answers.iter().chain(&page(self.handler)) {
            let media = answer.media.as_ref().map(|media| Media {
                name: media.name.clone(),
                schema: media.schema.clone(),
                examples: media.examples.iter().map(Example::copied).collect(),
            });
            merge(&mut responses, answer.status, answer.description, answer.headers, media);
        }
        for refusal in problems(self.handler).filter_map(|problem| refusals::of(self.handler, problem)) {
            let told = told(self.handler, &refusal);
            merge(&mut responses, told.0, "", headers_of(self.handler, told.0), Some(told.1));
        }
        for (problem, component) in OF_CONNECTIONS {
            let (status, media) = of_connections(problem);
            if responses.iter().any(|response| response.status == status) {
                merge(&mut responses, status, "", &[], Some(media));
            } else {
                let component = Some(component);
                responses.push(Response { status, component, ..Response::default() });
            }
        }
        responses
    }
}

/// Status and body with which every route answers a request with this problem, which is one of [`OF_CONNECTIONS`].
fn of_connections(problem: Problem) -> (u16, Media) {
    told(Handler::None, &refusals::of_connections(problem))
}

/// The answers that are components: those that are the same for every route.
pub fn common_answers() -> Node {
    OF_CONNECTIONS.into_iter().fold(Node::object(), |node, (problem, component)| {
        let (status, media) = of_connections(problem);
        let mut responses = Vec::new();
        merge(&mut responses, status, "", &[], Some(media));
        responses.iter().fold(node, |node, response| node.with(component, response.node()))
    })
}

/// What a route answers that has a page.
fn page(handler: Handler) -> Vec<Answer> {
    const HEADERS: &[&str] = &["ETag", "Vary", "CacheControl"];
    let Some(page) = pages::at(handler) else { return Vec::new() };
    let known = Answer { status: 304, description: "The client has it already.", headers: HEADERS, media: None };
    let name = page.content_type.split(';').next().unwrap_or_default().to_owned();
    let start = Example {
        name: "page".to_owned(),
        summary: "How it begins".to_owned(),
        value: Node::text("<!doctype html>\n<html lang=\"en\">"),
    };
    // What a page of JSON says, its contract tells.
    let html = page.content_type.starts_with("text/html").then(|| Media {
        name,
        schema: Node::object().with_text("type", "string"),
        examples: vec![start],
    });
    let sent = Answer { status: 200, description: "The page.", headers: HEADERS, media: html };
    vec![sent, known]
}

/// What can be wrong with a request to any route before it takes one, and the component that says so.
pub const OF_CONNECTIONS: [(Problem, &str); 3] = [
    (Problem::MalformedRequest, "MalformedRequest"),
    (Problem::RequestTimeout, "RequestTimeout"),
    (Problem::HeaderSectionTooLarge, "HeaderSectionTooLarge"),
];

/// The problems that the route of `handler` tells of, by the table of the metrics; not those of another method, which is another
/// operation.
pub fn problems(handler: Handler) -> impl Iterator<Item = Problem> {
    let listed = ERRORS.into_iter().flatten().filter(move |(_, of)| *of == handler).map(|(problem, _)| problem);
    // Where no tokens are issued there is no such route.
    let absent = (handler == Handler::Token).then_some(Problem::NotFound);
    listed.chain(absent).filter(|problem| *problem != Problem::MethodNotAllowed)
}

/// Status and body with which the daemon tells of a refusal.
pub fn told(handler: Handler, refusal: &Refusal) -> (u16, Media) {
    let (status, name, body) = written(handler, &refusal.fault);
    let schema = match handler {
        Handler::CommentsAnalyze | Handler::CommentsSuggest | Handler::Discovery => "GoogleError",
        Handler::Moderations => "OpenAiError",
        of if of.is_of_open_inference() => "InferenceError",
        _ if refusal.fault.problem.is_of_oauth() => "TokenError",
        _ => "Problem",
    };
    let problem = refusal.fault.problem.error_type();
    // Where a header section is late the shape is that of routes without one of their own.
    let other = handler == Handler::None && refusal.fault.problem == Problem::RequestTimeout;
    let example = Example {
        name: if other { format!("{problem}_head") } else { problem.to_owned() },
        summary: refusal.cause.to_owned(),
        value: Node::Raw(body),
    };
    let schema = Node::reference(&format!("schemas/{schema}"));
    (status, Media { name: name.to_owned(), schema, examples: vec![example] })
}

/// Status, media type and bytes, as the daemon writes them.
pub fn written(handler: Handler, fault: &Fault) -> (u16, &'static str, String) {
    let mut out = [0; 2 * SMALL_REPLY];
    let outcome = fault::answer_at(handler, fault, &mut out);
    let name = if outcome.content == Content::Problem { "application/problem+json" } else { "application/json" };
    (outcome.status, name, String::from_utf8_lossy(&out[..outcome.length]).into_owned())
}

/// The header fields that an error of this status has.
fn headers_of(handler: Handler, status: u16) -> &'static [&'static str] {
    match (status, handler) {
        (400, Handler::Token) => &["CacheControl"],
        (401 | 403, _) => &["WwwAuthenticate"],
        (415, _) => &["AcceptEncoding"],
        (429 | 503, _) => &["RetryAfter"],
        _ => &[],
    }
}

/// A Response Object in the making.
#[derive(Default)]
struct Response {
    status: u16,
    description: String,
    headers: Vec<&'static str>,
    media: Vec<(Media, Vec<Node>)>,
    /// The component that it is.
    component: Option<&'static str>,
}

/// Adds a representation to the answer of `status`; one schema beside another of the same media type is an alternative.
fn merge(
    responses: &mut Vec<Response>,
    status: u16,
    description: &str,
    headers: &'static [&'static str],
    media: Option<Media>,
) {
    let found = responses.iter().position(|response| response.status == status);
    let place = found.unwrap_or_else(|| {
        let description = if description.is_empty() { fault::reason(status) } else { description };
        responses.push(Response { status, description: description.to_owned(), ..Response::default() });
        responses.len() - 1
    });
    let response = &mut responses[place];
    for name in headers {
        if !response.headers.contains(name) {
            response.headers.push(name);
        }
    }
    let Some(media) = media else { return };
    let Some((own, schemas)) = response.media.iter_mut().find(|(own, _)| own.name == media.name) else {
        let schemas = vec![media.schema.clone()];
        response.media.push((media, schemas));
        return;
    };
    if !schemas.contains(&media.schema) {
        schemas.push(media.schema);
    }
    own.examples.extend(media.examples);
}

impl Response {
    fn node(&self) -> Node {
        if let Some(component) = self.component {
            return Node::reference(&format!("responses/{component}"));
        }
        let headers = self.headers.iter().chain(&["Traceparent", "RequestId"]).fold(Node::object(), |node, name| {
            let (field, _) = components::header(name);
            node.with(field, Node::reference(&format!("headers/{name}")))
        });
        let content = self.media.iter().fold(Node::object(), |node, (media, schemas)| {
            let schema = match &schemas[..] {
                [one] => one.clone(),
                several => Node::object().with("anyOf", Node::List(several.to_vec())),
            };
            node.with(&media.name, media.with_schema(schema))
        });
        Node::object()
            .with("description", Node::text(&self.description))
            .with("headers", headers)
            .with_any("content", content)
    }
}

impl Media {
    fn node(&self) -> Node {
        self.with_schema(self.schema.clone())
    }

    fn with_schema(&self, schema: Node) -> Node {
        let examples = self.examples.iter().fold(Node::object(), |node, example| {
            let own = Node::object().with_text("summary", &example.summary).with("value", example.value.clone());
            node.with(&example.name, own)
        });
        Node::object().with("schema", schema).with_any("examples", examples)
    }
}

impl Example {
    fn copied(&self) -> Self {
        Self { name: self.name.clone(), summary: self.summary.clone(), value: self.value.clone() }
    }
}

/// The credentials that are good for a route; none is one of them, because authentication may be off.
fn security(handler: Handler) -> Node {
    let scope = match access(handler) {
        Access::Open => return Node::List(Vec::new()),
        Access::Credential => None,
        Access::Scope(scope) => Some(scope.as_str()),
        Access::Metrics | Access::Probe => Some("admin"),
    };
    let one = |name: &str, scopes| Node::object().with(name, Node::List(scopes));
    let mut schemes =
        vec![Node::object(), one("ApiKey", Vec::new()), one("Token", scope.into_iter().map(Node::text).collect())];
    match handler {
        Handler::CommentsAnalyze | Handler::CommentsSuggest => {
            schemes.extend(["GoogleKey", "GoogleKeyHeader"].map(|name| one(name, Vec::new())));
        }
        Handler::Moderations => schemes.push(one("OpenAiKey", Vec::new())),
        _ => {}
    }
    Node::List(schemes)
}

/// The method of the route, as a Path Item Object names it.
pub fn method(handler: Handler) -> &'static str {
    if handler.main_method() == Method::Post { "post" } else { "get" }
}
