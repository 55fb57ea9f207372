//! What the two servers share: the models, the bodies, the metrics. Each binary adds its framework and nothing else.
//!
//! Left out, so that the peers do less than the daemon, never more: rows in lists and rows by name, the choice of a model,
//! explanations, problem documents, limits, deadlines and draining; of the rules of normalisation all but folding ASCII,
//! white space and digits (see [`features`]).

pub mod features;
pub mod forest;
pub mod meter;
pub mod toxicity;

use forest::{Forest, Iris};
use meter::Meter;
use serde::Deserialize;
use toxicity::{Toxicity, Verdict};

/// The body of `POST /predict`: lengths and widths in centimetres.
#[derive(Deserialize)]
pub struct Features {
    pub features: [f32; 4],
}

/// The body of `POST /analyze`.
#[derive(Deserialize)]
pub struct Text {
    pub text: String,
}

/// All that a request needs; shared by all of them.
pub struct Service {
    forest: Forest,
    toxicity: Toxicity,
    meter: Meter,
}

impl Service {
    /// Loads the embedded models.
    ///
    /// # Panics
    /// A model cannot be read.
    pub fn load() -> Self {
        Self { forest: Forest::load(), toxicity: Toxicity::load(), meter: Meter::new() }
    }

    /// Classifies one iris.
    pub fn predict(&self, body: &Features) -> Iris {
        let timer = self.meter.predict.start();
        let iris = self.forest.predict(body.features);
        timer.answered();
        iris
    }

    /// Scores one text; `None` where the model fails or the text has no n-gram.
    pub fn analyze(&self, body: &Text) -> Option<Verdict> {
        let timer = self.meter.analyze.start();
        let verdict = self.toxicity.score(&body.text)?;
        timer.answered();
        Some(verdict)
    }

    /// The metrics in the Prometheus text format.
    pub fn metrics(&self) -> String {
        self.meter.render()
    }
}

/// The port to serve on, on the loopback interface: the only argument.
///
/// # Panics
/// There is none, or it is not a port.
pub fn port() -> u16 {
    std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("the argument is a port")
}
