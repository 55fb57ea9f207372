//! `POST /v2/models/{model}/infer` of the models of texts: taken up as those of a batch are, answered when all are scored.
//!
//! An answer has a tensor for each output, not a result for each text: what is wrong with one text refuses the request.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::outputs::{Output, TEXT, Wanted};
use super::request::{self, Asked, Contract, MAX_ID_BYTES};
use super::response::{self, Columns, Head, Written};
use super::target::{self, Model};
use crate::api::analyze::asked::Choice;
use crate::api::analyze::{self, not_yet};
use crate::api::batch::{Flow, Scored, Scorer, Taken, Texts};
use crate::api::{Limits, Request, Worker};
use crate::metrics::labels::{Shed, ToxicityModel};
use crate::model::Loaded;
use crate::model::bert::Bert;
use crate::model::manifest::{MAX_LABELS, MAX_NAME_BYTES};
use crate::model::toxicity::Toxicity;
use crate::pool::{Lent, Reusable};
use crate::problem::{Fault, Field, Problem};

/// Bytes that a row takes at most, in all outputs: `100,`, `"medium",`, `"name",`, and `0.123456,` for each label; binary data
/// take less.
pub(super) const MAX_ROW: usize = 4 + 9 + MAX_NAME_BYTES + 3 + 9 * MAX_LABELS;

/// A request under way, in memory that is used again by the next.
pub struct Pending {
    texts: Texts,
    flow: Flow,
    rows: Vec<Scored>,
    choice: Choice,
    wanted: Wanted,
    id: [u8; MAX_ID_BYTES],
    id_length: usize,
    /// Whether others are to have their turn before it goes on.
    rests: bool,
}

impl Pending {
    /// Nothing yet, with room for whatever a request within `limits` asks.
    pub fn new(limits: &Limits) -> Self {
        Self {
            texts: Texts::new(limits),
            flow: Flow::new(),
            rows: Vec::with_capacity(limits.batch),
            choice: Choice::Simple,
            wanted: Wanted::all(0, false),
            id: [0; MAX_ID_BYTES],
            id_length: 0,
            rests: false,
        }
    }

    /// Whether others are to have their turn before [`Worker::poll`] goes on, for which nobody else wakes the task; asked once.
    pub fn takes_rest(&mut self) -> bool {
        std::mem::take(&mut self.rests)
    }

    fn id(&self) -> &str {
        // It was a string when it was copied.
        std::str::from_utf8(&self.id[..self.id_length]).unwrap_or_default()
    }
}

impl Reusable for Pending {
    fn reset(&mut self) {
        self.flow.begin(None);
        self.rows.clear();
        self.rests = false;
    }
}

/// Reads the texts of `request`; [`poll`] scores them.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::Overloaded`] where too many are under way.
pub(super) fn begin(worker: &mut Worker, request: &Request<'_>, choice: Choice) -> Result<Lent<Pending>, Fault> {
    let Worker { reader, limits, shard, started, pending, .. } = worker;
    let mut pending = pending.borrow().ok_or_else(|| {
        shard.shed(Shed::Slot);
        Fault::new(Problem::Overloaded)
    })?;
    let contract = Contract {
        columns: 1,
        shape: "[texts, 1] or [texts], of one text at least",
        max_rows: limits.batch,
        limit: "no more texts than --max-batch says",
        outputs: &TEXT,
    };
    let read = request::split(request.body, request.inference.json_bytes).and_then(|(json, binary)| {
        reader.read(json, |root| {
            let asked = Asked::parse(root, binary, &contract)?;
            pending.texts.begin(choice);
            asked.input.texts(limits.text, |text| pending.texts.add(text).ok_or(Fault::new(Problem::BodyTooLarge)))?;
            (pending.choice, pending.wanted, pending.id_length) = (choice, asked.wanted, asked.id.len());
            pending.id[..asked.id.len()].copy_from_slice(asked.id.as_bytes());
            Ok(())
        })
    });
    read.inspect_err(|fault| analyze::count_failure(shard, choice, fault))?;
    pending.flow.begin(request.trace);
    shard.client_seen(request.client, started.elapsed().as_secs());
    Ok(pending)
}

