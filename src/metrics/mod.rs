//! Recording, merging and rendering of the metrics contract.

pub mod labels;
