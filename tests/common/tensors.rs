//! The Open Inference Protocol: how it is asked, in JSON and with binary tensors, and what its answers hold.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::{Request, Response};

/// A request to infer with this body.
pub fn infer(model: &str, body: &Value) -> Request {
    Request::json(&format!("/v2/models/{model}/infer"), body.to_string())
}

/// A body with one tensor.
pub fn body(datatype: &str, shape: &Value, data: &Value) -> Value {
    json!({"inputs": [{"name": "input", "datatype": datatype, "shape": shape, "data": data}]})
}

/// A request of which `json` is the JSON and `binary` follows it, as Triton's clients send it: without a type.
pub fn infer_binary(model: &str, json: &Value, binary: &[u8]) -> Request {
    let json = json.to_string();
    let request = Request::post(&format!("/v2/models/{model}/infer"), [json.as_bytes(), binary].concat());
    request.header("Inference-Header-Content-Length", &json.len().to_string())
}

/// Texts as binary data: each behind its length.
pub fn elements(texts: &[&[u8]]) -> Vec<u8> {
    texts.iter().flat_map(|text| [&(text.len() as u32).to_le_bytes()[..], text].concat()).collect()
}

/// The JSON of an answer, and the bytes of each output that is binary.
pub fn parts(response: &Response) -> (Value, BTreeMap<String, Vec<u8>>) {
    let length = response.header("inference-header-content-length").map(|length| length.parse().expect("a number"));
    let (json, mut rest) = response.body.split_at(length.unwrap_or(response.body.len()));
    let json: Value = serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", json.escape_ascii()));
    let mut binary = BTreeMap::new();
    for output in json["outputs"].as_array().into_iter().flatten() {
        let Some(size) = output["parameters"]["binary_data_size"].as_u64() else { continue };
        let (own, after) = rest.split_at(size as usize);
        binary.insert(output["name"].as_str().expect("a name").to_owned(), own.to_vec());
        rest = after;
    }
    assert!(rest.is_empty(), "{} bytes follow that nothing tells of", rest.len());
    (json, binary)
}

/// The output of this name.
pub fn output<'a>(json: &'a Value, name: &str) -> &'a Value {
    let mut outputs = json["outputs"].as_array().unwrap_or_else(|| panic!("no outputs: {json}")).iter();
    outputs.find(|output| output["name"] == name).unwrap_or_else(|| panic!("no {name}: {json}"))
}
