//! A run that checks every look-up in a table before tract makes it.

use tract_onnx::prelude::{Arc, TValue, TVec, TractResult, TypedRunnableModel};
use tract_onnx::tract_core::internal::{EvalContext, OpState, TypedNode, bail};
use tract_onnx::tract_core::ops::array::Gather;

/// Runs `plan`.
///
/// # Errors
/// What tract says, and an index that is not in its table.
pub fn run(plan: &Arc<TypedRunnableModel>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
    plan.spawn()?.run_plan_with_eval(inputs, eval)
}

fn eval(
    context: &EvalContext<'_>,
    state: Option<&mut (dyn OpState + 'static)>,
    node: &TypedNode,
    inputs: TVec<TValue>,
) -> TractResult<TVec<TValue>> {
    if let (Some(gather), [table, indices]) = (node.op_as::<Gather>(), &inputs[..]) {
        check(table, indices, gather.axis)?;
    }
    match state {
        Some(state) => state.eval(context, node.op(), inputs),
        None => node.op().eval(context, inputs),
    }
}

fn check(table: &TValue, indices: &TValue, axis: usize) -> TractResult<()> {
    let rows = i64::try_from(table.shape()[axis])?;
    let indices = indices.cast_to::<i64>()?;
    for &index in indices.try_as_plain_ram()?.as_slice::<i64>()? {
        if !(-rows..rows).contains(&index) {
            bail!("the graph looks up row {index} in a table of {rows} rows");
        }
    }
    Ok(())
}
