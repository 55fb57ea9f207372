//! The Open Inference Protocol v2: what is wrong with a request, as the protocol tells it.

mod common;

use common::daemon::Daemon;
use common::http::Request;
use common::inference::json as body_of;
use common::metrics::delta;
use common::tensors::{body, elements, infer, infer_binary};
use serde_json::{Value, json};

/// What is wrong with a request: its status, words of the message, and the `error_type` as which it counts.
type Wrong = (Request, u16, &'static str, &'static str);

/// A request for one iris that is good, but for `value` at `place`.
fn iris_with(place: &str, value: Value) -> Request {
    let mut asked = body("FP32", &json!([1, 4]), &json!([5.1, 3.5, 1.4, 0.2]));
    let (parent, name) = place.rsplit_once('/').expect("a place");
    asked.pointer_mut(parent).expect("it is there")[name] = value;
    infer("iris", &asked)
}

/// What is wrong with the tensor of irises, or with what stands around it.
fn wrong_tensors() -> Vec<Wrong> {
    let tensor = body("FP32", &json!([1, 4]), &json!([1, 2, 3, 4]))["inputs"][0].clone();
    [
        ("/inputs", json!({}), "'inputs' must be a list, not an object", "invalid_type"),
        ("/inputs", json!([]), "'inputs' must hold one tensor (1), not 0", "wrong_length"),
        ("/inputs", json!([tensor, tensor]), "'inputs' must hold one tensor (1), not 2", "wrong_length"),
        ("/inputs", json!([7]), "'inputs[0]' must be an object, not a number", "invalid_type"),
        ("/inputs/0/name", json!(1), "'inputs[0].name' is missing", "missing_field"),
        ("/inputs/0/datatype", json!(null), "'inputs[0].datatype' must be", "invalid_type"),
        ("/inputs/0/datatype", json!("FP16"), "FP32, FP64 and BYTES", "invalid_type"),
        ("/inputs/0/datatype", json!("BYTES"), "not BYTES", "invalid_type"),
        ("/inputs/0/shape", json!([4]), "'inputs[0].shape' must be [rows, 4]", "invalid_type"),
        ("/inputs/0/shape", json!([-1, 4]), "must be [rows, 4]", "invalid_type"),
        ("/inputs/0/shape", json!([0, 4]), "one row at least", "invalid_type"),
        ("/inputs/0/shape", json!([1.5, 4]), "another shape", "invalid_type"),
        ("/inputs/0/shape", json!([1, 4, 1]), "another shape", "invalid_type"),
        ("/inputs/0/shape", json!([1e300, 4]), "another shape", "invalid_type"),
        ("/inputs/0/shape", json!([1025, 4]), "--max-rows says (1024), not 1025", "wrong_length"),
        ("/inputs/0/shape", json!([2, 4]), "as its shape says (8), not 4", "wrong_length"),
        ("/inputs/0/data", json!(null), "'inputs[0].data' is missing", "missing_field"),
        ("/inputs/0/data", json!(5), "must be a list, not a number", "invalid_type"),
        ("/inputs/0/data", json!([[1, 2, 3]]), "'inputs[0].data[0]' must hold", "wrong_length"),
        ("/inputs/0/data", json!([[1, 2, "3", 4]]), "'inputs[0].data[0][2]' must be a number", "invalid_type"),
        ("/inputs/0/data", json!([1, 2, 1e39, 4]), "'inputs[0].data[2]' must be a finite", "number_out_of_range"),
        ("/inputs/0/parameters", json!({"shared_memory_region": "a"}), "no shared memory", "unknown_field"),
        ("/inputs/0/parameters", json!({"binary_data_size": 16}), "is binary already", "unknown_field"),
        ("/id", json!(7), "'id' must be a string", "invalid_type"),
        ("/id", json!("7".repeat(257)), "'id' must hold fewer bytes (256), not 257", "wrong_length"),
        ("/parameters", json!([]), "'parameters' must be an object", "invalid_type"),
        ("/parameters", json!({"binary_data_output": 1}), "true or false", "invalid_type"),
        ("/parameters", json!({"sequence_id": 7}), "send no sequence", "unknown_field"),
        ("/outputs", json!("predict"), "'outputs' must be a list", "invalid_type"),
        ("/outputs", json!([{"name": "nope"}]), "'outputs[0]' is not known", "unknown_field"),
        ("/outputs", json!([{"name": "label"}, {"name": "label"}]), "'outputs[1]' stands twice", "duplicate_field"),
        ("/outputs", label_with("classification", &json!(2)), "'classification' is not supported", "unknown_field"),
        ("/outputs", label_with("binary_data", &json!("yes")), "true or false", "invalid_type"),
        ("/outputs", label_with("shared_memory_region", &json!("a")), "no shared memory", "unknown_field"),
    ]
    .map(|(place, value, words, error_type)| (iris_with(place, value), 400, words, error_type))
    .to_vec()
}

