//! What a metric family is: its type, unit, label sets and sample lines.

use super::labels::{
    AskedModel, Authentication, Handler, Handshake, IRIS_CLASSES, Model, Phase, RELOADED, SUGGESTED, Shed, Stage,
    ToxicityModel,
};
use super::series::{
    ERROR_OVERFLOW, ERRORS, LANE_HANDLERS, LANES, REQUEST_OVERFLOW, REQUEST_SIZED, REQUESTS, RESPONSE_SIZED,
};
use crate::auth::File;
use crate::text::rules::Rule;

/// One metric family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Which family; the position in [`FAMILIES`](super::catalog::FAMILIES).
    pub id: Id,
    /// The full name, with unit and suffix as the Prometheus naming practices ask.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// What one raw unit of a value is on the wire (of `_sum` and `le`, where there are buckets).
    pub scale: Scale,
    /// The HELP text, not escaped.
    pub help: &'static str,
    /// The label sets.
    pub series: Series,
    /// Upper bounds, inclusive, in raw units, ascending; `+Inf` comes on top. Empty unless a histogram.
    pub bounds: &'static [u64],
    /// Whether the samples are known at start and rendered once.
    pub fixed: bool,
}

/// The type of a family, as in the `# TYPE` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Cumulative buckets, a sum and a count.
    Histogram,
    /// A sum and a count, without quantiles.
    Summary,
}

/// One raw unit on the wire. Raw values are whole numbers, so every decimal is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    One,
    /// Raw hundredths (percent) become ratios.
    Hundredths,
    /// Raw millionths become an index.
    Millionths,
    /// Raw nanoseconds become seconds.
    Nanoseconds,
}

/// The label sets of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// No label.
    Single,
    /// `method`, `handler`, `status`: what can occur, and the overflow.
    Requests,
    /// `method`, `handler`: the routes that have a lane, with their main method, and the rest together.
    Lanes,
    /// `handler`: the routes whose requests have bodies, and the rest together.
    RequestSizes,
    /// `handler`: the routes whose answers differ in size, and the rest together.
    ResponseSizes,
    /// `error_type`, `endpoint`: what can occur, and the overflow.
    Errors,
    /// `model_type` of the toxicity models, `status`.
    Outcomes,
    /// `model_type` of the toxicity models of ours.
    ToxicityModels,
    /// `model_type` of every model.
    ModelTypes,
    /// `model`: every model.
    Models,
    /// `predicted_class`.
    Classes,
    /// `handler`: the routes that run a model.
    Inference,
    /// `phase`.
    Phases,
    /// `rule`.
    Rules,
    /// `model`: those that a request can ask for.
    AskedModels,
    /// `stage`.
    Stages,
    /// `reason`.
    Shed,
    /// `attribute`: from the first suggestion on.
    Suggested,
    /// `worker`: its number, from 0.
    Workers,
    /// `version`: one value, known at start.
    Build,
    /// `path`: one value, known at start.
    CpuPath,
    /// `model`, `sha256`: one value a model, known at start.
    Digests,
    /// `scheme`, `result`; none without authentication, as of the next two.
    Authentications,
    /// `key`: the names that are counted apart, and `other`.
    Keys,
    /// `file`, `result`.
    Reloads,
    /// `result`.
    ModelReloads,
    /// `result`; none without TLS, as of the next two.
    Handshakes,
    /// `result`.
    CertificateReloads,
    /// No label.
    Certificate,
}

/// What the number of label sets depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Worker threads.
    pub workers: usize,
    /// Names of keys that are counted apart; `None` without authentication.
    pub keys: Option<usize>,
    /// Whether models can be loaded anew.
    pub reloads_models: bool,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Shape {
    /// A daemon of [`TWO_WORKERS`] without authentication.
    pub const DEFAULT: Self = Self::of(TWO_WORKERS);

    /// A daemon of so many workers, without authentication.
    pub const fn of(workers: usize) -> Self {
        Self { workers, keys: None, reloads_models: false, tls: false }
    }

    /// A daemon of [`TWO_WORKERS`] with every family there is, and no key that is counted apart.
    pub const WHOLE: Self = Self { reloads_models: true, tls: true, ..Self::DEFAULT.guarded() };

    /// The same with authentication, and no key that is counted apart.
    #[must_use]
    pub const fn guarded(self) -> Self {
        Self { keys: Some(0), ..self }
    }
}

