//! `io.prometheus.client.MetricFamily` (the client model's `metrics.proto`), each message behind its length as a varint.
//!
//! As in the text formats, what does not change is encoded once. Names are those of the text format 0.0.4; the time
//! histograms have native buckets beside the classic ones (see [`super::native`]), and every counter, histogram and
//! summary says when it was created.

use std::borrow::Cow;

use super::catalog::{self, FAMILIES};
use super::decimal::{self, UNKNOWN};
use super::exemplar::{self, Exemplar, Exemplars};
use super::facts::StaticFacts;
use super::family::{Family, Kind, Scale, Shape};
use super::layout::BufferFull;
use super::native::{self, Native, Natives, ZERO_THRESHOLD_NS};
use super::shown::Shown;
use super::wire::Writer;

/// The constant parts of a body.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
    /// A part of `bytes` for each family's own fields and for each label set, in the order of the catalog; a fixed family
    /// is one part, its whole message with its length.
    ends: Vec<u32>,
    /// How many label sets there are.
    shape: Shape,
    /// When the process started: seconds since the Unix epoch, and nanoseconds of the next one.
    created: Option<(u64, u64)>,
}

/// What changes from scrape to scrape.
#[derive(Clone, Copy, Debug)]
pub struct Dynamic<'a> {
    /// Sample values, in the order of the catalog without the fixed families.
    pub samples: &'a [u64],
    /// The routes that are shown.
    pub shown: Shown,
    /// Exemplars of the time histograms.
    pub exemplars: &'a Exemplars,
    /// Native histograms, in the order of [`native::position_of`].
    pub natives: &'a Natives,
}

impl Encoder {
    /// Encodes what is constant, for a process that started at `start_ns` since the Unix epoch, or [`UNKNOWN`].
    pub fn new(start_ns: u64, facts: &StaticFacts) -> Self {
        let created = (start_ns != UNKNOWN).then_some((start_ns / 1_000_000_000, start_ns % 1_000_000_000));
        let mut encoder = Self { bytes: Vec::new(), ends: Vec::new(), shape: facts.shape(), created };
        let mut memory = vec![0; LARGEST_CONSTANT];
        for family in FAMILIES.iter().filter(|family| facts.count(family) > 0) {
            if family.fixed {
                encoder.part(&mut memory, |encoder, writer| encoder.fixed_family(family, facts, writer));
                continue;
            }
            encoder.part(&mut memory, |_, writer| head(family, writer));
            for index in 0..facts.count(family) {
                encoder.part(&mut memory, |_, writer| labels(family, &facts.label_values(family, index), writer));
            }
        }
        encoder.bytes.shrink_to_fit();
        encoder.ends.shrink_to_fit();
        encoder
    }

    /// The most bytes that a body has.
    pub fn max_len(&self) -> usize {
        let messages = self.ends.len() + catalog::samples(self.shape);
        self.bytes.len() + messages * MESSAGE + exemplar::SLOTS * EXEMPLAR + native::BUCKETS * NATIVE_BUCKET
    }

    /// Writes a body, the last sample from `last`, called when all else is written. Returns the length. No allocation.
    ///
    /// # Errors
    /// If `out` is shorter than [`Self::max_len`]; nothing is written then.
    pub fn render(
        &self,
        dynamic: Dynamic<'_>,
        last: impl FnOnce() -> u64,
        out: &mut [u8],
    ) -> Result<usize, BufferFull> {
        let needed = self.max_len();
        if out.len() < needed {
            return Err(BufferFull { needed });
        }
        let mut parts = Parts { bytes: &self.bytes, ends: self.ends.iter(), start: 0 };
        let (mut writer, mut samples) = (Writer::new(out), dynamic.samples);
        let mut last = Some(last);
        for family in FAMILIES.iter().filter(|family| family.series.count_with(self.shape) > 0) {
            let head = parts.next();
            if family.fixed {
                writer.raw(head);
                continue;
            }
            writer.delimited(|writer| {
                writer.raw(head);
                for index in 0..family.series.count_with(self.shape) {
                    let (own, rest) = samples.split_at(family.lines_each());
                    samples = rest;
                    let labels = parts.next();
                    if !dynamic.shown.shows(family.series, index) {
                        continue;
                    }
                    writer.nested(field::METRIC, |writer| {
                        writer.raw(labels);
                        if rest.is_empty()
                            && let Some(last) = last.take()
                        {
                            self.value(family, index, &[last()], None, writer);
                        } else {
                            self.value(family, index, own, Some(&dynamic), writer);
                        }
                    });
                }
            });
        }
        Ok(writer.written())
    }

