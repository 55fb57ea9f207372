//! Models: what they are, and the engines that run them.

pub mod engine;
pub mod explain;
pub mod golden;
pub mod iris;
pub mod manifest;
mod registry;
pub mod simple;
pub mod toxicity;

pub use registry::{Models, ModelsError};