impl From<usize> for Shape {
    fn from(workers: usize) -> Self {
        Self::of(workers)
    }
}

/// The name of a family in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`FAMILIES` says what each one is")]
pub enum Id {
    HttpRequests,
    HttpDuration,
    HttpInProgress,
    HttpRequestSize,
    HttpResponseSize,
    ToxicityRequests,
    ToxicityScore,
    ToxicityProcessing,
    ToxicityActiveUsers,
    NormalizationRules,
    ModelLoad,
    ModelPredictions,
    ModelConfidence,
    ModelLoaded,
    ApiErrors,
    ProcessCpu,
    ProcessResident,
    ProcessVirtual,
    ProcessOpenFds,
    ProcessMaxFds,
    ProcessStart,
    Build,
    CpuPath,
    Digests,
    Phase,
    Workers,
    DurationP99,
    StageDuration,
    ScoreDrift,
    ConnectionsOpen,
    ConnectionsAccepted,
    RequestsShed,
    QueueDepth,
    RequestsTimedOut,
    WorkerBusy,
    WorkerInProgress,
    SlotsCapacity,
    SlotsHighWater,
    SlotFallbacks,
    HeapAllocations,
    HeapBytes,
    ScrapeBytes,
    Authentications,
    KeyRequests,
    Reloads,
    ModelReloads,
    TlsHandshakes,
    TlsCertificateReloads,
    TlsCertificateNotAfter,
    SuggestedScores,
    ScrapeDuration,
}

