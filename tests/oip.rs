//! The Open Inference Protocol v2 over HTTP: metadata, health, and inference in JSON and with binary tensors.

mod common;

use common::auth::{Files, api_keys, new_key, start};
use common::batch::{TEXTS, analyses};
use common::daemon::Daemon;
use common::http::Request;
use common::inference::json as body_of;
use common::metrics::{Samples, delta};
use common::tensors::{body, elements, infer, infer_binary, output, parts};
use serde_json::{Value, json};

const ROWS: [[f64; 4]; 3] = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [6.0, 2.7, 5.1, 1.6]];

fn daemon() -> Daemon {
    Daemon::start(&["--workers", "1", "--bert", "off"])
}

#[test]
fn server_and_models_say_what_they_are() {
    let daemon = daemon();
    for path in ["/v2", "/v2/"] {
        let answer = daemon.ask(&Request::get(path));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let expected =
            json!({"name": "tamis", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"]});
        assert_eq!(body_of(&answer), expected);
    }
    assert_eq!(body_of(&daemon.ask(&Request::get("/v2/health/live"))), json!({"live": true}));
    let ready = daemon.ask(&Request::get("/v2/health/ready"));
    assert_eq!((ready.status, body_of(&ready)), (200, json!({"live": true, "ready": true})));

    let models = body_of(&daemon.ask(&Request::get("/model-info")));
    let version = |name: &str| {
        let model = models["models"].as_array().expect("a list").iter().find(|model| model["name"] == name);
        model.expect("it is there")["version"].as_str().expect("a version").to_owned()
    };
    let iris = body_of(&daemon.ask(&Request::get("/v2/models/iris")));
    let labels = json!({"label_0": "setosa", "label_1": "versicolor", "label_2": "virginica"});
    let expected = json!({
        "name": "iris",
        "versions": [version("iris")],
        "platform": "tamis_table",
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1, 1]},
            {"name": "predict_proba", "datatype": "FP32", "shape": [-1, 3], "parameters": labels},
            {"name": "label", "datatype": "BYTES", "shape": [-1, 1]},
        ],
    });
    assert_eq!(iris, expected);
    let simple = body_of(&daemon.ask(&Request::get("/v2/models/simple")));
    assert_eq!(simple["versions"], json!([version("simple")]));
    assert_eq!(simple["inputs"], json!([{"name": "text", "datatype": "BYTES", "shape": [-1, 1]}]));
    assert_eq!(simple["outputs"][1]["shape"], json!([-1, 6]));
    assert_eq!(simple["outputs"][1]["parameters"]["label_3"], "threat");
    let auto = body_of(&daemon.ask(&Request::get("/v2/models/auto")));
    assert!(auto["versions"].is_null(), "it is two models: {auto}");

    let versioned = format!("/v2/models/simple/versions/{}", version("simple"));
    assert_eq!(body_of(&daemon.ask(&Request::get(&versioned))), simple);
    assert_eq!(body_of(&daemon.ask(&Request::get(&versioned.replace('.', "%2E")))), simple);
    for path in ["/v2/models/simple/ready", &format!("{versioned}/ready")] {
        let answer = daemon.ask(&Request::get(path));
        assert_eq!((answer.status, body_of(&answer)), (200, json!({"name": "simple", "ready": true})), "{path}");
    }
    let head = Request::new("HEAD", "/v2/models/iris/ready").to_bytes();
    let mut connection = daemon.connect();
    connection.send(&head).expect("sent");
    assert_eq!(connection.read_response_to("HEAD").expect("an answer").status, 200);
}

