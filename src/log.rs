//! Log lines on standard error: JSON for machines, text for people; and a panic's last words.

pub mod access;
mod json;

use tracing::level_filters::LevelFilter;

use crate::config::{LogFormat, LogLevel};

/// Ends the process without unwinding: for a panic, and for an operator who does not want to wait.
#[expect(clippy::disallowed_methods, reason = "the two ends that must not wait for a drain")]
pub fn end(code: i32) -> ! {
    std::process::exit(code)
}

/// Sets the process's subscriber, and makes a panic in any thread end the process after one line that says
/// where and why: a daemon that has lost a worker must be restarted, not limp on.
pub fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A line that cannot be written, because a disk is full or the reader is gone, is lost. To complain of it in the same place
    // would be a panic, and end what serves on.
    let lines = lines.log_internal_errors(false);
    match format {
        LogFormat::Json => lines.event_format(json::Json).init(),
        LogFormat::Text => lines.with_target(false).with_ansi(false).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        let thread = std::thread::current();
        tracing::error!(reason, place, thread = thread.name(), "panic");
        end(70);
    }));
}
