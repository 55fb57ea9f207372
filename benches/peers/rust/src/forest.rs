//! The iris forest as a user would walk it: every tree from its root, at run time.

use serde::{Deserialize, Serialize};

const FOREST: &str = include_str!("../../../../models/iris/forest.json");
const CLASSES: [&str; 3] = ["setosa", "versicolor", "virginica"];
/// The feature of a node that is a leaf.
const LEAF: u16 = u16::MAX;

/// The trees' nodes one after another.
pub struct Forest {
    nodes: Vec<Node>,
    roots: Vec<u16>,
}

/// A split: to `left` where the feature is at most `threshold`, else to `right`. Of a leaf, `left` is the class.
struct Node {
    threshold: f32,
    feature: u16,
    left: u16,
    right: u16,
}

/// The answer of `POST /predict`.
#[derive(Debug, PartialEq, Serialize)]
pub struct Iris {
    prediction: &'static str,
    class_id: usize,
    confidence: f64,
    probabilities: Probabilities,
}

/// Each class's share of the votes.
#[derive(Debug, PartialEq, Serialize)]
struct Probabilities {
    setosa: f64,
    versicolor: f64,
    virginica: f64,
}

/// `forest.json`: scikit-learn's parallel arrays.
#[derive(Deserialize)]
struct Document {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    feature: Vec<i8>,
    threshold: Vec<Option<f64>>,
    left: Vec<i16>,
    right: Vec<i16>,
    class: Vec<i16>,
}

impl Forest {
    /// The embedded forest.
    ///
    /// # Panics
    /// `forest.json` is not one.
    pub fn load() -> Self {
        let document: Document = serde_json::from_str(FOREST).expect("models/iris/forest.json is a forest");
        let (mut nodes, mut roots) = (Vec::new(), Vec::new());
        for tree in document.trees {
            let root = u16::try_from(nodes.len()).expect("a forest of fewer than 65,536 nodes");
            roots.push(root);
            for at in 0..tree.feature.len() {
                nodes.push(match (u16::try_from(tree.feature[at]), tree.threshold[at]) {
                    (Ok(feature), Some(threshold)) => Node {
                        threshold: narrowed(threshold),
                        feature,
                        left: root + tree.left[at].unsigned_abs(),
                        right: root + tree.right[at].unsigned_abs(),
                    },
                    _ => Node { threshold: 0.0, feature: LEAF, left: tree.class[at].unsigned_abs(), right: 0 },
                });
            }
        }
        Self { nodes, roots }
    }

    /// The vote of all trees; the lowest class among equals.
    pub fn predict(&self, row: [f32; 4]) -> Iris {
        let mut votes = [0_u16; 3];
        for &root in &self.roots {
            let mut node = &self.nodes[usize::from(root)];
            while node.feature != LEAF {
                let next = if row[usize::from(node.feature)] <= node.threshold { node.left } else { node.right };
                node = &self.nodes[usize::from(next)];
            }
            votes[usize::from(node.left)] += 1;
        }
        let best = (0..3).rev().max_by_key(|&class| votes[class]).unwrap_or_default();
        let share = votes.map(|count| f64::from(count) / self.roots.len() as f64);
        Iris {
            prediction: CLASSES[best],
            class_id: best,
            confidence: share[best],
            probabilities: Probabilities { setosa: share[0], versicolor: share[1], virginica: share[2] },
        }
    }
}

/// The largest float32 that does not exceed `threshold`: for a float32 the comparison comes out the same.
fn narrowed(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_scikit_learns() {
        #[derive(Deserialize)]
        struct Golden {
            rows: Vec<([f32; 4], usize, [f64; 3])>,
        }
        let golden = include_str!("../../../../models/iris/golden.json");
        let Golden { rows } = serde_json::from_str(golden).expect("golden rows");
        assert!(rows.len() > 500);
        let forest = Forest::load();
        for (row, class, [setosa, versicolor, virginica]) in rows {
            let found = forest.predict(row);
            assert_eq!(found.class_id, class, "{row:?}");
            assert_eq!(found.probabilities, Probabilities { setosa, versicolor, virginica }, "{row:?}");
            assert_eq!(found.prediction, CLASSES[class]);
        }
    }
}
