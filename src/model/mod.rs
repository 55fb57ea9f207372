//! (in construction)

pub mod iris;
