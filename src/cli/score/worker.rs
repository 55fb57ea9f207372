//! A thread that scores: the rows of a chunk in, what is to be written out.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::chunk::{Chunk, Opened, Unread};
use super::names::Names;
use super::plan::Plan;
use super::render::{Kept, Output, Verdict};
use super::scorer::Scorer;
use crate::api::{SMALL_REPLY, fault};
use crate::config::InputFormat;
use crate::json::write::Writer;
use crate::problem::{Fault, Problem};
use crate::text::Scratch;

/// What is wrong with a row.
pub struct Wrong {
    /// Which kind of problem it is.
    pub problem: Problem,
    /// For people, with the line.
    pub told: String,
}

/// The thread's own memory.
pub struct Worker<'p> {
    plan: &'p Plan,
    scorer: &'p Scorer,
    scratch: Scratch,
    record: csv::ByteRecord,
}

/// A row as it stands in the file.
struct Row<'r> {
    /// From 1.
    number: u64,
    /// The line of the file that it begins with, from 1.
    line: u64,
    text: Result<Cow<'r, str>, Wrong>,
    kept: Kept<'r>,
}

impl<'p> Worker<'p> {
    /// A worker on a run.
    pub fn new(plan: &'p Plan, scorer: &'p Scorer) -> Self {
        Self { plan, scorer, scratch: Scratch::new(plan.max_text), record: csv::ByteRecord::new() }
    }

    /// Scores the rows of `chunk`.
    pub fn score(&mut self, chunk: &mut Chunk) {
        let Some(opened) = chunk.opened.clone() else { return };
        let (input, mut written) = (std::mem::take(&mut chunk.input), std::mem::take(&mut chunk.output));
        let mut output = Output::new(self.plan, &opened, &mut written);
        if chunk.is_first {
            output.head();
        }
        if let Some(unread) = chunk.unread {
            let _ = self.finish(unread_row(unread, chunk), chunk, &mut output);
        } else {
            match opened.source.format {
                InputFormat::Text => self.lines(&input, chunk, &mut output, Self::line_of_text),
                InputFormat::Jsonl => self.lines(&input, chunk, &mut output, Self::line_of_json),
                InputFormat::Csv => self.columns(&input, &opened, chunk, &mut output),
            }
        }
        drop(output);
        (chunk.input, chunk.output) = (input, written);
    }

