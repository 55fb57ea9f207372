//! What is asked of a run, with everything that was left open decided.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::member;
use super::names::Names;
use super::scorer::Scorer;
use crate::config::{Flags, InputFormat, OutputFormat, ScoreFlags};

/// The settings of a run.
pub struct Plan {
    /// What is read, in order.
    pub files: Vec<Source>,
    /// Which column or member the text is.
    pub field: Option<String>,
    /// The same as the way to a member.
    pub member: member::Path,
    /// Whether files of columns begin with their names.
    pub has_headers: bool,
    /// What is written.
    pub format: OutputFormat,
    /// What parts the columns that are written.
    pub delimiter: u8,
    /// Whether what stands in the input is kept.
    pub keeps: bool,
    /// What the members and columns that are added are called.
    pub names: Names,
    /// The longest text, in bytes of UTF-8.
    pub max_text: usize,
    /// Whether the first row at fault ends the run.
    pub is_strict: bool,
}

/// One input.
#[derive(Clone, Debug)]
pub struct Source {
    /// `-` for standard input.
    pub path: PathBuf,
    /// How its rows stand in it.
    pub format: InputFormat,
    /// What parts its columns.
    pub delimiter: u8,
}

impl Plan {
    /// Decides what `score` leaves open.
    ///
    /// # Errors
    /// What does not go together.
    pub fn new(score: &ScoreFlags, flags: &Flags, scorer: &Scorer) -> Result<Self, String> {
        let paths = if score.files.is_empty() { vec![PathBuf::from(STDIN)] } else { score.files.clone() };
        if paths.iter().filter(|path| path.as_os_str() == STDIN).count() > 1 {
            return Err("standard input, '-', can be read only once".to_owned());
        }
        let files: Vec<_> = paths.into_iter().map(|path| Source::new(path, score)).collect();
        let extension = score.output.as_deref().map(extension).unwrap_or_default();
        let by_extension = if COLUMNS.contains(&extension.as_str()) { OutputFormat::Csv } else { OutputFormat::Jsonl };
        let format = score.format.unwrap_or(by_extension);
        let is_json = |source: &Source| source.format == InputFormat::Jsonl;
        if score.keep && format == OutputFormat::Csv && files.iter().any(is_json) {
            return Err(
                "--keep cannot make columns of the members of JSON lines: write them with --format jsonl".into()
            );
        }
        let field = score.field.clone().or_else(|| (!score.no_headers).then(|| FIELD.to_owned()));
        Ok(Self {
            member: member::Path::parse(field.as_deref().unwrap_or(FIELD)),
            names: Names::new(&score.prefix, files.len() > 1, scorer),
            files,
            field,
            has_headers: !score.no_headers,
            format,
            delimiter: score.delimiter.unwrap_or(if TABBED.contains(&extension.as_str()) { b'\t' } else { b',' }),
            keeps: score.keep,
            max_text: flags.max_text_bytes,
            is_strict: score.strict,
        })
    }

    /// The longest row, in bytes: with room for the longest text in any notation, and for as much beside it as anyone has.
    pub const fn max_row(&self) -> usize {
        (16 << 20) + 8 * self.max_text
    }

    /// What the bytes of the output depend on, beside the input's.
    pub fn identity(&self, score: &ScoreFlags, flags: &Flags, scorer: &Scorer) -> Value {
        let files: Vec<_> = self.files.iter().map(|file| json!([file.path, format!("{:?}", file.format)])).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "files": files,
            "field": self.field,
            "headers": self.has_headers,
            "delimiters": [score.delimiter, self.delimiter],
            "format": format!("{:?}", self.format),
            "keep": self.keeps,
            "prefix": score.prefix,
            "model": [score.model, scorer.identity(), format!("{:?}", flags.engine)],
            "max-text-bytes": self.max_text,
        })
    }
}

impl Source {
    fn new(path: PathBuf, score: &ScoreFlags) -> Self {
        let extension = extension(&path);
        let by_extension = match extension.as_str() {
            name if COLUMNS.contains(&name) => InputFormat::Csv,
            "jsonl" | "ndjson" => InputFormat::Jsonl,
            _ => InputFormat::Text,
        };
        let delimiter = if TABBED.contains(&extension.as_str()) { b'\t' } else { b',' };
        Self {
            path,
            format: score.input_format.unwrap_or(by_extension),
            delimiter: score.delimiter.unwrap_or(delimiter),
        }
    }

    /// What people call it.
    pub fn name(&self) -> String {
        if self.is_stdin() { "standard input".to_owned() } else { self.path.display().to_string() }
    }

    /// Whether it is standard input.
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }
}

/// In lower case; nothing where there is none.
fn extension(path: &Path) -> String {
    path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase()
}

const STDIN: &str = "-";
/// The text where `--field` is not said and columns have names.
pub const FIELD: &str = "text";
const COLUMNS: [&str; 3] = ["csv", "tsv", "tab"];
const TABBED: [&str; 2] = ["tsv", "tab"];
