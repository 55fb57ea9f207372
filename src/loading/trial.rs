//! A user's models tried in a process of their own before this one loads them: over a graph that it does not know tract may
//! panic, or call itself until its stack ends, and who serves must not end by what it is asked to load.

use std::io::{Write as _, stdout};
use std::panic;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use clap::ValueEnum as _;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::config::{Engine, Flags};
use crate::log;
use crate::model::directory;
use crate::model::files::Files;
use crate::model::toxicity::{LoadError, Toxicity};

/// Has a process of this binary load each model of `directory`, and ends with it. Where there is no such process to be had, a line
/// of the log says so and nothing is refused.
///
/// # Errors
/// What is wrong with the first model that is refused, or how the process ended over it.
pub fn elsewhere(directory: &Path, engine: Engine) -> Result<(), String> {
    let engine = engine.to_possible_value();
    let tried = Command::new(THIS_BINARY)
        .args([COMMAND, "--engine", engine.as_ref().map_or("auto", |value| value.get_name()), "--model-dir"])
        .arg(directory)
        // Its settings are these and no others.
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let tried = match tried {
        Ok(tried) => tried,
        Err(error) => {
            tracing::warn!(%error, "models are loaded untried: there is no process to try them in");
            return Ok(());
        }
    };
    if tried.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&tried.stdout);
    let last = told.trim_end().lines().last().unwrap_or_default();
    Err(if last.is_empty() || last.ends_with(':') {
        format!("{last} to load it ends its process: {}", tried.status)
    } else {
        last.to_owned()
    })
}

/// What that process does: loads the models of `--model-dir`, one after the other, and exits. On standard output it writes a line for
/// each, with its name, and last what is wrong.
pub fn here(flags: &Flags) -> ExitCode {
    // It does not outlive who waits for it, and where memory ends it is the first to go. A kernel that knows no such thing does
    // not keep it from its work.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    panic::set_hook(Box::new(|panicked| {
        // Behind the name of the model.
        let reason = panicked.payload_as_str().and_then(|reason| reason.lines().next()).unwrap_or("no reason given");
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        tell(&format!(
            "to load it ends in a panic: {reason} ({place}); needed: operators and shapes that tract knows\n"
        ));
        log::end(REFUSED.into());
    }));
    let Some(directory) = &flags.model_dir else {
        return refuse("there is nothing to load: --model-dir is not given");
    };
    let manifests = match directory::manifests(directory) {
        Ok(manifests) => manifests,
        Err(cause) => return refuse(&LoadError { file: directory.display().to_string(), cause }.to_string()),
    };
    for manifest in manifests {
        let files = Files::Directory(directory);
        tell(&format!("{}: ", files.display(&manifest)));
        if let Err(error) = Toxicity::load(files, &manifest, flags.engine.into()) {
            return refuse(&format!("\n{error}"));
        }
        tell("good\n");
    }
    ExitCode::SUCCESS
}

fn refuse(reason: &str) -> ExitCode {
    tell(&format!("{reason}\n"));
    ExitCode::from(REFUSED)
}

fn tell(what: &str) {
    let mut out = stdout();
    // If nobody listens, nobody loads.
    let _ = out.write_all(what.as_bytes()).and_then(|()| out.flush());
}

/// The command of this binary that does it, as clap spells it.
const COMMAND: &str = "check-models";
/// The file that runs, though another may lie in its place by now.
const THIS_BINARY: &str = "/proc/self/exe";
/// As a daemon ends that cannot serve its models.
const REFUSED: u8 = 2;