    fn lines(
        &mut self,
        input: &[u8],
        chunk: &mut Chunk,
        output: &mut Output<'_>,
        read: for<'r> fn(&Plan, &'r [u8], u64) -> Option<Row<'r>>,
    ) {
        let lines = input.strip_suffix(b"\n").unwrap_or(input).split(|&byte| byte == b'\n');
        for (number, line) in (chunk.start.rows + 1..).zip(lines) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(row) = (!input.is_empty()).then(|| read(self.plan, line, number)).flatten() else { continue };
            if self.finish(row, chunk, output).is_break() {
                return;
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "a blank line of text is a row, a blank line of JSON is none")]
    fn line_of_text<'r>(_: &Plan, line: &'r [u8], number: u64) -> Option<Row<'r>> {
        let text = utf8(line, number);
        let kept = text.as_ref().map_or(Kept::Nothing, |text| Kept::Text(text));
        Some(Row { number, line: number, kept, text: text.map(Cow::Borrowed) })
    }

    fn line_of_json<'r>(plan: &Plan, line: &'r [u8], number: u64) -> Option<Row<'r>> {
        let row = |text, kept| Some(Row { number, line: number, text, kept });
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let line = match utf8(line, number) {
            Ok(line) => line,
            Err(wrong) => return row(Err(wrong), Kept::Nothing),
        };
        let found = match plan.member.find(line, &|name| plan.keeps && plan.names.has(name)) {
            Ok(found) => found,
            Err(error) => {
                let told = error.to_string();
                let what = told.split(" at line ").next().unwrap_or_default();
                if error.is_data() {
                    let told = format!("line {number}: {what}");
                    return row(Err(Wrong { problem: Problem::InvalidType, told }), Kept::Nothing);
                }
                let told = format!("line {number}: not JSON: {what} at column {}", error.column());
                return row(Err(Wrong { problem: Problem::MalformedJson, told }), Kept::Nothing);
            }
        };
        let field = plan.field.as_deref().unwrap_or_default();
        let wrong = |fault: Fault| Wrong::new(&fault.field(field), number);
        if let Some(name) = found.taken {
            let told = format!("line {number}: {}", Names::told(&name));
            return row(Err(Wrong { problem: Problem::DuplicateField, told }), Kept::Nothing);
        }
        let text = match found.text {
            _ if found.is_twice => Err(wrong(Fault::new(Problem::DuplicateField))),
            None => Err(wrong(Fault::new(Problem::MissingField).expected("name it by --field", ""))),
            Some(Err(other)) => Err(wrong(Fault::new(Problem::InvalidType).expected("a string", other))),
            Some(Ok(text)) => Ok(text),
        };
        let kept = match &text {
            _ if found.is_object => Kept::Members(line[1..line.len() - 1].trim_ascii()),
            Ok(Cow::Borrowed(text)) => Kept::Text(text),
            Ok(Cow::Owned(text)) => Kept::OwnText(text.clone()),
            Err(_) => Kept::Nothing,
        };
        row(text, kept)
    }

    fn columns(&mut self, input: &[u8], opened: &Opened, chunk: &mut Chunk, output: &mut Output<'_>) {
        let delimiter = opened.source.delimiter;
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(input);
        let mut record = std::mem::take(&mut self.record);
        let (mut number, mut lines, mut counted) = (chunk.start.rows, chunk.start.lines, 0);
        loop {
            let from = reader.position().byte() as usize;
            // Memory can always be read.
            if !reader.read_byte_record(&mut record).unwrap_or_default() {
                break;
            }
            // The end of the row before may have two bytes, of which this one begins with the second.
            let blank = input[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            lines += memchr::memchr_iter(b'\n', &input[counted..from + blank]).count() as u64;
            (number, counted) = (number + 1, from + blank);
            let row = self.columns_row(&record, opened, number, lines + 1);
            if self.finish(row, chunk, output).is_break() {
                break;
            }
        }
        self.record = record;
    }

    fn columns_row<'r>(&self, record: &'r csv::ByteRecord, opened: &'r Opened, number: u64, line: u64) -> Row<'r> {
        let header = opened.header.as_ref();
        let wrong = |fault: Fault| Wrong::new(&fault, line);
        let text = match record.get(opened.column) {
            _ if header.is_some_and(|header| header.len() != record.len()) => {
                let expected = header.map_or(0, csv::StringRecord::len);
                let told = format!("line {line}: the row has {} columns, the names are {expected}", record.len());
                Err(Wrong { problem: Problem::WrongLength, told })
            }
            None => {
                let field = self.plan.field.as_deref().unwrap_or("1");
                Err(wrong(Fault::new(Problem::MissingField).field(field).expected("the row is too short", "")))
            }
            Some(text) => utf8(text, line).map(Cow::Borrowed),
        };
        Row { number, line, text, kept: Kept::Columns(header, record) }
    }

    /// Scores `row` and has it written; breaks off a strict run.
    fn finish(&mut self, row: Row<'_>, chunk: &mut Chunk, output: &mut Output<'_>) -> ControlFlow<()> {
        let Row { number, line, text, kept } = row;
        let verdict = text.and_then(|text| self.verdict(&text, line));
        if let Err(wrong) = &verdict {
            chunk.faults += 1;
            if self.plan.is_strict {
                chunk.refusal = Some(wrong.told.clone());
                return ControlFlow::Break(());
            }
        }
        chunk.rows += 1;
        output.row(number, if self.plan.keeps { &kept } else { &Kept::Nothing }, &verdict);
        ControlFlow::Continue(())
    }

    fn verdict(&mut self, text: &str, line: u64) -> Result<Verdict<'p>, Wrong> {
        let wrong = |fault: Fault| Wrong::new(&fault.field(self.plan.field.as_deref().unwrap_or("text")), line);
        if text.len() > self.plan.max_text {
            return Err(wrong(Fault::new(Problem::TextTooLong).count(text.len(), self.plan.max_text)));
        }
        match self.scorer.score(text, &mut self.scratch) {
            Ok(Some((model, scores))) => Ok(Verdict { model, scores }),
            Ok(None) => Err(wrong(Fault::new(Problem::EmptyText))),
            Err(error) => {
                let told = format!("line {line}: the model failed: {error}");
                Err(Wrong { problem: Problem::ModelUnavailable, told })
            }
        }
    }
}

impl Wrong {
    /// In the words of the HTTP interface.
    fn new(fault: &Fault, line: u64) -> Self {
        let mut detail = [0; SMALL_REPLY];
        let mut writer = Writer::new(&mut detail);
        fault::detail(fault, &mut writer);
        let length = writer.finish().unwrap_or_default();
        let detail = String::from_utf8_lossy(&detail[..length]);
        Self { problem: fault.problem, told: format!("line {line}: {detail}") }
    }
}

/// The row in whose place `unread` is told.
fn unread_row(unread: Unread, chunk: &Chunk) -> Row<'static> {
    let (number, line) = (chunk.start.rows + 1, chunk.start.lines + 1);
    let (problem, what) = match unread {
        Unread::TooLong => (Problem::TextTooLong, "the row is longer than any may be; is a quotation mark open?"),
        Unread::Open => (Problem::WrongLength, "a quotation mark is open to the end of the file"),
    };
    let told = format!("line {line}: {what}");
    Row { number, line, text: Err(Wrong { problem, told }), kept: Kept::Nothing }
}

fn utf8(bytes: &[u8], line: u64) -> Result<&str, Wrong> {
    std::str::from_utf8(bytes).map_err(|error| {
        let told = format!("line {line}: the text is not UTF-8: invalid at its byte {}", error.valid_up_to());
        Wrong { problem: Problem::InvalidUtf8, told }
    })
}
