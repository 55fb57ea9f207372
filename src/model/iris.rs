//! The iris classifier: a random forest compiled into a table.
//!
//! A forest looks at its input only by comparing features with thresholds. The thresholds of each feature cut its range
//! into intervals, the product of the intervals is a grid of 416,000 cells, and the votes of all trees are constant in
//! each. `models/build.rs` evaluates the forest in every cell; here an input is located and its votes are read:
//!
//! ```text
//! sepal_length ─┐
//! petal_length ─┼─ interval of each ─► ROW_IDS[..] ─► which row ─┐
//! petal_width  ─┘                                                ├─► ROWS[row, interval] ─► votes
//! sepal_width  ─── interval ─────────────────────────────────────┘
//! ```
//!
//! Rows of cells along one feature repeat, so each distinct row is kept once: a third of the size of the plain grid for
//! one dependent load. For an interval, a feature's range is cut into 256 buckets of equal width, so narrow that none holds more
//! than two thresholds: how many lie below a bucket is looked up, those within are compared with. No branch.
//!
//! Answers equal scikit-learn's `predict_proba` and `predict` for every finite input: `tests/iris_exhaustive.rs`.

use std::fmt;

/// Features of an input, in centimetres, in the order of [`FEATURE_NAMES`].
pub const FEATURES: usize = 4;

/// The version of the model, not of the daemon.
pub const VERSION: &str = "1.0.0";

/// Names of the classes, by class index.
pub const CLASSES: [&str; 3] = table::CLASSES;

/// Names of the features, in the order of the input.
pub const FEATURE_NAMES: [&str; FEATURES] = table::FEATURE_NAMES;

/// The forest's answer to one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Index into [`CLASSES`]: the first of those with the most votes.
    class: u8,
    /// Trees that voted for each class; they sum to [`Info::trees`].
    votes: [u8; 3],
}

/// What there is to say about the embedded forest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Info {
    /// SHA-256 of `models/iris/forest.json`, hexadecimal: the model's identity.
    pub sha256: &'static str,
    /// Trees in the forest.
    pub trees: u8,
    /// The version of scikit-learn that trained it.
    pub scikit_learn: &'static str,
    /// Rows it was trained on.
    pub training_rows: u32,
    /// Share of those rows it classifies rightly, 0 to 1.
    pub training_accuracy: f64,
    /// Share of held-out rows that forests trained likewise classify rightly, 0 to 1 (repeated stratified k-fold).
    pub cross_validated_accuracy: f64,
    /// Cells of the grid that the thresholds cut.
    pub cells: usize,
    /// Bytes of the tables that [`predict`] reads.
    pub table_bytes: usize,
    /// Rows that [`verify`] compares with scikit-learn's answers.
    pub golden_rows: usize,
}

/// An input that [`predict`] answers otherwise than scikit-learn did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// The input.
    pub features: [f32; FEATURES],
    /// scikit-learn's answer.
    pub expected: Prediction,
    /// The table's answer.
    pub found: Prediction,
}

/// One input with scikit-learn's answer.
struct Golden {
    features: [f32; FEATURES],
    class: u8,
    votes: [u8; 3],
}

/// Starts a table on a cache line.
#[repr(align(64))]
struct Aligned<T>(T);

impl Prediction {
    /// Index into [`CLASSES`], 0 to 2: the class with the most votes, the lowest index among equals.
    #[inline]
    pub const fn class_id(self) -> u8 {
        self.class
    }

    /// Name of the class.
    #[inline]
    pub const fn class_name(self) -> &'static str {
        match self.class {
            0 => CLASSES[0],
            1 => CLASSES[1],
            _ => CLASSES[2],
        }
    }

    /// Trees that voted for each class; they sum to [`Info::trees`].
    #[inline]
    pub const fn votes(self) -> [u8; 3] {
        self.votes
    }

    /// The class's share of the votes in percent, exactly: there are a hundred trees.
    #[inline]
    pub const fn percent(self) -> u8 {
        let [zero, one, two] = self.votes;
        match self.class {
            0 => zero,
            1 => one,
            _ => two,
        }
    }

    /// The class's share of the votes, above 1/3 and up to 1.
    #[inline]
    pub fn confidence(self) -> f32 {
        let [zero, one, two] = self.probabilities();
        zero.max(one).max(two)
    }

    /// Each class's share of the votes, the nearest `f32` to scikit-learn's `predict_proba`.
    #[inline]
    pub fn probabilities(self) -> [f32; 3] {
        self.votes.map(|votes| f32::from(votes) / f32::from(table::TREES))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { features, expected, found } = self;
        write!(
            f,
            "iris: {features:?} is {} by {:?} votes, scikit-learn says {} by {:?}",
            found.class_name(),
            found.votes,
            expected.class_name(),
            expected.votes
        )
    }
}

impl std::error::Error for Mismatch {}

/// Classifies one flower: sepal length, sepal width, petal length and petal width, in centimetres.
///
/// Features given in `f64` are narrowed with `as f32`, as scikit-learn does. Any finite value has an answer. The caller
/// refuses NaN and infinities, as scikit-learn refuses infinities (and what overflows to them); should they come all
/// the same, NaN and negative infinity count as smaller, infinity as larger than every threshold.
///
/// No allocation, no branch on the input, no panic.
#[inline]
pub fn predict(features: &[f32; FEATURES]) -> Prediction {
    let interval: [usize; FEATURES] = std::array::from_fn(|f| interval(f, features[f]));
    let combination: usize = (0..FEATURES).map(|f| interval[f] * table::STRIDES[f]).sum();
    let row = u16::from_le_bytes(pair(&table::ROW_IDS.0, combination));
    let [zero, one] = pair(&table::ROWS.0, usize::from(row) * table::ROW_LENGTH + interval[table::ROW_AXIS]);
    let two = table::TREES.wrapping_sub(zero).wrapping_sub(one);
    let class = match (zero >= one.max(two), one >= two) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    Prediction { class, votes: [zero, one, two] }
}