/// One output, with this parameter.
fn label_with(name: &str, value: &Value) -> Value {
    json!([{"name": "label", "parameters": {name: value}}])
}

/// What is wrong with binary tensors.
fn wrong_bytes() -> Vec<Wrong> {
    let iris = |size: usize, bytes: &[u8]| (json!("FP32"), json!([1, 4]), "iris", size, bytes.to_vec());
    let text = |size: usize, bytes: &[u8]| (json!("BYTES"), json!([2]), "simple", size, bytes.to_vec());
    let nan = [1.0_f32, 2.0, f32::NAN, 4.0].map(f32::to_le_bytes).concat();
    let two = elements(&[b"a", b"\xff"]);
    let too_many = [&two[..5], b"\x01\0\0\0b!"].concat();
    [
        (iris(16, &nan), "'inputs[0].data[2]' must be a finite", "number_out_of_range"),
        (iris(16, &nan[..12]), "as many bytes as follow the JSON (12), not 16", "wrong_length"),
        (iris(12, &nan[..12]), "as shape and datatype say (16), not 12", "wrong_length"),
        (text(10, &two), "'inputs[0].data[1]' is not UTF-8: invalid at its byte 0", "invalid_utf8"),
        (text(4, &two[..4]), "each behind its length", "invalid_type"),
        (text(11, &too_many), "binary_data_size' must hold", "wrong_length"),
        (text(8, b"\xff\xff\xff\xff\0\0\0\0"), "each behind its length", "invalid_type"),
    ]
    .into_iter()
    .map(|((datatype, shape, model, size, bytes), words, error_type)| {
        let parameters = json!({"binary_data_size": size});
        let tensor = json!({"name": "x", "datatype": datatype, "shape": shape, "parameters": parameters});
        (infer_binary(model, &json!({"inputs": [tensor]}), &bytes), 400, words, error_type)
    })
    .collect()
}

/// What is wrong with texts, and with numbers of types that do not hold them.
fn wrong_elements() -> Vec<Wrong> {
    let text = |shape: Value, data: Value| infer("simple", &body("BYTES", &shape, &data));
    let long = json!([["a"], ["b".repeat(16385)]]);
    let encoded = json!({"inputs": [{"name": "t", "datatype": "BYTES", "shape": [1], "data": ["YQ=="],
        "parameters": {"content_type": "base64"}}]});
    let iris = |datatype: &str, data: Value| infer("iris", &body(datatype, &json!([1, 4]), &data));
    vec![
        (iris("UINT8", json!([1, 2, 3, 256])), 400, "'inputs[0].data[3]' must be a whole", "invalid_type"),
        (iris("INT32", json!([1, 2.5, 3, 4])), 400, "'inputs[0].data[1]' must be a whole", "invalid_type"),
        (infer("simple", &body("FP32", &json!([1]), &json!([1]))), 400, "must be BYTES, not FP32", "invalid_type"),
        (text(json!([1, 4]), json!(["a", "b", "c", "d"])), 400, "must be [texts, 1]", "invalid_type"),
        (text(json!([2]), json!(["a", 7])), 400, "'inputs[0].data[1]' must be a string", "invalid_type"),
        (text(json!([2]), json!(["a", " "])), 400, "'inputs[0].data[1]' holds nothing", "empty_text"),
        (text(json!([2, 1]), long), 400, "'inputs[0].data[1][0]' is 16385 bytes", "text_too_long"),
        (text(json!([257]), json!(vec!["a"; 257])), 400, "--max-batch says (256), not 257", "wrong_length"),
        (infer("simple", &encoded), 400, "'base64' is not decoded", "unknown_field"),
    ]
}