    /// Encodes a constant part.
    fn part(&mut self, memory: &mut [u8], write: impl FnOnce(&Self, &mut Writer<'_>)) {
        let mut writer = Writer::new(memory);
        write(self, &mut writer);
        let len = writer.written();
        self.bytes.extend_from_slice(&memory[..len]);
        self.ends.push(self.bytes.len() as u32);
    }

    fn fixed_family(&self, family: &Family, facts: &StaticFacts, writer: &mut Writer<'_>) {
        writer.delimited(|writer| {
            head(family, writer);
            for index in 0..facts.count(family) {
                writer.nested(field::METRIC, |writer| {
                    labels(family, &facts.label_values(family, index), writer);
                    self.value(family, index, &facts.fixed_samples(family, index), None, writer);
                });
            }
        });
    }

    /// The value of label set `index`, whose sample lines in the text format are `samples`.
    fn value(
        &self,
        family: &Family,
        index: usize,
        samples: &[u64],
        dynamic: Option<&Dynamic<'_>>,
        writer: &mut Writer<'_>,
    ) {
        let scale = family.scale;
        match (family.kind, samples) {
            (Kind::Gauge, &[value]) => writer.nested(field::GAUGE, |writer| {
                writer.double(1, decimal::float(value, scale));
            }),
            (Kind::Counter, &[value]) => writer.nested(field::COUNTER, |writer| {
                writer.double(1, decimal::float(value, scale));
                self.created(3, writer);
            }),
            (Kind::Summary, &[sum, count]) => writer.nested(field::SUMMARY, |writer| {
                writer.uint(1, count);
                writer.double(2, decimal::float(sum, scale));
                self.created(4, writer);
            }),
            (Kind::Histogram, &[ref buckets @ .., _, sum, count]) => writer.nested(field::HISTOGRAM, |writer| {
                writer.uint(1, count);
                writer.double(2, decimal::float(sum, scale));
                let exemplars = dynamic.zip(exemplar::first_of(family.id, index));
                let exemplar = |bucket| exemplars.and_then(|(dynamic, first)| dynamic.exemplars.get(first + bucket));
                for (bucket, (&bound, &count)) in family.bounds.iter().zip(buckets).enumerate() {
                    write_bucket(count, decimal::float(bound, scale), exemplar(bucket), writer);
                }
                write_bucket(count, f64::INFINITY, exemplar(buckets.len()), writer);
                let native = native::position_of(family.id, index).and_then(|position| dynamic?.natives.get(position));
                if let Some(native) = native {
                    write_native(native, writer);
                }
                self.created(15, writer);
            }),
            _ => debug_assert!(false, "{} has other lines than its kind", family.name),
        }
    }

    fn created(&self, field: u32, writer: &mut Writer<'_>) {
        if let Some(created) = self.created {
            timestamp(field, created, writer);
        }
    }
}

/// The constant parts, one after the other.
struct Parts<'a> {
    bytes: &'a [u8],
    ends: std::slice::Iter<'a, u32>,
    start: usize,
}

impl<'a> Parts<'a> {
    fn next(&mut self) -> &'a [u8] {
        let end = self.ends.next().map_or(self.start, |&end| end as usize);
        let part = &self.bytes[self.start..end];
        self.start = end;
        part
    }
}

/// `name`, `help`, `type` and `unit`.
fn head(family: &Family, writer: &mut Writer<'_>) {
    writer.bytes(1, family.name.as_bytes());
    writer.bytes(2, family.help.as_bytes());
    writer.uint(
        3,
        match family.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Histogram => 4,
        },
    );
    if let Some(unit) = family.unit() {
        writer.bytes(5, unit.as_bytes());
    }
}

fn labels(family: &Family, values: &[Cow<'_, str>], writer: &mut Writer<'_>) {
    for (name, value) in family.series.names().iter().zip(values) {
        label(field::LABEL, name.as_bytes(), value.as_bytes(), writer);
    }
}

fn label(field: u32, name: &[u8], value: &[u8], writer: &mut Writer<'_>) {
    writer.nested(field, |writer| {
        writer.bytes(1, name);
        writer.bytes(2, value);
    });
}

fn write_bucket(count: u64, bound: f64, exemplar: Option<&Exemplar>, writer: &mut Writer<'_>) {
    writer.nested(3, |writer| {
        writer.uint(1, count);
        writer.double(2, bound);
        if let Some(exemplar) = exemplar {
            writer.nested(3, |writer| {
                label(1, b"trace_id", &exemplar.trace_id(), writer);
                label(1, b"span_id", &exemplar.span_id(), writer);
                writer.double(2, decimal::float(exemplar.value_ns, Scale::Nanoseconds));
                timestamp(3, (exemplar.at_ns / 1_000_000_000, exemplar.at_ns % 1_000_000_000), writer);
            });
        }
    });
}

fn write_native(native: Native<'_>, writer: &mut Writer<'_>) {
    writer.sint(5, i64::from(native.schema));
    // The same number as the text of 1 ns: a threshold that differs in the last place would be another one.
    writer.double(6, decimal::float(ZERO_THRESHOLD_NS, Scale::Nanoseconds));
    writer.uint(7, native.zero_count);
    for (offset, run) in native.runs() {
        let (first, last) = (run.first().map_or(0, |bucket| bucket.0), run.last().map_or(0, |bucket| bucket.0));
        writer.nested(12, |writer| {
            writer.sint(1, i64::from(offset));
            writer.uint(2, u64::from(last.abs_diff(first)) + 1);
        });
    }
    if !native.buckets.is_empty() {
        writer.nested(13, |writer| native.deltas().for_each(|delta| writer.zigzag(delta)));
    }
}

/// A `google.protobuf.Timestamp`.
fn timestamp(field: u32, (seconds, nanoseconds): (u64, u64), writer: &mut Writer<'_>) {
    writer.nested(field, |writer| {
        writer.uint(1, seconds);
        writer.uint(2, nanoseconds);
    });
}

/// Fields of `MetricFamily` and `Metric`.
mod field {
    pub(super) const METRIC: u32 = 4;
    pub(super) const LABEL: u32 = 1;
    pub(super) const GAUGE: u32 = 2;
    pub(super) const COUNTER: u32 = 3;
    pub(super) const SUMMARY: u32 = 4;
    pub(super) const HISTOGRAM: u32 = 7;
}

/// Room for the greatest constant part while it is encoded.
const LARGEST_CONSTANT: usize = 16 * 1024;

/// At most, of a sample or of a message around samples: two tags and lengths, a number, a time, a native head.
const MESSAGE: usize = 72;

/// At most, of an exemplar: the ids with their names, a number, a time, and the lengths around them.
const EXEMPLAR: usize = 128;

/// At most, of a native bucket: its difference, and either a run of its own or two empty buckets before it.
const NATIVE_BUCKET: usize = 10 + 12;
