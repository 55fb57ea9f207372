//! Every answer a forest can give, as a table.
//!
//! A forest looks at its input only by comparing features with its thresholds. The distinct thresholds of each feature
//! cut its range into intervals, so the product of these intervals is a finite grid, and inside a cell the votes are
//! constant. A leaf of a tree is a box of cells.

use std::collections::HashMap;

use crate::forest::{Forest, Node, Tree};

/// Features of the input; the grid has that many dimensions.
pub const FEATURES: usize = 4;
/// Classes voted on.
pub const CLASSES: usize = 3;
/// More cells than this and the table is no longer small.
const MOST_CELLS: usize = 1 << 22;

/// The votes in every cell.
pub struct Grid {
    /// Per feature, distinct and ascending: `x` lies in the interval whose index is the number of thresholds below `x`.
    pub thresholds: [Vec<f32>; FEATURES],
    /// Intervals per feature: one more than thresholds.
    sizes: [usize; FEATURES],
    /// Votes by class, one element a cell, the last feature varying fastest.
    votes: Vec<[u8; CLASSES]>,
}

/// The grid with one feature taken out as a row and equal rows kept once.
pub struct Rows {
    /// The feature that runs along a row.
    pub axis: usize,
    /// Cells in a row.
    pub length: usize,
    /// Distance in `ids` from one interval to the next, per feature; 0 for the row's own.
    pub strides: [usize; FEATURES],
    /// Which row, per combination of the other features.
    pub ids: Vec<u16>,
    /// The distinct rows: votes for classes 0 and 1 in each cell; the last class has the remaining votes.
    pub distinct: Vec<Vec<[u8; 2]>>,
}

/// The cells a node can be reached from: `low[f]..high[f]` per feature.
#[derive(Clone, Copy)]
struct Reach {
    low: [usize; FEATURES],
    high: [usize; FEATURES],
}

impl Grid {
    /// Evaluates the forest in every cell.
    ///
    /// Each leaf's box is noted at its 16 corners only, with alternating signs; summing along each axis in turn then
    /// fills all boxes of all trees at once (the inverse of a summed-area table, Crow 1984).
    ///
    /// # Errors
    /// If the forest has other features or classes than the table is made for, or too many cells.
    pub fn new(forest: &Forest) -> Result<Self, String> {
        if forest.feature_names.len() != FEATURES || forest.class_names.len() != CLASSES {
            return Err(format!("is not a forest of {FEATURES} features and {CLASSES} classes"));
        }
        let thresholds: [Vec<f32>; FEATURES] = std::array::from_fn(|feature| thresholds(&forest.trees, feature));
        let sizes = std::array::from_fn(|feature| thresholds[feature].len() + 1);
        let cells: usize = sizes.iter().product();
        if cells > MOST_CELLS {
            return Err(format!("has {cells} cells between its thresholds, more than {MOST_CELLS}"));
        }
        let mut sums = vec![[0_i32; CLASSES]; cells];
        for tree in &forest.trees {
            note_leaves(tree, &thresholds, sizes, &mut sums);
        }
        let mut stride = cells;
        for size in sizes {
            stride /= size;
            for cell in 0..cells {
                if !(cell / stride).is_multiple_of(size) {
                    let before = sums[cell - stride];
                    for (sum, before) in sums[cell].iter_mut().zip(before) {
                        *sum += before;
                    }
                }
            }
        }
        let trees = i32::try_from(forest.trees.len()).map_err(|error| format!("has too many trees: {error}"))?;
        match sums.iter().position(|sums| sums.iter().sum::<i32>() != trees || sums.iter().any(|&sum| sum < 0)) {
            Some(cell) => Err(format!("casts {:?} votes in cell {cell}, not {trees}", sums[cell])),
            None => Ok(Self { thresholds, sizes, votes: sums.iter().map(|sums| sums.map(|sum| sum as u8)).collect() }),
        }
    }

    /// Shares equal rows, along the feature that makes the result smallest.
    ///
    /// # Errors
    /// If along every feature there are more distinct rows than 16 bits count.
    pub fn rows(&self) -> Result<Rows, String> {
        (0..FEATURES)
            .filter_map(|axis| self.rows_along(axis))
            .min_by_key(Rows::bytes)
            .ok_or_else(|| "has more than 65536 distinct rows along every feature".to_owned())
    }

