//! The text format 0.0.4 (Prometheus documentation, "Exposition formats"), rendered by hand into a slice.
//!
//! Everything that does not change (comments, names, labels, fixed samples) is laid out once; a scrape copies each
//! piece and writes the one number that follows it.

use std::fmt;

use super::catalog::{FAMILIES, SAMPLES};
use super::decimal;
use super::escape;
use super::family::{Family, Kind, Scale, Series};
use super::labels::Model;

/// The media type of what [`Template::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is known once at start.
#[derive(Clone, Debug)]
pub struct StaticFacts {
    /// The daemon's version.
    pub version: String,
    /// The instruction set that the kernels chose.
    pub cpu_path: String,
    /// Worker threads.
    pub workers: u64,
    /// Preallocated request slots of all workers.
    pub slots_capacity: u64,
    /// The models that are loaded or are to be, each at most once.
    pub models: Vec<LoadedModel>,
}

/// A model that is loaded, or is to be.
#[derive(Clone, Debug)]
pub struct LoadedModel {
    /// Which one.
    pub model: Model,
    /// Time that it took to load and warm it up, in ns; `None` until it is loaded.
    pub load_ns: Option<u64>,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

/// The slice is too short for the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferFull {
    /// The bytes that always suffice.
    pub needed: usize,
}

/// The constant part of a body, with a gap for each sample.
#[derive(Debug)]
pub struct Template {
    text: Vec<u8>,
    gaps: Vec<Gap>,
}

/// Where a number goes: after `text[..end]` that is not yet written.
#[derive(Clone, Copy, Debug)]
struct Gap {
    end: u32,
    scale: Scale,
}

impl Template {
    /// Lays out every family of the catalog.
    pub fn new(facts: &StaticFacts) -> Self {
        let mut template = Self { text: Vec::new(), gaps: Vec::with_capacity(SAMPLES) };
        for family in &FAMILIES {
            template.comment("HELP", family);
            escape::help(family.help, &mut template.text);
            template.text.push(b'\n');
            template.comment("TYPE", family);
            template.raw(family.kind.as_str());
            template.text.push(b'\n');
            for index in 0..family.series.count() {
                template.label_set(family, index, facts);
            }
        }
        debug_assert_eq!(template.gaps.len(), SAMPLES, "a gap for each sample");
        template.text.shrink_to_fit();
        template
    }

    /// The most bytes that a body has.
    pub fn max_len(&self) -> usize {
        self.text.len() + self.gaps.len() * decimal::MAX_LEN
    }

    /// Writes a body: `samples` in the order of the gaps, the last of them from `last`, called when all else is
    /// written. Returns the length. No allocation.
    ///
    /// # Errors
    /// If `out` is shorter than [`Self::max_len`]; nothing is written then.
    pub fn render(
        &self,
        samples: &[u64; SAMPLES],
        last: impl FnOnce() -> u64,
        out: &mut [u8],
    ) -> Result<usize, BufferFull> {
        let needed = self.max_len();
        if out.len() < needed {
            return Err(BufferFull { needed });
        }
        let mut pieces = Pieces { text: &self.text, start: 0, out, len: 0 };
        if let Some((gap, gaps)) = self.gaps.split_last() {
            for (gap, &value) in gaps.iter().zip(samples) {
                pieces.sample(*gap, value);
            }
            pieces.sample(*gap, last());
        }
        pieces.copy_to(self.text.len());
        Ok(pieces.len)
    }

