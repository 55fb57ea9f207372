//! An inference request: JSON, and the binary tensors behind it.

use super::data::{Data, Datatype};
use super::outputs::{Output, Wanted};
use crate::json::read::Value;
use crate::problem::{Fault, Problem};

/// The most bytes of an `id`.
pub(in crate::api) const MAX_ID_BYTES: usize = 256;

/// What a request asks.
pub(super) struct Asked<'x> {
    /// Empty where there is none.
    pub(super) id: &'x str,
    pub(super) input: Input<'x>,
    pub(super) wanted: Wanted,
}

/// The one tensor that a model takes.
pub(super) struct Input<'x> {
    pub(super) datatype: Datatype,
    /// The first of its dimensions, and the product of the others.
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) data: Data<'x>,
}

/// What a model takes and answers.
pub(super) struct Contract {
    /// Columns of the input.
    pub(super) columns: usize,
    /// The shapes that it may have, in words.
    pub(super) shape: &'static str,
    /// The most rows, and what sets them, in words.
    pub(super) max_rows: usize,
    pub(super) limit: &'static str,
    pub(super) outputs: &'static [Output],
}

/// Parts a body into what is JSON and what follows; `json` is what `Inference-Header-Content-Length` says.
pub(super) fn split(body: &[u8], json: Option<usize>) -> Result<(&[u8], &[u8]), Fault> {
    let Some(json) = json else { return Ok((body, b"")) };
    let longer = Fault::new(Problem::InvalidType).field("Inference-Header-Content-Length");
    body.split_at_checked(json).ok_or(longer.expected("the bytes of the JSON in the body", "more than the body has"))
}

impl<'x> Asked<'x> {
    /// Reads `root`, behind which `binary` stands, for a model of this `contract`. Members that nobody knows are passed over.
    pub(super) fn parse(root: Value<'x>, binary: &'x [u8], contract: &Contract) -> Result<Self, Fault> {
        let not_an_object = Fault::new(Problem::InvalidType).field("body").expected("an object", root.type_name());
        let (mut id, mut inputs, mut outputs, mut parameters) = (None, None, None, None);
        for (key, value) in root.as_object().ok_or(not_an_object)? {
            let twice = match key {
                "id" => id.replace(value),
                "inputs" => inputs.replace(value),
                "outputs" => outputs.replace(value),
                "parameters" => parameters.replace(value),
                _ => None,
            };
            if twice.is_some() {
                return Err(Fault::new(Problem::DuplicateField).field(key));
            }
        }
        let binary_output = parse_parameters(parameters)?;
        let missing = Fault::new(Problem::MissingField).field("inputs").expected("send a list of one tensor", "");
        let inputs = inputs.ok_or(missing)?;
        let not_a_list = Fault::new(Problem::InvalidType).field("inputs").expected("a list", inputs.type_name());
        let (length, mut list) = inputs.as_array().ok_or(not_a_list)?;
        let (Some(input), 1) = (list.next(), length) else {
            return Err(Fault::new(Problem::WrongLength).field("inputs").expected("one tensor", "").count(length, 1));
        };
        Ok(Self {
            id: parse_id(id)?,
            input: Input::parse(input, binary, contract)?,
            wanted: Wanted::parse(outputs, binary_output, contract.outputs)?,
        })
    }
}

fn parse_id(value: Option<Value<'_>>) -> Result<&str, Fault> {
    let Some(value) = value.filter(|&value| is_given(value)) else { return Ok("") };
    let not_a_string = Fault::new(Problem::InvalidType).field("id").expected("a string", value.type_name());
    let id = value.as_str().ok_or(not_a_string)?;
    if id.len() > MAX_ID_BYTES {
        return Err(Fault::new(Problem::WrongLength)
            .field("id")
            .expected("fewer bytes", "")
            .count(id.len(), MAX_ID_BYTES));
    }
    Ok(id)
}

/// Of the request: whether its outputs are to be binary where they do not say.
fn parse_parameters(value: Option<Value<'_>>) -> Result<bool, Fault> {
    let Some(value) = value.filter(|&value| is_given(value)) else { return Ok(false) };
    let fault = |problem| Fault::new(problem).field("parameters");
    let not_an_object = fault(Problem::InvalidType).expected("an object", value.type_name());
    let mut binary = false;
    for (key, value) in value.as_object().ok_or(not_an_object)? {
        let field = |problem| Fault::new(problem).field(key);
        match key {
            "binary_data_output" => {
                let not_a_boolean = || field(Problem::InvalidType).expected("true or false", value.type_name());
                binary = boolean(value, false).ok_or_else(not_a_boolean)?;
            }
            "sequence_id" | "sequence_start" | "sequence_end" if is_asked_for(value) => {
                return Err(field(Problem::UnknownField).expected("models have no state: send no sequence", ""));
            }
            _ => {}
        }
    }
    Ok(binary)
}

