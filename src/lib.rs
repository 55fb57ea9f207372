//! tamis: an edge inference daemon.

pub mod alloc;
pub mod api;
pub mod cli;
pub mod json;
pub mod kernel;
pub mod metrics;
pub mod model;
pub mod problem;
pub mod server;
pub mod text;
