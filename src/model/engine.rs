//! tract: loads, checks, optimises and runs any ONNX model. The reference that the compiled plans are held to, and the
//! engine of every model that no plan covers. Each run allocates.

use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    Framework, InferenceModelExt, IntoRunnable, IntoTValue, TractResult, TypedRunnableModel, tensor1, tvec,
};

/// A model's outputs, inline for as many labels as ours have.
pub type Outputs = SmallVec<[f32; 8]>;

/// A runnable model, shared by all workers. Its first input is a list of ids, int64 `[N]` with any `N >= 1`; its first
/// output is float32.
pub struct Engine(Arc<TypedRunnableModel>);

/// What tract says is wrong with a model or a run.
#[derive(Debug)]
pub struct EngineError(String);

impl Engine {
    /// Reads the ONNX model (protocol buffer) in `bytes`.
    ///
    /// # Errors
    /// The bytes are not a `ModelProto`.
    pub fn parse(mut bytes: &[u8]) -> Result<ModelProto, EngineError> {
        tract_onnx::onnx().proto_model_for_read(&mut bytes).map_err(EngineError::new)
    }

    /// Translates, checks and optimises a model.
    ///
    /// # Errors
    /// An operator, type or shape that tract cannot run.
    pub fn load(model: &ModelProto) -> Result<Self, EngineError> {
        let build = || tract_onnx::onnx().model_for_proto_model(model)?.into_optimized()?.into_runnable();
        build().map(Self).map_err(EngineError::new)
    }

    /// The first output for `ids`, flattened.
    ///
    /// # Errors
    /// tract fails, as it does for an id beyond the model's table or for no ids at all.
    pub fn run(&self, ids: &[u32]) -> Result<Outputs, EngineError> {
        let run = || -> TractResult<Outputs> {
            let ids: SmallVec<[i64; 2048]> = ids.iter().map(|&id| i64::from(id)).collect();
            let outputs = self.0.run(tvec![tensor1(&ids).into_tvalue()])?;
            Ok(outputs[0].cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.into())
        };
        run().map_err(EngineError::new)
    }
}

impl EngineError {
    /// The whole chain of causes on one line.
    pub(super) fn new(error: impl fmt::Display) -> Self {
        Self(format!("{error:#}"))
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for EngineError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_model_are_refused() {
        assert!(Engine::parse(b"\xff\xff\xff not a protocol buffer").is_err());
        let empty = Engine::parse(b"").expect("an empty message is a message");
        assert!(Engine::load(&empty).is_err(), "a model without a graph");
    }
}
