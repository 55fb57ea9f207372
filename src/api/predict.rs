//! `POST /predict`: which iris is it, or which are they: of a list each row is answered in its place, also one that is no iris.

use super::{Request, Worker, fault};
use crate::json::flat;
use crate::json::read::{Reader, Value};
use crate::json::write::Writer;
use crate::metrics::labels::Stage;
use crate::metrics::{Shard, Stages};
use crate::model::iris::{self, CLASSES, FEATURE_NAMES, FEATURES, Prediction};
use crate::problem::{Fault, Problem};

/// Rows that are read, classified and rendered together.
const BATCH: usize = 16;

/// Bytes that the answer for one row takes at most: what is wrong with it takes more than an iris.
const MAX_ROW: usize = 256;

/// Bytes that the answer for `rows` rows takes at most.
pub const fn max_len(rows: usize) -> usize {
    rows * MAX_ROW + 2
}

/// Whether `body` may hold a list of rows. Where it does, the first bracket in it is that of the list, and what follows on it, after
/// blanks, that of the first row: no key that is known has a bracket, and no value but a list does.
pub fn may_be_a_list(body: &[u8]) -> bool {
    let first = memchr::memchr(b'[', body);
    first.is_some_and(|first| body[first + 1..].trim_ascii_start().first() == Some(&b'['))
}

/// Classifies the rows of `request`; answers status and length.
///
/// # Errors
/// Whatever is wrong with the body, [`Problem::ModelUnavailable`] while the models are not there.
pub fn answer(worker: &mut Worker, request: &Request<'_>, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let Worker { reader, loaded, shard, limits, stages, .. } = worker;
    if loaded.models().is_none() {
        return Err(Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", ""));
    }
    let length = classify(reader, request.body, limits.rows, &mut Watch { shard, stages }, out)?;
    stages.lap(Stage::Render);
    Ok((200, length))
}

/// Where what is done is counted and timed.
struct Watch<'w> {
    shard: &'w Shard,
    stages: &'w mut Stages,
}

fn classify(
    reader: &mut Reader,
    body: &[u8],
    max_rows: usize,
    watch: &mut Watch<'_>,
    out: &mut [u8],
) -> Result<usize, Fault> {
    let mut writer = Writer::new(out);
    if let Some(row) = flat::only_numbers(body, b"features").and_then(in_single_precision) {
        classify_row(&row, watch, &mut writer);
        return Ok(writer.finish().unwrap_or_default());
    }
    reader.read(body, |root| {
        match parse(root)? {
            Rows::One(row) => classify_row(&row, watch, &mut writer),
            Rows::Many(list) => {
                let (length, rows) = list.as_array().ok_or(Fault::new(Problem::InvalidType))?;
                if length > max_rows {
                    return Err(wrong_length("no more rows than 'limit' says", length, max_rows));
                }
                classify_rows(rows, watch, &mut writer);
            }
        }
        Ok(writer.finish().unwrap_or_default())
    })
}

fn classify_row(row: &[f32; FEATURES], watch: &mut Watch<'_>, writer: &mut Writer<'_>) {
    watch.stages.lap(Stage::Parse);
    let prediction = predict(row, watch.shard);
    watch.stages.lap(Stage::Infer);
    render(prediction, writer);
}

/// Classifies `rows`, some at a time: each stage has more to do than reading the clock takes. What is wrong with one is told in
/// its place.
fn classify_rows<'t>(mut rows: impl Iterator<Item = Value<'t>>, watch: &mut Watch<'_>, writer: &mut Writer<'_>) {
    let mut batch = [[0.0; FEATURES]; BATCH];
    let mut first = 0;
    writer.raw(b"[");
    loop {
        let (mut count, mut wrong) = (0, [const { None }; BATCH]);
        for ((slot, fault), row) in batch.iter_mut().zip(&mut wrong).zip(rows.by_ref().take(BATCH)) {
            match parse_row(row, Some(first + count)) {
                Ok(row) => *slot = row,
                Err(found) => *fault = Some(found),
            }
            count += 1;
        }
        watch.stages.lap(Stage::Parse);
        let predictions = std::array::from_fn::<_, BATCH, _>(|at| {
            (at < count && wrong[at].is_none()).then(|| predict(&batch[at], watch.shard))
        });
        watch.stages.lap(Stage::Infer);
        for (at, answer) in predictions.into_iter().zip(&wrong).take(count).enumerate() {
            if first + at > 0 {
                writer.raw(b",");
            }
            match answer {
                (Some(prediction), _) => render(prediction, writer),
                (None, Some(found)) => fault::item(found, writer),
                (None, None) => {}
            }
        }
        watch.stages.lap(Stage::Render);
        first += count;
        if count < BATCH {
            break;
        }
    }
    writer.raw(b"]");
}

/// What a body holds: one row, or a list of them still on the tape.
enum Rows<'t> {
    One([f32; FEATURES]),
    Many(Value<'t>),
}

