//! `POST /v2/models/iris/infer`: which irises are they.

use super::outputs::{IRIS, Output};
use super::request::{self, Asked, Contract};
use super::response::{self, Columns, Head, Written};
use super::target::{self, Model};
use crate::api::analyze::not_yet;
use crate::api::{Request, Worker};
use crate::model::iris::{self, CLASSES, FEATURES, Prediction};
use crate::problem::Fault;

/// Bytes that a row takes at most, in all outputs: `2,`, three times `0.12,` and `"versicolor",`; or 8, 12 and 14 of binary data.
pub(super) const MAX_ROW: usize = 40;

/// The predictions for one request.
struct Found<'w>(&'w [Prediction]);

/// Classifies the rows of `request`.
///
/// # Errors
/// Whatever is wrong with the body; then no row is counted.
pub(super) fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<Written, Fault> {
    let Worker { reader, loaded, shard, limits, predictions, .. } = worker;
    loaded.models().ok_or_else(not_yet)?;
    let contract = Contract {
        columns: FEATURES,
        shape: "[rows, 4], of one row at least",
        max_rows: limits.rows,
        limit: "no more rows than --max-rows says",
        outputs: &IRIS,
    };
    let (json, binary) = request::split(request.body, request.inference.json_bytes)?;
    reader.read(json, |root| {
        let asked = Asked::parse(root, binary, &contract)?;
        let mut row = [0.0; FEATURES];
        predictions.clear();
        asked.input.numbers(|_, column, number| {
            row[column] = number;
            if column + 1 == FEATURES {
                predictions.push(iris::predict(&row));
            }
        })?;
        for prediction in predictions.iter() {
            shard.predicted(usize::from(prediction.class_id()), prediction.percent());
        }
        let head = Head { model: "iris", version: target::version(loaded, Model::Iris), id: asked.id };
        Ok(response::write(&head, &asked.wanted, &Found(predictions), out))
    })
}

impl Columns for Found<'_> {
    fn outputs(&self) -> &'static [Output] {
        &IRIS
    }

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn labels(&self) -> usize {
        CLASSES.len()
    }

    fn text(&self, _: usize, row: usize) -> &str {
        self.0.get(row).map_or("", |prediction| prediction.class_name())
    }

    fn integer(&self, _: usize, row: usize) -> u8 {
        self.0.get(row).map_or(0, |prediction| prediction.class_id())
    }

    fn probability(&self, row: usize, label: usize) -> f32 {
        self.0.get(row).map_or(0.0, |prediction| prediction.probabilities()[label.min(CLASSES.len() - 1)])
    }
}
