//! The `simple` model compiled: the pattern of its ONNX graph recognised, its weights laid out for the kernel.
//!
//! ```text
//!  ids [N] i64 ─ Gather(table [2^k, 8] i8) ─ Cast i32 ─ ReduceSum ─ DequantizeLinear(scale [8]) ─┬─ Slice 0..6 ─ Div ─ Add(bias [6]) ─ Sigmoid ─► [6]
//!                                                                                              └─ Slice 6..7 ─ Max(floor) ─ Sqrt ─┘
//! ```
//!
//! Columns 0 to 5 are the labels' weights, column 6 counts the features that the model knows, column 7 is padding. Up to
//! the scale everything is an integer, so the kernel and any ONNX engine sum to the same bits.

use super::graph::{INT8, INT32, Reader, Unrecognised, attribute, expect_attribute, unrecognised};
use super::manifest::{Activation, Manifest};
use crate::kernel::bag::{COLUMNS, Table};
use crate::text::features::HASH_BITS;
use std::borrow::Cow;
use tract_onnx::pb::ModelProto;

/// The number of labels: the columns that become probabilities.
pub const LABEL_COUNT: usize = 6;

/// The model's weights in the form that the kernel reads. Immutable; shared by all workers.
pub struct SimplePlan {
    table: Table,
    scale: [f32; COLUMNS],
    floor: f32,
    bias: [f32; LABEL_COUNT],
}

impl SimplePlan {
    /// Recognises the pattern in `model`, and takes its weights. Where the model was read from the binary's own file, `embedded`,
    /// the table stays there: nothing of it is copied.
    ///
    /// # Errors
    /// The first departure from the pattern, in words.
    pub fn compile(model: &ModelProto, embedded: Option<&'static [u8]>) -> Result<Self, Unrecognised> {
        let graph = Reader::new(model)?;
        let ([input], [output]) = (graph.graph().input.as_slice(), graph.graph().output.as_slice()) else {
            return Err(unrecognised("the graph has not exactly one input and one output"));
        };
        let sigmoid = graph.node(&output.name, "Sigmoid", 1)?;
        let add = graph.node(&sigmoid.input[0], "Add", 2)?;
        let bias = graph.floats(&add.input[1])?;
        let div = graph.node(&add.input[0], "Div", 2)?;
        let logits = graph.slice(&div.input[0], 0, LABEL_COUNT)?;
        let sqrt = graph.node(&div.input[1], "Sqrt", 1)?;
        let max = graph.node(&sqrt.input[0], "Max", 2)?;
        let [floor] = graph.floats(&max.input[1])?;
        let count = graph.slice(&max.input[0], LABEL_COUNT, LABEL_COUNT + 1)?;
        if logits != count {
            return Err(unrecognised("the two Slice nodes read different tensors"));
        }
        let dequantize = graph.node(logits, "DequantizeLinear", 2)?;
        expect_attribute(dequantize, "axis", 0)?;
        let scale = graph.floats(&dequantize.input[1])?;
        let sum = graph.node(&dequantize.input[0], "ReduceSum", 2)?;
        expect_attribute(sum, "keepdims", 0)?;
        graph.expect_integer(&sum.input[1], 0)?;
        let cast = graph.node(&sum.input[0], "Cast", 1)?;
        expect_attribute(cast, "to", INT32)?;
        let gather = graph.node(&cast.input[0], "Gather", 2)?;
        if gather.input[1] != input.name || attribute(gather, "axis").unwrap_or(0) != 0 {
            return Err(unrecognised("Gather does not take the graph's input along axis 0"));
        }
        let table = graph.constant(&gather.input[0], INT8)?;
        if !matches!(table.dims[..], [_, columns] if usize::try_from(columns) == Ok(COLUMNS)) {
            return Err(unrecognised("the table has not eight columns"));
        }
        let table = Table::new(in_place(&table.raw_data, embedded))
            .ok_or_else(|| unrecognised("the table's rows are not a power of two"))?;
        let weights = scale.iter().chain(&bias);
        if !weights.copied().all(f32::is_finite) || floor.is_nan() || floor <= 0.0 {
            return Err(unrecognised("a scale, a bias or the floor is not a usable number"));
        }
        Ok(Self { table, scale, floor, bias })
    }

    /// The plan, if its table has a row for each id that this build's features give.
    ///
    /// # Errors
    /// The table is larger or smaller.
    pub fn for_this_build(self) -> Result<Self, Unrecognised> {
        let (rows, needed) = (self.rows(), 1 << HASH_BITS);
        if rows == needed { Ok(self) } else { Err(unrecognised(format!("the table has {rows} rows, not {needed}"))) }
    }

    /// The plan, if it answers as many labels as `manifest` names, as the probabilities that they are.
    ///
    /// # Errors
    /// What the manifest says instead.
    pub fn for_manifest(self, manifest: &Manifest) -> Result<Self, Unrecognised> {
        check_labels(manifest).map(|()| self)
    }

