//! The subcommands beside `serve`.
#![expect(clippy::print_stdout, reason = "what these commands are for")]

pub mod explain;
pub mod features;
mod healthcheck;
mod lines;
pub mod normalize;
pub mod pieces;

use std::io::{BufRead as _, Result, Write as _, stdin, stdout};
use std::process::ExitCode;

use crate::config::{self, Command, Flags};
use crate::metrics;
use crate::model::Models;
use crate::model::toxicity::{EngineChoice, Toxicity};
use crate::text::Scratch;

/// Runs `command` and answers its exit code.
///
/// # Errors
/// If standard input or output fails, or a model cannot be loaded.
pub fn run(command: &Command, flags: &Flags) -> Result<ExitCode> {
    match command {
        // `main` serves by itself.
        Command::Serve => {}
        Command::Check => check(flags)?,
        Command::Score => score(flags)?,
        Command::Explain => explain::run(&load(flags)?.toxicity, stdin().lock(), stdout().lock())?,
        Command::Features => features::run(stdin().lock(), stdout().lock())?,
        Command::Normalize => normalize::run(stdin().lock(), stdout().lock())?,
        Command::Pieces { vocabulary, max } => {
            pieces::run(&pieces::read(vocabulary)?, *max, stdin().lock(), stdout().lock())?;
        }
        Command::PrintMetrics => metrics::write_markdown(&mut stdout().lock())?,
        Command::PrintConfig => print!("{}", config::markdown()),
        Command::Healthcheck => return Ok(healthcheck::run(flags)),
    }
    Ok(ExitCode::SUCCESS)
}

fn load(flags: &Flags) -> Result<Models> {
    Models::load(flags.model_dir.as_deref(), flags.engine.into()).map_err(std::io::Error::other)
}

/// Loading compares every model with its golden answers; a difference is an error.
fn check(flags: &Flags) -> Result<()> {
    let models = load(flags)?;
    println!("iris: {} golden rows agree", crate::model::iris::info().golden_rows);
    // Serving may leave tract out; checking does not.
    let tract = Toxicity::load(flags.model_dir.as_deref(), EngineChoice::Tract).map_err(std::io::Error::other)?;
    let served = models.toxicity.engine_name();
    println!("simple: the golden rows agree on {} and on {served}, which serves", tract.engine_name());
    Ok(())
}

/// Score, level and text, a line for every line of standard input.
fn score(flags: &Flags) -> Result<()> {
    let models = load(flags)?;
    let mut scratch = Scratch::new(flags.max_text_bytes);
    let mut output = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line?;
        let text = &line[..line.floor_char_boundary(flags.max_text_bytes)];
        match models.toxicity.score(text, &mut scratch).map_err(std::io::Error::other)? {
            Some(scores) => {
                let level = models.toxicity.level(scores.score()).as_str();
                writeln!(output, "{}\t{level}\t{line}", scores.score())?;
            }
            None => writeln!(output, "-\tempty\t{line}")?,
        }
    }
    Ok(())
}
