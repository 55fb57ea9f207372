//! Compiles the models under `models/` into tables that the crate embeds, so that nothing is parsed at start, and the pages
//! under `src/pages/` into the bytes that are sent.
//!
//! Each is one [`Step`]: the files it reads and a function from those files to files in `OUT_DIR`. Adding a model is adding
//! a step; adding a page is adding an entry to the table of [`pages`].

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
#[path = "build/pages.rs"]
mod pages;

/// One compilation.
struct Step {
    /// Names the step when it fails.
    name: &'static str,
    /// What it reads, relative to the crate; of a directory, all that is in it. A change here runs the script again.
    inputs: &'static [&'static str],
    /// Reads the inputs below the first path and writes below the second; the error says what is wrong with which file.
    compile: fn(&Path, &Path) -> Result<(), String>,
}

const STEPS: &[Step] = &[
    Step { name: "model iris", inputs: iris::INPUTS, compile: iris::compile },
    Step { name: "pages", inputs: pages::INPUTS, compile: pages::compile },
];

fn main() -> ExitCode {
    let (Some(root), Some(out)) = (env::var_os("CARGO_MANIFEST_DIR"), env::var_os("OUT_DIR")) else {
        println!("cargo::error=CARGO_MANIFEST_DIR or OUT_DIR is not set: this script runs under cargo");
        return ExitCode::FAILURE;
    };
    let root = PathBuf::from(root);
    let mut status = ExitCode::SUCCESS;
    for step in STEPS {
        for input in step.inputs {
            println!("cargo::rerun-if-changed={}", root.join(input).display());
        }
        if let Err(error) = (step.compile)(&root, Path::new(&out)) {
            println!("cargo::error={}: {error}", step.name);
            status = ExitCode::FAILURE;
        }
    }
    status
}
