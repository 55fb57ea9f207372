//! The contracts of the Open Inference Protocol.

use super::node::Node;
use super::operation::{Answer, Media, Operation, example, json, ok};
use super::{LIMITS, names, schema};
use crate::api::oip::{Datatype, IRIS_OUTPUTS, MAX_ID_BYTES, NUMBERS, TEXT_OUTPUTS};
use crate::metrics::labels::{AskedModel, Handler};

const MODEL: &[&str] = &["ModelPath", "Traceparent"];
const VERSION: &[&str] = &["ModelPath", "VersionPath", "Traceparent"];

/// `GET /v2`, `/v2/health/live` and `/v2/health/ready`
pub fn server(handler: Handler) -> Operation {
    let one = |schema: &str, name: &str, value: &str| json(schema, vec![example(name, "", value)]);
    let (id, summary, description, answers) = match handler {
        Handler::InferenceLive => (
            "getServerLive",
            "Is the server alive?",
            "As `/livez`.",
            vec![ok("Yes.", one("ServerLive", "live", r#"{"live":true}"#))],
        ),
        Handler::InferenceReady => (
            "getServerReady",
            "Is the server ready?",
            "As `/readyz`: every model that readiness waits for is loaded.",
            vec![
                ok("Yes.", one("ServerReady", "ready", r#"{"live":true,"ready":true}"#)),
                Answer { status: 503, ..ok("No.", one("ServerReady", "not_ready", r#"{"live":true,"ready":false}"#)) },
            ],
        ),
        _ => (
            "getServerMetadata",
            "What serves?",
            "Name, version and extensions of the server.",
            vec![ok(
                "What serves.",
                one(
                    "ServerMetadata",
                    "server",
                    concat!(
                        r#"{"name":"tamis","version":""#,
                        env!("CARGO_PKG_VERSION"),
                        r#"","extensions":["binary_tensor_data"]}"#
                    ),
                ),
            )],
        ),
    };
    let parameters = &["Traceparent"];
    Operation { handler, path: handler.as_str(), id, summary, description, parameters, bodies: Vec::new(), answers }
}

/// `GET /v2/models/{model}`, with and without a version
pub fn metadata() -> [Operation; 2] {
    let iris = r#"{"name":"iris","versions":["1.0.0"],"platform":"tamis_table","inputs":[{"name":"features","datatype":"FP32","shape":[-1,4]}],"outputs":[{"name":"predict","datatype":"INT64","shape":[-1,1]},{"name":"predict_proba","datatype":"FP32","shape":[-1,3],"parameters":{"label_0":"setosa","label_1":"versicolor","label_2":"virginica"}},{"name":"label","datatype":"BYTES","shape":[-1,1]}]}"#;
    let of = |path, id, summary, parameters| Operation {
        handler: Handler::InferenceModel,
        path,
        id,
        summary,
        description: "The tensors that a model takes and answers; which column of a tensor stands for which label is told by the \
            parameters `label_0`, `label_1` and so on.",
        parameters,
        bodies: Vec::new(),
        answers: vec![ok("The model.", json("ModelMetadata", vec![example("iris", "", iris)]))],
    };
    [
        of("/v2/models/{model}", "getModelMetadata", "What does the model take and answer?", MODEL),
        of(
            "/v2/models/{model}/versions/{version}",
            "getModelVersionMetadata",
            "What does this version of the model take and answer?",
            VERSION,
        ),
    ]
}

/// `GET /v2/models/{model}/ready`, with and without a version
pub fn ready() -> [Operation; 2] {
    let media = |name: &str, ready: bool| {
        json("ModelReady", vec![example(name, "", &format!(r#"{{"name":"simple","ready":{ready}}}"#))])
    };
    let of = |path, id, summary, parameters| Operation {
        handler: Handler::InferenceModelReady,
        path,
        id,
        summary,
        description: "Whether the model is loaded.",
        parameters,
        bodies: Vec::new(),
        answers: vec![ok("Yes.", media("ready", true)), Answer { status: 503, ..ok("No.", media("not_ready", false)) }],
    };
    [
        of("/v2/models/{model}/ready", "getModelReady", "Is the model ready?", MODEL),
        of(
            "/v2/models/{model}/versions/{version}/ready",
            "getModelVersionReady",
            "Is this version of the model ready?",
            VERSION,
        ),
    ]
}

/// `POST /v2/models/iris/infer`, with and without a version
pub fn irises() -> [Operation; 2] {
    let asked = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[2,4],"data":[[5.1,3.5,1.4,0.2],[6.7,3.0,5.2,2.3]]}]}"#;
    let told = r#"{"model_name":"iris","model_version":"1.0.0","outputs":[{"name":"predict","shape":[2,1],"datatype":"INT64","data":[0,2]},{"name":"predict_proba","shape":[2,3],"datatype":"FP32","data":[1.0,0.0,0.0,0.0,0.0,1.0]},{"name":"label","shape":[2,1],"datatype":"BYTES","data":["setosa","virginica"]}]}"#;
    let of = |path, id, summary, parameters| Operation {
        handler: Handler::InferIris,
        path,
        id,
        summary,
        description: "Classifies the rows of one tensor `[rows, 4]` of up to `--max-rows`, in JSON (flat, or a list a row) or as \
            binary data behind the JSON (Triton's binary data extension).",
        parameters,
        bodies: vec![json("IrisInference", vec![example("rows", "Two irises", asked)]), binary()],
        answers: answers(json("InferenceAnswer", vec![example("rows", "Two irises", told)])),
    };
    [
        of(
            "/v2/models/iris/infer",
            "inferIris",
            "Which irises are they?",
            &["InferenceHeaderContentLength", "Traceparent"],
        ),
        of(
            "/v2/models/iris/versions/{version}/infer",
            "inferIrisVersion",
            "Which irises are they, by this version?",
            &["VersionPath", "InferenceHeaderContentLength", "Traceparent"],
        ),
    ]
}

/// `POST /v2/models/{model}/infer`, with and without a version
pub fn texts() -> [Operation; 2] {
    let asked = r#"{"id":"42","inputs":[{"name":"text","datatype":"BYTES","shape":[2],"data":["You are kind.","You are stupid."]}],"outputs":[{"name":"score"},{"name":"toxicity_level"}]}"#;
    let told = r#"{"model_name":"simple","model_version":"1.2.0","id":"42","outputs":[{"name":"score","shape":[2,1],"datatype":"INT64","data":[33,100]},{"name":"toxicity_level","shape":[2,1],"datatype":"BYTES","data":["medium","high"]}]}"#;
    let of = |path, id, summary, parameters| Operation {
        handler: Handler::InferText,
        path,
        id,
        summary,
        description: "Scores the texts of one tensor `[texts, 1]` or `[texts]` of up to `--max-batch`, in JSON or as binary data \
            behind the JSON (Triton's binary data extension). What is wrong with one text refuses the request.",
        parameters,
        bodies: vec![json("TextInference", vec![example("texts", "Two texts", asked)]), binary()],
        answers: answers(json("InferenceAnswer", vec![example("texts", "Two texts", told)])),
    };
    [
        of(
            "/v2/models/{model}/infer",
            "inferText",
            "How toxic are these texts?",
            &["TextModelPath", "InferenceHeaderContentLength", "Traceparent"],
        ),
        of(
            "/v2/models/{model}/versions/{version}/infer",
            "inferTextVersion",
            "How toxic are these texts, by this version?",
            &["TextModelPath", "VersionPath", "InferenceHeaderContentLength", "Traceparent"],
        ),
    ]
}

/// JSON with binary tensors behind it.
fn binary() -> Media {
    let schema = r#"{"type":"string","contentMediaType":"application/octet-stream","description":"The JSON of a request, whose length is `Inference-Header-Content-Length`, and the elements of its tensor behind it: little-endian, row by row, a text behind its length in four bytes."}"#;
    Media { name: "application/octet-stream".to_owned(), schema: Node::parse(schema), examples: Vec::new() }
}

fn answers(media: Media) -> Vec<Answer> {
    let description = "The outputs that were asked for, or all.";
    vec![ok(description, media), Answer { headers: &["InferenceHeaderContentLength"], ..ok(description, binary()) }]
}

/// The names of the models of texts.
pub fn text_models() -> String {
    names(&AskedModel::ALL.map(AskedModel::as_str))
}

/// What these contracts are made of.
pub fn schemas() -> Vec<(&'static str, Node)> {
    let numbers = NUMBERS.map(Datatype::as_str);
    let (whole, decimal): (Vec<_>, Vec<_>) = numbers.into_iter().partition(|name| name.contains("INT"));
    let outputs: Vec<_> = IRIS_OUTPUTS.iter().chain(&TEXT_OUTPUTS).collect();
    let filled = |text: &str| {
        schema(
            &text
                .replace("%REQUEST%", REQUEST)
                .replace("%WANTED%", WANTED)
                .replace("%ID%", &MAX_ID_BYTES.to_string())
                .replace("%BATCH%", &LIMITS.batch.to_string())
                .replace("%ROWS%", &LIMITS.rows.to_string())
                .replace("%NUMBERS%", &(LIMITS.rows * 4).to_string())
                .replace("%WHOLE%", &names(&whole))
                .replace("%DECIMAL%", &names(&decimal))
                .replace("%IRISOUTPUTS%", &names(&IRIS_OUTPUTS.map(|output| output.name)))
                .replace("%TEXTOUTPUTS%", &names(&TEXT_OUTPUTS.map(|output| output.name)))
                .replace("%OUTPUTS%", &names(&outputs.iter().map(|output| output.name).collect::<Vec<_>>())),
        )
    };
    SCHEMAS.iter().map(|(name, text)| (*name, filled(text))).collect()
}

/// What every request has.
const REQUEST: &str = r#""id":{"type":["string","null"],"maxLength":%ID%,"description":"Comes back."},
    "parameters":{"type":["object","null"],"properties":{"binary_data_output":{"type":["boolean","null"],"description":"Whether outputs are to be binary that do not say."}},
        "propertyNames":{"not":{"enum":["sequence_id","sequence_start","sequence_end"]}}}"#;

/// What every output that is asked for has beside its name.
const WANTED: &str = r#""parameters":{"type":["object","null"],"properties":{"binary_data":{"type":["boolean","null"]}},
    "propertyNames":{"not":{"anyOf":[{"const":"classification"},{"pattern":"^shared_memory"}]}}}"#;

const SCHEMAS: [(&str, &str); 10] = [
    (
        "ServerMetadata",
        r#"{"type":"object","required":["name","version","extensions"],"properties":{
            "name":{"const":"tamis"},"version":{"type":"string"},"extensions":{"type":"array","items":{"type":"string"}}}}"#,
    ),
    ("ServerLive", r#"{"type":"object","required":["live"],"properties":{"live":{"const":true}}}"#),
    (
        "ServerReady",
        r#"{"type":"object","required":["live","ready"],"properties":{"live":{"const":true},"ready":{"type":"boolean"}}}"#,
    ),
    (
        "ModelMetadata",
        r##"{"type":"object","required":["name","platform","inputs","outputs"],"properties":{
            "name":{"type":"string"},"versions":{"type":"array","items":{"type":"string"},"description":"The one version; `auto`, which is two models, has none."},
            "platform":{"type":"string"},
            "inputs":{"type":"array","items":{"$ref":"#/components/schemas/TensorMetadata"}},
            "outputs":{"type":"array","items":{"$ref":"#/components/schemas/TensorMetadata"}}}}"##,
    ),
    (
        "TensorMetadata",
        r#"{"type":"object","required":["name","datatype","shape"],"properties":{
            "name":{"type":"string"},"datatype":{"type":"string"},
            "shape":{"type":"array","items":{"type":"integer","minimum":-1},"description":"-1 is as many as you like, up to the limit."},
            "parameters":{"type":"object","additionalProperties":{"type":"string"},"description":"The label of each column."}}}"#,
    ),
    (
        "ModelReady",
        r#"{"type":"object","required":["name","ready"],"properties":{"name":{"type":"string"},"ready":{"type":"boolean"}}}"#,
    ),
    (
        "IrisInference",
        r##"{"type":"object","required":["inputs"],"properties":{%REQUEST%,
            "inputs":{"type":"array","minItems":1,"maxItems":1,"items":{"oneOf":[
                {"title":"Decimal numbers","type":"object","required":["name","datatype","shape","data"],"properties":{"name":{"type":"string"},
                    "datatype":{"type":"string","enum":[%DECIMAL%]},"shape":{"$ref":"#/components/schemas/IrisShape"},
                    "data":{"anyOf":[{"type":"array","minItems":4,"maxItems":%NUMBERS%,"items":{"$ref":"#/components/schemas/Measure"}},
                        {"type":"array","minItems":1,"maxItems":%ROWS%,"items":{"$ref":"#/components/schemas/IrisRow"}}]}}},
                {"title":"Whole numbers","type":"object","required":["name","datatype","shape","data"],"properties":{"name":{"type":"string"},
                    "datatype":{"type":"string","enum":[%WHOLE%]},"shape":{"$ref":"#/components/schemas/IrisShape"},
                    "data":{"description":"Whole numbers that the datatype can hold.",
                        "anyOf":[{"type":"array","minItems":4,"maxItems":%NUMBERS%,"items":{"type":"integer","minimum":0,"maximum":127}},
                        {"type":"array","minItems":1,"maxItems":%ROWS%,"items":{"type":"array","minItems":4,"maxItems":4,"items":{"type":"integer","minimum":0,"maximum":127}}}]}}}]}},
            "outputs":{"type":["array","null"],"description":"All, unless some are named, each once.","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string","enum":[%IRISOUTPUTS%]},%WANTED%}}}}}"##,
    ),
    (
        "IrisShape",
        r#"{"type":"array","minItems":2,"maxItems":2,"prefixItems":[{"type":"integer","minimum":1,"maximum":%ROWS%},{"const":4}],
            "items":false,"description":"Rows and 4; the data must be as many."}"#,
    ),
    (
        "TextInference",
        r##"{"type":"object","required":["inputs"],"properties":{%REQUEST%,
            "inputs":{"type":"array","minItems":1,"maxItems":1,"items":{"type":"object","required":["name","datatype","shape","data"],"properties":{
                "name":{"type":"string"},"datatype":{"type":"string","const":"BYTES"},
                "shape":{"description":"Texts, or texts and 1; the data must be as many.","oneOf":[
                    {"type":"array","minItems":1,"maxItems":1,"items":{"type":"integer","minimum":1,"maximum":%BATCH%}},
                    {"type":"array","minItems":2,"maxItems":2,"prefixItems":[{"type":"integer","minimum":1,"maximum":%BATCH%},{"const":1}],"items":false}]},
                "data":{"anyOf":[{"type":"array","minItems":1,"maxItems":%BATCH%,"items":{"$ref":"#/components/schemas/Text"}},
                    {"type":"array","minItems":1,"maxItems":%BATCH%,"items":{"type":"array","minItems":1,"maxItems":1,"items":{"$ref":"#/components/schemas/Text"}}}]}}}},
            "outputs":{"type":["array","null"],"description":"All, unless some are named, each once.","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string","enum":[%TEXTOUTPUTS%]},%WANTED%}}}}}"##,
    ),
    (
        "InferenceAnswer",
        r#"{"type":"object","required":["model_name","outputs"],"properties":{
            "model_name":{"type":"string"},"model_version":{"type":"string"},"id":{"type":"string"},
            "outputs":{"type":"array","items":{"type":"object","required":["name","shape","datatype"],"properties":{
                "name":{"type":"string","enum":[%OUTPUTS%]},"shape":{"type":"array","minItems":2,"maxItems":2,"items":{"type":"integer","minimum":1}},
                "datatype":{"type":"string"},"data":{"type":"array"},
                "parameters":{"type":"object","properties":{"binary_data_size":{"type":"integer","minimum":0}}}}}}}}"#,
    ),
];
