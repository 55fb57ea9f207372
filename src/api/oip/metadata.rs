//! What the server and its models say of themselves.

use super::outputs::{self, Output};
use super::target::{self, Model, Target};
use crate::api::Worker;
use crate::api::analyze::not_yet;
use crate::json::write::Writer;
use crate::metrics::labels::Phase;
use crate::model::MAX_DESCRIPTION;
use crate::model::iris::CLASSES;
use crate::model::manifest::{MAX_LABELS, MAX_NAMED_BYTES};
use crate::problem::Fault;

/// Bytes that the metadata of a model take at most: what `/model-info` may take for its version, and each label with its key.
pub const MAX_LEN: usize = 1024 + MAX_DESCRIPTION + MAX_NAMED_BYTES + MAX_LABELS * r#""label_00":"#.len();

/// `GET /v2`; answers status and length, as all do.
pub fn server(out: &mut [u8]) -> (u16, usize) {
    let mut writer = Writer::new(out);
    writer.raw(SERVER.as_bytes());
    (200, writer.finish().unwrap_or_default())
}

const SERVER: &str =
    concat!(r#"{"name":"tamis","version":""#, env!("CARGO_PKG_VERSION"), r#"","extensions":["binary_tensor_data"]}"#);

/// `GET /v2/health/live`: the process turns its loop.
pub fn live(out: &mut [u8]) -> (u16, usize) {
    let mut writer = Writer::new(out);
    writer.raw(br#"{"live":true}"#);
    (200, writer.finish().unwrap_or_default())
}

/// `GET /v2/health/ready`, as `/readyz`. The specification names the member `live`, its first server `ready`: there are both.
pub fn ready(worker: &Worker, out: &mut [u8]) -> (u16, usize) {
    let ready = worker.phase.get() == Phase::Ready;
    let mut writer = Writer::new(out);
    writer.raw(if ready { br#"{"live":true,"ready":true}"# } else { br#"{"live":true,"ready":false}"# });
    (if ready { 200 } else { 503 }, writer.finish().unwrap_or_default())
}

/// `GET /v2/models/{model}/ready`.
pub fn model_ready(worker: &Worker, target: &Target, out: &mut [u8]) -> (u16, usize) {
    let (model, loaded) = (target.0, target.loaded().unwrap_or(&worker.loaded));
    let ready = match model {
        Model::Iris => loaded.models().is_some(),
        Model::Text(choice) => target::manifest(loaded, choice).is_some(),
    };
    let mut writer = Writer::new(out);
    writer.raw(br#"{"name":""#);
    writer.raw(target::name(loaded, model).as_bytes());
    writer.raw(if ready { br#"","ready":true}"# } else { br#"","ready":false}"# });
    (if ready { 200 } else { 503 }, writer.finish().unwrap_or_default())
}

/// `GET /v2/models/{model}`.
///
/// # Errors
/// [`Problem::ModelUnavailable`](crate::problem::Problem::ModelUnavailable) while the model is not there.
pub fn model(worker: &Worker, target: &Target, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let (model, loaded) = (target.0, target.loaded().unwrap_or(&worker.loaded));
    loaded.models().ok_or_else(not_yet)?;
    let mut writer = Writer::new(out);
    writer.raw(br#"{"name":""#);
    writer.raw(target::name(loaded, model).as_bytes());
    writer.raw(b"\"");
    if let Some(version) = target::version(loaded, model) {
        writer.raw(br#","versions":["#);
        writer.string(version);
        writer.raw(b"]");
    }
    match model {
        Model::Iris => {
            writer.raw(br#","platform":"tamis_table","inputs":[{"name":"features","datatype":"FP32","shape":[-1,4]}]"#);
            tensors(&outputs::IRIS, &CLASSES, &mut writer);
        }
        Model::Text(choice) => {
            let manifest = target::manifest(loaded, choice).ok_or_else(not_yet)?;
            writer.raw(br#","platform":"onnx_onnxv1","inputs":[{"name":"text","datatype":"BYTES","shape":[-1,1]}]"#);
            tensors(&outputs::TEXT, &manifest.labels, &mut writer);
        }
    }
    writer.raw(b"}");
    Ok((200, writer.finish().unwrap_or_default()))
}

/// The outputs; that with a column for each of `labels` says which is which.
fn tensors(outputs: &[Output], labels: &[impl AsRef<str>], writer: &mut Writer<'_>) {
    writer.raw(br#","outputs":["#);
    for (at, output) in outputs.iter().enumerate() {
        writer.raw(if at == 0 { br#"{"name":""# } else { br#",{"name":""# });
        writer.raw(output.name.as_bytes());
        writer.raw(br#"","datatype":""#);
        writer.raw(output.datatype.as_str().as_bytes());
        writer.raw(br#"","shape":[-1,"#);
        writer.integer(if output.per_label { labels.len() as u64 } else { 1 });
        writer.raw(b"]");
        if output.per_label {
            for (index, label) in labels.iter().enumerate() {
                writer.raw(if index == 0 { br#","parameters":{"label_"# } else { br#","label_"# });
                writer.integer(index as u64);
                writer.raw(b"\":");
                writer.string(label.as_ref());
            }
            writer.raw(b"}");
        }
        writer.raw(b"}");
    }
    writer.raw(b"]");
}
