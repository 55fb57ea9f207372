//! `tamis completions` and `tamis man`: what the flags tell shells and readers.

use std::io::{Result, Write as _, stdout};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::config::CommandLine;

/// Prints the script that completes commands and flags in `shell`.
pub fn completions(shell: Shell) {
    clap_complete::generate(shell, &mut CommandLine::command(), NAME, &mut stdout());
}

/// Prints the manual page of `tamis`, or of one of its commands.
///
/// # Errors
/// If there is no such command, or standard output fails.
pub fn page(command: Option<&str>) -> Result<()> {
    let mut all = CommandLine::command().disable_help_subcommand(true);
    // Names and the flags that all share are handed down.
    all.build();
    let page = match command {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(name);
            found.ok_or_else(|| std::io::Error::other(format!("man: there is no command '{name}'")))?.clone()
        }
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
    stdout().write_all(&text)
}

const NAME: &str = "tamis";
