//! Models: what they are, and the engines that run them.

pub mod bert;
pub mod engine;
pub mod executor;
pub mod golden;
pub mod iris;
mod loaded;
pub mod manifest;
mod registry;
pub mod simple;
pub mod toxicity;

pub use loaded::Loaded;
pub use registry::{Known, Models, ModelsError};
