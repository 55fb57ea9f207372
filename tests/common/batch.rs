//! Batches: how they are asked, and what is counted of them.

use serde_json::Value;

use super::http::Request;
use super::metrics::Samples;

/// Texts that differ in length and in what they need in JSON.
pub const TEXTS: [&str; 5] = [
    "You are kind.",
    "You are stupid and I hate you!",
    "Thank you \"very\" much,\n naïve 👍",
    "Idiot.",
    "The cat sat.",
];

/// A request that asks with this body.
pub fn batch(body: &Value) -> Request {
    Request::json("/analyze/batch", body.to_string())
}

/// The results of an answer.
pub fn results(body: &Value) -> &Vec<Value> {
    body["results"].as_array().unwrap_or_else(|| panic!("no results: {body}"))
}

/// A result without what differs from one time to the next.
pub fn settled(mut result: Value) -> Value {
    let took = result.as_object_mut().expect("an object").remove("processing_time_ms");
    assert!(took.is_none_or(|took| took.is_number()));
    result
}

/// Batches that were answered with `status`.
pub fn requests(samples: &Samples, status: &str) -> f64 {
    let labels = [("method", "POST"), ("handler", "/analyze/batch"), ("status", status)];
    samples.get("http_requests_total", &labels).unwrap_or_default()
}

/// Texts that `model` scored, or not.
pub fn analyses(samples: &Samples, model: &str, status: &str) -> f64 {
    samples.value("toxicity_api_requests_total", &[("model_type", model), ("status", status)])
}
