//! The subcommands.

pub mod features;
