//! The closed label sets of the metrics contract. Whoever records names a variant, so no raw path,
//! method or status code can ever become a series.

/// `handler` and `endpoint`: a route template, or `none` where no route was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the route that `as_str` names")]
pub enum Handler {
    Root,
    Health,
    Livez,
    Readyz,
    Startupz,
    Metrics,
    ModelInfo,
    Status,
    Analyze,
    Predict,
    AnalyzeBatch,
    Token,
    InferenceServer,
    InferenceLive,
    InferenceReady,
    InferenceModel,
    InferenceModelReady,
    InferIris,
    InferText,
    CommentsAnalyze,
    CommentsSuggest,
    Discovery,
    Moderations,
    OpenApi,
    Docs,
    None,
}

impl Handler {
    /// Every handler, in the order of its discriminants.
    pub const ALL: [Self; 26] = [
        Self::Root,
        Self::Health,
        Self::Livez,
        Self::Readyz,
        Self::Startupz,
        Self::Metrics,
        Self::ModelInfo,
        Self::Status,
        Self::Analyze,
        Self::Predict,
        Self::AnalyzeBatch,
        Self::Token,
        Self::InferenceServer,
        Self::InferenceLive,
        Self::InferenceReady,
        Self::InferenceModel,
        Self::InferenceModelReady,
        Self::InferIris,
        Self::InferText,
        Self::CommentsAnalyze,
        Self::CommentsSuggest,
        Self::Discovery,
        Self::Moderations,
        Self::OpenApi,
        Self::Docs,
        Self::None,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Health => "/health",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Startupz => "/startupz",
            Self::Metrics => "/metrics",
            Self::ModelInfo => "/model-info",
            Self::Status => "/status",
            Self::Analyze => "/analyze",
            Self::Predict => "/predict",
            Self::AnalyzeBatch => "/analyze/batch",
            Self::Token => "/token",
            Self::InferenceServer => "/v2",
            Self::InferenceLive => "/v2/health/live",
            Self::InferenceReady => "/v2/health/ready",
            Self::InferenceModel => "/v2/models/{model}",
            Self::InferenceModelReady => "/v2/models/{model}/ready",
            Self::InferIris => "/v2/models/iris/infer",
            Self::InferText => "/v2/models/{model}/infer",
            Self::CommentsAnalyze => "/v1alpha1/comments:analyze",
            Self::CommentsSuggest => "/v1alpha1/comments:suggestscore",
            Self::Discovery => "/$discovery/rest",
            Self::Moderations => "/v1/moderations",
            Self::OpenApi => "/openapi.json",
            Self::Docs => "/docs",
            Self::None => "none",
        }
    }

    /// The method that the route is there for; `None` has no route, so its main method is [`Method::Other`].
    pub const fn main_method(self) -> Method {
        match self {
            Self::Root
            | Self::Health
            | Self::Livez
            | Self::Readyz
            | Self::Startupz
            | Self::Metrics
            | Self::ModelInfo
            | Self::Status
            | Self::InferenceServer
            | Self::InferenceLive
            | Self::InferenceReady
            | Self::InferenceModel
            | Self::InferenceModelReady
            | Self::Discovery
            | Self::OpenApi
            | Self::Docs => Method::Get,
            Self::Analyze
            | Self::Predict
            | Self::AnalyzeBatch
            | Self::Token
            | Self::InferIris
            | Self::InferText
            | Self::CommentsAnalyze
            | Self::CommentsSuggest
            | Self::Moderations => Method::Post,
            Self::None => Method::Other,
        }
    }

    /// Whether its series are shown from the first request to it on, and not before: whoever does not use the route does
    /// not pay for it.
    pub const fn is_shown_once_used(self) -> bool {
        matches!(self, Self::AnalyzeBatch)
            || self.is_of_open_inference()
            || matches!(self, Self::CommentsAnalyze | Self::CommentsSuggest | Self::Discovery | Self::Moderations)
            || matches!(self, Self::OpenApi | Self::Docs)
    }

    /// Whether the route is one of the Open Inference Protocol, which has errors of its own.
    pub const fn is_of_open_inference(self) -> bool {
        matches!(
            self,
            Self::InferenceServer
                | Self::InferenceLive
                | Self::InferenceReady
                | Self::InferenceModel
                | Self::InferenceModelReady
        ) || self.infers()
    }

    /// Whether the route takes tensors.
    pub const fn infers(self) -> bool {
        matches!(self, Self::InferIris | Self::InferText)
    }
}

