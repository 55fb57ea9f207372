//! A trained random forest as `models/iris/train.py` writes it, checked whole before anything is made of it.

use serde_json::Value;

/// The format this module reads; another one is refused.
pub const FORMAT: &str = "tamis-forest-1";

/// A forest of classification trees, each of which casts one vote.
#[derive(Debug)]
pub struct Forest {
    /// The trees, at most 255: vote counts are kept in a byte.
    pub trees: Vec<Tree>,
    /// Names of the features, in the order of the input.
    pub feature_names: Vec<String>,
    /// Names of the classes, by class index.
    pub class_names: Vec<String>,
    /// The version of scikit-learn that trained it.
    pub scikit_learn: String,
    /// Rows it was trained on.
    pub training_rows: u64,
    /// Share of those rows it classifies rightly, 0 to 1.
    pub training_accuracy: f64,
    /// Share of held-out rows classified rightly by forests trained likewise, 0 to 1.
    pub cross_validated_accuracy: f64,
}

/// A binary decision tree; the root is node 0 and each child comes after its parent.
#[derive(Debug)]
pub struct Tree {
    /// Never empty.
    pub nodes: Vec<Node>,
}

/// One node of a tree.
#[derive(Debug)]
pub enum Node {
    /// Goes to `left` if the feature, a float32, is at most `threshold`, else to `right`.
    Split {
        /// Index of the feature.
        feature: usize,
        /// Compared in float64; within the range of float32.
        threshold: f64,
        /// Index of the node for `<=`.
        left: usize,
        /// Index of the node for `>`.
        right: usize,
    },
    /// Casts the tree's vote.
    Leaf {
        /// Index of the class.
        class: usize,
    },
}

impl Forest {
    /// Reads and checks a whole forest.
    ///
    /// # Errors
    /// Says which member of the document, or which tree and node, is wrong and how.
    pub fn parse(json: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(json).map_err(|error| format!("is not JSON: {error}"))?;
        let format = text(&document, "/format")?;
        if format != FORMAT {
            return Err(format!("/format is {format:?}, this reads {FORMAT:?}"));
        }
        let feature_names = names(&document, "/feature_names")?;
        let class_names = names(&document, "/class_names")?;
        let listed = array(&document, "/trees")?;
        if listed.is_empty() || listed.len() > usize::from(u8::MAX) {
            return Err(format!("/trees has {} trees, not 1 to 255", listed.len()));
        }
        let trees = (listed.iter().enumerate())
            .map(|(index, tree)| {
                Tree::parse(tree, feature_names.len(), class_names.len())
                    .map_err(|error| format!("/trees/{index}{error}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            trees,
            feature_names,
            class_names,
            scikit_learn: text(&document, "/scikit_learn")?.to_owned(),
            training_rows: (document.pointer("/training/rows").and_then(Value::as_u64))
                .ok_or("/training/rows is not a whole number")?,
            training_accuracy: share(&document, "/training/accuracy")?,
            cross_validated_accuracy: share(&document, "/training/cross_validation/accuracy")?,
        })
    }
}

impl Tree {
    /// Reads parallel arrays, one element a node; the error continues the path of the tree.
    fn parse(tree: &Value, features: usize, classes: usize) -> Result<Self, String> {
        let column = |name: &str| array(tree, name);
        let (feature, threshold, class) = (column("/feature")?, column("/threshold")?, column("/class")?);
        let (left, right) = (column("/left")?, column("/right")?);
        let count = feature.len();
        if count == 0 || [threshold, left, right, class].iter().any(|column| column.len() != count) {
            return Err(": its arrays are empty or differ in length".to_owned());
        }
        let mut parents = vec![0_u32; count];
        let mut nodes = Vec::with_capacity(count);
        for node in 0..count {
            let index = |column: &[Value], name: &str, from: usize, to: usize| {
                let value = column[node].as_u64().and_then(|value| usize::try_from(value).ok());
                value
                    .filter(|value| (from..to).contains(value))
                    .ok_or_else(|| format!("/{name}/{node} is {}, not a whole number in {from}..{to}", column[node]))
            };
            let leaf = Value::from(-1);
            if feature[node] == leaf {
                if left[node] != leaf || right[node] != leaf || !threshold[node].is_null() {
                    return Err(format!("/feature/{node} marks a leaf, yet it has a threshold or a child"));
                }
                nodes.push(Node::Leaf { class: index(class, "class", 0, classes)? });
                continue;
            }
            let cut = threshold[node].as_f64().filter(|cut| cut.abs() <= f64::from(f32::MAX));
            let split = Node::Split {
                feature: index(feature, "feature", 0, features)?,
                threshold: cut.ok_or_else(|| {
                    format!("/threshold/{node} is {}, not a number in the range of float32", threshold[node])
                })?,
                left: index(left, "left", node + 1, count)?,
                right: index(right, "right", node + 1, count)?,
            };
            if let Node::Split { left, right, .. } = split {
                parents[left] += 1;
                parents[right] += 1;
            }
            nodes.push(split);
        }
        // Children come later than parents, so one parent each makes it a tree rooted at node 0.
        match (1..count).find(|&node| parents[node] != 1) {
            Some(node) => Err(format!(": node {node} has {} parents, not one", parents[node])),
            None => Ok(Self { nodes }),
        }
    }
}

fn array<'a>(value: &'a Value, path: &str) -> Result<&'a Vec<Value>, String> {
    value.pointer(path).and_then(Value::as_array).ok_or_else(|| format!("{path} is not an array"))
}

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str, String> {
    value.pointer(path).and_then(Value::as_str).ok_or_else(|| format!("{path} is not a string"))
}

fn names(value: &Value, path: &str) -> Result<Vec<String>, String> {
    let names: Option<Vec<String>> = array(value, path)?.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    names.ok_or_else(|| format!("{path} has an element that is not a string"))
}

fn share(value: &Value, path: &str) -> Result<f64, String> {
    let share = value.pointer(path).and_then(Value::as_f64).filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{path} is not a number from 0 to 1"))
}