impl Kind {
    /// The word of the `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

impl Series {
    /// The label names, in the order in which they are written.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Single | Self::Certificate => &[],
            Self::Requests => &["method", "handler", "status"],
            Self::Lanes => &["method", "handler"],
            Self::RequestSizes | Self::ResponseSizes | Self::Inference => &["handler"],
            Self::Errors => &["error_type", "endpoint"],
            Self::Outcomes => &["model_type", "status"],
            Self::ToxicityModels | Self::ModelTypes => &["model_type"],
            Self::Models | Self::AskedModels => &["model"],
            Self::Classes => &["predicted_class"],
            Self::Phases => &["phase"],
            Self::Rules => &["rule"],
            Self::Stages => &["stage"],
            Self::Shed => &["reason"],
            Self::Suggested => &["attribute"],
            Self::Workers => &["worker"],
            Self::Build => &["version"],
            Self::CpuPath => &["path"],
            Self::Digests => &["model", "sha256"],
            Self::Authentications => &["scheme", "result"],
            Self::Keys => &["key"],
            Self::Reloads => &["file", "result"],
            Self::ModelReloads | Self::Handshakes | Self::CertificateReloads => &["result"],
        }
    }

    /// The number of label sets in a daemon of [`Shape::DEFAULT`].
    pub const fn count(self) -> usize {
        self.count_with(Shape::DEFAULT)
    }

    /// The number of label sets in a daemon of this shape.
    pub const fn count_with(self, shape: Shape) -> usize {
        let guarded = shape.keys.is_some();
        match self {
            Self::Single | Self::Build | Self::CpuPath => 1,
            Self::Requests if guarded => REQUESTS.len(),
            Self::Requests => REQUEST_OVERFLOW + 1,
            Self::Lanes => LANES,
            Self::RequestSizes => REQUEST_SIZED.len(),
            Self::ResponseSizes => RESPONSE_SIZED.len(),
            Self::Errors if guarded => ERRORS.len(),
            Self::Errors => ERROR_OVERFLOW + 1,
            Self::Outcomes => ToxicityModel::ALL.len() * OUTCOMES.len(),
            Self::ToxicityModels => ToxicityModel::TIMED,
            Self::ModelTypes | Self::Models | Self::Digests => Model::ALL.len(),
            Self::Classes => IRIS_CLASSES.len(),
            Self::Inference => INFERENCE.len(),
            Self::Phases => Phase::ALL.len(),
            Self::Rules => Rule::ALL.len(),
            Self::AskedModels => AskedModel::ALL.len(),
            Self::Stages => Stage::ALL.len(),
            Self::Shed => Shed::ALL.len(),
            Self::Suggested => SUGGESTED.len(),
            Self::Workers => shape.workers,
            Self::Authentications if guarded => Authentication::ALL.len(),
            Self::Reloads if guarded => File::ALL.len() * RELOADED.len(),
            Self::Keys => match shape.keys {
                Some(keys) => keys + 1,
                None => 0,
            },
            Self::ModelReloads if shape.reloads_models => RELOADED.len(),
            Self::Handshakes if shape.tls => Handshake::ALL.len(),
            Self::CertificateReloads if shape.tls => RELOADED.len(),
            Self::Certificate if shape.tls => 1,
            Self::Authentications
            | Self::Reloads
            | Self::ModelReloads
            | Self::Handshakes
            | Self::CertificateReloads
            | Self::Certificate => 0,
        }
    }

    /// The route whose first request shows label set `index`; `None` for a set that is shown from the first scrape on.
    pub const fn shown_by(self, index: usize) -> Option<Handler> {
        let handler = match self {
            Self::Requests => REQUESTS[index].0,
            Self::Lanes => LANE_HANDLERS[index],
            Self::RequestSizes => REQUEST_SIZED[index],
            Self::ResponseSizes => RESPONSE_SIZED[index],
            Self::Errors => match ERRORS[index] {
                Some((_, handler)) => handler,
                None => return None,
            },
            Self::Suggested => Handler::CommentsSuggest,
            _ => return None,
        };
        if handler.is_shown_once_used() { Some(handler) } else { None }
    }

    /// Of the label sets in a daemon of this shape, those that are shown from the first scrape on.
    pub const fn count_at_first(self, shape: Shape) -> usize {
        let (mut index, mut count) = (0, 0);
        while index < self.count_with(shape) {
            count += self.shown_by(index).is_none() as usize;
            index += 1;
        }
        count
    }

    /// The flag without which there is none of it, if there is one.
    pub const fn only_with(self) -> Option<&'static str> {
        match self {
            Self::ModelReloads => Some("--model-dir"),
            Self::Handshakes | Self::CertificateReloads | Self::Certificate => Some("--tls-certificate"),
            Self::Authentications | Self::Keys | Self::Reloads => Some("--auth"),
            _ => None,
        }
    }

    /// The values of label set `index`, as many as there are names; the rest is empty. A value that is
    /// known only at start is empty too.
    pub fn values(self, index: usize) -> [&'static str; 3] {
        match self {
            Self::Single | Self::Build | Self::CpuPath | Self::Workers | Self::Keys | Self::Certificate => [""; 3],
            Self::Requests => {
                let (handler, method, status) = REQUESTS[index];
                [method.as_str(), handler.as_str(), status.as_str()]
            }
            Self::Lanes => {
                let handler = LANE_HANDLERS[index];
                [handler.main_method().as_str(), handler.as_str(), ""]
            }
            Self::RequestSizes => [REQUEST_SIZED[index].as_str(), "", ""],
            Self::ResponseSizes => [RESPONSE_SIZED[index].as_str(), "", ""],
            Self::Errors => match ERRORS[index] {
                Some((problem, handler)) => [problem.error_type(), handler.as_str(), ""],
                None => ["other", Handler::None.as_str(), ""],
            },
            Self::Outcomes => {
                [ToxicityModel::ALL[index / OUTCOMES.len()].as_str(), OUTCOMES[index % OUTCOMES.len()], ""]
            }
            Self::ToxicityModels => [ToxicityModel::ALL[index].as_str(), "", ""],
            Self::ModelTypes | Self::Models | Self::Digests => [Model::ALL[index].as_str(), "", ""],
            Self::Classes => [IRIS_CLASSES[index], "", ""],
            Self::Inference => [INFERENCE[index].as_str(), "", ""],
            Self::Phases => [Phase::ALL[index].as_str(), "", ""],
            Self::Rules => [Rule::ALL[index].as_str(), "", ""],
            Self::AskedModels => [AskedModel::ALL[index].as_str(), "", ""],
            Self::Stages => [Stage::ALL[index].as_str(), "", ""],
            Self::Shed => [Shed::ALL[index].as_str(), "", ""],
            Self::Suggested => [SUGGESTED[index], "", ""],
            Self::Authentications => {
                let [scheme, result] = Authentication::ALL[index].as_str();
                [scheme, result, ""]
            }
            Self::Reloads => [File::ALL[index / RELOADED.len()].as_str(), RELOADED[index % RELOADED.len()], ""],
            Self::ModelReloads | Self::CertificateReloads => [RELOADED[index], "", ""],
            Self::Handshakes => [Handshake::ALL[index].as_str(), "", ""],
        }
    }
}

