//! Small ONNX files, built here so that tests need no exporter, and the manifests that describe them.

use prost::Message as _;
use sha2::{Digest, Sha256};
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

/// `TensorProto.DataType` of the ONNX specification.
pub const FLOAT: i32 = 1;
pub const INT64: i32 = 7;

/// A graph under construction.
#[derive(Clone, Default)]
pub struct Graph(pub GraphProto);

impl Graph {
    /// An input; a negative size is one that is not fixed.
    pub fn input(mut self, name: &str, element: i32, sizes: &[i64]) -> Self {
        self.0.input.push(value(name, element, sizes));
        self
    }

    pub fn output(mut self, name: &str, element: i32, sizes: &[i64]) -> Self {
        self.0.output.push(value(name, element, sizes));
        self
    }

    pub fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        assert_eq!(dims.iter().product::<i64>(), size(values), "{name}");
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.initializer.push(tensor(name, FLOAT, dims, raw_data));
        self
    }

    pub fn integers(mut self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.initializer.push(tensor(name, INT64, dims, raw_data));
        self
    }

    /// A node with one output and integer attributes.
    pub fn node(self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> Self {
        self.domain_node("", op, inputs, output, attributes)
    }

    pub fn domain_node(
        mut self,
        domain: &str,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, i64)],
    ) -> Self {
        let attribute = |&(name, i): &(&str, i64)| AttributeProto {
            name: name.to_owned(),
            r#type: tract_onnx::pb::attribute_proto::AttributeType::Int as i32,
            i,
            ..Default::default()
        };
        self.0.node.push(NodeProto {
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes.iter().map(attribute).collect(),
            ..Default::default()
        });
        self
    }

    /// The file.
    pub fn bytes(self) -> Vec<u8> {
        let opset_import = vec![OperatorSetIdProto { version: 17, ..Default::default() }];
        ModelProto { ir_version: 8, opset_import, graph: Some(self.0), ..Default::default() }.encode_to_vec()
    }
}

/// The int64 `[batch, sequence]` inputs that exporters of transformers write.
pub fn trio() -> Graph {
    ["input_ids", "attention_mask", "token_type_ids"]
        .iter()
        .fold(Graph::default(), |graph, name| graph.input(name, INT64, &[-1, -1]))
}

/// A classifier over word pieces: the mean of the rows of `table` (`[rows, 2]`) that the ids name, as `logits` `[1, 2]`.
/// It reads all three inputs: a masked id would not count, and segment 1 would add 100.
pub fn mean_of_rows(table: &[f32]) -> Graph {
    trio()
        .floats("table", &[size(table) / 2, 2], table)
        .floats("segments", &[2, 2], &[0.0, 0.0, 100.0, 100.0])
        .integers("last", &[1], &[2])
        .integers("one", &[1], &[1])
        .node("Gather", &["table", "input_ids"], "rows", &[("axis", 0)])
        .node("Gather", &["segments", "token_type_ids"], "kinds", &[("axis", 0)])
        .node("Add", &["rows", "kinds"], "sums", &[])
        .node("Cast", &["attention_mask"], "weights", &[("to", 1)])
        .node("Unsqueeze", &["weights", "last"], "column", &[])
        .node("Mul", &["sums", "column"], "masked", &[])
        .node("ReduceSum", &["masked", "one"], "total", &[("keepdims", 0)])
        .node("ReduceSum", &["weights", "one"], "count", &[("keepdims", 1)])
        .node("Div", &["total", "count"], "logits", &[])
        .output("logits", FLOAT, &[-1, 2])
}

pub fn sha256(content: &[u8]) -> String {
    let digits = Sha256::digest(content).iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<_>>();
    digits.into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn size<T>(values: &[T]) -> i64 {
    i64::try_from(values.len()).expect("a small table")
}

fn value(name: &str, element: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| {
        let value = if size < 0 { Value::DimParam("n".to_owned()) } else { Value::DimValue(size) };
        Dimension { value: Some(value), ..Default::default() }
    };
    let shape = Some(TensorShapeProto { dim: sizes.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: element, shape };
    let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}

fn tensor(name: &str, data_type: i32, dims: &[i64], raw_data: Vec<u8>) -> TensorProto {
    TensorProto { name: name.to_owned(), data_type, dims: dims.to_vec(), raw_data, ..Default::default() }
}