    fn label_set(&mut self, family: &Family, index: usize, facts: &StaticFacts) {
        let loaded = || facts.models.iter().find(|loaded| loaded.model as usize == index);
        let mut values = family.series.values(index);
        match family.series {
            Series::Build => values[0] = &facts.version,
            Series::CpuPath => values[0] = &facts.cpu_path,
            Series::Digests => values[1] = loaded().map_or("", |loaded| &loaded.sha256),
            _ => {}
        }
        let lines = family.fixed.then(|| fixed_samples(family, facts, loaded()));
        let mut lines = lines.into_iter().flatten();
        let mut line = |template: &mut Self, suffix: &str, bound: Option<&str>, scale: Scale| {
            template.raw(family.name);
            template.raw(suffix);
            template.labels(family.series.names(), &values, bound);
            template.text.push(b' ');
            match lines.next() {
                Some(value) => template.number(value, scale),
                None => template.gaps.push(Gap { end: template.text.len() as u32, scale }),
            }
            template.text.push(b'\n');
        };
        if family.kind == Kind::Histogram {
            for &bound in family.bounds {
                line(self, "_bucket", Some(&bound_text(bound, family.scale)), Scale::One);
            }
            line(self, "_bucket", Some("+Inf"), Scale::One);
        }
        match family.kind {
            Kind::Counter | Kind::Gauge => line(self, "", None, family.scale),
            Kind::Histogram | Kind::Summary => {
                line(self, "_sum", None, family.scale);
                line(self, "_count", None, Scale::One);
            }
        }
    }

    fn labels(&mut self, names: &[&str], values: &[&str], bound: Option<&str>) {
        let bound = bound.map(|bound| ("le", bound));
        let mut separator = "{";
        for (name, value) in names.iter().copied().zip(values.iter().copied()).chain(bound) {
            self.raw(separator);
            self.raw(name);
            self.raw("=\"");
            escape::label_value(value, &mut self.text);
            self.raw("\"");
            separator = ",";
        }
        if separator == "," {
            self.raw("}");
        }
    }

    fn comment(&mut self, keyword: &str, family: &Family) {
        for piece in ["# ", keyword, " ", family.name, " "] {
            self.raw(piece);
        }
    }

    fn number(&mut self, value: u64, scale: Scale) {
        let mut digits = [0; decimal::MAX_LEN];
        let len = decimal::write(value, scale, &mut digits);
        self.text.extend_from_slice(&digits[..len]);
    }

    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }
}

impl fmt::Display for BufferFull {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the metrics need a buffer of {} bytes", self.needed)
    }
}

impl std::error::Error for BufferFull {}

/// A body half written.
struct Pieces<'a> {
    text: &'a [u8],
    start: usize,
    out: &'a mut [u8],
    len: usize,
}

impl Pieces<'_> {
    #[inline]
    fn sample(&mut self, gap: Gap, value: u64) {
        self.copy_to(gap.end as usize);
        self.len += decimal::write(value, gap.scale, &mut self.out[self.len..]);
    }

    #[inline]
    fn copy_to(&mut self, end: usize) {
        let piece = &self.text[self.start..end];
        self.out[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
        self.start = end;
    }
}

/// The samples of a fixed family's label set, in the order of its lines.
fn fixed_samples(family: &Family, facts: &StaticFacts, loaded: Option<&LoadedModel>) -> Vec<u64> {
    use super::family::Id;
    match family.id {
        Id::ModelLoad => {
            let load_ns = loaded.and_then(|loaded| loaded.load_ns);
            let count = |bound: u64| u64::from(load_ns.is_some_and(|load_ns| load_ns <= bound));
            let buckets = family.bounds.iter().copied().chain([u64::MAX]).map(count);
            buckets.chain([load_ns.unwrap_or(0), count(u64::MAX)]).collect()
        }
        Id::ModelLoaded => vec![u64::from(loaded.is_some_and(|loaded| loaded.load_ns.is_some()))],
        Id::Workers => vec![facts.workers],
        Id::SlotsCapacity => vec![facts.slots_capacity],
        _ => vec![1],
    }
}

/// An `le` value as the reference client writes it for such numbers: a decimal, with at least one digit after the
/// point.
fn bound_text(bound: u64, scale: Scale) -> String {
    let mut digits = [0; decimal::MAX_LEN];
    let len = decimal::write(bound, scale, &mut digits);
    let mut text: String = digits[..len].iter().map(|&digit| char::from(digit)).collect();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}
