//! Recording, merging and rendering of the metrics contract.
//!
//! ```text
//! worker thread   Shard, InProgress  ── relaxed loads and stores ──►  the worker's own cells
//!                                                                          │ relaxed loads
//! scrape          Exporter ─► ProcessReader ─► Snapshot (merge, fold) ◄────┘
//!                          ├► Template as Text or OpenMetrics ─┬► the caller's slice
//!                          ├► Encoder (protocol buffers) ──────┘  (through Gzip where that is asked for)
//!                          └► whoever shows the values in another way (`GET /status`)
//! ```
//!
//! The catalog says what exists; shards, snapshot, formats and listing follow it, and tests tie them together.
//! Cardinality is bounded whatever the traffic: every series is there, as 0, from the first scrape, but for those of a few
//! routes, which are there from the first request to the route. Each worker has two.

pub mod catalog;
pub mod clients;
pub mod counter;
pub mod decimal;
pub mod drift;
mod durations;
pub mod escape;
pub mod exemplar;
mod exporter;
mod facts;
pub mod family;
pub mod histogram;
#[cfg(all(test, feature = "loom"))]
mod interleavings;
pub mod labels;
mod layout;
mod listing;
pub mod native;
pub mod negotiate;
mod openmetrics;
pub mod process;
pub mod protobuf;
mod request;
pub mod series;
mod shard;
mod shown;
mod snapshot;
mod stages;
mod text;
mod tls;
mod totals;
mod trace;
mod wire;

pub use exporter::Exporter;
pub use facts::{EarlierLoads, LoadedModel, StaticFacts};
pub use layout::{BufferFull, Dialect, Template};
pub use listing::{write_json, write_markdown};
pub use negotiate::{Format, Representation};
pub use openmetrics::OpenMetrics;
pub use request::InProgress;
pub use shard::{Answer, Shard};
pub use shown::Shown;
pub use snapshot::{LiveFacts, RELOADS, Snapshot};
pub use stages::Stages;
pub use text::Text;
pub use tls::{TlsCounts, TlsFigures};
pub use totals::answered;
pub use trace::Trace;
