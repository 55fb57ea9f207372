//! What integration tests share: a client that trusts nothing, a reader of `/metrics`, the way to tools and binary.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod auth;
pub mod batch;
pub mod credentials;
pub mod daemon;
pub mod frames;
pub mod hostile;
pub mod http;
pub mod inference;
pub mod metrics;
pub mod onnx;
pub mod recording;
pub mod score;
pub mod tensors;
#[cfg(feature = "tls")]
pub mod tls;
pub mod tools;
pub mod user_model;
