//! The compiled forest against scikit-learn's own answers, in every cell of the threshold grid.
//!
//! `models/iris/golden.json` is the judge: `models/iris/golden.py` wrote it from `predict_proba` and `predict` and knows
//! nothing of the compiled table. Inside a cell neither side can change its answer, since both look at a feature only
//! through comparisons with its thresholds; the two extreme corners of a cell stand for all of its inputs.

use serde_json::Value;
use sha2::{Digest, Sha256};
use tamis::model::iris::{self, CLASSES, FEATURE_NAMES, FEATURES, predict};

/// The cells of the reference forest.
const CELLS: usize = 416_000;
/// A digest covers the cells that share these two features' intervals: petal length and petal width.
const BLOCK: [usize; 2] = [2, 3];
/// The features that vary within a block.
const WITHIN: [usize; 2] = [0, 1];

/// The grid as golden.json describes it.
struct Grid {
    /// Distinct and ascending, per feature.
    thresholds: Vec<Vec<f32>>,
    /// SHA-256, hexadecimal, per block; petal width varies fastest.
    blocks: Vec<String>,
}

/// Which end of its interval each feature takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Corner {
    Lowest,
    Highest,
}

impl Grid {
    fn read(golden: &Value) -> Self {
        let thresholds = array(&golden["thresholds"]).iter().map(floats).collect();
        let blocks =
            array(&golden["blocks"]).iter().map(|block| block.as_str().expect("a digest").to_owned()).collect();
        Self { thresholds, blocks }
    }

    fn intervals(&self, feature: usize) -> usize {
        self.thresholds[feature].len() + 1
    }

    /// The smallest or the largest finite `f32` in an interval, which excludes its lower threshold and includes its upper.
    fn corner(&self, feature: usize, interval: usize, corner: Corner) -> f32 {
        let thresholds = &self.thresholds[feature];
        match corner {
            Corner::Lowest => interval.checked_sub(1).map_or(f32::MIN, |below| thresholds[below].next_up()),
            Corner::Highest => thresholds.get(interval).copied().unwrap_or(f32::MAX),
        }
    }

    /// The digest of one block as the compiled forest answers it.
    fn digest(&self, block: [usize; 2], corner: Corner) -> String {
        let mut features = [0.0; FEATURES];
        for (feature, interval) in BLOCK.into_iter().zip(block) {
            features[feature] = self.corner(feature, interval, corner);
        }
        let mut bytes = Vec::new();
        for first in 0..self.intervals(WITHIN[0]) {
            features[WITHIN[0]] = self.corner(WITHIN[0], first, corner);
            for second in 0..self.intervals(WITHIN[1]) {
                features[WITHIN[1]] = self.corner(WITHIN[1], second, corner);
                let prediction = predict(&features);
                bytes.push(prediction.class_id());
                bytes.extend(prediction.votes());
            }
        }
        hex(&Sha256::digest(&bytes))
    }
}

#[test]
fn every_cell_is_scikit_learns() {
    let grid = Grid::read(&golden());
    let [lengths, widths] = BLOCK.map(|feature| grid.intervals(feature));
    assert_eq!((0..FEATURES).map(|feature| grid.intervals(feature)).product::<usize>(), CELLS);
    assert_eq!(iris::info().cells, CELLS);
    assert_eq!(grid.blocks.len(), lengths * widths);
    let mut wrong = Vec::new();
    for (index, expected) in grid.blocks.iter().enumerate() {
        let block = [index / widths, index % widths];
        for corner in [Corner::Lowest, Corner::Highest] {
            if grid.digest(block, corner) != *expected {
                let [low, high] = [Corner::Lowest, Corner::Highest]
                    .map(|end| [0, 1].map(|axis| grid.corner(BLOCK[axis], block[axis], end)));
                wrong.push(format!(
                    "{corner:?} corners of {} {:?}..={:?}, {} {:?}..={:?}",
                    FEATURE_NAMES[BLOCK[0]], low[0], high[0], FEATURE_NAMES[BLOCK[1]], low[1], high[1]
                ));
            }
        }
    }
    let (shown, count) = (&wrong[..wrong.len().min(8)], wrong.len());
    assert!(
        wrong.is_empty(),
        "{count} block corners differ from scikit-learn, the first of them:\n{}",
        shown.join("\n")
    );
}