impl<'x> Input<'x> {
    fn parse(value: Value<'x>, binary: &'x [u8], contract: &Contract) -> Result<Self, Fault> {
        let fault = |problem| Fault::new(problem).field("inputs[0]");
        let not_an_object = fault(Problem::InvalidType).expected("an object", value.type_name());
        let (mut shape, mut datatype, mut data, mut size, mut named) = (None, None, None, None, false);
        for (key, value) in value.as_object().ok_or(not_an_object)? {
            match key {
                "name" => named = value.as_str().is_some(),
                "shape" => shape = Some(value),
                "datatype" => datatype = Some(value),
                "data" => data = Some(value).filter(|&data| is_given(data)),
                "parameters" => size = parse_input_parameters(value)?,
                _ => {}
            }
        }
        let missing = |field, what| Fault::new(Problem::MissingField).field(field).expected(what, "");
        if !named {
            return Err(missing("inputs[0].name", "send the name of the tensor as a string"));
        }
        let datatype = datatype.ok_or(missing("inputs[0].datatype", "send the name of its type"))?;
        let unknown = Fault::new(Problem::InvalidType).field("inputs[0].datatype");
        let unknown = unknown.expected("one of INT8 to INT64, UINT8 to UINT64, FP32, FP64 and BYTES", "another type");
        let datatype = datatype.as_str().and_then(Datatype::named).ok_or(unknown)?;
        let shape = shape.ok_or(missing("inputs[0].shape", "send its dimensions as a list"))?;
        let rows = parse_shape(shape, contract)?;
        let columns = contract.columns;
        let data = match (data, size) {
            (Some(data), None) if binary.is_empty() => Data::Json(data),
            (None, Some(size)) if size == binary.len() => Data::Binary(binary),
            (None, Some(size)) => {
                let fault = Fault::new(Problem::WrongLength).field("inputs[0].parameters.binary_data_size");
                return Err(fault.expected("as many bytes as follow the JSON", "").count(size, binary.len()));
            }
            (Some(_), Some(_)) => {
                let fault = Fault::new(Problem::UnknownField).field("inputs[0].data");
                return Err(fault.expected("the tensor is binary already", ""));
            }
            (Some(_), None) => {
                let fault = Fault::new(Problem::MissingField).field("inputs[0].parameters.binary_data_size");
                return Err(fault.expected("send it for the bytes that follow the JSON, or none of them", ""));
            }
            (None, None) => {
                return Err(missing(
                    "inputs[0].data",
                    "send the elements as a list, or as binary data behind the JSON",
                ));
            }
        };
        Ok(Self { datatype, rows, columns, data })
    }
}

/// Of an input: the bytes of its binary data.
fn parse_input_parameters(value: Value<'_>) -> Result<Option<usize>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    let fault = |problem| Fault::new(problem).field("inputs[0].parameters");
    let not_an_object = fault(Problem::InvalidType).expected("an object", value.type_name());
    let mut size = None;
    for (key, value) in value.as_object().ok_or(not_an_object)? {
        match key {
            "binary_data_size" if is_given(value) => {
                let not_a_size = Fault::new(Problem::InvalidType).field("inputs[0].parameters.binary_data_size");
                size = Some(whole(value).ok_or(not_a_size.expected("a number of bytes", value.type_name()))?);
            }
            "content_type" if value.as_str() == Some("base64") => {
                let fault = Fault::new(Problem::UnknownField).field("inputs[0].parameters.content_type");
                return Err(fault.expected("'base64' is not decoded: send the bytes as binary data", ""));
            }
            _ => refuse_shared_memory(key, &fault)?,
        }
    }
    Ok(size)
}

/// The rows of a shape that is `[rows, columns]`, or `[rows]` where there is one column.
fn parse_shape(value: Value<'_>, contract: &Contract) -> Result<usize, Fault> {
    let fault = |problem| Fault::new(problem).field("inputs[0].shape");
    let other = || fault(Problem::InvalidType).expected(contract.shape, "another shape");
    let (length, mut dimensions) = value.as_array().ok_or_else(other)?;
    let (first, second) = (dimensions.next().and_then(whole), dimensions.next().and_then(whole));
    let columns = match length {
        1 => 1,
        2 => second.ok_or_else(other)?,
        _ => return Err(other()),
    };
    let rows = first.filter(|&rows| rows > 0 && columns == contract.columns).ok_or_else(other)?;
    if rows > contract.max_rows {
        return Err(fault(Problem::WrongLength).expected(contract.limit, "").count(rows, contract.max_rows));
    }
    Ok(rows)
}

/// A whole number of bytes or rows.
fn whole(value: Value<'_>) -> Option<usize> {
    let number = value.as_f64()?;
    // As many as a double can tell apart, and far more than a body has.
    (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as usize)
}

/// A truth value, `otherwise` for `null`.
pub(super) fn boolean(value: Value<'_>, otherwise: bool) -> Option<bool> {
    if value.is_null() { Some(otherwise) } else { value.as_bool() }
}

/// Whether a member that may be left out is there.
pub(super) fn is_given(value: Value<'_>) -> bool {
    !value.is_null()
}

/// Whether a parameter asks for something: not `null`, `false`, 0 or the empty string.
fn is_asked_for(value: Value<'_>) -> bool {
    is_given(value) && value.as_bool() != Some(false) && value.as_f64() != Some(0.0) && value.as_str() != Some("")
}

/// Refuses what would have a tensor lie in shared memory.
pub(super) fn refuse_shared_memory(key: &str, fault: &impl Fn(Problem) -> Fault) -> Result<(), Fault> {
    if key.starts_with("shared_memory") {
        return Err(fault(Problem::UnknownField).expected("there is no shared memory: send tensors in the body", ""));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
