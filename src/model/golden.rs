//! Golden rows: ids with the probabilities that ONNX Runtime gave when the model was exported, and for some the text
//! that the ids come from. An engine or a way from text to ids that departs from them must not serve.

use serde::Deserialize;
use std::fmt;

/// One golden row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRow {
    /// The text, where it may be shown.
    pub text: Option<String>,
    /// The text's ids, in order.
    pub ids: Vec<u32>,
    /// The probability of each label.
    pub probabilities: Vec<f32>,
}

/// What is wrong with a golden file, or with an engine that was held to it.
#[derive(Debug)]
pub enum GoldenError {
    /// The file is not JSON of the shape `{"rows": [...]}` with at least one row, or a row has no ids or not one
    /// probability a label.
    Malformed(String),
    /// The ids of a row's text are not the golden ones.
    Ids {
        /// The row's position in the file, from 0.
        row: usize,
        /// The position of the first id that differs.
        position: usize,
        /// The id there, if there is one.
        found: Option<u32>,
        /// What the file says.
        expected: Option<u32>,
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
        /// The most by which they may differ.
        tolerance: f32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenFile {
    rows: Vec<GoldenRow>,
}

/// Reads a golden file for a model of `labels` labels.
///
/// # Errors
/// [`GoldenError::Malformed`].
pub fn parse(json: &[u8], labels: usize) -> Result<Vec<GoldenRow>, GoldenError> {
    let GoldenFile { rows } =
        serde_json::from_slice(json).map_err(|error| GoldenError::Malformed(error.to_string()))?;
    if rows.is_empty() || rows.iter().any(|row| row.ids.is_empty()) {
        return Err(GoldenError::Malformed("no rows, or a row without ids".to_owned()));
    }
    match rows.iter().position(|row| row.probabilities.len() != labels) {
        Some(row) => {
            let found = rows[row].probabilities.len();
            Err(GoldenError::Malformed(format!(
                "row {row} has {found} probabilities, the manifest names {labels} labels"
            )))
        }
        None => Ok(rows),
    }
}

/// Holds the way from text to ids to the rows that carry a text.
///
/// # Errors
/// The first row whose ids differ.
pub fn check_ids(rows: &[GoldenRow], mut ids: impl FnMut(&str, &mut Vec<u32>)) -> Result<(), GoldenError> {
    let mut cut = Vec::new();
    for (row, golden) in rows.iter().enumerate() {
        let Some(text) = &golden.text else { continue };
        cut.clear();
        ids(text, &mut cut);
        if cut != golden.ids {
            let position = cut.iter().zip(&golden.ids).take_while(|(found, expected)| found == expected).count();
            let (found, expected) = (cut.get(position).copied(), golden.ids.get(position).copied());
            return Err(GoldenError::Ids { row, position, found, expected });
        }
    }
    Ok(())
}

/// The first row of each number of ids up to `most`, with its position in the file; the first row if all are longer.
pub fn one_of_each_length(rows: &[GoldenRow], most: usize) -> Vec<(usize, &GoldenRow)> {
    let mut seen = vec![false; most + 1];
    let mut new = |row: &GoldenRow| seen.get_mut(row.ids.len()).is_some_and(|seen| !std::mem::replace(seen, true));
    let mut chosen: Vec<_> = rows.iter().enumerate().filter(|(_, row)| new(row)).collect();
    if chosen.is_empty() {
        chosen.extend(rows.iter().enumerate().take(1));
    }
    chosen
}

/// Holds an engine to the probabilities of `rows`, each with its position in the file.
///
/// # Errors
/// The first row on which it fails or differs by more than `tolerance`.
pub fn check_engine<'a, P: AsRef<[f32]>>(
    engine: &'static str,
    rows: impl IntoIterator<Item = (usize, &'a GoldenRow)>,
    tolerance: f32,
    run: impl Fn(&[u32]) -> Result<P, String>,
) -> Result<(), GoldenError> {
    for (row, golden) in rows {
        let found = run(&golden.ids).map_err(|reason| GoldenError::Engine { engine, row, reason })?;
        for (label, (&found, &expected)) in found.as_ref().iter().zip(&golden.probabilities).enumerate() {
            // A NaN is not within the tolerance.
            let close = (found - expected).abs() <= tolerance;
            if !close {
                return Err(GoldenError::Differs { engine, row, label, found, expected, tolerance });
            }
        }
    }
    Ok(())
}

impl fmt::Display for GoldenError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Malformed(reason) => formatter.write_str(reason),
            Self::Ids { row, position, found, expected } => {
                let id = |id: &Option<u32>| id.map_or_else(|| "no id".to_owned(), |id| id.to_string());
                let (found, expected) = (id(found), id(expected));
                write!(formatter, "row {row}: its text gives {found} at position {position}, expected {expected}")
            }
            Self::Engine { engine, row, reason } => write!(formatter, "row {row}: {engine} failed: {reason}"),
            Self::Differs { engine, row, label, found, expected, tolerance } => {
                let by = (found - expected).abs();
                write!(
                    formatter,
                    "row {row}, label {label}: {engine} gives {found}, expected {expected}: off by {by:e}, more than {tolerance:e}"
                )
            }
        }
    }
}

impl std::error::Error for GoldenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_tries_the_first_row_of_each_least_length() {
        let row = |ids: usize| GoldenRow { text: None, ids: vec![0; ids], probabilities: Vec::new() };
        let rows = [40, 3, 5, 3, 4, 5, 17].map(row);
        let chosen = |most| one_of_each_length(&rows, most).into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(chosen(16), [1, 2, 4]);
        assert_eq!(chosen(2), [0], "never none");
        assert!(one_of_each_length(&[], 16).is_empty());
    }
}
