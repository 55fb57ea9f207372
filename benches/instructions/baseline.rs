//! The counts that are written down, and what a new one means beside them.

use std::fmt;
use std::fmt::Write as _;

pub const PATH: &str = "benches/instructions/baseline.csv";
/// By how much a count may rise, as a share of it.
const TOLERANCE: f64 = 0.02;

/// Counts by stage, and what they depend on beside the source.
#[derive(Default)]
pub struct Baseline {
    compiler: String,
    pub counts: Vec<(String, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Better,
    Worse,
    /// Another compiler, or a stage that is not written down.
    Unknown,
}

impl Baseline {
    /// No counts yet, by this compiler.
    pub fn here() -> Self {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = std::process::Command::new(rustc).arg("--version").output().expect("rustc");
        Self { compiler: String::from_utf8_lossy(&output.stdout).trim().to_owned(), counts: Vec::new() }
    }

    /// What is written down; nothing where there is no file.
    pub fn read() -> Self {
        let text = std::fs::read_to_string(file()).unwrap_or_default();
        let mut lines = text.lines();
        let compiler = lines.next().unwrap_or_default().trim_start_matches("# ").to_owned();
        let counts = lines.skip(1).filter_map(|line| {
            let (name, count) = line.rsplit_once(',')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Self { compiler, counts: counts.collect() }
    }

    pub fn write(&self) {
        let mut text = format!("# {}\nstage,instructions\n", self.compiler);
        for (name, count) in &self.counts {
            let _ = writeln!(text, "{name},{count}");
        }
        std::fs::write(file(), text).expect("a writable file");
    }

    pub fn count(&self, stage: &str) -> Option<u64> {
        self.counts.iter().find(|(name, _)| name == stage).map(|&(_, count)| count)
    }

    pub fn verdict(&self, found: &Self, stage: &str, count: u64) -> Verdict {
        match self.count(stage) {
            Some(before) if self.compiler == found.compiler => match count as f64 / before as f64 {
                ratio if ratio > 1.0 + TOLERANCE => Verdict::Worse,
                ratio if ratio < 1.0 - TOLERANCE => Verdict::Better,
                _ => Verdict::Same,
            },
            _ => Verdict::Unknown,
        }
    }

    /// Says why there was nothing to compare with, if there was not.
    pub fn explain(&self, found: &Self) {
        if self.compiler != found.compiler {
            println!("not compared: {PATH} is of '{}', this is '{}'", self.compiler, found.compiler);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Same => "same",
            Self::Better => "better: record it",
            Self::Worse => "WORSE",
            Self::Unknown => "not compared",
        })
    }
}

fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH)
}
