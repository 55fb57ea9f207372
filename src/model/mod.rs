//! Models: what they are, and the engines that run them.

pub mod directory;
pub mod encoder;
pub mod engine;
pub mod files;
pub mod golden;
pub mod graph;
pub mod iris;
pub mod manifest;
mod registry;
pub mod simple;
pub mod toxicity;

pub use registry::{MAX_DESCRIPTION, Models, ModelsError};
