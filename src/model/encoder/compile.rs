//! Recognises the encoder's ONNX graph, node after node in the order of the file, and takes its weights.

use tract_onnx::pb::{ModelProto, NodeProto};

use super::{EncoderPlan, Layer, MAX_PIECES, Norm};
use crate::kernel::attention::HEAD;
use crate::kernel::linear::Linear;
use crate::kernel::path::{Checked, Path};
use crate::model::graph::{FLOAT, INT8, INT64, Reader, Unrecognised, expect_attribute, unrecognised};
use crate::model::simple::LABEL_COUNT;

impl EncoderPlan {
    /// Recognises the pattern in `model` and takes its weights.
    ///
    /// # Errors
    /// The first departure from the pattern, in words.
    pub fn compile(model: &ModelProto) -> Result<Self, Unrecognised> {
        let mut steps = Steps::new(model)?;
        let (words, word_scales) = steps.words()?;
        let width = words.len() / word_scales.len().max(1);
        let (positions, norm, mut rows) = steps.positions(width)?;
        let mut layers = Vec::new();
        while steps.peek() == Some("DynamicQuantizeLinear") {
            let (layer, next) = steps.layer(rows, width)?;
            layers.push(layer);
            rows = next;
        }
        let (head, bias) = steps.head(rows, width)?;
        let finite = [&norm].into_iter().chain(layers.iter().flat_map(|layer| [&layer.output_norm, &layer.down_norm]));
        let finite = finite.flat_map(|norm| norm.gain.iter().chain(&norm.shift));
        if !finite.chain(&word_scales).chain(&positions).chain(head.as_flattened()).all(|value| value.is_finite()) {
            return Err(unrecognised("a weight is not a finite number"));
        }
        Ok(Self {
            words: words.into(),
            word_scales,
            positions,
            norm,
            layers: layers.into(),
            head,
            bias,
            path: Checked::new(Path::detect()),
        })
    }
}

/// The graph's nodes, taken one after another.
struct Steps<'a> {
    graph: Reader<'a>,
    rest: &'a [NodeProto],
    input: &'a str,
}

/// Stands for any name where a step's input is a constant, which its reader checks.
const CONSTANT: &str = "";

impl<'a> Steps<'a> {
    fn new(model: &'a ModelProto) -> Result<Self, Unrecognised> {
        let graph = Reader::new(model)?;
        let [input] = graph.graph().input.as_slice() else {
            return Err(unrecognised("the graph has not exactly one input"));
        };
        Ok(Self { graph, rest: &graph.graph().node, input: &input.name })
    }

    fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(|node| node.op_type.as_str())
    }

    /// The next node, which must be a standard `op` on `inputs` ([`CONSTANT`]: any).
    fn take(&mut self, op: &str, inputs: &[&str]) -> Result<&'a NodeProto, Unrecognised> {
        let (node, rest) =
            self.rest.split_first().ok_or_else(|| unrecognised(format!("the graph ends before {op}")))?;
        self.rest = rest;
        if node.op_type != op || !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(unrecognised(format!(
                "`{}` is {}, not {op}",
                node.output.first().map_or("", String::as_str),
                node.op_type
            )));
        }
        let agree = node.input.len() == inputs.len()
            && node.input.iter().zip(inputs).all(|(found, wanted)| wanted == &CONSTANT || found == wanted);
        if !agree || node.output.is_empty() {
            return Err(unrecognised(format!("{op} reads {:?}, not {inputs:?}", node.input)));
        }
        Ok(node)
    }

    /// As [`Self::take`], the name of the one output.
    fn step(&mut self, op: &str, inputs: &[&str]) -> Result<&'a str, Unrecognised> {
        Ok(&self.take(op, inputs)?.output[0])
    }

    /// A float32 constant of `count` elements.
    fn floats(&self, name: &str, count: usize) -> Result<Box<[f32]>, Unrecognised> {
        let (values, _) = self.graph.constant(name, FLOAT)?.raw_data.as_chunks::<4>();
        if values.len() != count {
            return Err(unrecognised(format!("`{name}` has {} elements, not {count}", values.len())));
        }
        Ok(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn words(&mut self) -> Result<(Vec<u8>, Box<[f32]>), Unrecognised> {
        let ids = self.input;
        let gather = self.take("Gather", &[CONSTANT, ids])?;
        let table = self.graph.constant(&gather.input[0], INT8)?;
        let cast = self.step("Cast", &[&gather.output[0]])?;
        let scale = self.take("Gather", &[CONSTANT, ids])?;
        self.step("Mul", &[cast, &scale.output[0]])?;
        let rows = table.dims.first().and_then(|&rows| usize::try_from(rows).ok()).unwrap_or(0);
        if rows == 0 || table.dims.len() != 2 {
            return Err(unrecognised("the word table has not two dimensions"));
        }
        Ok((table.raw_data.clone(), self.floats(&scale.input[0], rows)?))
    }

    fn positions(&mut self, width: usize) -> Result<(Box<[f32]>, Norm, &'a str), Unrecognised> {
        if width == 0 || !width.is_multiple_of(HEAD) {
            return Err(unrecognised(format!("rows are {width} wide, not a multiple of {HEAD}")));
        }
        let count = self.step("Shape", &[self.input])?;
        let slice = self.take("Slice", &[CONSTANT, CONSTANT, count, CONSTANT])?;
        for zero in [1, 3] {
            self.graph.expect_integer(&slice.input[zero], 0)?;
        }
        let positions = self.floats(&slice.input[0], MAX_PIECES * width)?;
        let sum = self.step("Add", &[CONSTANT, &slice.output[0]])?;
        let (norm, rows) = self.norm(sum, width)?;
        Ok((positions, norm, rows))
    }

    fn norm(&mut self, rows: &str, width: usize) -> Result<(Norm, &'a str), Unrecognised> {
        let node = self.take("LayerNormalization", &[rows, CONSTANT, CONSTANT])?;
        expect_attribute(node, "axis", -1)?;
        let epsilon = node.attribute.iter().find(|attribute| attribute.name == "epsilon").map_or(1e-5, |it| it.f);
        let (gain, shift) = (self.floats(&node.input[1], width)?, self.floats(&node.input[2], width)?);
        Ok((Norm { gain, shift, epsilon }, &node.output[0]))
    }

    /// Quantize, multiply, scale, add: `rows` `[n, inputs]` to the name of the sum.
    fn linear(&mut self, rows: &str, inputs: usize) -> Result<(Linear, &'a str), Unrecognised> {
        let [bytes, scale, zero] = self.take("DynamicQuantizeLinear", &[rows])?.output.as_slice() else {
            return Err(unrecognised("DynamicQuantizeLinear has not three outputs"));
        };
        let product = self.take("MatMulInteger", &[bytes, CONSTANT, zero])?;
        let sums = self.step("Cast", &[&product.output[0]])?;
        let scales = self.take("Mul", &[scale, CONSTANT])?;
        let scaled = self.step("Mul", &[sums, &scales.output[0]])?;
        let add = self.take("Add", &[scaled, CONSTANT])?;
        let weights = self.graph.constant(&product.input[1], INT8)?;
        let columns = weights.raw_data.len() / inputs;
        let (scales, bias) = (self.floats(&scales.input[1], columns)?, self.floats(&add.input[1], columns)?);
        let layer = Linear::new(&weights.raw_data, &scales, &bias, inputs)
            .ok_or_else(|| unrecognised(format!("a linear layer of {inputs} by {columns} is not the kernel's")))?;
        Ok((layer, &add.output[0]))
    }

    fn layer(&mut self, rows: &'a str, width: usize) -> Result<(Layer, &'a str), Unrecognised> {
        let (joined, sum) = self.linear(rows, width)?;
        if joined.columns() != 3 * width {
            return Err(unrecognised("query, key and value are not one layer"));
        }
        let mixed = self.attention(sum, width)?;
        let (output, sum) = self.linear(mixed, width)?;
        let sum = self.step("Add", &[rows, sum])?;
        let (output_norm, middle) = self.norm(sum, width)?;
        let (up, sum) = self.linear(middle, width)?;
        let unit = self.gelu(sum)?;
        let (down, sum) = self.linear(unit, up.columns())?;
        let sum = self.step("Add", &[middle, sum])?;
        let (down_norm, next) = self.norm(sum, width)?;
        if output.columns() != width || down.columns() != width {
            return Err(unrecognised("a layer's rows are not as wide as the next layer's"));
        }
        Ok((Layer { joined, output, output_norm, up, down, down_norm }, next))
    }

    fn attention(&mut self, joined: &str, width: usize) -> Result<&'a str, Unrecognised> {
        let [query, key, value] = self.take("Split", &[joined, CONSTANT])?.output.as_slice() else {
            return Err(unrecognised("Split has not three outputs"));
        };
        let mut parts = [""; 3];
        for (part, (name, order)) in parts.iter_mut().zip([(query, [1, 0, 2]), (key, [1, 2, 0]), (value, [1, 0, 2])]) {
            let shaped = self.take("Reshape", &[name, CONSTANT])?;
            self.integers(&shaped.input[1], &[-1, signed(width / HEAD), signed(HEAD)])?;
            *part = self.transpose(&shaped.output[0], &order)?;
        }
        let scores = self.step("MatMul", &[parts[0], parts[1]])?;
        let shares = self.step("Softmax", &[scores])?;
        let mixed = self.step("MatMul", &[shares, parts[2]])?;
        let turned = self.transpose(mixed, &[1, 0, 2])?;
        let flat = self.take("Reshape", &[turned, CONSTANT])?;
        self.integers(&flat.input[1], &[-1, signed(width)])?;
        Ok(&flat.output[0])
    }

    fn transpose(&mut self, rows: &str, order: &[i64]) -> Result<&'a str, Unrecognised> {
        let node = self.take("Transpose", &[rows])?;
        match node.attribute.iter().find(|attribute| attribute.name == "perm") {
            Some(found) if found.ints == order => Ok(&node.output[0]),
            _ => Err(unrecognised(format!("Transpose is not by {order:?}"))),
        }
    }

    /// x * (erf(x * sqrt 1/2) + 1) * 1/2
    fn gelu(&mut self, rows: &str) -> Result<&'a str, Unrecognised> {
        let scaled = self.take("Mul", &[rows, CONSTANT])?;
        let erf = self.step("Erf", &[&scaled.output[0]])?;
        let added = self.take("Add", &[erf, CONSTANT])?;
        let product = self.step("Mul", &[rows, &added.output[0]])?;
        let halved = self.take("Mul", &[product, CONSTANT])?;
        for (node, constant) in [(scaled, std::f32::consts::FRAC_1_SQRT_2), (added, 1.0), (halved, 0.5)] {
            if *self.floats(&node.input[1], 1)? != [constant] {
                return Err(unrecognised(format!("`{}` is not {constant}", node.input[1])));
            }
        }
        Ok(&halved.output[0])
    }

    fn head(&mut self, rows: &str, width: usize) -> Result<Head, Unrecognised> {
        let product = self.take("MatMul", &[rows, CONSTANT])?;
        let weights = self.floats(&product.input[1], width * LABEL_COUNT)?;
        let count = self.step("Cast", &[CONSTANT])?;
        let shares = self.step("Div", &[&product.output[0], count])?;
        let sum = self.take("ReduceSum", &[shares, CONSTANT])?;
        self.graph.expect_integer(&sum.input[1], 0)?;
        let add = self.take("Add", &[&sum.output[0], CONSTANT])?;
        let bias = self.graph.floats(&add.input[1])?;
        let last = self.step("Sigmoid", &[&add.output[0]])?;
        if !self.rest.is_empty() || self.graph.graph().output.first().is_none_or(|output| output.name != last) {
            return Err(unrecognised("the head is not the graph's end"));
        }
        Ok((weights.as_chunks().0.into(), bias))
    }

    /// Requires an int64 constant to be `expected`.
    fn integers(&self, name: &str, expected: &[i64]) -> Result<(), Unrecognised> {
        let found = self.graph.constant(name, INT64)?.raw_data.as_chunks::<8>().0;
        if found.iter().map(|bytes| i64::from_le_bytes(*bytes)).eq(expected.iter().copied()) {
            return Ok(());
        }
        Err(unrecognised(format!("`{name}` is not {expected:?}")))
    }
}

/// Weights `[width]` and bias of the head.
type Head = (Box<[[f32; LABEL_COUNT]]>, [f32; LABEL_COUNT]);

/// A dimension as ONNX writes it.
const fn signed(dimension: usize) -> i64 {
    dimension.cast_signed() as i64
}
