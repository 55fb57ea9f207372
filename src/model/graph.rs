//! A look into an ONNX graph for the patterns that have a compiled plan. The first departure from a pattern is an error
//! that says in words what was expected.

use std::fmt;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Where a graph departs from the pattern.
#[derive(Debug)]
pub struct Unrecognised(String);

/// A graph under inspection.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    graph: &'a GraphProto,
}

impl<'a> Reader<'a> {
    /// The graph of `model`.
    ///
    /// # Errors
    /// It has none.
    pub fn new(model: &'a ModelProto) -> Result<Self, Unrecognised> {
        let graph = model.graph.as_ref().ok_or_else(|| unrecognised("the model has no graph"))?;
        Ok(Self { graph })
    }

    /// The graph.
    pub const fn graph(&self) -> &'a GraphProto {
        self.graph
    }

    /// The node that makes `output`, which must be a standard `op` with `inputs` inputs.
    ///
    /// # Errors
    /// There is no such node.
    pub fn node(&self, output: &str, op: &str, inputs: usize) -> Result<&'a NodeProto, Unrecognised> {
        let node = self.graph.node.iter().find(|node| node.output.iter().any(|name| name == output));
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
    ///
    /// # Errors
    /// There is no such node.
    pub fn slice(&self, output: &str, start: usize, end: usize) -> Result<&'a str, Unrecognised> {
        let slice = self.node(output, "Slice", 4)?;
        for (input, value) in slice.input[1..].iter().zip([start, end, 0]) {
            self.expect_integer(input, value)?;
        }
        Ok(&slice.input[0])
    }

    /// The initializer called `name`, of the ONNX element type `data_type`, held as raw bytes.
    ///
    /// # Errors
    /// There is no such initializer.
    pub fn constant(&self, name: &str, data_type: i32) -> Result<&'a TensorProto, Unrecognised> {
        let tensor = self.graph.initializer.iter().find(|tensor| tensor.name == name);
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
    ///
    /// # Errors
    /// There is no such initializer.
    pub fn floats<const N: usize>(&self, name: &str) -> Result<[f32; N], Unrecognised> {
        let (values, _) = self.constant(name, FLOAT)?.raw_data.as_chunks::<4>();
        let values: &[[u8; 4]; N] =
            values.try_into().map_err(|_| unrecognised(format!("`{name}` has not {N} elements")))?;
        Ok(values.map(f32::from_le_bytes))
    }

    /// Requires an int64 initializer of the one element `expected`.
    ///
    /// # Errors
    /// There is no such initializer.
    pub fn expect_integer(&self, name: &str, expected: usize) -> Result<(), Unrecognised> {
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

/// An [`Unrecognised`] for `reason`.
pub fn unrecognised(reason: impl Into<String>) -> Unrecognised {
    Unrecognised(reason.into())
}

/// The integer attribute `name` of `node`.
pub fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

/// Requires the integer attribute `name` of `node` to be `expected`.
///
/// # Errors
/// It is another, or absent.
pub fn expect_attribute(node: &NodeProto, name: &str, expected: impl Into<i64>) -> Result<(), Unrecognised> {
    let expected = expected.into();
    if attribute(node, name) == Some(expected) {
        return Ok(());
    }
    Err(unrecognised(format!("{} has not {name} = {expected}", node.op_type)))
}

/// `TensorProto.DataType` of the ONNX specification.
pub const FLOAT: i32 = 1;
/// As [`FLOAT`].
pub const INT8: i32 = 3;
/// As [`FLOAT`].
pub const INT32: i32 = 6;
/// As [`FLOAT`].
pub const INT64: i32 = 7;
