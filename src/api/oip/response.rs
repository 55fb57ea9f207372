//! An inference response: JSON, and the outputs that are wanted as binary data behind it.

use super::Wanted;
use super::data::Datatype;
use super::outputs::Output;
use crate::json::write::Writer;

/// Bytes around the names and the elements, at most: keys, datatypes, shapes and sizes of four outputs.
pub(super) const FRAME: usize = 1024;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Bytes of all.
    pub(super) length: usize,
    /// Bytes of the JSON, where binary data follows.
    pub(super) json: Option<usize>,
}

/// What a response says of itself.
pub(super) struct Head<'a> {
    pub(super) model: &'a str,
    pub(super) version: Option<&'a str>,
    pub(super) id: &'a str,
}

/// Outputs that a model has found.
pub(super) trait Columns {
    /// The outputs that there are.
    fn outputs(&self) -> &'static [Output];
    /// Rows of each.
    fn rows(&self) -> usize;
    /// Columns of those with a column for each label.
    fn labels(&self) -> usize;
    /// The element of an output of [`Datatype::Bytes`].
    fn text(&self, output: usize, row: usize) -> &str;
    /// The element of an output of [`Datatype::Int64`].
    fn integer(&self, output: usize, row: usize) -> u8;
    /// The element of an output of [`Datatype::Fp32`]: a probability.
    fn probability(&self, row: usize, label: usize) -> f32;
}

/// Writes the outputs that are wanted.
pub(super) fn write(head: &Head<'_>, wanted: &Wanted, found: &impl Columns, out: &mut [u8]) -> Written {
    let mut writer = Writer::new(out);
    writer.raw(br#"{"model_name":""#);
    writer.raw(head.model.as_bytes());
    writer.raw(b"\"");
    if let Some(version) = head.version {
        writer.raw(br#","model_version":"#);
        writer.string(version);
    }
    if !head.id.is_empty() {
        writer.raw(br#","id":"#);
        writer.string(head.id);
    }
    writer.raw(br#","outputs":["#);
    for (index, (place, binary)) in wanted.each().enumerate() {
        let Some(output) = found.outputs().get(place) else { continue };
        let columns = if output.per_label { found.labels() } else { 1 };
        writer.raw(if index == 0 { br#"{"name":""# } else { br#",{"name":""# });
        writer.raw(output.name.as_bytes());
        writer.raw(br#"","shape":["#);
        writer.integer(found.rows() as u64);
        writer.raw(b",");
        writer.integer(columns as u64);
        writer.raw(br#"],"datatype":""#);
        writer.raw(output.datatype.as_str().as_bytes());
        if binary {
            writer.raw(br#"","parameters":{"binary_data_size":"#);
            writer.integer(binary_size(output, place, columns, found) as u64);
            writer.raw(b"}}");
        } else {
            writer.raw(br#"","data":["#);
            elements(output, place, columns, found, &mut writer);
            writer.raw(b"]}");
        }
    }
    writer.raw(b"]}");
    let json = wanted.has_binary().then_some(writer.written());
    for (place, _) in wanted.each().filter(|&(_, binary)| binary) {
        let Some(output) = found.outputs().get(place) else { continue };
        let columns = if output.per_label { found.labels() } else { 1 };
        bytes(output, place, columns, found, &mut writer);
    }
    Written { length: writer.finish().unwrap_or_default(), json }
}

/// The elements in JSON, with commas between them.
fn elements(output: &Output, place: usize, columns: usize, found: &impl Columns, writer: &mut Writer<'_>) {
    for row in 0..found.rows() {
        for column in 0..columns {
            if row + column > 0 {
                writer.raw(b",");
            }
            match output.datatype {
                Datatype::Bytes => {
                    writer.raw(b"\"");
                    writer.raw(found.text(place, row).as_bytes());
                    writer.raw(b"\"");
                }
                Datatype::Fp32 => writer.probability(found.probability(row, column)),
                _ => writer.integer(u64::from(found.integer(place, row))),
            }
        }
    }
}

/// The elements as binary data.
fn bytes(output: &Output, place: usize, columns: usize, found: &impl Columns, writer: &mut Writer<'_>) {
    for row in 0..found.rows() {
        match output.datatype {
            Datatype::Bytes => {
                let text = found.text(place, row).as_bytes();
                writer.raw(&(text.len() as u32).to_le_bytes());
                writer.raw(text);
            }
            Datatype::Fp32 => {
                (0..columns).for_each(|column| writer.raw(&found.probability(row, column).to_le_bytes()));
            }
            _ => writer.raw(&i64::from(found.integer(place, row)).to_le_bytes()),
        }
    }
}

fn binary_size(output: &Output, place: usize, columns: usize, found: &impl Columns) -> usize {
    let rows = 0..found.rows();
    match output.datatype {
        Datatype::Bytes => rows.map(|row| size_of::<u32>() + found.text(place, row).len()).sum(),
        Datatype::Fp32 => rows.len() * columns * size_of::<f32>(),
        _ => rows.len() * size_of::<i64>(),
    }
}