#[test]
fn every_golden_row_is_scikit_learns() {
    let golden = golden();
    for row in array(&golden["rows"]) {
        let features: [f32; FEATURES] = floats(&row[0]).try_into().expect("four features");
        let prediction = predict(&features);
        assert_eq!(Some(u64::from(prediction.class_id())), row[1].as_u64(), "class of {features:?}");
        assert_eq!(prediction.class_name(), CLASSES[usize::from(prediction.class_id())]);
        assert_eq!(prediction.probabilities().to_vec(), floats(&row[2]), "probabilities of {features:?}");
        let share = floats(&row[2])[usize::from(prediction.class_id())];
        assert!(prediction.confidence() >= share && prediction.confidence() <= share, "confidence of {features:?}");
    }
}

#[test]
fn golden_rows_hold_every_threshold_with_both_neighbours() {
    let golden = golden();
    let rows: Vec<[f32; FEATURES]> =
        (array(&golden["rows"]).iter()).map(|row| floats(&row[0]).try_into().expect("four features")).collect();
    for (feature, thresholds) in Grid::read(&golden).thresholds.iter().enumerate() {
        assert!(thresholds.is_sorted_by(|a, b| a < b), "{} ascends", FEATURE_NAMES[feature]);
        for &threshold in thresholds {
            let around = [threshold.next_down(), threshold, threshold.next_up()].map(f32::to_bits);
            let three = rows.windows(3).find(|three| (0..3).all(|side| three[side][feature].to_bits() == around[side]));
            let Some([_, at, above]) = three else {
                panic!("{} {threshold} is not there with both neighbours", FEATURE_NAMES[feature]);
            };
            assert_ne!(predict(at), predict(above), "crossing {} {threshold} changes nothing", FEATURE_NAMES[feature]);
        }
    }
}

#[test]
fn the_start_up_check_passes() {
    iris::verify().expect("the embedded golden rows agree");
    assert_eq!(iris::info().golden_rows, array(&golden()["rows"]).len());
}

#[test]
fn what_is_embedded_is_what_is_in_the_tree() {
    let bytes = std::fs::read(path("forest.json")).expect("forest.json");
    let forest: Value = serde_json::from_slice(&bytes).expect("JSON");
    let info = iris::info();
    assert_eq!(info.sha256, hex(&Sha256::digest(&bytes)));
    assert_eq!(golden()["forest_sha256"], info.sha256);
    assert_eq!(array(&forest["trees"]).len(), usize::from(info.trees));
    assert_eq!(forest["class_names"], serde_json::json!(CLASSES));
    assert_eq!(forest["feature_names"], serde_json::json!(FEATURE_NAMES));
    assert_eq!(forest["training"]["rows"], info.training_rows);
    assert_eq!(forest["training"]["accuracy"], info.training_accuracy);
    assert_eq!(forest["training"]["cross_validation"]["accuracy"], info.cross_validated_accuracy);
}

#[test]
fn what_is_not_finite_still_has_an_answer() {
    for value in [f32::NAN, -f32::NAN, f32::NEG_INFINITY] {
        assert_eq!(predict(&[value; FEATURES]), predict(&[f32::MIN; FEATURES]), "{value}");
    }
    assert_eq!(predict(&[f32::INFINITY; FEATURES]), predict(&[f32::MAX; FEATURES]));
}

fn golden() -> Value {
    serde_json::from_slice(&std::fs::read(path("golden.json")).expect("golden.json")).expect("JSON")
}

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/iris").join(name)
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

/// Numbers narrowed to `f32`, as `/predict` narrows its features.
fn floats(value: &Value) -> Vec<f32> {
    array(value).iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}
