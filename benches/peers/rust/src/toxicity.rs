//! `simple` through tract, straight from its ONNX file.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tract_onnx::prelude::*;

use crate::features;

const MODEL: &[u8] = include_bytes!("../../../../models/toxicity/simple.onnx");
const MANIFEST: &str = include_str!("../../../../models/toxicity/simple.toml");

/// The model, ready to run on any number of ids.
pub struct Toxicity {
    plan: Arc<TypedRunnableModel>,
    medium: u8,
    high: u8,
}

/// The answer of `POST /analyze`.
#[derive(Serialize)]
pub struct Verdict {
    score: u8,
    toxicity_level: &'static str,
    model_used: &'static str,
    processing_time_ms: f64,
    labels: Labels,
}

/// The probability of each label, 0 to 1.
#[derive(Serialize)]
struct Labels {
    toxic: f32,
    severe_toxic: f32,
    obscene: f32,
    threat: f32,
    insult: f32,
    identity_hate: f32,
}

impl Toxicity {
    /// The embedded model, optimised.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn load() -> Self {
        Self {
            plan: plan().expect("models/toxicity/simple.onnx is a model"),
            medium: cut_point("medium"),
            high: cut_point("high"),
        }
    }

    /// Scores `text`; `None` where it has no n-gram or tract fails.
    pub fn score(&self, text: &str) -> Option<Verdict> {
        let begin = Instant::now();
        let ids = features::ids(text);
        if ids.is_empty() {
            return None;
        }
        let [toxic, severe_toxic, obscene, threat, insult, identity_hate] = self.probabilities(&ids).ok()?;
        let score = (toxic * 100.0).round() as u8;
        Some(Verdict {
            score,
            toxicity_level: match score {
                score if score >= self.high => "high",
                score if score >= self.medium => "medium",
                _ => "low",
            },
            model_used: "simple",
            processing_time_ms: begin.elapsed().as_secs_f64() * 1e3,
            labels: Labels { toxic, severe_toxic, obscene, threat, insult, identity_hate },
        })
    }

    fn probabilities(&self, ids: &[i64]) -> TractResult<[f32; 6]> {
        let input = Tensor::from_shape(&[ids.len()], ids)?;
        let output = self.plan.run(tvec![input.into_tvalue()])?;
        Ok(output[0].try_as_plain_ram()?.as_slice::<f32>()?.try_into()?)
    }
}

fn plan() -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &*MODEL)?;
    let length = model.symbols.sym("N").to_dim();
    model.set_input_fact(0, InferenceFact::dt_shape(i64::datum_type(), [length]))?;
    model.into_optimized()?.into_runnable()
}

/// The least score of a level, from the model's manifest.
fn cut_point(level: &str) -> u8 {
    let line = MANIFEST.lines().find_map(|line| line.strip_prefix(level)?.strip_prefix(" = "));
    line.and_then(|number| number.parse().ok()).expect("models/toxicity/simple.toml has cut points")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_the_golden_ids_are_onnx_runtimes() {
        #[derive(serde::Deserialize)]
        struct Golden {
            rows: Vec<Row>,
        }
        #[derive(serde::Deserialize)]
        struct Row {
            ids: Vec<i64>,
            probabilities: [f32; 6],
        }
        let golden = include_str!("../../../../models/toxicity/simple.golden.json");
        let Golden { rows } = serde_json::from_str(golden).expect("golden rows");
        let toxicity = Toxicity::load();
        assert!(rows.len() > 10);
        for row in rows.iter().filter(|row| !row.ids.is_empty()) {
            let found = toxicity.probabilities(&row.ids).expect("an answer");
            assert!(found.iter().zip(row.probabilities).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        }
    }
}
