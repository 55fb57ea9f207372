//! Models: what they are, and the engines that run them.

pub mod engine;
pub mod golden;
pub mod manifest;
pub mod simple;
pub mod toxicity;
