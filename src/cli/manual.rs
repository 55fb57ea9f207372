//! `tamis completions` and `tamis man`: what the flags tell shells and readers.

use std::io::{Error, Result, Write as _, stdout};

use clap::{Command, CommandFactory as _};
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
    let mut text = Vec::new();
    render(command, &mut text)?;
    // What stands behind the help of a command is how it ends.
    let text = String::from_utf8_lossy(&text).replace(".SH EXTRA\n", ".SH \"EXIT STATUS\"\n");
    stdout().write_all(text.as_bytes())
}

fn render(command: Option<&str>, text: &mut Vec<u8>) -> Result<()> {
    // Each page is of a command that exists: `help` is none.
    let mut all = CommandLine::command().disable_help_subcommand(true);
    // Hands down what all share.
    all.build();
    let source = concat!("tamis ", env!("CARGO_PKG_VERSION"));
    let dated = |page: Command| Man::new(page).source(source).manual("tamis").date("");
    let Some(name) = command else { return dated(all).render(text) };
    let found = all.find_subcommand(name);
    let found = found.ok_or_else(|| Error::other(format!("man: there is no command '{name}'")))?.clone();
    // The settings stand in the page of `tamis`.
    dated(found.mut_args(|flag| if flag.get_env().is_some() { flag.hide(true) } else { flag })).render(text)?;
    writeln!(
        text,
        ".SH \"SEE ALSO\"\n\\fBtamis\\fR(1), whose settings, such as \\fB\\-\\-model\\-dir\\fR, are taken here too."
    )
}

const NAME: &str = "tamis";
