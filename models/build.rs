//! Compiles the models under `models/` into tables that the crate embeds, so that nothing is parsed at start.
//!
//! Each model is one [`Step`]: the files it reads and a function from those files to files in `OUT_DIR`. Adding a
//! model is adding a step.

#![allow(clippy::print_stdout)] // standard output is how a build script talks to cargo

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[path = "build/forest.rs"]
mod forest;
#[path = "build/grid.rs"]
mod grid;
#[path = "build/iris.rs"]
mod iris;

/// One model's compilation.
struct Step {
    /// Names the step when it fails.
    name: &'static str,
    /// What it reads, relative to `models/`: a change here runs the script again.
    inputs: &'static [&'static str],
    /// Reads the inputs below the first path and writes below the second; the error says what is wrong with which file.
    compile: fn(&Path, &Path) -> Result<(), String>,
}

const STEPS: &[Step] = &[Step { name: "iris", inputs: iris::INPUTS, compile: iris::compile }];

fn main() -> ExitCode {
    let (Some(root), Some(out)) = (env::var_os("CARGO_MANIFEST_DIR"), env::var_os("OUT_DIR")) else {
        println!("cargo::error=CARGO_MANIFEST_DIR or OUT_DIR is not set: this script runs under cargo");
        return ExitCode::FAILURE;
    };
    let models = PathBuf::from(root).join("models");
    let mut status = ExitCode::SUCCESS;
    for step in STEPS {
        for input in step.inputs {
            println!("cargo::rerun-if-changed={}", models.join(input).display());
        }
        if let Err(error) = (step.compile)(&models, Path::new(&out)) {
            println!("cargo::error=model {}: {error}", step.name);
            status = ExitCode::FAILURE;
        }
    }
    status
}
