//! What a graph asks for and offers, read from the file before tract translates it, so that a model that does not fit
//! is refused in the file's own words.

use super::EngineError;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tract_onnx::pb::tensor_shape_proto::dimension::Value::{DimParam, DimValue};
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto, type_proto};

/// The inputs of a graph, in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Inputs {
    /// What each stands for.
    pub roles: SmallVec<[Role; 3]>,
    /// Whether they are `[1, N]` instead of `[N]`.
    pub batched: bool,
}

/// What an input stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The ids: `input_ids` among several.
    Ids,
    /// One for each id: `attention_mask`.
    Mask,
    /// Zero for each id, all of one text: `token_type_ids`.
    Segments,
}

/// Recognises a graph's inputs.
///
/// # Errors
/// What they are instead, and what is needed.
pub fn inputs(model: &ModelProto) -> Result<Inputs, EngineError> {
    let found = free_inputs(graph(model)?);
    let refuse = || {
        let listed = found.iter().map(|input| describe(input)).collect::<Vec<_>>().join(", ");
        let listed = if listed.is_empty() { "no input".to_owned() } else { listed };
        EngineError::new(format!("the graph asks for {listed}; needed: {NEEDED}"))
    };
    let signatures: Option<Vec<Signature>> = found.iter().map(|input| signature(input)).collect();
    let signatures = signatures.ok_or_else(refuse)?;
    let batched = signatures.first().is_some_and(|signature| signature.dimensions.len() == 2);
    let fits = |signature: &Signature| {
        let batch_is_one = !batched || matches!(signature.dimensions[..], [None | Some(1), _]);
        let rank = if batched { 2 } else { 1 };
        signature.element == INT64
            && signature.dimensions.len() == rank
            && signature.dimensions.last() == Some(&None)
            && batch_is_one
    };
    if !signatures.iter().all(fits) {
        return Err(refuse());
    }
    if let [_] = found[..] {
        return Ok(Inputs { roles: [Role::Ids].into_iter().collect(), batched });
    }
    let roles: Option<SmallVec<[Role; 3]>> = found
        .iter()
        .map(|input| match input.name.as_str() {
            "input_ids" => Some(Role::Ids),
            "attention_mask" => Some(Role::Mask),
            "token_type_ids" => Some(Role::Segments),
            _ => None,
        })
        .collect();
    match roles {
        Some(roles) if batched && roles.contains(&Role::Ids) => Ok(Inputs { roles, batched }),
        _ => Err(refuse()),
    }
}

/// Requires one input, called `name`.
///
/// # Errors
/// The names of the inputs that there are.
pub fn check_input(model: &ModelProto, name: &str) -> Result<(), EngineError> {
    let found: Vec<_> = free_inputs(graph(model)?).into_iter().map(|input| format!("`{}`", input.name)).collect();
    if found == [format!("`{name}`")] {
        return Ok(());
    }
    let found = found.join(", ");
    Err(EngineError::new(format!("the graph has not the one input `{name}`, which the manifest names; it has {found}")))
}

/// Requires an output called `name`.
///
/// # Errors
/// The names of the outputs that there are.
pub fn check_output(model: &ModelProto, name: &str) -> Result<(), EngineError> {
    let outputs = &graph(model)?.output;
    if outputs.iter().any(|output| output.name == name) {
        return Ok(());
    }
    let found = outputs.iter().map(|output| format!("`{}`", output.name)).collect::<Vec<_>>().join(", ");
    Err(EngineError::new(format!("the graph has no output `{name}`, which the manifest names; it has {found}")))
}

/// Requires that every operator is `known`, in nested graphs too.
///
/// # Errors
/// The names of those that are not, each with its domain.
pub fn check_operators(model: &ModelProto, known: impl Fn(&str) -> bool) -> Result<(), EngineError> {
    let mut unknown = BTreeSet::new();
    let mut graphs = vec![graph(model)?];
    while let Some(graph) = graphs.pop() {
        for node in &graph.node {
            if !known(&node.op_type) {
                let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
                unknown.insert(format!("{} ({domain})", node.op_type));
            }
            graphs.extend(node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()));
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.into_iter().collect::<Vec<_>>().join(", ");
    Err(EngineError::new(format!(
        "the graph uses operators that tract does not know: {unknown}; needed: standard ONNX operators (export without an optimizer's fused ones)"
    )))
}

/// Element type and dimensions, `None` for one that is not fixed.
struct Signature {
    element: i32,
    dimensions: SmallVec<[Option<i64>; 4]>,
}

fn graph(model: &ModelProto) -> Result<&GraphProto, EngineError> {
    model.graph.as_ref().ok_or_else(|| EngineError::new("the model has no graph"))
}

/// The inputs that are not weights.
fn free_inputs(graph: &GraphProto) -> Vec<&ValueInfoProto> {
    let weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    graph.input.iter().filter(|input| !weight(&input.name)).collect()
}

fn signature(input: &ValueInfoProto) -> Option<Signature> {
    let Some(type_proto::Value::TensorType(tensor)) = &input.r#type.as_ref()?.value else { return None };
    let dimension = |value: &Option<_>| match value {
        Some(DimValue(size)) if *size >= 0 => Some(*size),
        Some(DimValue(_) | DimParam(_)) | None => None,
    };
    let dimensions = tensor.shape.as_ref()?.dim.iter().map(|dim| dimension(&dim.value)).collect();
    Some(Signature { element: tensor.elem_type, dimensions })
}

/// `` `ids` float32 [?, 128] ``
fn describe(input: &ValueInfoProto) -> String {
    let mut text = format!("`{}`", input.name);
    let Some(Signature { element, dimensions }) = signature(input) else {
        text.push_str(" of no tensor type or shape");
        return text;
    };
    let name = usize::try_from(element).ok().and_then(|at| ELEMENTS.get(at)).copied().unwrap_or("of another type");
    let sizes: Vec<_> =
        dimensions.iter().map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string())).collect();
    // Writing to a string cannot fail.
    let _ = write!(text, " {name} [{}]", sizes.join(", "));
    text
}

const NEEDED: &str = "one int64 [N], or int64 [1, N] `input_ids` with, where the model has them, `attention_mask` and \
                      `token_type_ids`, each of any length N";

/// `TensorProto.DataType` of the ONNX specification.
const INT64: i32 = 7;
const ELEMENTS: [&str; 17] = [
    "of no type",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
];

#[cfg(test)]
mod tests;