/// `method`: the methods that some route answers, and `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the method that `as_str` names")]
pub enum Method {
    Get,
    Head,
    Post,
    Options,
    Other,
}

impl Method {
    /// Every method, in the order of its discriminants.
    pub const ALL: [Self; 5] = [Self::Get, Self::Head, Self::Post, Self::Options, Self::Other];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Options => "OPTIONS",
            Self::Other => "other",
        }
    }
}

/// `status`: every status code that the daemon sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u8);

impl Status {
    /// Every code, ascending; a [`Status`] is an index into this.
    pub const ALL: [u16; 16] = [200, 204, 304, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 431, 500, 503];

    /// The label for `code`; a code outside the closed set counts as 500, which no handler sends.
    pub const fn from_code(code: u16) -> Self {
        let mut index = 0;
        while index < Self::ALL.len() {
            if Self::ALL[index] == code {
                return Self(index as u8);
            }
            index += 1;
        }
        Self::from_code(500)
    }

    /// The position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The status code.
    pub const fn code(self) -> u16 {
        Self::ALL[self.0 as usize]
    }

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self.0 as usize]
    }

    const NAMES: [&'static str; Self::ALL.len()] = [
        "200", "204", "304", "400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "431", "500", "503",
    ];
}

/// `scheme` and `result` of `tamis_auth_total`: what became of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the two that `as_str` names")]
pub enum Authentication {
    NoneMissing,
    KeyAccepted,
    KeyInvalid,
    KeyForbidden,
    TokenAccepted,
    TokenInvalid,
    TokenExpired,
    TokenForbidden,
    PasswordAccepted,
    PasswordRefused,
    PasswordLimited,
}

impl Authentication {
    /// Every one, in the order of the discriminants.
    pub const ALL: [Self; 11] = [
        Self::NoneMissing,
        Self::KeyAccepted,
        Self::KeyInvalid,
        Self::KeyForbidden,
        Self::TokenAccepted,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenForbidden,
        Self::PasswordAccepted,
        Self::PasswordRefused,
        Self::PasswordLimited,
    ];

    /// The labels' values.
    pub const fn as_str(self) -> [&'static str; 2] {
        match self {
            Self::NoneMissing => ["none", "missing"],
            Self::KeyAccepted => ["api-key", "accepted"],
            Self::KeyInvalid => ["api-key", "invalid"],
            Self::KeyForbidden => ["api-key", "forbidden"],
            Self::TokenAccepted => ["bearer", "accepted"],
            Self::TokenInvalid => ["bearer", "invalid"],
            Self::TokenExpired => ["bearer", "expired"],
            Self::TokenForbidden => ["bearer", "forbidden"],
            Self::PasswordAccepted => ["password", "accepted"],
            Self::PasswordRefused => ["password", "refused"],
            Self::PasswordLimited => ["password", "limited"],
        }
    }
}

/// `result` of `tamis_tls_handshakes_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Handshake {
    /// With a signature by the certificate's key.
    Full,
    /// By a ticket of an earlier one, without a signature.
    Resumed,
    /// The client sent what is no TLS or nothing that can be agreed on, or went in the middle.
    Failed,
    /// It was not done within `--header-timeout`.
    TimedOut,
}

impl Handshake {
    /// Every one, in the order of the discriminants.
    pub const ALL: [Self; 4] = [Self::Full, Self::Resumed, Self::Failed, Self::TimedOut];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
        }
    }
}

/// `result` of `tamis_auth_reloads_total`, `tamis_model_reloads_total` and `tamis_tls_certificate_reloads_total`.
pub const RELOADED: [&str; 2] = ["loaded", "refused"];

/// `model` and `model_type` of the loading families: every model of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the model that `as_str` names")]
pub enum Model {
    Simple,
    Iris,
    Bert,
}