    /// The number of rows of the table.
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// The kernel's form, as [`Path::as_str`](crate::kernel::bag::Path::as_str) names it.
    pub const fn path_name(&self) -> &'static str {
        self.table.path().as_str()
    }

    /// What each feature of a text adds to the logit of `label` (0 to 5), by its id, where `ids` are all of the text's distinct
    /// ids: the feature's entry, scaled as the sum is. These and the bias add up to the logit.
    pub fn contributions<'a>(&'a self, ids: &[u32], label: usize) -> impl Fn(u32) -> f32 + use<'a> {
        let sums = self.table.sum(ids);
        let unit = self.scale[label] / self.root(&sums);
        move |id| f32::from(self.table.entry(id, label)) * unit
    }

    /// The calibrated probability of each label, 0 to 1. No allocation; ids beyond the table wrap around.
    pub fn probabilities(&self, ids: &[u32]) -> [f32; LABEL_COUNT] {
        let sums = self.table.sum(ids);
        let root = self.root(&sums);
        std::array::from_fn(|label| sigmoid(sums[label] as f32 * self.scale[label] / root + self.bias[label]))
    }
}

impl SimplePlan {
    /// What the sums are divided by: the root of how many features the model knows.
    fn root(&self, sums: &[i32; COLUMNS]) -> f32 {
        (sums[LABEL_COUNT] as f32 * self.scale[LABEL_COUNT]).max(self.floor).sqrt()
    }
}

/// `tensor` where it stands in `file`, or else a copy.
fn in_place(tensor: &[u8], file: Option<&'static [u8]>) -> Cow<'static, [u8]> {
    // What is sought is whole; its beginning is only what is quick to look for.
    const BEGINNING: usize = 64;
    let found = file.zip(tensor.get(..BEGINNING)).and_then(|(file, beginning)| {
        let starts = memchr::memmem::find_iter(file, beginning);
        starts.filter_map(|at| file.get(at..at + tensor.len())).find(|found| *found == tensor)
    });
    found.map_or_else(|| Cow::Owned(tensor.to_vec()), Cow::Borrowed)
}

/// Requires a manifest of as many labels as a kernel answers, as the probabilities that they are.
///
/// # Errors
/// What the manifest says instead.
pub fn check_labels(manifest: &Manifest) -> Result<(), Unrecognised> {
    if manifest.labels.len() != LABEL_COUNT {
        return Err(unrecognised(format!("the manifest names {} labels, not {LABEL_COUNT}", manifest.labels.len())));
    }
    if manifest.output.activation != Activation::None {
        return Err(unrecognised("the manifest asks for another activation after the graph's own"));
    }
    Ok(())
}

/// 1 / (1 + e^-x). Where e^-x is infinite the quotient is 0, so every finite `x` has its value.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::GraphProto;

    #[test]
    fn the_sigmoid_is_within_a_millionth_of_double_precision() {
        for step in -2_000_000..=2_000_000 {
            let x = step as f32 / 10_000.0;
            let reference = 1.0 / (1.0 + (-f64::from(x)).exp());
            let error = (f64::from(sigmoid(x)) - reference).abs();
            assert!(error <= 1e-6, "sigmoid({x}) is off by {error}");
        }
        assert_eq!((sigmoid(f32::MIN).to_bits(), sigmoid(f32::MAX).to_bits()), (0, 1.0_f32.to_bits()));
    }

    #[test]
    fn contributions_and_bias_add_up_to_the_logit() {
        let bytes: Vec<u8> = (0..64 * COLUMNS).map(|at| if at % COLUMNS == 6 { 1 } else { (at * 89) as u8 }).collect();
        let plan = SimplePlan {
            table: Table::new(bytes).expect("64 rows"),
            scale: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 1.0, 1.0],
            floor: 1.0,
            bias: [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0],
        };
        for ids in [&[][..], &[3], &[1, 5, 9, 33, 60, 63], &[0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]] {
            let probabilities = plan.probabilities(ids);
            for (label, probability) in probabilities.into_iter().enumerate() {
                let contribution = plan.contributions(ids, label);
                let logit = ids.iter().map(|&id| contribution(id)).sum::<f32>() + plan.bias[label];
                assert!((sigmoid(logit) - probability).abs() <= 1e-6, "{ids:?}, label {label}");
            }
        }
    }

    #[test]
    fn a_table_stays_in_a_file_of_the_binary() {
        const FILE: [u8; 300] = {
            let mut file = [7; 300];
            file[150] = 1;
            file
        };
        let file: &'static [u8] = &FILE;
        for at in [0, 1, 100, 151] {
            let tensor = file[at..at + 149].to_vec();
            let Cow::Borrowed(found) = in_place(&tensor, Some(file)) else { panic!("copied from {at}") };
            assert_eq!(found, tensor);
            assert!(matches!(in_place(&tensor, None), Cow::Owned(copy) if copy == tensor));
        }
        for absent in [&[7_u8; 160][..], &[8; 64], &[7; 3]] {
            assert!(matches!(in_place(absent, Some(file)), Cow::Owned(copy) if copy == absent));
        }
    }

    #[test]
    fn another_graph_is_refused_with_the_reason() {
        let model = ModelProto::default();
        assert_eq!(
            SimplePlan::compile(&model, None).err().map(|reason| reason.to_string()).as_deref(),
            Some("the model has no graph")
        );
        let model = ModelProto { graph: Some(GraphProto::default()), ..Default::default() };
        assert!(SimplePlan::compile(&model, None).is_err());
    }
}
