//! `GET /model-info`: what is known of every model. Rendered once, when the models are loaded.

use super::Worker;
use crate::model::MAX_DESCRIPTION;
use crate::model::directory::MAX_MODELS;
use crate::problem::{Fault, Problem};

/// Bytes that the answer takes at most.
pub const MAX_LEN: usize = 32 * 1024 + MAX_MODELS * MAX_DESCRIPTION;

/// Copies the document that was rendered at load; answers status and length.
///
/// # Errors
/// [`Problem::ModelUnavailable`] while the models are not there.
pub fn answer(worker: &Worker, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let models = worker.models.get();
    let models = models.ok_or(Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", ""))?;
    let length = models.info.len().min(out.len());
    out[..length].copy_from_slice(&models.info[..length]);
    Ok((200, length))
}