impl Family {
    /// The sample lines of one label set.
    pub const fn lines_each(&self) -> usize {
        match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Histogram => self.bounds.len() + 3,
        }
    }

    /// The sample lines of the family at the first scrape of a daemon of [`Shape::DEFAULT`].
    pub const fn lines(&self) -> usize {
        self.lines_at_first(Shape::DEFAULT)
    }

    /// The sample lines of the family at the first scrape of a daemon of this shape.
    pub const fn lines_at_first(&self, shape: Shape) -> usize {
        self.lines_each() * self.series.count_at_first(shape)
    }

    /// The sample lines of the family in a daemon of this shape, once every route has been used.
    pub const fn lines_with(&self, shape: Shape) -> usize {
        self.lines_each() * self.series.count_with(shape)
    }

    /// The name without the `_total` of a counter.
    pub fn base_name(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }

    /// The unit that the name ends in.
    pub fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes"].into_iter().find(|unit| {
            let before = self.base_name().strip_suffix(unit);
            before.is_some_and(|before| before.ends_with('_'))
        })
    }

    /// Whether its labels are all that it has to say.
    pub fn is_info(&self) -> bool {
        self.name.ends_with("_info")
    }

    pub(super) const fn counter(id: Id, name: &'static str, series: Series, help: &'static str) -> Self {
        Self { id, name, kind: Kind::Counter, scale: Scale::One, help, series, bounds: &[], fixed: false }
    }

    pub(super) const fn gauge(id: Id, name: &'static str, series: Series, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(id, name, series, help) }
    }

    pub(super) const fn summary(id: Id, name: &'static str, series: Series, help: &'static str) -> Self {
        Self { kind: Kind::Summary, ..Self::counter(id, name, series, help) }
    }

    pub(super) const fn histogram(
        id: Id,
        name: &'static str,
        series: Series,
        scale: Scale,
        bounds: &'static [u64],
        help: &'static str,
    ) -> Self {
        Self { kind: Kind::Histogram, scale, bounds, ..Self::counter(id, name, series, help) }
    }

    pub(super) const fn scaled(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    pub(super) const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }
}

/// The workers of the daemon whose lines are counted where their number is not known.
pub const TWO_WORKERS: usize = 2;

/// `status` of `toxicity_api_requests_total`.
pub const OUTCOMES: [&str; 2] = ["success", "error"];

/// The routes that run a model, whose durations are kept in the fine geometry.
pub const INFERENCE: [Handler; 2] = [Handler::Analyze, Handler::Predict];
