//! The flags of `tamis score`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{at_least_one, available_cpus};

/// What to read, how to score it and what to write.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ScoreFlags {
    /// Files to read, in order; '-', or none, is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// How rows stand in the files [default: as their extensions say, else text]
    #[arg(short, long, value_name = "FORMAT")]
    pub input_format: Option<InputFormat>,

    /// Where a row's text is (--column is the same): a column's name or number from 1; a member of a JSON object, as 'a.b' or '/a/b' [default: text]
    #[arg(short = 'c', long = "field", visible_alias = "column", value_name = "NAME")]
    pub field: Option<String>,

    /// What parts columns, read and written: one ASCII character or '\t' [default: ',', of .tsv a tab]
    #[arg(short, long, value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<u8>,

    /// Files of columns begin without a line of names
    #[arg(long)]
    pub no_headers: bool,

    /// Write here, not to standard output; a run that is cut off can go on with --resume
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// What to write [default: as the extension of --output says, else jsonl]
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<OutputFormat>,

    /// The model: 'simple', 'bert', 'auto' or one of --model-dir
    #[arg(short, long, default_value = "simple", value_name = "NAME")]
    pub model: String,

    /// Keep what the input has: its text, columns or members, before the scores
    #[arg(short, long)]
    pub keep: bool,

    /// Put this before each name that is added
    #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
    pub prefix: String,

    /// Threads that score [default: one per CPU that the cgroup grants]
    #[arg(short = 'j', long, value_name = "COUNT", value_parser = at_least_one())]
    pub threads: Option<usize>,

    /// Go on where a run with the same input and settings was cut off
    #[arg(short, long, requires = "output")]
    pub resume: bool,

    /// Stop at the first row at fault
    #[arg(long)]
    pub strict: bool,

    /// Show no progress, not on a terminal either
    #[arg(long)]
    pub no_progress: bool,
}

/// `--input-format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A text a line
    Text,
    /// Columns, quoted as RFC 4180 has it
    Csv,
    /// A JSON object, or a string, a line
    Jsonl,
}

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A JSON object a line
    Jsonl,
    /// Columns
    Csv,
}

impl ScoreFlags {
    /// `--threads`, or one per CPU of the cgroup's quota and the affinity mask.
    pub fn threads(&self) -> usize {
        self.threads.unwrap_or_else(available_cpus)
    }
}

/// One byte that can part columns: not what ends or quotes them.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        &[byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | 0) => Ok(byte),
        _ => Err("not one ASCII character other than a quotation mark, such as ',', ';' or '\\t'".to_owned()),
    }
}