/// What is wrong with a request around its JSON, or with all of that.
fn wrong_requests() -> Vec<Wrong> {
    let good = body("FP32", &json!([1, 4]), &json!([1, 2, 3, 4]));
    let plain = |kind: &str| Request::post("/v2/models/iris/infer", good.to_string()).header("Content-Type", kind);
    let plain_json = |text: &str| Request::json("/v2/models/iris/infer", text);
    let length = |value: &str| infer("iris", &good).header("Inference-Header-Content-Length", value);
    vec![
        (infer("iris", &json!([])), 400, "'body' must be an object, not a list", "invalid_type"),
        (infer("iris", &json!({})), 400, "'inputs' is missing", "missing_field"),
        (plain_json(r#"{"inputs":[],"inputs":[]}"#), 400, "'inputs' stands twice", "duplicate_field"),
        (plain_json(r#"{"inputs":["#), 400, "not JSON", "malformed_json"),
        (infer_binary("iris", &good, b"more"), 400, "binary_data_size' is missing", "missing_field"),
        (infer("nope", &good), 404, "model 'nope' is not served", "unknown_model"),
        (infer("bert", &good), 404, "model 'bert' is not served", "unknown_model"),
        (infer("iris/versions/9", &good), 404, "does not have that version", "unknown_model"),
        (infer("auto/versions/1", &good), 404, "does not have that version", "unknown_model"),
        (plain("text/plain"), 415, "application/octet-stream", "unsupported_media_type"),
        (
            infer("iris", &good).header("Content-Encoding", "deflate"),
            415,
            "content-encoding: gzip, or without",
            "unsupported_media_type",
        ),
        (infer("iris", &good).header("Content-Encoding", "gzip"), 400, "not gzip", "malformed_gzip"),
        (length("100000"), 400, "'Inference-Header-Content-Length' must be", "invalid_type"),
        (length("-1"), 400, "'Inference-Header-Content-Length' must be", "invalid_type"),
        (infer("iris", &json!(" ".repeat(70_000))), 413, "longer than 65536 bytes", "body_too_large"),
        (Request::get("/v2/models/iris/infer"), 405, "see the Allow header", "method_not_allowed"),
    ]
}

#[test]
fn what_is_wrong_is_told_as_the_protocol_tells_it_and_counted_once() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off"]);
    for (request, status, words, error_type) in
        [wrong_tensors(), wrong_bytes(), wrong_elements(), wrong_requests()].concat()
    {
        let before = daemon.scrape();
        let answer = daemon.ask(&request);
        let told = body_of(&answer);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{told}");
        assert!(told["error"].as_str().is_some_and(|error| error.contains(words)), "{told} has no {words:?}");
        assert_eq!(told.as_object().map(serde_json::Map::len), Some(1), "{told}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST, OPTIONS"));
        let moved = delta(&before, &daemon.scrape());
        let handler = |target: &str| target.contains("iris").then_some("/v2/models/iris/infer");
        let handler = handler(&request.target).unwrap_or("/v2/models/{model}/infer");
        assert_eq!(
            moved.value("api_errors_total", &[("error_type", error_type), ("endpoint", handler)]),
            1.0,
            "{told}"
        );
        let (code, method) = (status.to_string(), request.method.as_str());
        let labels = [("method", method), ("handler", handler), ("status", code.as_str())];
        assert_eq!(moved.value("http_requests_total", &labels), 1.0, "{told}");
        let predicted = moved.iter().any(|(series, value)| series.starts_with("model_predictions") && value > 0.0);
        assert!(!predicted, "a row of a refused request is counted: {told}");
    }
    let told = |target: &str, status: u16| {
        let answer = daemon.ask(&Request::get(target));
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{target}");
        body_of(&answer)["error"].as_str().expect("an error").to_owned()
    };
    assert!(told("/v2/models/nope", 404).contains("'nope'"));
    assert!(told("/v2/models/nope/ready", 404).contains("'nope'"));
    assert!(told("/v2/models/iris/config", 404).contains("no such path"));
    assert!(told("/v2/systemsharedmemory/status", 404).contains("shared memory"));
    assert_eq!(daemon.ask(&Request::json("/v2/repository/index", "{}")).status, 404);
    assert_eq!(daemon.ask(&Request::new("OPTIONS", "/v2/models/a/infer")).header("allow"), Some("POST, OPTIONS"));
    let moved = daemon.scrape();
    let none = moved.value("http_requests_total", &[("method", "other"), ("handler", "none"), ("status", "500")]);
    assert_eq!(none, 0.0, "everything that was answered has a series");
}