/// Goes on with the texts; ready when all are scored or one cannot be. Until then the task of `context` is woken when there is
/// something to go on with, unless it [rests](Pending::takes_rest).
pub(super) fn poll(worker: &mut Worker, pending: &mut Pending, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
    let Worker { text: scratch, loaded, limits, shard, .. } = worker;
    let since = Instant::now();
    let Pending { texts, flow, rows, rests, .. } = pending;
    loop {
        let taken = if flow.has_room(limits) { texts.next(limits.text) } else { None };
        let mut scorer = Scorer { loaded, scratch, shard, counts: true };
        let taken = taken.map(|asked| flow.take_up(asked, None, &mut scorer));
        if taken == Some(Taken::Up) {
            texts.advance();
        }
        match flow.conclude(&mut scorer, Some(context)) {
            Poll::Ready(Some(Ok(scored))) => rows.push(scored),
            Poll::Ready(Some(Err(fault))) => return Poll::Ready(Err(placed(fault, rows.len()))),
            Poll::Pending if taken != Some(Taken::Up) => return Poll::Pending,
            Poll::Ready(None) if taken.is_none() => return Poll::Ready(Ok(())),
            Poll::Pending | Poll::Ready(None) => {}
        }
        if since.elapsed() >= BURST {
            *rests = true;
            return Poll::Pending;
        }
    }
}

/// Writes what was found of all texts.
///
/// # Errors
/// [`Problem::ModelUnavailable`], if the model has gone, which none does.
pub(super) fn resume(worker: &Worker, pending: &Pending, out: &mut [u8]) -> Result<Written, Fault> {
    let (loaded, choice) = (&*worker.loaded, pending.choice);
    let labels = target::manifest(loaded, choice).ok_or_else(not_yet)?.labels.len();
    let model = Model::Text(choice);
    let head = Head { model: target::name(loaded, model), version: target::version(loaded, model), id: pending.id() };
    Ok(response::write(&head, &pending.wanted, &Found { loaded, choice, rows: &pending.rows, labels }, out))
}

/// Names the text that is at fault, by its row.
fn placed(fault: Fault, row: usize) -> Fault {
    match fault.field.as_ref().map(Field::name) {
        Some("text") => fault.field("inputs[0].data").element(Some(row), None),
        // The path names the model.
        _ => Fault { field: None, ..fault },
    }
}

/// What was found of each text.
struct Found<'w> {
    loaded: &'w Loaded,
    choice: Choice,
    rows: &'w [Scored],
    labels: usize,
}

impl Found<'_> {
    /// The model that scored a text.
    fn model(&self, row: &Scored) -> Option<&Toxicity> {
        let models = self.loaded.models()?;
        match (row.counted, self.choice) {
            (ToxicityModel::Bert, _) => self.loaded.bert().map(Bert::model),
            (ToxicityModel::Custom, Choice::Custom(place)) => Some(models.custom.get(place)?.model()),
            _ => Some(&models.toxicity),
        }
    }
}

impl Columns for Found<'_> {
    fn outputs(&self) -> &'static [Output] {
        &TEXT
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn labels(&self) -> usize {
        self.labels
    }

    fn text(&self, output: usize, row: usize) -> &str {
        let Some((row, model)) = self.rows.get(row).and_then(|row| Some((row, self.model(row)?))) else { return "" };
        if TEXT[output.min(TEXT.len() - 1)].name == "toxicity_level" {
            model.level(row.scores.score()).as_str()
        } else {
            &model.manifest().name
        }
    }

    fn integer(&self, _: usize, row: usize) -> u8 {
        self.rows.get(row).map_or(0, |row| row.scores.score())
    }

    fn probability(&self, row: usize, label: usize) -> f32 {
        self.rows.get(row).map_or(0.0, |row| row.scores.values()[label.min(MAX_LABELS - 1)])
    }
}

/// How long the thread works on one request before it goes on with others. One text may take longer.
const BURST: Duration = Duration::from_micros(500);
