//! What the daemon promises of bytes from outside: each promise a function of bytes, which panics where it is broken.
//!
//! libFuzzer calls them through `fuzz_targets/`, and `cargo test` through `tests/fuzzed.rs`. Each compares with an oracle where there
//! is one: another parser, a definition written the slow way, the portable twin of a kernel, the input of what is being undone.
//! `README.md` says what each proves.

pub mod connection;
pub mod credentials;
mod daemon;
pub mod escaping;
pub mod exposition;
pub mod features;
pub mod forms;
pub mod gzip;
pub mod json;
pub mod kernels;
pub mod manifest;
pub mod negotiation;
pub mod normalize;
pub mod onnx;
pub mod requests;
pub mod routing;
mod sample;
pub mod tokens;
pub mod wordpiece;

/// A promise.
pub struct Target {
    /// The name of its corpus and of its fuzz target.
    pub name: &'static str,
    /// Holds the daemon to it for one input.
    pub run: fn(&[u8]),
    /// How many mutations of the corpus `cargo test` tries: as many as take about a second.
    pub mutations: usize,
}

/// All of them.
pub const TARGETS: [Target; 17] = [
    Target { name: "connection", run: connection::run, mutations: 1_500 },
    Target { name: "credentials", run: credentials::run, mutations: 5_000 },
    Target { name: "escaping", run: escaping::run, mutations: 20_000 },
    Target { name: "exposition", run: exposition::run, mutations: 300 },
    Target { name: "features", run: features::run, mutations: 3_000 },
    Target { name: "forms", run: forms::run, mutations: 20_000 },
    Target { name: "gzip", run: gzip::run, mutations: 3_000 },
    Target { name: "json", run: json::run, mutations: 20_000 },
    Target { name: "kernels", run: kernels::run, mutations: 1_000 },
    Target { name: "manifest", run: manifest::run, mutations: 3_000 },
    Target { name: "negotiation", run: negotiation::run, mutations: 20_000 },
    Target { name: "normalize", run: normalize::run, mutations: 10_000 },
    Target { name: "onnx", run: onnx::run, mutations: 300 },
    Target { name: "requests", run: requests::run, mutations: 5_000 },
    Target { name: "routing", run: routing::run, mutations: 20_000 },
    Target { name: "tokens", run: tokens::run, mutations: 5_000 },
    Target { name: "wordpiece", run: wordpiece::run, mutations: 3_000 },
];
