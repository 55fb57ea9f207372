//! The `simple` model compiled: the pattern of its ONNX graph recognised, its weights laid out for the kernel.
//!
//! ```text
//!  ids [N] i64 ─ Gather(table [2^k, 8] i8) ─ Cast i32 ─ ReduceSum ─ DequantizeLinear(scale [8]) ─┬─ Slice 0..6 ─ Div ─ Add(bias [6]) ─ Sigmoid ─► [6]
//!                                                                                              └─ Slice 6..7 ─ Max(floor) ─ Sqrt ─┘
//! ```
//!
//! Columns 0 to 5 are the labels' weights, column 6 counts the features that the model knows, column 7 is padding. Up to
//! the scale everything is an integer, so the kernel and any ONNX engine sum to the same bits.

use crate::kernel::bag::{COLUMNS, Table};
use crate::text::features::HASH_BITS;
use std::fmt;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

/// The number of labels: the columns that become probabilities.
pub const LABEL_COUNT: usize = 6;

/// The model's weights in the form that the kernel reads. Immutable; shared by all workers.
pub struct SimplePlan {
    table: Table,
    scale: [f32; COLUMNS],
    floor: f32,
    bias: [f32; LABEL_COUNT],
}

/// Where a graph departs from the pattern.
#[derive(Debug)]
pub struct Unrecognised(String);

/// A graph under inspection.
struct Reader<'a>(&'a GraphProto);

impl SimplePlan {
    /// Recognises the pattern in `model` and takes its weights.
    ///
    /// # Errors
    /// The first departure from the pattern, in words.
    pub fn compile(model: &ModelProto) -> Result<Self, Unrecognised> {
        let graph = Reader(model.graph.as_ref().ok_or_else(|| unrecognised("the model has no graph"))?);
        let ([input], [output]) = (graph.0.input.as_slice(), graph.0.output.as_slice()) else {
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
        let table =
            Table::new(&table.raw_data).ok_or_else(|| unrecognised("the table's rows are not a power of two"))?;
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

impl<'a> Reader<'a> {
    /// The node that makes `output`, which must be a standard `op` with `inputs` inputs.
    fn node(&self, output: &str, op: &str, inputs: usize) -> Result<&'a NodeProto, Unrecognised> {
        let node = self.0.node.iter().find(|node| node.output.iter().any(|name| name == output));
        match node {
            Some(node) if node.op_type != op || !matches!(node.domain.as_str(), "" | "ai.onnx") => {
                Err(unrecognised(format!("`{output}` is made by {}, not {op}", node.op_type)))
            }
            Some(node) if node.input.len() != inputs => Err(unrecognised(format!("{op} has not {inputs} inputs"))),
            Some(node) => Ok(node),
            None => Err(unrecognised(format!("`{output}` is made by no node, where {op} should be"))),
        }
    }

    /// The input of the Slice node that makes `output` by taking `start..end` of axis 0.
    fn slice(&self, output: &str, start: usize, end: usize) -> Result<&'a str, Unrecognised> {
        let slice = self.node(output, "Slice", 4)?;
        for (input, value) in slice.input[1..].iter().zip([start, end, 0]) {
            self.expect_integer(input, value)?;
        }
        Ok(&slice.input[0])
    }

    /// The initializer called `name`, of the ONNX element type `data_type`, held as raw bytes.
    fn constant(&self, name: &str, data_type: i32) -> Result<&'a TensorProto, Unrecognised> {
        let tensor = self.0.initializer.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.ok_or_else(|| unrecognised(format!("`{name}` is not an initializer")))?;
        let elements: i64 = tensor.dims.iter().product();
        let width = if data_type == INT8 {
            1
        } else if data_type == INT64 {
            8
        } else {
            4
        };
        if tensor.data_type != data_type || i64::try_from(tensor.raw_data.len()) != Ok(elements.saturating_mul(width)) {
            return Err(unrecognised(format!("`{name}` is not raw data of element type {data_type}")));
        }
        Ok(tensor)
    }

    /// A float32 initializer of exactly `N` elements.
    fn floats<const N: usize>(&self, name: &str) -> Result<[f32; N], Unrecognised> {
        let (values, _) = self.constant(name, FLOAT)?.raw_data.as_chunks::<4>();
        let values: &[[u8; 4]; N] =
            values.try_into().map_err(|_| unrecognised(format!("`{name}` has not {N} elements")))?;
        Ok(values.map(f32::from_le_bytes))
    }

    /// Requires an int64 initializer of the one element `expected`.
    fn expect_integer(&self, name: &str, expected: usize) -> Result<(), Unrecognised> {
        if self.constant(name, INT64)?.raw_data == (expected as u64).to_le_bytes() {
            return Ok(());
        }
        Err(unrecognised(format!("`{name}` is not {expected}")))
    }
}

impl fmt::Display for Unrecognised {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unrecognised {}

/// 1 / (1 + e^-x). Where e^-x is infinite the quotient is 0, so every finite `x` has its value.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn unrecognised(reason: impl Into<String>) -> Unrecognised {
    Unrecognised(reason.into())
}

fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

fn expect_attribute(node: &NodeProto, name: &str, expected: impl Into<i64>) -> Result<(), Unrecognised> {
    let expected = expected.into();
    if attribute(node, name) == Some(expected) {
        return Ok(());
    }
    Err(unrecognised(format!("{} has not {name} = {expected}", node.op_type)))
}

/// `TensorProto.DataType` of the ONNX specification.
const FLOAT: i32 = 1;
const INT8: i32 = 3;
const INT32: i32 = 6;
const INT64: i32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

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
            table: Table::new(&bytes).expect("64 rows"),
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
    fn another_graph_is_refused_with_the_reason() {
        let model = ModelProto::default();
        assert_eq!(
            SimplePlan::compile(&model).err().map(|reason| reason.to_string()).as_deref(),
            Some("the model has no graph")
        );
        let model = ModelProto { graph: Some(GraphProto::default()), ..Default::default() };
        assert!(SimplePlan::compile(&model).is_err());
    }
}
