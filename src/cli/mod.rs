//! The subcommands beside `serve`.
#![expect(clippy::print_stdout, reason = "what these commands are for")]

mod credentials;
pub mod explain;
pub mod features;
mod healthcheck;
mod lines;
mod manual;
pub mod normalize;
pub mod pieces;
mod score;

use std::io::{Result, Write as _, stdin, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::config::{self, Command, Flags, ListFormat};
use crate::loading::trial;
use crate::metrics;
use crate::metrics::labels::Handler;
use crate::model::engine::EngineError;
use crate::model::toxicity::{BERT, EngineChoice, SIMPLE, Toxicity};
use crate::model::{Models, bert};
use crate::pages;
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
        Command::CheckModels => return Ok(trial::here(flags)),
        Command::Score(score) => return Ok(score::run(score, flags)),
        Command::Explain { model } => {
            with_model(flags, model, |model| explain::run(model, stdin().lock(), stdout().lock()))?;
        }
        Command::Features => features::run(stdin().lock(), stdout().lock())?,
        Command::Normalize => normalize::run(stdin().lock(), stdout().lock())?,
        Command::Pieces { vocabulary, max } => {
            pieces::run(&pieces::read(vocabulary)?, *max, stdin().lock(), stdout().lock())?;
        }
        Command::PrintMetrics { format: ListFormat::Markdown } => metrics::write_markdown(&mut stdout().lock())?,
        Command::PrintMetrics { format: ListFormat::Json } => metrics::write_json(&mut stdout().lock())?,
        Command::PrintConfig => print!("{}", config::markdown()),
        Command::PrintOpenapi => {
            stdout().lock().write_all(pages::at(Handler::OpenApi).map_or(&[], |page| page.plain.bytes))?;
        }
        Command::HashPassword => println!("{}", credentials::hash_password()?),
        Command::NewKey { name, scopes } => print!("{}", credentials::new_key(name, scopes)?),
        Command::Healthcheck => return Ok(healthcheck::run(flags)),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man { command } => manual::page(command.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn load(flags: &Flags) -> Result<Models> {
    Models::load(flags.model_dir.as_deref(), flags.engine.into()).map_err(std::io::Error::other)
}

/// Loading compares every model with its golden answers; a difference is an error. A line a model.
fn check(flags: &Flags) -> Result<()> {
    let models = load(flags)?;
    // Serving may leave tract out; checking does not.
    Toxicity::embedded(&SIMPLE, EngineChoice::Tract).map_err(std::io::Error::other)?;
    let iris = crate::model::iris::info();
    println!("iris: table, {} golden rows agree, OK", iris.golden_rows);
    let mut scratch = Scratch::new(flags.max_text_bytes);
    let bert = if bert::EMBEDDED && models.user_bert.is_none() {
        Toxicity::embedded(&BERT, EngineChoice::Tract).map_err(std::io::Error::other)?;
        Some(bert::load(flags.engine.into()).map_err(std::io::Error::other)?)
    } else {
        None
    };
    for model in models.toxicity_models().chain(&bert) {
        let (name, engine) = (&model.manifest().name, model.engine_name());
        let rows = match model.golden_rows() {
            0 => "no golden rows".to_owned(),
            rows => format!("{rows} golden rows agree"),
        };
        let milliseconds = milliseconds_per_text(model, &mut scratch).map_err(std::io::Error::other)?;
        println!("{name}: {engine}, {rows}, {milliseconds:.3} ms a text of {} characters, OK", SAMPLE.len());
    }
    Ok(())
}

/// The least of several measurements of the way from [`SAMPLE`] to its scores.
fn milliseconds_per_text(model: &Toxicity, scratch: &mut Scratch) -> std::result::Result<f64, EngineError> {
    let (mut least, start) = (f64::INFINITY, Instant::now());
    for run in 0.. {
        let begun = Instant::now();
        model.score(SAMPLE, scratch)?;
        least = least.min(begun.elapsed().as_secs_f64() * 1e3);
        if run >= 2 && start.elapsed() > Duration::from_millis(50) {
            break;
        }
    }
    Ok(least)
}

/// What `check` measures the time of.
const SAMPLE: &str =
    "The meeting on Thursday was moved to the small room, so please bring your own chair and a little patience.";

/// Does `work` with the model called `name`, loaded for it.
fn with_model(flags: &Flags, name: &str, work: impl FnOnce(&Toxicity) -> Result<()>) -> Result<()> {
    let models = load(flags)?;
    let named = |model: &&Toxicity| model.manifest().name == name;
    if let Some(model) = models.toxicity_models().find(named) {
        return work(model);
    }
    if bert::EMBEDDED && name == "bert" {
        return work(&bert::load(flags.engine.into()).map_err(std::io::Error::other)?);
    }
    let names: Vec<_> = models.toxicity_models().map(|model| model.manifest().name.as_str()).collect();
    let bert = if bert::EMBEDDED { " and bert" } else { "" };
    Err(std::io::Error::other(format!("--model: there is no {name:?}; there are {}{bert}", names.join(", "))))
}