    fn rows_along(&self, axis: usize) -> Option<Rows> {
        let (mut strides, mut cell_strides) = ([0; FEATURES], [0; FEATURES]);
        let (mut ids_before, mut cells_before) = (1, 1);
        for feature in (0..FEATURES).rev() {
            cell_strides[feature] = cells_before;
            cells_before *= self.sizes[feature];
            if feature != axis {
                strides[feature] = ids_before;
                ids_before *= self.sizes[feature];
            }
        }
        let length = self.sizes[axis];
        let mut known = HashMap::new();
        let (mut ids, mut distinct) = (Vec::with_capacity(ids_before), Vec::new());
        for id in 0..ids_before {
            let others = (0..FEATURES).filter(|&feature| feature != axis);
            let first: usize = others.map(|f| (id / strides[f]) % self.sizes[f] * cell_strides[f]).sum();
            let row: Vec<[u8; 2]> = (0..length)
                .map(|step| self.votes[first + step * cell_strides[axis]])
                .map(|[zero, one, _]| [zero, one])
                .collect();
            let next = distinct.len();
            let index = *known.entry(row.clone()).or_insert(next);
            if index == next {
                distinct.push(row);
            }
            ids.push(u16::try_from(index).ok()?);
        }
        Some(Rows { axis, length, strides, ids, distinct })
    }
}

impl Rows {
    /// Size of the identifiers and the distinct rows together.
    fn bytes(&self) -> usize {
        2 * (self.ids.len() + self.distinct.len() * self.length)
    }
}

/// The largest `f32` that is at most `threshold`, which must be within the range of `f32`.
///
/// For every `f32` x, `x <= threshold` in `f64` is `x <= round_down(threshold)` in `f32`.
pub fn round_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

/// The distinct thresholds on one feature, rounded down, ascending.
fn thresholds(trees: &[Tree], feature: usize) -> Vec<f32> {
    let mut found: Vec<f32> = (trees.iter().flat_map(|tree| &tree.nodes))
        .filter_map(|node| match node {
            Node::Split { feature: on, threshold, .. } if *on == feature => Some(round_down(*threshold)),
            _ => None,
        })
        .collect();
    found.sort_by(f32::total_cmp);
    found.dedup(); // by `==`, to which both zeros are one threshold
    found
}

/// Adds each leaf's vote at the corners of its box.
fn note_leaves(tree: &Tree, thresholds: &[Vec<f32>; FEATURES], sizes: [usize; FEATURES], sums: &mut [[i32; CLASSES]]) {
    let mut waiting = vec![(0, Reach { low: [0; FEATURES], high: sizes })];
    while let Some((node, reach)) = waiting.pop() {
        match tree.nodes[node] {
            Node::Split { feature, threshold, left, right } => {
                // The interval that ends in the threshold is the last one to go left.
                let cut = thresholds[feature].partition_point(|&below| below < round_down(threshold)) + 1;
                let (mut to_left, mut to_right) = (reach, reach);
                to_left.high[feature] = cut.min(reach.high[feature]);
                to_right.low[feature] = cut.max(reach.low[feature]);
                let some = |reach: &Reach| reach.low[feature] < reach.high[feature];
                waiting.extend([(left, to_left), (right, to_right)].into_iter().filter(|(_, reach)| some(reach)));
            }
            Node::Leaf { class } => {
                for corner in 0..1_u32 << FEATURES {
                    let beyond = |feature: usize| corner >> feature & 1 == 1;
                    let at = |feature: usize| if beyond(feature) { reach.high[feature] } else { reach.low[feature] };
                    if (0..FEATURES).all(|feature| at(feature) < sizes[feature]) {
                        let cell = (0..FEATURES).fold(0, |cell, feature| cell * sizes[feature] + at(feature));
                        sums[cell][class] += if corner.count_ones() % 2 == 0 { 1 } else { -1 };
                    }
                }
            }
        }
    }
}
