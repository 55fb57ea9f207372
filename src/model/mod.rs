//! Models: what they are, and the engines that run them.

pub mod bert;
pub mod custom;
pub mod directory;
pub mod encoder;
pub mod engine;
pub mod executor;
pub mod explain;
pub mod files;
pub mod golden;
pub mod graph;
pub mod iris;
mod loaded;
pub mod manifest;
mod registry;
pub mod simple;
pub mod toxicity;

pub use loaded::Loaded;
pub use registry::{Known, MAX_DESCRIPTION, Models, ModelsError};
