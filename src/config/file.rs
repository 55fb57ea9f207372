//! The configuration file: TOML whose keys are the flags' names.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use toml::Value;

/// The file's settings as arguments for `command`, without those that the environment sets as well.
///
/// # Errors
/// Why the file cannot be read, where it is not TOML, or which key is not a flag.
pub fn arguments(path: &Path, command: &Command) -> Result<Vec<OsString>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}\n", path.display()))?;
    let table = text.parse::<toml::Table>().map_err(|error| format!("{}: {error}", path.display()))?;
    let mut arguments = Vec::new();
    for (key, value) in table {
        let flag = command.get_arguments().find(|flag| flag.get_long() == Some(&key) && key != "config");
        let flag = flag.ok_or_else(|| format!("{}: '{key}' is not a setting\n", path.display()))?;
        if flag.get_env().is_some_and(|name| std::env::var_os(name).is_some()) {
            continue;
        }
        match value {
            Value::Boolean(on) if flag.get_action().takes_values() => {
                arguments.push(format!("--{key}={}", if on { "on" } else { "off" }).into());
            }
            Value::Boolean(true) => arguments.push(format!("--{key}").into()),
            Value::Boolean(false) => {}
            Value::String(text) => arguments.push(format!("--{key}={text}").into()),
            Value::Integer(number) => arguments.push(format!("--{key}={number}").into()),
            _ => return Err(format!("{}: '{key}' must be a string, a whole number or a boolean\n", path.display())),
        }
    }
    Ok(arguments)
}
