//! tamis: an edge inference daemon that is its own metrics exporter.
//!
//! ```text
//! socket ─► server ─► api ─► json ─► text ─► model ─► kernel        scrape ─► server ─► metrics
//!                      └──────────── metrics (this worker's shard) ◄──┘
//! ```
//!
//! Dependencies run one way, in the direction of the arrows. A worker is one thread with everything it needs:
//! runtime, listener, slots, parser, text buffers, shard of the counters. Workers share what is read only (the
//! models) and what one thread writes and others only read (the shards). A model that takes milliseconds has threads of
//! its own behind a bounded queue: [`model::executor`]. Passwords have one such thread, and what requests must present is
//! held against [`auth`] by a gate in each worker. What was
//! loaded can be loaded anew under way: [`loading`]. With the feature `tls` a worker's connections may be encrypted: `tls`.

pub mod alloc;
pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod gzip;
pub mod json;
pub mod kernel;
pub mod loading;
pub mod log;
pub mod metrics;
pub mod model;
pub mod pages;
pub mod pool;
pub mod problem;
pub mod secrecy;
pub mod server;
pub mod signals;
mod stamp;
mod sync;
pub mod text;
#[cfg(feature = "tls")]
pub mod tls;
