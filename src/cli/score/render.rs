//! What is written for a row: JSON or columns.

use super::chunk::Opened;
use super::names::Names;
use super::plan::Plan;
use super::worker::Wrong;
use crate::config::OutputFormat;
use crate::json::write::Writer;
use crate::model::toxicity::{Scores, Toxicity};

/// Scores and who gave them.
pub struct Verdict<'m> {
    /// Who.
    pub model: &'m Toxicity,
    /// The scores.
    pub scores: Scores,
}

/// What of the input is kept.
pub enum Kept<'r> {
    /// Nothing, or there is nothing.
    Nothing,
    /// The text, which has no name of its own.
    Text(&'r str),
    /// The same.
    OwnText(String),
    /// What stands between the braces of a JSON object, without space around it.
    Members(&'r str),
    /// Columns, with their names if they have any.
    Columns(Option<&'r csv::StringRecord>, &'r csv::ByteRecord),
}

/// Where rows are written.
pub struct Output<'o> {
    plan: &'o Plan,
    opened: &'o Opened,
    to: To<'o>,
}

enum To<'o> {
    Lines(&'o mut Vec<u8>),
    Columns(Box<csv::Writer<&'o mut Vec<u8>>>),
}

impl<'o> Output<'o> {
    /// Writes rows of `opened` to the end of `out`.
    pub fn new(plan: &'o Plan, opened: &'o Opened, out: &'o mut Vec<u8>) -> Self {
        let to = match plan.format {
            OutputFormat::Jsonl => To::Lines(out),
            OutputFormat::Csv => {
                let mut columns = csv::WriterBuilder::new();
                columns.delimiter(plan.delimiter).flexible(true);
                To::Columns(Box::new(columns.from_writer(out)))
            }
        };
        Self { plan, opened, to }
    }

    /// Writes what stands before the first row.
    pub fn head(&mut self) {
        let To::Columns(writer) = &mut self.to else { return };
        let Names { file, row, text, score, level, model, columns, error, error_type, .. } = &self.plan.names;
        let header = self.opened.header.as_ref().filter(|_| self.plan.keeps);
        if !self.plan.has_headers && self.plan.keeps {
            // Columns without names stay so.
            return;
        }
        let is_text = self.plan.keeps && header.is_none();
        let names = file.iter().chain([row]).map(String::as_str);
        let names = names.chain(header.into_iter().flatten()).chain(is_text.then_some(text.as_str()));
        let labels = columns.iter().map(|column| column.name.as_str());
        let names = names.chain([score.as_str(), level, model]).chain(labels).chain([error.as_str(), error_type]);
        // Writing to memory cannot fail, here and below.
        let _ = writer.write_record(names);
    }

    /// Writes a row: its number, what is kept of it, and its scores or what is wrong with it.
    pub fn row(&mut self, number: u64, kept: &Kept<'_>, verdict: &Result<Verdict<'_>, Wrong>) {
        let Self { plan, opened, to } = self;
        match to {
            To::Lines(out) => json(plan, opened, out, number, kept, verdict),
            To::Columns(writer) => {
                let _ = columns(plan, opened, writer, number, kept, verdict);
            }
        }
    }
}

fn json(
    plan: &Plan,
    opened: &Opened,
    out: &mut Vec<u8>,
    number: u64,
    kept: &Kept<'_>,
    verdict: &Result<Verdict<'_>, Wrong>,
) {
    let names = &plan.names;
    let mut object = Object { out, first: b"{" };
    if let Some(name) = &names.file {
        object.string(name, &opened.source.path.to_string_lossy());
    }
    object.value(&names.row, 20, |writer| writer.integer(number));
    match kept {
        Kept::Nothing => {}
        Kept::Text(text) => object.string(&names.text, text),
        Kept::OwnText(text) => object.string(&names.text, text),
        Kept::Members(members) => object.members(members),
        Kept::Columns(header, record) => {
            for (index, value) in record.iter().enumerate() {
                let number = (index + 1).to_string();
                let name = header.map_or(Some(number.as_str()), |header| header.get(index));
                // A row with more columns than names is at fault, which says so.
                let Some(name) = name else { continue };
                object.string(name, &String::from_utf8_lossy(value));
            }
        }
    }
    match verdict {
        Ok(Verdict { model, scores }) => {
            let manifest = model.manifest();
            object.value(&names.score, 20, |writer| writer.integer(u64::from(scores.score())));
            object.string(&names.level, model.level(scores.score()).as_str());
            object.string(&names.model, &manifest.name);
            object.value(&names.labels, manifest.named_bytes() + 2, |writer| {
                for (index, (label, &probability)) in manifest.labels.iter().zip(scores.probabilities()).enumerate() {
                    writer.raw(if index == 0 { b"{" } else { b"," });
                    writer.string(label);
                    writer.raw(b":");
                    writer.probability(probability);
                }
                writer.raw(b"}");
            });
        }
        Err(Wrong { problem, told }) => {
            object.string(&names.error, told);
            object.string(&names.error_type, problem.error_type());
        }
    }
    out.extend_from_slice(b"}\n");
}

fn columns(
    plan: &Plan,
    opened: &Opened,
    writer: &mut csv::Writer<&mut Vec<u8>>,
    number: u64,
    kept: &Kept<'_>,
    verdict: &Result<Verdict<'_>, Wrong>,
) -> csv::Result<()> {
    if plan.names.file.is_some() {
        writer.write_field(opened.source.path.to_string_lossy().as_bytes())?;
    }
    writer.write_field(number.to_string())?;
    match kept {
        Kept::Text(text) => writer.write_field(text)?,
        Kept::OwnText(text) => writer.write_field(text)?,
        Kept::Columns(header, record) => {
            let count = header.map_or(record.len(), csv::StringRecord::len);
            for index in 0..count {
                writer.write_field(record.get(index).unwrap_or_default())?;
            }
        }
        // Lines of text have one column each, whatever is in them.
        Kept::Nothing | Kept::Members(_) if plan.keeps => writer.write_field("")?,
        Kept::Nothing | Kept::Members(_) => {}
    }
    match verdict {
        Ok(Verdict { model, scores }) => {
            let manifest = model.manifest();
            writer.write_field(scores.score().to_string())?;
            writer.write_field(model.level(scores.score()).as_str())?;
            writer.write_field(&manifest.name)?;
            for column in &plan.names.columns {
                let at = manifest.labels.iter().position(|label| *label == column.label);
                let mut digits = [0; 16];
                let mut number = Writer::new(&mut digits);
                if let Some(&probability) = at.and_then(|at| scores.probabilities().get(at)) {
                    number.probability(probability);
                }
                let length = number.finish().unwrap_or_default();
                writer.write_field(&digits[..length])?;
            }
            writer.write_field("")?;
            writer.write_field("")?;
        }
        Err(Wrong { problem, told }) => {
            for _ in 0..3 + plan.names.columns.len() {
                writer.write_field("")?;
            }
            writer.write_field(told)?;
            writer.write_field(problem.error_type())?;
        }
    }
    writer.write_record(None::<&[u8]>)
}

/// A JSON object while it is written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    /// What stands before the next member.
    first: &'static [u8],
}

impl Object<'_> {
    /// Writes a member whose value takes at most `room` bytes.
    fn value(&mut self, name: &str, room: usize, write: impl FnOnce(&mut Writer<'_>)) {
        self.out.extend_from_slice(std::mem::replace(&mut self.first, b","));
        let from = self.out.len();
        self.out.resize(from + ESCAPED * name.len() + room + 3, 0);
        let mut writer = Writer::new(&mut self.out[from..]);
        writer.string(name);
        writer.raw(b":");
        write(&mut writer);
        let length = writer.finish().unwrap_or_default();
        self.out.truncate(from + length);
    }

    fn string(&mut self, name: &str, text: &str) {
        self.value(name, ESCAPED * text.len() + 2, |writer| writer.string(text));
    }

    /// Writes members as they stood.
    fn members(&mut self, members: &str) {
        if !members.is_empty() {
            self.out.extend_from_slice(std::mem::replace(&mut self.first, b","));
            self.out.extend_from_slice(members.as_bytes());
        }
    }
}

/// The most bytes that escaping makes of one.
const ESCAPED: usize = 6;
