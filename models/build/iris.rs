//! The iris step: `forest.json` and `golden.json` to a table of votes, its constants and the golden rows.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    forest::Forest,
    grid::{CLASSES, FEATURES, Grid, Rows},
};

/// What [`compile`] reads, relative to the crate.
pub const INPUTS: &[&str] = &["models/iris/forest.json", "models/iris/golden.json"];

/// Writes `iris.rs`, to be included by `src/model/iris.rs`, and the two tables it embeds.
///
/// # Errors
/// If a file cannot be read or written, is malformed, or the golden rows belong to another forest.
pub fn compile(root: &Path, out: &Path) -> Result<(), String> {
    let [forest_path, golden_path] = [root.join(INPUTS[0]), root.join(INPUTS[1])];
    let within = |path: &Path, error: &str| format!("{}: {error}", path.display());

    let json = read(&forest_path)?;
    let sha256 = hex(&Sha256::digest(json.as_bytes()));
    let forest = Forest::parse(&json).map_err(|error| within(&forest_path, &error))?;
    let grid = Grid::new(&forest).map_err(|error| within(&forest_path, &error))?;
    let rows = grid.rows().map_err(|error| within(&forest_path, &error))?;
    let golden = golden(&read(&golden_path)?, &sha256).map_err(|error| within(&golden_path, &error))?;

    let ids: Vec<u8> = rows.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let votes: Vec<u8> = rows.distinct.iter().flatten().flatten().copied().collect();
    write(&out.join("iris_row_ids.bin"), &ids)?;
    write(&out.join("iris_rows.bin"), &votes)?;
    write(&out.join("iris.rs"), source(&forest, &grid, &rows, &sha256, &golden).as_bytes())
}

/// The generated module: types and names as `src/model/iris.rs` expects them.
fn source(forest: &Forest, grid: &Grid, rows: &Rows, sha256: &str, golden: &str) -> String {
    let longest = grid.thresholds.iter().map(Vec::len).max().unwrap_or(0);
    let width = (longest + 2).next_power_of_two();
    let mut ladders = String::new();
    for thresholds in &grid.thresholds {
        let padded = thresholds.iter().copied().chain(std::iter::repeat(f32::INFINITY)).take(width);
        let _ = writeln!(ladders, "[{}],", padded.map(bits).collect::<Vec<_>>().join(", "));
    }
    format!(
        "pub const SHA256: &str = {sha256:?};
pub const SCIKIT_LEARN: &str = {scikit_learn:?};
pub const TREES: u8 = {trees};
pub const CLASSES: [&str; {classes}] = {class_names:?};
pub const FEATURE_NAMES: [&str; {FEATURES}] = {feature_names:?};
pub const TRAINING_ROWS: u32 = {training_rows};
pub const TRAINING_ACCURACY: f64 = {training_accuracy:?};
pub const CROSS_VALIDATED_ACCURACY: f64 = {cross_validated_accuracy:?};
pub const WIDTH: usize = {width};
pub static THRESHOLDS: Aligned<[[f32; WIDTH]; {FEATURES}]> = Aligned([\n{ladders}]);
pub const ROW_AXIS: usize = {axis};
pub const ROW_LENGTH: usize = {length};
pub const STRIDES: [usize; {FEATURES}] = {strides:?};
pub static ROW_IDS: Aligned<[u8; {id_bytes}]> = Aligned(*include_bytes!(concat!(env!(\"OUT_DIR\"), \"/iris_row_ids.bin\")));
pub static ROWS: Aligned<[u8; {row_bytes}]> = Aligned(*include_bytes!(concat!(env!(\"OUT_DIR\"), \"/iris_rows.bin\")));
pub static GOLDEN: &[Golden] = &[\n{golden}];
",
        scikit_learn = forest.scikit_learn,
        trees = forest.trees.len(),
        classes = forest.class_names.len(),
        class_names = forest.class_names,
        feature_names = forest.feature_names,
        training_rows = forest.training_rows,
        training_accuracy = forest.training_accuracy,
        cross_validated_accuracy = forest.cross_validated_accuracy,
        axis = rows.axis,
        length = rows.length,
        strides = rows.strides,
        id_bytes = rows.ids.len() * 2,
        row_bytes = rows.distinct.len() * rows.length * 2,
    )
}

/// The golden rows as elements of an array of `Golden`.
fn golden(json: &str, sha256: &str) -> Result<String, String> {
    let document: Value = serde_json::from_str(json).map_err(|error| format!("is not JSON: {error}"))?;
    if document["forest_sha256"] != sha256 {
        return Err(format!("was written for another forest than {sha256}: run models/iris/train.py"));
    }
    let trees = document["trees"].as_f64().ok_or("/trees is not a number")?;
    let rows = document["rows"].as_array().filter(|rows| !rows.is_empty()).ok_or("/rows is not an array of rows")?;
    let mut elements = String::new();
    for (index, row) in rows.iter().enumerate() {
        let numbers = |member: usize, count: usize| -> Option<Vec<f64>> {
            let numbers: Vec<f64> = row[member].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
            (numbers.len() == count).then_some(numbers)
        };
        let class = row[1].as_u64().filter(|&class| class < CLASSES as u64);
        let (Some(features), Some(class), Some(shares)) = (numbers(0, FEATURES), class, numbers(2, CLASSES)) else {
            return Err(format!("/rows/{index} is not [[four features], class, [three probabilities]]"));
        };
        let features: Vec<String> = features.iter().map(|&feature| bits(feature as f32)).collect();
        let votes: Vec<u8> = shares.iter().map(|share| (share * trees).round() as u8).collect();
        let (features, votes) = (features.join(", "), &votes);
        let _ = writeln!(elements, "Golden {{ features: [{features}], class: {class}, votes: {votes:?} }},");
    }
    Ok(elements)
}

/// A float as source, to the bit.
fn bits(value: f32) -> String {
    format!("f32::from_bits({:#010x})", value.to_bits())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
