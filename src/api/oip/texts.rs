//! `POST /v2/models/{model}/infer` of the models of texts: taken up as those of a batch are, answered when all are scored.
//!
//! An answer has a tensor for each output, not a result for each text: what is wrong with one text refuses the request.

use super::outputs::{Output, TEXT, Wanted};
use super::request::{self, Asked, Contract, MAX_ID_BYTES};
use super::response::{self, Columns, Head, Written};
use super::target::{self, Model, Target};
use crate::api::analyze::not_yet;
use crate::api::batch::Scored;
use crate::api::round::{Round, What};
use crate::api::{Limits, Request};
use crate::json::read::Reader;
use crate::model::Loaded;
use crate::model::manifest::{MAX_LABELS, MAX_NAME_BYTES};
use crate::problem::{Fault, Field, Problem};

/// Bytes that a row takes at most, in all outputs: `100,`, `"medium",`, `"name",`, and `0.123456,` for each label; binary data
/// take less.
pub(super) const MAX_ROW: usize = 4 + 9 + MAX_NAME_BYTES + 3 + 9 * MAX_LABELS;

/// What a request asks of its texts.
pub struct Tensor {
    wanted: Wanted,
    id: [u8; MAX_ID_BYTES],
    id_length: usize,
}

impl Tensor {
    fn id(&self) -> &str {
        // It was a string when it was copied.
        std::str::from_utf8(&self.id[..self.id_length]).unwrap_or_default()
    }
}

/// Reads the texts of `request` into `round`.
///
/// # Errors
/// Whatever is wrong with the body.
pub fn read(reader: &mut Reader, request: &Request<'_>, round: &mut Round, limits: &Limits) -> Result<(), Fault> {
    if let Some(Target(Model::Text(choice), _)) = &request.inference.target {
        round.choice = *choice;
    }
    let contract = Contract {
        columns: 1,
        shape: "[texts, 1] or [texts], of one text at least",
        max_rows: limits.batch,
        limit: "no more texts than --max-batch says",
        outputs: &TEXT,
    };
    let (json, binary) = request::split(request.body, request.inference.json_bytes)?;
    reader.read(json, |root| {
        let asked = Asked::parse(root, binary, &contract)?;
        asked.input.texts(limits.text, |text| {
            let kept = round.keep(text.as_bytes()).and_then(|kept| round.add(&kept, [0; 2]));
            kept.ok_or(Fault::new(Problem::BodyTooLarge).count(0, limits.body))
        })?;
        let mut tensor = Tensor { wanted: asked.wanted, id: [0; MAX_ID_BYTES], id_length: asked.id.len() };
        tensor.id[..asked.id.len()].copy_from_slice(asked.id.as_bytes());
        round.asked = What::Tensor(tensor);
        Ok(())
    })
}

/// Writes what was found of all texts.
///
/// # Errors
/// [`Problem::ModelUnavailable`], if the model has gone, which none does.
pub(super) fn write(round: &Round, tensor: &Tensor, loaded: &Loaded, out: &mut [u8]) -> Result<Written, Fault> {
    let choice = round.choice;
    let labels = target::manifest(loaded, choice).ok_or_else(not_yet)?.labels.len();
    let model = Model::Text(choice);
    let head = Head { model: target::name(loaded, model), version: target::version(loaded, model), id: tensor.id() };
    Ok(response::write(&head, &tensor.wanted, &Found { loaded, round, labels }, out))
}

/// Names the text that is at fault, by its row.
pub fn placed(fault: Fault, row: usize) -> Fault {
    match fault.field.as_ref().map(Field::name) {
        Some("text") => fault.field("inputs[0].data").element(Some(row), None),
        // The path names the model.
        _ => Fault { field: None, ..fault },
    }
}

/// What was found of each text.
struct Found<'w> {
    loaded: &'w Loaded,
    round: &'w Round,
    labels: usize,
}

impl Found<'_> {
    fn row(&self, row: usize) -> Option<&Scored> {
        self.round.found(row)
    }
}

impl Columns for Found<'_> {
    fn outputs(&self) -> &'static [Output] {
        &TEXT
    }

    fn rows(&self) -> usize {
        self.round.len()
    }

    fn labels(&self) -> usize {
        self.labels
    }

    fn text(&self, output: usize, row: usize) -> &str {
        let found = self.row(row).and_then(|row| Some((row, row.model(self.loaded)?)));
        let Some((row, model)) = found else { return "" };
        if TEXT[output.min(TEXT.len() - 1)].name == "toxicity_level" {
            model.level(row.scores.score()).as_str()
        } else {
            &model.manifest().name
        }
    }

    fn integer(&self, _: usize, row: usize) -> u8 {
        self.row(row).map_or(0, |row| row.scores.score())
    }

    fn probability(&self, row: usize, label: usize) -> f32 {
        self.row(row).map_or(0.0, |row| row.scores.values()[label.min(MAX_LABELS - 1)])
    }
}
