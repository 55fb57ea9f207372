//! From method and path to what is to be done: the one table of the HTTP contract.

use super::oip::path;
use crate::auth::scopes::Scope;
use crate::metrics::labels::{Handler, Method};
use crate::problem::Problem;

/// Which part of the contract a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// All of it: the only listener.
    Whole,
    /// The endpoints of the models, beside an admin listener.
    Public,
    /// Probes, metrics, the status page and model information.
    Admin,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The label under which it counts.
    pub handler: Handler,
    /// The method's label.
    pub method: Method,
    /// What to do with it.
    pub action: Action,
}

/// What to do with a routed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer at once; a body, if one comes, is ignored.
    Answer,
    /// Read the body as JSON, then answer.
    ReadJson,
    /// Read the body as a form, then answer.
    ReadForm,
    /// Read the body as JSON with binary tensors behind it, then answer.
    ReadTensors,
    /// Say which methods apply (RFC 9110, section 9.3.7).
    Options,
    /// Refuse.
    Refuse(Problem),
}

/// Who may take a route where authentication is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever has a credential that is good.
    Credential,
    /// Whoever has one that is good for this.
    Scope(Scope),
    /// Everybody, or administrators if metrics are closed.
    Metrics,
    /// Everybody, or administrators if probes are closed.
    Probe,
}

/// Who may take the route of `handler` where authentication is on.
pub const fn access(handler: Handler) -> Access {
    match handler {
        Handler::Root
        | Handler::Token
        | Handler::Discovery
        | Handler::OpenApi
        | Handler::Docs
        | Handler::InferenceServer
        | Handler::None => Access::Open,
        Handler::ModelInfo | Handler::InferenceModel => Access::Credential,
        Handler::Analyze
        | Handler::AnalyzeBatch
        | Handler::CommentsAnalyze
        | Handler::CommentsSuggest
        | Handler::Moderations
        | Handler::InferText => Access::Scope(Scope::Analyze),
        Handler::Predict | Handler::InferIris => Access::Scope(Scope::Predict),
        Handler::Metrics | Handler::Status => Access::Metrics,
        Handler::Health
        | Handler::Livez
        | Handler::Readyz
        | Handler::Startupz
        | Handler::InferenceLive
        | Handler::InferenceReady
        | Handler::InferenceModelReady => Access::Probe,
    }
}

impl Route {
    /// The route as of a daemon that does not have it.
    #[must_use]
    pub const fn unknown(self) -> Self {
        Self { handler: Handler::None, method: self.method, action: Action::Refuse(Problem::NotFound) }
    }
}

/// Routes `method` on `path` (without its query). Methods are case-sensitive (RFC 9110, section 9.1).
pub fn route(surface: Surface, method: &str, path: &str) -> Route {
    let label = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    };
    let handler = match path {
        "/predict" => Handler::Predict,
        "/analyze" => Handler::Analyze,
        "/analyze/batch" => Handler::AnalyzeBatch,
        "/token" => Handler::Token,
        "/metrics" => Handler::Metrics,
        "/" => Handler::Root,
        "/health" => Handler::Health,
        "/livez" => Handler::Livez,
        "/readyz" => Handler::Readyz,
        "/startupz" => Handler::Startupz,
        "/model-info" => Handler::ModelInfo,
        "/status" => Handler::Status,
        "/v1alpha1/comments:analyze" => Handler::CommentsAnalyze,
        "/v1alpha1/comments:suggestscore" => Handler::CommentsSuggest,
        "/$discovery/rest" | "/discovery/v1/apis/commentanalyzer/v1alpha1/rest" => Handler::Discovery,
        "/v1/moderations" => Handler::Moderations,
        "/openapi.json" => Handler::OpenApi,
        "/docs" => Handler::Docs,
        // The server as a whole.
        "*" if label == Method::Options => {
            return Route { handler: Handler::None, method: label, action: Action::Options };
        }
        _ => path::handler(path),
    };
    let handler = if serves(surface, handler) { handler } else { Handler::None };
    let action = match (handler, label) {
        (Handler::None, _) => Action::Refuse(Problem::NotFound),
        (_, Method::Options) => Action::Options,
        (Handler::Token, Method::Post) => Action::ReadForm,
        (Handler::InferIris | Handler::InferText, Method::Post) => Action::ReadTensors,
        (handler, Method::Post) if takes_json(handler) => Action::ReadJson,
        (handler, Method::Get | Method::Head) if handler.main_method() == Method::Get => Action::Answer,
        (_, _) => Action::Refuse(Problem::MethodNotAllowed),
    };
    Route { handler, method: label, action }
}

/// The `Allow` header of a route (RFC 9110, section 10.2.1).
pub const fn allow(handler: Handler) -> &'static str {
    match handler {
        _ if takes_json(handler) => "POST, OPTIONS",
        Handler::Token | Handler::InferIris | Handler::InferText => "POST, OPTIONS",
        Handler::None => "GET, HEAD, POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

/// Whether the route takes a body of JSON.
const fn takes_json(handler: Handler) -> bool {
    matches!(
        handler,
        Handler::Predict
            | Handler::Analyze
            | Handler::AnalyzeBatch
            | Handler::CommentsAnalyze
            | Handler::CommentsSuggest
            | Handler::Moderations
    )
}

/// Whether a listener of this part serves the route.
pub const fn serves(surface: Surface, handler: Handler) -> bool {
    let of_models = takes_json(handler)
        || matches!(handler, Handler::Token | Handler::Discovery | Handler::OpenApi | Handler::Docs);
    let of_both = matches!(handler, Handler::Root | Handler::ModelInfo | Handler::None);
    if handler.is_of_open_inference() {
        // Its clients ask for health where they ask for models.
        return !(handler.infers() && matches!(surface, Surface::Admin));
    }
    match surface {
        Surface::Whole => true,
        Surface::Public => of_models || of_both,
        Surface::Admin => !of_models,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_reached_by_its_own_label() {
        for handler in Handler::ALL.into_iter().filter(|&handler| handler != Handler::None) {
            assert_eq!(route(Surface::Whole, "GET", handler.as_str()).handler, handler);
        }
    }

    #[test]
    fn each_surface_serves_its_own() {
        let found = |surface, path| route(surface, "GET", path).handler != Handler::None;
        assert!(
            !found(Surface::Public, "/metrics")
                && !found(Surface::Public, "/status")
                && !found(Surface::Public, "/readyz")
        );
        assert!(!found(Surface::Admin, "/predict") && !found(Surface::Admin, "/analyze"));
        assert!(found(Surface::Admin, "/metrics") && found(Surface::Admin, "/status"));
        assert!(found(Surface::Public, "/predict") && found(Surface::Public, "/"));
        for path in ["/openapi.json", "/docs"] {
            assert!(found(Surface::Public, path) && !found(Surface::Admin, path));
        }
    }

    #[test]
    fn allow_is_what_the_router_does() {
        for handler in Handler::ALL.into_iter().filter(|&handler| handler != Handler::None) {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "get"] {
                let refused = matches!(route(Surface::Whole, method, handler.as_str()).action, Action::Refuse(_));
                let allowed = allow(handler).split(", ").any(|name| name == method);
                assert_ne!(refused, allowed, "{method} {}", handler.as_str());
            }
        }
    }

    #[test]
    fn paths_are_not_guessed() {
        for path in ["", "/Predict", "/predict/", "//", "/metrics2", "*"] {
            assert_eq!(route(Surface::Whole, "GET", path).action, Action::Refuse(Problem::NotFound), "{path}");
        }
    }
}