/// What there is to say about the embedded forest.
pub const fn info() -> Info {
    Info {
        sha256: table::SHA256,
        trees: table::TREES,
        scikit_learn: table::SCIKIT_LEARN,
        training_rows: table::TRAINING_ROWS,
        training_accuracy: table::TRAINING_ACCURACY,
        cross_validated_accuracy: table::CROSS_VALIDATED_ACCURACY,
        cells: size_of_val(&table::ROW_IDS.0) / 2 * table::ROW_LENGTH,
        table_bytes: size_of_val(&BELOW)
            + size_of_val(&table::THRESHOLDS)
            + size_of_val(&table::ROW_IDS)
            + size_of_val(&table::ROWS),
        golden_rows: table::GOLDEN.len(),
    }
}

/// Compares [`predict`] with scikit-learn's recorded answers: the training set, every threshold with its two neighbours
/// in `f32`, extremes and ties. Takes microseconds and allocates nothing, so it also serves as a warm-up.
///
/// # Errors
/// The first input that is answered otherwise.
pub fn verify() -> Result<(), Mismatch> {
    for &Golden { features, class, votes } in table::GOLDEN {
        let (expected, found) = (Prediction { class, votes }, predict(&features));
        if found != expected {
            return Err(Mismatch { features, expected, found });
        }
    }
    Ok(())
}

/// How many thresholds of the feature lie below `x`.
#[inline]
fn interval(feature: usize, x: f32) -> usize {
    let below = usize::from(BELOW.0[feature][bucket(x)]);
    // The masks change nothing: after the last threshold come two infinities. They spare the bounds checks.
    let [first, second] = [below, below + 1].map(|place| table::THRESHOLDS.0[feature][place & (table::WIDTH - 1)]);
    below + usize::from(x > first) + usize::from(x > second)
}

/// How finely each feature's range is cut, a power of two.
const BUCKETS: usize = 256;
/// Centimetres to buckets: the last bucket begins a little below 8 cm and takes all that is larger.
const BUCKETS_PER_CENTIMETRE: f32 = 32.0;

/// Thresholds of each feature in the buckets below each bucket.
static BELOW: Aligned<[[u8; BUCKETS]; FEATURES]> = Aligned(below());

/// The bucket of `x`, the nearest multiple of its width; the first for what is negative and for NaN. It never falls while `x`
/// grows, as each of its steps does, rounding included: so thresholds of lower buckets lie below `x`, those of higher above.
#[inline]
const fn bucket(x: f32) -> usize {
    // A float from here on has no bits for a fraction, and ends in those of its integer.
    const WHOLE: f32 = 8_388_608.0;
    const LAST: f32 = (BUCKETS - 1) as f32;
    let place = x * BUCKETS_PER_CENTIMETRE;
    let place = if place > 0.0 { place } else { 0.0 };
    let place = if place < LAST { place } else { LAST };
    (place + WHOLE).to_bits() as usize & (BUCKETS - 1)
}

/// Counts, while compiling, and refuses a forest with more than two thresholds in a bucket.
const fn below() -> [[u8; BUCKETS]; FEATURES] {
    let mut below = [[0; BUCKETS]; FEATURES];
    let mut feature = 0;
    while feature < FEATURES {
        let thresholds = &table::THRESHOLDS.0[feature];
        let (mut count, mut place) = (0, 0);
        while place < BUCKETS {
            below[feature][place] = count as u8;
            let before = count;
            while count < table::WIDTH && thresholds[count] < f32::INFINITY && bucket(thresholds[count]) == place {
                count += 1;
            }
            assert!(count - before <= 2, "narrower buckets");
            place += 1;
        }
        assert!(
            count + 2 <= table::WIDTH && thresholds[count] == f32::INFINITY,
            "two infinities behind all thresholds"
        );
        feature += 1;
    }
    below
}

/// Two bytes of a table; the last two if `index` were too large, which no interval can make it.
#[inline]
fn pair<const N: usize>(bytes: &[u8; N], index: usize) -> [u8; 2] {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs[index.min(N / 2 - 1)]
}

/// Compiled from `models/iris/forest.json` and `models/iris/golden.json` by `models/build/iris.rs`.
#[allow(clippy::unreadable_literal)] // written by a program, read by one
mod table {
    use super::{Aligned, Golden};
    include!(concat!(env!("OUT_DIR"), "/iris.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_nearest_f32() {
        for votes in 0..=table::TREES {
            let prediction = Prediction { class: 0, votes: [votes, table::TREES - votes, 0] };
            let share = f64::from(votes) / f64::from(table::TREES);
            assert_eq!(prediction.probabilities()[0].to_bits(), (share as f32).to_bits(), "{votes} votes");
        }
    }

    #[test]
    fn a_mismatch_says_who_says_what() {
        let expected = Prediction { class: 2, votes: [0, 1, 99] };
        let found = Prediction { class: 1, votes: [0, 99, 1] };
        let mismatch = Mismatch { features: [5.5, 2.5, 4.0, 1.5], expected, found };
        assert_eq!(
            mismatch.to_string(),
            "iris: [5.5, 2.5, 4.0, 1.5] is versicolor by [0, 99, 1] votes, scikit-learn says virginica by [0, 1, 99]"
        );
    }
}
