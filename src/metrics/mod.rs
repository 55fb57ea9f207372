//! Recording, merging and rendering of the metrics contract.
//!
//! ```text
//! worker thread   Shard, InProgress  ── relaxed loads and stores ──►  the worker's own cells
//!                                                                          │ relaxed loads
//! scrape          Exporter ─► ProcessReader ─► Snapshot (merge, fold) ◄────┘
//!                          └► Template (text format 0.0.4) ─► the caller's slice
//! ```
//!
//! The catalog says what exists; shards, snapshot, template and listing follow it, and tests tie them together.
//! Cardinality does not depend on traffic or on the number of workers: every series is there, as 0, from the first
//! scrape.

pub mod catalog;
pub mod clients;
pub mod counter;
pub mod decimal;
pub mod escape;
mod exporter;
pub mod family;
pub mod histogram;
pub mod labels;
mod listing;
pub mod process;
mod request;
pub mod series;
mod shard;
mod snapshot;
mod text;

pub use exporter::Exporter;
pub use listing::write_markdown;
pub use request::InProgress;
pub use shard::{Answer, Shard};
pub use snapshot::{LiveFacts, Snapshot};
pub use text::{BufferFull, CONTENT_TYPE, LoadedModel, StaticFacts, Template};
