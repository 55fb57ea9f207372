//! The compiled forest against a plain walk of its trees, for any input, and what the compiler refuses.

// The compiler's own reader, to see what it refuses. It is not the walk below, which reads the document by itself.
#[allow(dead_code)]
#[path = "../models/build/forest.rs"]
mod forest;
#[allow(dead_code)]
#[path = "../models/build/grid.rs"]
mod grid;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tamis::model::iris::{FEATURES, predict};

/// One node of a tree as forest.json has it.
struct Node {
    /// Negative for a leaf.
    feature: i64,
    threshold: f64,
    left: usize,
    right: usize,
    class: usize,
}

static TREES: LazyLock<Vec<Vec<Node>>> = LazyLock::new(|| {
    let document = document();
    let trees = document["trees"].as_array().expect("trees");
    trees
        .iter()
        .map(|tree| (0..tree["feature"].as_array().expect("nodes").len()).map(|i| node(tree, i)).collect())
        .collect()
});

/// Votes by class: the definition of the forest, with nothing compiled.
fn walk(features: &[f32; FEATURES]) -> [u8; 3] {
    let mut votes = [0; 3];
    for tree in TREES.iter() {
        let mut at = &tree[0];
        while let Ok(feature) = usize::try_from(at.feature) {
            at = &tree[if f64::from(features[feature]) <= at.threshold { at.left } else { at.right }];
        }
        votes[at.class] += 1;
    }
    votes
}

/// Finite values of all magnitudes, and many near where irises and thresholds are.
fn value() -> impl Strategy<Value = f32> {
    let thresholds: Vec<f32> =
        (TREES.iter().flatten().filter(|node| node.feature >= 0)).map(|node| node.threshold as f32).collect();
    prop_oneof![
        3 => 0.0_f32..9.0,
        3 => (0..90_u8).prop_map(|tenths| f32::from(tenths) / 10.0),
        4 => (proptest::sample::select(thresholds), -3..=3_i32).prop_map(|(threshold, steps)| {
            (0..steps.abs()).fold(threshold, |x, _| if steps < 0 { x.next_down() } else { x.next_up() })
        }),
        2 => any::<u32>().prop_map(f32::from_bits).prop_filter("finite", |x| x.is_finite()),
        1 => proptest::sample::select(vec![0.0, -0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -f32::from_bits(1)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn predict_is_a_walk_of_the_trees(features in proptest::array::uniform4(value())) {
        let (prediction, votes) = (predict(&features), walk(&features));
        prop_assert_eq!(prediction.votes(), votes);
        let most = votes.iter().max();
        let first = votes.iter().position(|votes| Some(votes) == most);
        prop_assert_eq!(Some(usize::from(prediction.class_id())), first);
    }

    #[test]
    fn rounding_a_threshold_down_keeps_its_meaning(x in value(), near in -2e-7..2e-7_f64, far in -1.0..1.0_f64) {
        let (exact, most) = (f64::from(x), f64::from(f32::MAX));
        // Within two steps of float32 around the input, and anywhere.
        let around = exact + exact.abs().max(f64::from(f32::MIN_POSITIVE)) * near;
        for threshold in [around.clamp(-most, most), far * most, exact] {
            prop_assert_eq!(exact <= threshold, x <= grid::round_down(threshold), "{} and {}", x, threshold);
        }
    }
}

#[test]
fn the_committed_forest_is_accepted() {
    let forest = forest::Forest::parse(&document().to_string()).expect("a forest");
    let grid = grid::Grid::new(&forest).expect("a grid");
    let rows = grid.rows().expect("rows");
    assert_eq!(rows.axis, 1, "sepal width repeats most");
}

#[test]
fn a_malformed_forest_is_refused_by_name() {
    let cases: [(&str, Value, &str); 14] = [
        ("/format", json!("other"), "/format is \"other\""),
        ("/trees", json!([]), "/trees has 0 trees"),
        ("/trees", json!("none"), "/trees is not an array"),
        ("/feature_names", json!(["a", 1]), "/feature_names has an element that is not a string"),
        ("/training/accuracy", json!(1.5), "/training/accuracy is not a number from 0 to 1"),
        ("/training/rows", json!(-1), "/training/rows is not a whole number"),
        ("/trees/0/left", json!([1]), "/trees/0: its arrays are empty or differ in length"),
        ("/trees/0/feature/0", json!(4), "/trees/0/feature/0 is 4, not a whole number in 0..4"),
        ("/trees/0/feature/0", json!(-1), "/trees/0/feature/0 marks a leaf"),
        ("/trees/0/class/1", json!(3), "/trees/0/class/1 is 3, not a whole number in 0..3"),
        ("/trees/0/threshold/0", json!(1e300), "/trees/0/threshold/0 is 1e+300, not a number in the range of float32"),
        ("/trees/0/threshold/0", json!(null), "/trees/0/threshold/0 is null, not a number"),
        ("/trees/0/right/0", json!(0), "/trees/0/right/0 is 0, not a whole number in 1..17"),
        ("/trees/0/right/0", json!(1), "/trees/0: node 1 has 2 parents, not one"),
    ];
    for (path, value, message) in cases {
        let mut document = document();
        *document.pointer_mut(path).expect(path) = value;
        let error = forest::Forest::parse(&document.to_string()).expect_err(path);
        assert!(error.starts_with(message), "{path}: {error}");
    }
    let error = forest::Forest::parse("{").expect_err("half a document");
    assert!(error.starts_with("is not JSON"), "{error}");
}

#[test]
fn a_forest_of_another_shape_is_refused() {
    let mut document = document();
    document["class_names"] = json!(["a", "b", "c", "d"]);
    let forest = forest::Forest::parse(&document.to_string()).expect("a forest");
    let error = grid::Grid::new(&forest).err();
    assert_eq!(error.as_deref(), Some("is not a forest of 4 features and 3 classes"));
}

fn document() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/iris/forest.json");
    serde_json::from_slice(&std::fs::read(path).expect("forest.json")).expect("JSON")
}

fn node(tree: &Value, index: usize) -> Node {
    let number = |name: &str| tree[name][index].as_i64().expect(name);
    let feature = number("feature");
    // -1 where a node has none: never read there.
    let index_of = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
    Node {
        feature,
        threshold: tree["threshold"][index].as_f64().unwrap_or(f64::NAN),
        left: index_of("left"),
        right: index_of("right"),
        class: index_of("class"),
    }
}
