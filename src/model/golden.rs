//! Golden rows: ids with the probabilities that ONNX Runtime gave when the model was exported, and for some the text
//! that the ids come from. An engine or a feature extractor that departs from them must not serve.

use super::engine::EngineError;
use super::simple::LABEL_COUNT;
use crate::text::{MAX_NORMALIZED_BYTES, Scratch};
use serde::Deserialize;
use std::fmt;

/// The most by which a probability may differ from the golden one.
pub const TOLERANCE: f32 = 1e-5;

/// One golden row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRow {
    /// The text, where it may be shown.
    pub text: Option<String>,
    /// The text's feature ids, in order.
    pub ids: Vec<u32>,
    /// The probability of each label.
    pub probabilities: [f32; LABEL_COUNT],
}

/// What is wrong with a golden file, or with an engine that was held to it.
#[derive(Debug)]
pub enum GoldenError {
    /// The file is not JSON of the shape `{"rows": [...]}` with at least one row, or a row has no ids.
    Malformed(String),
    /// The ids of a row's text are not the golden ones.
    Features {
        /// The row's position in the file, from 0.
        row: usize,
        /// The position of the first id that differs.
        position: usize,
    },
    /// An engine failed on a row.
    Engine {
        /// The engine.
        engine: &'static str,
        /// The row's position in the file, from 0.
        row: usize,
        /// What it said.
        reason: String,
    },
    /// An engine's probability is not the golden one.
    Differs {
        /// The engine.
        engine: &'static str,
        /// The row's position in the file, from 0.
        row: usize,
        /// The position of the label.
        label: usize,
        /// What the engine gave.
        found: f32,
        /// What the file says.
        expected: f32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenFile {
    rows: Vec<GoldenRow>,
}

/// Reads a golden file.
///
/// # Errors
/// [`GoldenError::Malformed`].
pub fn parse(json: &[u8]) -> Result<Vec<GoldenRow>, GoldenError> {
    let GoldenFile { rows } =
        serde_json::from_slice(json).map_err(|error| GoldenError::Malformed(error.to_string()))?;
    if rows.is_empty() || rows.iter().any(|row| row.ids.is_empty()) {
        return Err(GoldenError::Malformed("no rows, or a row without ids".to_owned()));
    }
    Ok(rows)
}

/// Holds the way from text to ids to the rows that carry a text.
///
/// # Errors
/// The first row whose ids differ.
pub fn check_features(rows: &[GoldenRow]) -> Result<(), GoldenError> {
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    for (row, golden) in rows.iter().enumerate() {
        let Some(text) = &golden.text else { continue };
        let ids = scratch.features(text);
        if ids != golden.ids {
            let position = ids.iter().zip(&golden.ids).take_while(|(found, expected)| found == expected).count();
            return Err(GoldenError::Features { row, position });
        }
    }
    Ok(())
}

/// Holds an engine to the rows' probabilities.
///
/// # Errors
/// The first row on which it fails or differs by more than [`TOLERANCE`].
pub fn check_engine<P: AsRef<[f32]>>(
    engine: &'static str,
    rows: &[GoldenRow],
    run: impl Fn(&[u32]) -> Result<P, String>,
) -> Result<(), GoldenError> {
    for (row, golden) in rows.iter().enumerate() {
        let failed = |reason| GoldenError::Engine { engine, row, reason };
        let found = run(&golden.ids).map_err(failed)?;
        let found = six(found.as_ref()).map_err(|error| failed(error.to_string()))?;
        for (label, (&found, &expected)) in found.iter().zip(&golden.probabilities).enumerate() {
            // A NaN is not within the tolerance.
            let close = (found - expected).abs() <= TOLERANCE;
            if !close {
                return Err(GoldenError::Differs { engine, row, label, found, expected });
            }
        }
    }
    Ok(())
}

/// An engine's output as one probability for each label.
///
/// # Errors
/// There are more, or fewer.
pub fn six(output: &[f32]) -> Result<[f32; LABEL_COUNT], EngineError> {
    output.try_into().map_err(|_| EngineError::new(format!("{} outputs instead of {LABEL_COUNT}", output.len())))
}

impl fmt::Display for GoldenError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Malformed(reason) => formatter.write_str(reason),
            Self::Features { row, position } => {
                write!(formatter, "row {row}: the features of its text differ from its ids at position {position}")
            }
            Self::Engine { engine, row, reason } => write!(formatter, "row {row}: {engine} failed: {reason}"),
            Self::Differs { engine, row, label, found, expected } => {
                let by = (found - expected).abs();
                write!(
                    formatter,
                    "row {row}, label {label}: {engine} gives {found}, expected {expected}: off by {by:e}, more than {TOLERANCE:e}"
                )
            }
        }
    }
}

impl std::error::Error for GoldenError {}