#[test]
fn irises_are_those_of_predict_whatever_the_datatype_and_the_form() {
    let daemon = daemon();
    let before = daemon.scrape();
    let flat: Vec<f64> = ROWS.concat();
    let expected = body_of(&daemon.ask(&Request::json("/predict", json!({"features": ROWS}).to_string())));
    let told = |answer: &Value| {
        let (classes, labels) = (&output(answer, "predict")["data"], &output(answer, "label")["data"]);
        let probabilities = output(answer, "predict_proba");
        assert_eq!((&probabilities["datatype"], &probabilities["shape"]), (&json!("FP32"), &json!([3, 3])));
        for (row, expected) in expected.as_array().expect("a list").iter().enumerate() {
            assert_eq!((&classes[row], &labels[row]), (&expected["class_id"], &expected["prediction"]));
            for (column, class) in ["setosa", "versicolor", "virginica"].iter().enumerate() {
                assert_eq!(probabilities["data"][row * 3 + column], expected["probabilities"][class]);
            }
        }
    };
    for datatype in ["FP32", "FP64"] {
        for data in [json!(flat), json!(ROWS)] {
            let answer = body_of(&daemon.ask(&infer("iris", &body(datatype, &json!([3, 4]), &data))));
            assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("iris"), &json!("1.0.0")));
            assert!(answer["id"].is_null(), "none was sent: {answer}");
            told(&answer);
        }
    }
    let predictions = delta(&before, &daemon.scrape());
    let counted: f64 = ["setosa", "versicolor", "virginica"]
        .map(|class| predictions.value("model_predictions_total", &[("predicted_class", class)]))
        .iter()
        .sum();
    assert_eq!(counted, 15.0, "each of the rows once");

    // Whole numbers of every type, in JSON and in bytes, against the same as floats.
    let whole = [[5, 3, 1, 0], [7, 3, 5, 2]];
    let as_floats = body_of(&daemon.ask(&infer("iris", &body("FP32", &json!([2, 4]), &json!(whole)))));
    macro_rules! integers {
        ($($datatype:literal $type:ty),*) => {
            $({
                let answer = body_of(&daemon.ask(&infer("iris", &body($datatype, &json!([2, 4]), &json!(whole)))));
                assert_eq!(answer, as_floats, $datatype);
                let bytes = whole.concat().iter().flat_map(|&number| (number as $type).to_le_bytes()).collect::<Vec<_>>();
                let tensor = json!({"name": "x", "datatype": $datatype, "shape": [2, 4], "parameters": {"binary_data_size": bytes.len()}});
                let answer = daemon.ask(&infer_binary("iris", &json!({"inputs": [tensor]}), &bytes));
                assert_eq!(body_of(&answer), as_floats, $datatype);
            })*
        };
    }
    integers!("INT8" i8, "INT16" i16, "INT32" i32, "INT64" i64, "UINT8" u8, "UINT16" u16, "UINT32" u32, "UINT64" u64);
    integers!("FP32" f32, "FP64" f64);
}

#[test]
fn texts_are_those_of_analyze() {
    let daemon = daemon();
    for model in ["simple", "auto"] {
        let before = daemon.scrape();
        for shape in [json!([TEXTS.len()]), json!([TEXTS.len(), 1])] {
            let answer = body_of(&daemon.ask(&infer(model, &body("BYTES", &shape, &json!(TEXTS)))));
            assert_eq!(answer["model_name"], model);
            for (row, text) in TEXTS.iter().enumerate() {
                let request = Request::json("/analyze", json!({"text": text, "model": model}).to_string());
                let alone = body_of(&daemon.ask(&request));
                let of = |name: &str| output(&answer, name)["data"][row].clone();
                assert_eq!(
                    (of("score"), of("toxicity_level")),
                    (alone["score"].clone(), alone["toxicity_level"].clone())
                );
                assert_eq!(of("model_used"), alone["model_used"]);
                let labels = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"];
                for (column, label) in labels.iter().enumerate() {
                    let found = &output(&answer, "probabilities")["data"][row * 6 + column];
                    assert_eq!(found, &alone["labels"][label], "{text}");
                }
            }
            let shapes: Vec<_> =
                answer["outputs"].as_array().expect("a list").iter().map(|one| &one["shape"]).collect();
            assert_eq!(json!(shapes), json!([[5, 1], [5, 6], [5, 1], [5, 1]]));
        }
        let moved = delta(&before, &daemon.scrape());
        assert_eq!(analyses(&moved, "simple", "success"), 20.0, "ten here and ten there");
    }
    let nested = json!(TEXTS.map(|text| [text]));
    assert_eq!(daemon.ask(&infer("simple", &body("BYTES", &json!([5, 1]), &nested))).status, 200);
}

