//! `GET /`: what this is and where the rest is.

use super::Worker;
use super::route::{Surface, serves};
use crate::json::write::Writer;
use crate::metrics::labels::Handler;

/// Writes the greeting and the routes that a listener of `surface` serves, one for each protocol; answers status and length.
pub fn answer(worker: &Worker, surface: Surface, out: &mut [u8]) -> (u16, usize) {
    let mut writer = Writer::new(out);
    writer.raw(GREETING.as_bytes());
    let issues_tokens = worker.auth.as_ref().is_some_and(|auth| auth.schemes().bearer);
    let is_there = |handler: &Handler| {
        serves(surface, *handler)
            && match handler {
                Handler::Root | Handler::Discovery | Handler::None => false,
                Handler::Token => issues_tokens,
                Handler::InferenceServer => true,
                handler => !handler.is_of_open_inference(),
            }
    };
    for (index, handler) in Handler::ALL.into_iter().filter(is_there).enumerate() {
        writer.raw(if index == 0 { b"\"" } else { b",\"" });
        writer.raw(handler.main_method().as_str().as_bytes());
        writer.raw(b" ");
        writer.raw(handler.as_str().as_bytes());
        writer.raw(b"\"");
    }
    writer.raw(b"]}");
    (200, writer.finish().unwrap_or_default())
}

const GREETING: &str = concat!(
    r#"{"message":"tamis: toxicity scores and iris classes","status":"operational","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","endpoints":["#,
);
