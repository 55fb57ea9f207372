//! Requests counted and timed with the `prometheus` crate, each series looked up once at start.

use std::time::Instant;

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

/// What is recorded of each route.
pub struct Meter {
    registry: Registry,
    pub predict: Route,
    pub analyze: Route,
}

/// One route's series.
pub struct Route {
    answered: IntCounter,
    seconds: Histogram,
}

/// A request being answered.
pub struct Timer<'a> {
    route: &'a Route,
    begin: Instant,
}

impl Meter {
    /// All series, at 0.
    ///
    /// # Panics
    /// A name is refused.
    #[expect(clippy::new_without_default, reason = "it is made once")]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counts = Opts::new("http_requests_total", "HTTP requests answered.");
        let counts = IntCounterVec::new(counts, &["method", "handler", "status"]).expect("a name");
        let seconds = HistogramOpts::new("http_request_duration_seconds", "Time to answer a request.");
        let seconds = HistogramVec::new(seconds, &["method", "handler"]).expect("a name");
        let route = |handler| Route {
            answered: counts.with_label_values(&["POST", handler, "200"]),
            seconds: seconds.with_label_values(&["POST", handler]),
        };
        let (predict, analyze) = (route("/predict"), route("/analyze"));
        registry.register(Box::new(counts)).expect("a new name");
        registry.register(Box::new(seconds)).expect("a new name");
        Self { registry, predict, analyze }
    }

    /// The text format; empty where it cannot be written.
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        let written = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        written.ok().and_then(|()| String::from_utf8(out).ok()).unwrap_or_default()
    }
}

impl Route {
    /// Begins to time a request.
    pub fn start(&self) -> Timer<'_> {
        Timer { route: self, begin: Instant::now() }
    }
}

impl Timer<'_> {
    /// Counts the request as answered with 200.
    pub fn answered(self) {
        self.route.answered.inc();
        self.route.seconds.observe(self.begin.elapsed().as_secs_f64());
    }
}
