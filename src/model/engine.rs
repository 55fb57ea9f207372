//! tract: loads, checks, optimises and runs any ONNX text classifier. The reference that the compiled plans are held
//! to, and the engine of every model that no plan covers. Each run allocates.

mod interface;
mod trial;

use interface::{Inputs, Role};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, IntoTValue, TDim, TValue, TVec, Tensor, ToDim,
    TractResult, TypedRunnableModel, tvec,
};

/// A model's outputs, inline for as many labels as ours have.
pub type Outputs = SmallVec<[f32; 8]>;

/// A runnable model, shared by all workers. It reads a list of ids of any length from 1, as int64 `[N]` or as the
/// int64 `[1, N]` trio of transformers, and answers floats `[L]` or `[1, L]`.
pub struct Engine {
    plan: Arc<TypedRunnableModel>,
    inputs: Inputs,
}

/// What is wrong with a model or a run.
#[derive(Debug)]
pub struct EngineError(String);

impl Engine {
    /// Reads the ONNX model (protocol buffer) in `bytes`.
    ///
    /// # Errors
    /// The bytes are not a `ModelProto`.
    pub fn parse(mut bytes: &[u8]) -> Result<ModelProto, EngineError> {
        tract_onnx::onnx()
            .proto_model_for_read(&mut bytes)
            .map_err(|error| EngineError::new(format!("is not an ONNX model: {error:#}")))
    }

    /// Requires that `model` has one input and that it is called `name`.
    ///
    /// # Errors
    /// The names of the inputs that there are.
    pub fn check_input(model: &ModelProto, name: &str) -> Result<(), EngineError> {
        interface::check_input(model, name)
    }

    /// Translates, checks and optimises a model; `output` names the one of its outputs that is read.
    ///
    /// # Errors
    /// An input or output of another form; an operator, type or shape that tract cannot run.
    pub fn load(model: &ModelProto, output: &str) -> Result<Self, EngineError> {
        // Shapes that exporters note for intermediate values may name a batch that is not 1.
        let onnx = tract_onnx::onnx().with_ignore_value_info(true);
        interface::check_operators(model, |name| onnx.op_register.0.contains_key(name))?;
        let inputs = interface::inputs(model)?;
        interface::check_output(model, output)?;
        let plan = plan(&onnx, model, &inputs, output).map_err(EngineError::new)?;
        let kind = plan.model().output_fact(0).map_err(EngineError::new)?.datum_type;
        if !kind.is_float() {
            return Err(EngineError::new(format!("output `{output}` is {kind:?}; needed: floating-point numbers")));
        }
        Ok(Self { plan, inputs })
    }

    /// The output for `ids`, one number a label.
    ///
    /// # Errors
    /// tract fails, as it does for an id beyond the model's table or for no ids at all; an output of more dimensions.
    pub fn run(&self, ids: &[u32]) -> Result<Outputs, EngineError> {
        Self::read(self.inputs(ids).and_then(|inputs| self.plan.run(inputs)))
    }

    /// As [`Self::run`], but every look-up in a table is checked before it is made. tract panics on a row that is not
    /// there, which ends the process; a model that nobody has proved must not do that.
    ///
    /// # Errors
    /// As [`Self::run`], and a look-up beyond a table.
    pub fn try_run(&self, ids: &[u32]) -> Result<Outputs, EngineError> {
        Self::read(self.inputs(ids).and_then(|inputs| trial::run(&self.plan, inputs)))
    }

    /// The numbers in the first of a run's outputs.
    fn read(outputs: TractResult<TVec<TValue>>) -> Result<Outputs, EngineError> {
        let outputs = outputs.map_err(EngineError::new)?;
        let output = &outputs[0];
        let (Some(&labels), true) = (output.shape().last(), output.rank() <= 2) else {
            return Err(EngineError::new(format!(
                "the output has the shape {:?}; needed: [L] or [1, L]",
                output.shape()
            )));
        };
        if output.len() != labels {
            return Err(EngineError::new(format!(
                "the output has the shape {:?}; needed: [L] or [1, L]",
                output.shape()
            )));
        }
        let read = || Ok(output.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.into());
        let read: TractResult<Outputs> = read();
        read.map_err(EngineError::new)
    }

    fn inputs(&self, ids: &[u32]) -> TractResult<TVec<TValue>> {
        let ids: SmallVec<[i64; 2048]> = ids.iter().map(|&id| i64::from(id)).collect();
        let tensor = |values: &[i64]| -> TractResult<TValue> {
            let shape: &[usize] = if self.inputs.batched { &[1, values.len()] } else { &[values.len()] };
            Ok(Tensor::from_shape(shape, values)?.into_tvalue())
        };
        let mut values: TVec<TValue> = tvec![];
        for role in &self.inputs.roles {
            values.push(match role {
                Role::Ids => tensor(&ids)?,
                Role::Mask => tensor(&SmallVec::<[i64; 2048]>::from_elem(1, ids.len()))?,
                Role::Segments => tensor(&SmallVec::<[i64; 2048]>::from_elem(0, ids.len()))?,
            });
        }
        Ok(values)
    }
}

/// The model with its inputs fixed to one text of any length.
fn plan(onnx: &Onnx, model: &ModelProto, inputs: &Inputs, output: &str) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = onnx.model_for_proto_model(model)?.with_outputs_by_name([output])?;
    let length: TDim = model.symbols.sym("tamis_length").to_dim();
    let shape: TVec<TDim> = if inputs.batched { tvec![1.to_dim(), length] } else { tvec![length] };
    for input in 0..inputs.roles.len() {
        model.set_input_fact(input, InferenceFact::dt_shape(i64::datum_type(), shape.clone()))?;
    }
    model.into_optimized()?.into_runnable()
}

impl EngineError {
    /// The whole chain of causes on one line.
    pub(super) fn new(error: impl fmt::Display) -> Self {
        Self(format!("{error:#}").replace('\n', " "))
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
        assert!(Engine::load(&empty, "probabilities").is_err(), "a model without a graph");
    }
}
