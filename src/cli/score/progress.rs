//! How far a run has come, on a terminal.

use std::io::{IsTerminal as _, stderr, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan::Source;

/// A bar where the size of the input is known, else a count.
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
    told: Option<Instant>,
    /// Rows of an earlier run.
    before: u64,
    /// Bytes of the files before each.
    offsets: Vec<u64>,
}

impl Progress {
    /// Shows nothing where nobody looks, or where the rows themselves go to the terminal.
    pub fn new(files: &[Source], output: Option<&PathBuf>, is_wanted: bool, before: u64) -> Self {
        let is_shown = is_wanted && stderr().is_terminal() && (output.is_some() || !stdout().is_terminal());
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let (mut offsets, mut total) = (Vec::new(), Some(0));
        for file in files {
            offsets.push(total.unwrap_or_default());
            let size = std::fs::metadata(&file.path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
            total = total.zip(size.filter(|_| !file.is_stdin())).map(|(total, size)| total + size);
        }
        let template = if total.is_some() { BAR } else { COUNT };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, target).with_style(style.progress_chars("=> "));
        if is_shown {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { bar, begun: Instant::now(), told: None, before, offsets }
    }

    /// So many rows are written, up to a place in one of the files.
    pub fn tell(&mut self, file: usize, offset: u64, rows: u64) {
        if self.bar.is_hidden() || self.told.is_some_and(|told| told.elapsed() < Duration::from_millis(100)) {
            return;
        }
        let position = self.offsets.get(file).copied().unwrap_or_default() + offset;
        if self.told.replace(Instant::now()).is_none() && self.before > 0 {
            // The time left is that of this run.
            self.bar.set_position(position);
            self.bar.reset_eta();
        }
        let per_second = (rows - self.before) as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{} rows, {}/s", HumanCount(rows), HumanCount(per_second as u64)));
        self.bar.set_position(position);
    }

    /// Takes it off the screen; answers, if it was there, what is to be said in its place.
    pub fn end(&self, rows: u64) -> Option<String> {
        if self.bar.is_hidden() {
            return None;
        }
        self.bar.finish_and_clear();
        let seconds = self.begun.elapsed().as_secs_f64();
        let new = rows - self.before;
        let per_second = HumanCount((new as f64 / seconds.max(1e-3)) as u64);
        Some(format!("{} rows in {seconds:.1} s, {per_second}/s", HumanCount(new)))
    }
}

const BAR: &str = "{wide_bar} {percent:>3} % of {total_bytes}, {msg}, {eta} left";
const COUNT: &str = "{spinner} {bytes}, {msg}, {elapsed}";