impl Model {
    /// Every model, in the order of its discriminants.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Iris, Self::Bert];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Iris => "iris",
            Self::Bert => "bert",
        }
    }
}

/// `model_type` of the toxicity families: the models that answer `/analyze`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the model that `as_str` names")]
pub enum ToxicityModel {
    Simple,
    Bert,
    Custom,
}

impl ToxicityModel {
    /// Every toxicity model, in the order of its discriminants.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Bert, Self::Custom];

    /// Those whose time has a histogram: all but [`Self::Custom`], which stands last and for a user's models together, so
    /// that their number and their names cost two lines at most.
    pub const TIMED: usize = Self::ALL.len() - 1;

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Bert => "bert",
            Self::Custom => "custom",
        }
    }
}

/// `stage`: what the time of a request for a model goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// From the request's head to the whole of its body.
    Read,
    /// From the body to what it asks for.
    Parse,
    /// From a text to what the model reads.
    Features,
    /// The model.
    Infer,
    /// From what the model says to the bytes of the answer.
    Render,
    /// Waiting for a thread of the model.
    Queue,
}

impl Stage {
    /// Every stage, in the order of its discriminants.
    pub const ALL: [Self; 6] = [Self::Read, Self::Parse, Self::Features, Self::Infer, Self::Render, Self::Queue];

    /// The label's value, and the name in a `Server-Timing` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Features => "features",
            Self::Infer => "infer",
            Self::Render => "render",
            Self::Queue => "queue",
        }
    }
}

/// `reason`: what a request that is refused at once did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shed {
    /// A buffer for its body or its answer.
    Slot,
    /// A place in a model's queue.
    Queue,
}

impl Shed {
    /// Every reason, in the order of its discriminants.
    pub const ALL: [Self; 2] = [Self::Slot, Self::Queue];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Queue => "queue",
        }
    }
}

/// `model` of the score drift: the model that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "each variant is the model that `as_str` names")]
pub enum AskedModel {
    Simple,
    Bert,
    Auto,
}

impl AskedModel {
    /// Every one, in the order of its discriminants.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Bert, Self::Auto];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Bert => "bert",
            Self::Auto => "auto",
        }
    }
}

/// `attribute` of `tamis_suggested_scores_total`: the attributes of Perspective that a label of ours stands for, and all others.
pub const SUGGESTED: [&str; 7] =
    ["TOXICITY", "SEVERE_TOXICITY", "PROFANITY", "THREAT", "INSULT", "IDENTITY_ATTACK", "other"];

/// `predicted_class`: the iris species, in the order of the class ids.
pub const IRIS_CLASSES: [&str; 3] = ["setosa", "versicolor", "virginica"];

/// `phase`: where the process is in its life. A stopped process answers no scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Models load and warm up.
    Starting,
    /// Requests are answered.
    Ready,
    /// What was accepted is finished; readiness probes are told to look elsewhere.
    Draining,
}

impl Phase {
    /// Every phase, in the order of its discriminants.
    pub const ALL: [Self; 3] = [Self::Starting, Self::Ready, Self::Draining];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_positions() {
        assert!(Handler::ALL.iter().enumerate().all(|(position, handler)| *handler as usize == position));
        assert!(Method::ALL.iter().enumerate().all(|(position, method)| *method as usize == position));
        assert!(Model::ALL.iter().enumerate().all(|(position, model)| *model as usize == position));
        assert!(ToxicityModel::ALL.iter().enumerate().all(|(position, model)| *model as usize == position));
        assert!(AskedModel::ALL.iter().enumerate().all(|(position, model)| *model as usize == position));
        assert!(Stage::ALL.iter().enumerate().all(|(position, stage)| *stage as usize == position));
        assert!(Shed::ALL.iter().enumerate().all(|(position, reason)| *reason as usize == position));
        assert!(Phase::ALL.iter().enumerate().all(|(position, phase)| *phase as usize == position));
    }

    #[test]
    fn a_status_is_named_by_its_code() {
        for code in Status::ALL {
            let status = Status::from_code(code);
            assert_eq!(status.code(), code);
            assert_eq!(status.as_str(), code.to_string());
        }
        assert_eq!(Status::from_code(418).code(), 500);
    }
}
