//! `GET /model-info`: what is known of every model. Each part is rendered once, when its model is loaded.

use super::Worker;
use crate::json::write::Writer;
use crate::model::MAX_DESCRIPTION;
use crate::model::directory::MAX_MODELS;
use crate::problem::{Fault, Problem};

/// Bytes that the answer takes at most.
pub const MAX_LEN: usize = 32 * 1024 + MAX_MODELS * MAX_DESCRIPTION;

/// Puts together what was rendered at load; answers status and length.
///
/// # Errors
/// [`Problem::ModelUnavailable`] while the models are not there.
pub fn answer(worker: &Worker, out: &mut [u8]) -> Result<(u16, usize), Fault> {
    let models = worker.loaded.models();
    let models = models.ok_or(Fault::new(Problem::ModelUnavailable).expected("it will be in a moment", ""))?;
    let mut writer = Writer::new(out);
    writer.raw(b"{\"models\":[");
    writer.raw(&models.descriptions);
    if let Some(bert) = worker.loaded.known_bert() {
        writer.raw(b",");
        writer.raw(&bert.description);
    }
    writer.raw(b"]}");
    Ok((200, writer.finish().unwrap_or_default()))
}
