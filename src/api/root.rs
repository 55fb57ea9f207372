//! `GET /`: what this is and where the rest is.

use crate::json::write::Writer;

/// Writes the greeting; answers status and length.
pub fn answer(out: &mut [u8]) -> (u16, usize) {
    let mut writer = Writer::new(out);
    writer.raw(GREETING.as_bytes());
    (200, writer.finish().unwrap_or_default())
}

const GREETING: &str = concat!(
    r#"{"message":"tamis: toxicity scores and iris classes","status":"operational","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","endpoints":["POST /analyze","POST /predict","GET /v2","GET /model-info","GET /health","GET /livez","#,
    r#""GET /readyz","GET /startupz","GET /metrics","GET /status","POST /v1alpha1/comments:analyze","#,
    r#""POST /v1alpha1/comments:suggestscore","POST /v1/moderations","GET /openapi.json","GET /docs"]}"#
);