/// `{"features": [4 numbers]}`, `{"features": [[4 numbers], ...]}` or the four named numbers.
fn parse(root: Value<'_>) -> Result<Rows<'_>, Fault> {
    let members = root
        .as_object()
        .ok_or(Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name()))?;
    let mut features = None;
    let mut named = [None; FEATURES];
    for (key, value) in members {
        let twice = if key == "features" {
            features.replace(value).is_some()
        } else if let Some(index) = FEATURE_NAMES.iter().position(|&name| name == key) {
            named[index].replace(number(value, key, None, None)?).is_some()
        } else {
            return Err(Fault::new(Problem::UnknownField).field(key).expected(SHAPES, ""));
        };
        if twice {
            return Err(Fault::new(Problem::DuplicateField).field(key));
        }
    }
    let given = named.iter().flatten().count();
    let Some(features) = features else {
        let mut row = [0.0; FEATURES];
        for ((slot, value), name) in row.iter_mut().zip(named).zip(FEATURE_NAMES) {
            let missing = if given == 0 { "features" } else { name };
            *slot = value.ok_or(Fault::new(Problem::MissingField).field(missing).expected(SHAPES, ""))?;
        }
        return Ok(Rows::One(row));
    };
    if let Some(name) = FEATURE_NAMES.iter().zip(named).find_map(|(name, value)| value.and(Some(name))) {
        return Err(Fault::new(Problem::UnknownField).field(name).expected("'features' is there already", ""));
    }
    let not_a_list = Fault::new(Problem::InvalidType).field("features").expected("a list", features.type_name());
    let (length, mut elements) = features.as_array().ok_or(not_a_list)?;
    match elements.next() {
        Some(first) if first.as_array().is_some() => Ok(Rows::Many(features)),
        Some(_) => Ok(Rows::One(parse_row(features, None)?)),
        None => Err(wrong_length("4 numbers, or rows of 4 numbers", length, FEATURES)),
    }
}

/// Four numbers; `row` is the position in the list of rows, if there is one.
fn parse_row(value: Value<'_>, row: Option<usize>) -> Result<[f32; FEATURES], Fault> {
    let not_a_row =
        || Fault::new(Problem::InvalidType).field("features").element(row, None).expected("a list", value.type_name());
    let (length, elements) = value.as_array().ok_or_else(not_a_row)?;
    if length != FEATURES {
        return Err(wrong_length("4 numbers", length, FEATURES).element(row, None));
    }
    let mut features = [0.0; FEATURES];
    for (column, (slot, element)) in features.iter_mut().zip(elements).enumerate() {
        let place = if row.is_some() { (row, Some(column)) } else { (Some(column), None) };
        *slot = number(element, "features", place.0, place.1)?;
    }
    Ok(features)
}

/// A finite number in single precision, rounded to nearest from double as numpy does.
fn number(value: Value<'_>, field: &str, row: Option<usize>, column: Option<usize>) -> Result<f32, Fault> {
    let fault = |problem| Fault::new(problem).field(field).element(row, column);
    let double = value.as_f64().ok_or_else(|| fault(Problem::InvalidType).expected("a number", value.type_name()))?;
    let single = double as f32;
    if single.is_finite() { Ok(single) } else { Err(fault(Problem::NumberOutOfRange)) }
}

/// The same of four that are numbers, if all are finite.
fn in_single_precision(row: [f64; FEATURES]) -> Option<[f32; FEATURES]> {
    let single = row.map(|double| double as f32);
    single.iter().all(|single| single.is_finite()).then_some(single)
}

fn wrong_length(expected: &'static str, found: usize, allowed: usize) -> Fault {
    Fault::new(Problem::WrongLength).field("features").expected(expected, "").count(found, allowed)
}

fn predict(row: &[f32; FEATURES], shard: &Shard) -> Prediction {
    let prediction = iris::predict(row);
    shard.predicted(usize::from(prediction.class_id()), prediction.percent());
    prediction
}

/// Writes the answer for one row.
pub fn render(prediction: Prediction, writer: &mut Writer<'_>) {
    writer.raw(br#"{"prediction":""#);
    writer.raw(prediction.class_name().as_bytes());
    writer.raw(br#"","class_id":"#);
    writer.integer(u64::from(prediction.class_id()));
    writer.raw(br#","confidence":"#);
    writer.fixed::<2>(u64::from(prediction.percent()));
    writer.raw(br#","probabilities":{"#);
    for (index, (class, votes)) in CLASSES.iter().zip(prediction.votes()).enumerate() {
        writer.raw(if index == 0 { b"\"" } else { b",\"" });
        writer.raw(class.as_bytes());
        writer.raw(b"\":");
        writer.fixed::<2>(u64::from(votes));
    }
    writer.raw(b"}}");
}

const SHAPES: &str = "send 'features' with 4 numbers, or the 4 lengths and widths by name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_row_takes_no_more_than_its_room() {
        // The most rows that `--max-rows` allows, the last number of the last one.
        let place = |problem| Fault::new(problem).field("features").element(Some(1 << 20), Some(FEATURES));
        for fault in [
            place(Problem::NumberOutOfRange),
            place(Problem::InvalidType).expected("a number", "an object"),
            place(Problem::WrongLength).expected("4 numbers", "").count(16 << 20, FEATURES),
        ] {
            let mut out = [0; MAX_ROW - 1];
            let mut writer = Writer::new(&mut out);
            fault::item(&fault, &mut writer);
            assert!(writer.finish().is_some(), "{fault:?}");
        }
    }

    #[test]
    fn a_list_of_rows_is_told_by_its_second_bracket() {
        assert!(may_be_a_list(br#"{"features":[ [5,3,1,0]]}"#) && may_be_a_list(br#"{"features":[[],1]}"#));
        assert!(may_be_a_list(b"{\"features\":[\r\n\t [5,3,1,0]]}") && !may_be_a_list(br#"{"features":[1,[]]}"#));
        assert!(!may_be_a_list(br#"{"features":[5.1,3.5,1.4,0.2]}"#) && !may_be_a_list(b"{}"));
    }
}
