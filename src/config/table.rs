//! The flags as a Markdown table, for the README.

use std::fmt::Write as _;

use clap::CommandFactory;

use super::CommandLine;

/// Flag, environment twin, default and meaning, a line each.
pub fn markdown() -> String {
    let mut table = "| flag | environment | default | what |\n|---|---|---|---|\n".to_owned();
    for flag in CommandLine::command().get_arguments() {
        let (Some(long), Some(variable)) = (flag.get_long(), flag.get_env()) else { continue };
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        let (what, told) = help.split_once(" [default: ").unwrap_or((&help, ""));
        let default = match flag.get_default_values() {
            _ if !told.is_empty() => told.trim_end_matches(']').to_owned(),
            [] if !flag.get_action().takes_values() => "off".to_owned(),
            [] => "none".to_owned(),
            values => format!("`{}`", values[0].display()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `--{long}` | `{}` | {default} | {what} |", variable.display());
    }
    table
}
