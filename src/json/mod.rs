//! JSON without allocation: reading over a recycled tape, writing into a slice.

pub mod flat;
pub mod locate;
pub mod read;
pub mod write;