#[test]
fn outputs_are_those_that_are_asked_for_in_that_order_and_the_id_comes_back() {
    let daemon = daemon();
    let mut asked = body("FP32", &json!([3, 4]), &json!(ROWS));
    // What nobody knows is passed over, and what may be left out may be null.
    asked["model_name"] = json!("other");
    asked["parameters"] = json!({"priority": 3, "timeout": 1000, "own": {"a": [1]}, "sequence_id": 0});
    asked["inputs"][0]["parameters"] = Value::Null;
    asked["id"] = json!("a \"quoted\" id, naïve\n");
    asked["outputs"] = json!([{"name": "label", "parameters": null}, {"name": "predict"}]);
    let answer = body_of(&daemon.ask(&infer("iris", &asked)));
    let names: Vec<_> = answer["outputs"].as_array().expect("a list").iter().map(|one| one["name"].as_str()).collect();
    assert_eq!((names, &answer["id"]), (vec![Some("label"), Some("predict")], &asked["id"]));
    for none in [Value::Null, json!([])] {
        asked["outputs"] = none;
        let answer = body_of(&daemon.ask(&infer("iris", &asked)));
        assert_eq!(answer["outputs"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn tensors_go_both_ways_as_bytes() {
    let daemon = daemon();
    let floats: Vec<u8> = ROWS.concat().iter().flat_map(|&number| (number as f32).to_le_bytes()).collect();
    let input =
        json!({"name": "features", "datatype": "FP32", "shape": [3, 4], "parameters": {"binary_data_size": 48}});
    let all = json!({"id": "1", "parameters": {"binary_data_output": true}, "inputs": [input]});
    let answer = daemon.ask(&infer_binary("iris", &all, &floats));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")));
    let (told, binary) = parts(&answer);
    assert!(told["outputs"].as_array().expect("a list").iter().all(|output| output["data"].is_null()), "{told}");
    let plain = body_of(&daemon.ask(&infer("iris", &body("FP32", &json!([3, 4]), &json!(ROWS)))));
    let classes: Vec<_> = binary["predict"].as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    assert_eq!(json!(classes), output(&plain, "predict")["data"]);
    let shares: Vec<_> =
        binary["predict_proba"].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected = output(&plain, "predict_proba")["data"].as_array().expect("a list");
    let expected: Vec<_> = expected.iter().map(|share| share.as_f64().expect("a number") as f32).collect();
    assert_eq!(shares, expected);
    assert_eq!(binary["label"], elements(&[b"setosa", b"virginica", b"versicolor"]));

    // One as bytes and one in JSON, against what is said of all; the input in JSON.
    let mut mixed = body("FP32", &json!([3, 4]), &json!(ROWS));
    mixed["parameters"] = json!({"binary_data_output": true});
    mixed["outputs"] = json!([{"name": "label"}, {"name": "predict", "parameters": {"binary_data": false}}]);
    let (told, binary) = parts(&daemon.ask(&infer("iris", &mixed)));
    assert_eq!(output(&told, "predict")["data"], output(&plain, "predict")["data"]);
    assert_eq!((binary.len(), binary["label"].len()), (1, 4 * 3 + 6 + 9 + 10));
    mixed["parameters"] = Value::Null;
    let answer = daemon.ask(&infer("iris", &mixed));
    assert_eq!(answer.header("inference-header-content-length"), None, "nothing is binary");
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let texts: Vec<&[u8]> = TEXTS.iter().map(|text| text.as_bytes()).collect();
    let bytes = elements(&texts);
    let input =
        json!({"name": "text", "datatype": "BYTES", "shape": [5, 1], "parameters": {"binary_data_size": bytes.len()}});
    let (told, binary) = parts(&daemon.ask(&infer_binary(
        "simple",
        &json!({"inputs": [input], "outputs": [
            {"name": "probabilities", "parameters": {"binary_data": true}}, {"name": "score"},
            {"name": "toxicity_level", "parameters": {"binary_data": true}}]}),
        &bytes,
    )));
    let plain = body_of(&daemon.ask(&infer("simple", &body("BYTES", &json!([5]), &json!(TEXTS)))));
    assert_eq!(output(&told, "score")["data"], output(&plain, "score")["data"]);
    let levels = output(&plain, "toxicity_level")["data"].as_array().expect("a list");
    let levels: Vec<_> = levels.iter().map(|level| level.as_str().expect("a string").as_bytes()).collect();
    assert_eq!(binary["toxicity_level"], elements(&levels));
    assert_eq!(binary["probabilities"].len(), 5 * 6 * 4);
    let type_of_bytes = infer_binary("iris", &all, &floats).header("Content-Type", "application/octet-stream");
    assert_eq!(daemon.ask(&type_of_bytes).status, 200);
}

#[test]
fn the_series_of_the_protocol_are_there_once_it_is_used() {
    let daemon = daemon();
    let count = |samples: &Samples| samples.iter().filter(|(series, _)| series.contains("/v2")).count();
    assert_eq!(count(&daemon.scrape()), 0);
    let answer = daemon.ask(&infer("iris", &body("FP32", &json!([1, 4]), &json!([1, 2, 3, 4]))));
    let samples = daemon.scrape();
    let handler = ("handler", "/v2/models/iris/infer");
    assert_eq!(samples.value("http_request_duration_seconds_count", &[("method", "POST"), handler]), 1.0);
    assert_eq!(samples.value("http_response_size_bytes_sum", &[handler]), answer.body.len() as f64);
    assert!(!samples.iter().any(|(series, _)| series.contains("/v2/models/{model}")), "those are others");
}

#[test]
fn keys_open_the_models_that_their_scopes_name_and_probes_are_open() {
    let files = Files::new("oip");
    let (key, line) = new_key(&["iris-only", "--scopes", "predict"]);
    let daemon = start(&api_keys(&files.write("keys", &line)));
    let iris = || infer("iris", &body("FP32", &json!([1, 4]), &json!([1, 2, 3, 4])));
    let text = || infer("simple", &body("BYTES", &json!([1]), &json!(["a"])));
    for (request, without, with) in [
        (iris(), 401, 200),
        (text(), 401, 403),
        (Request::get("/v2/models/iris"), 401, 200),
        (Request::get("/v2"), 200, 200),
        (Request::get("/v2/health/ready"), 200, 200),
        (Request::get("/v2/models/simple/ready"), 200, 200),
    ] {
        let refused = daemon.ask(&request);
        assert_eq!(refused.status, without, "{}", request.target);
        if without == 401 {
            assert!(body_of(&refused)["error"].as_str().is_some_and(|error| error.contains("X-API-Key")));
            assert!(refused.header("www-authenticate").is_some());
        }
        assert_eq!(daemon.ask(&request.clone().header("X-API-Key", &key)).status, with, "{}", request.target);
    }
}

#[test]
fn an_admin_listener_has_health_and_metadata_and_no_inference() {
    let daemon = Daemon::start(&["--workers", "1", "--bert", "off", "--admin-listen", "127.0.0.1:0"]);
    let status = |request: &Request, admin: bool| {
        let address = if admin { daemon.admin() } else { daemon.address() };
        request.send_to(address).expect("an answer").status
    };
    let iris = infer("iris", &body("FP32", &json!([1, 4]), &json!([1, 2, 3, 4])));
    assert_eq!((status(&iris, false), status(&iris, true)), (200, 404));
    for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/iris", "/v2/models/iris/ready"] {
        assert_eq!((status(&Request::get(path), false), status(&Request::get(path), true)), (200, 200), "{path}");
    }
}
