//! The text formats, rendered by hand into a slice.
//!
//! Everything that does not change (comments, names, labels, fixed samples) is laid out once; a scrape copies each
//! piece and writes the number, and in some formats the exemplar, that follows it. What differs from format to format
//! is a [`Dialect`].

use std::borrow::Cow;
use std::fmt;

use super::catalog::{self, FAMILIES};
use super::decimal;
use super::escape;
use super::exemplar::{self, Exemplars};
use super::facts::StaticFacts;
use super::family::{Family, Kind, Scale};
use super::labels::Handler;
use super::shown::Shown;

/// What a text format has of its own.
pub trait Dialect {
    /// Appends the comment lines before the samples of `family`.
    fn head(&self, family: &Family, out: &mut Vec<u8>);

    /// An `le` value.
    fn bound(&self, bound: u64, scale: Scale) -> String;

    /// The value of the `_created` sample of each label set of `family`, if it has one.
    fn created(&self, family: &Family) -> Option<&str>;

    /// Whether a bucket may be followed by an exemplar.
    fn has_exemplars(&self) -> bool;

    /// What ends a body.
    fn end(&self) -> &'static str;
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
    sometimes: Vec<Sometimes>,
    max_len: usize,
}

/// Where a number goes: after `text[..end]` that is not yet written.
#[derive(Clone, Copy, Debug)]
struct Gap {
    end: u32,
    scale: Scale,
    /// The place of the exemplar that may follow, or [`NO_EXEMPLAR`].
    exemplar: u16,
}

/// A label set that is left out until its route is used: `text[start..end]` and the gaps in it.
#[derive(Clone, Copy, Debug)]
struct Sometimes {
    route: Handler,
    start: u32,
    end: u32,
    gaps: (u32, u32),
}

impl Template {
    /// Lays out every family of the catalog as `dialect` has it.
    pub fn new(dialect: &impl Dialect, facts: &StaticFacts) -> Self {
        let samples = catalog::samples(facts.shape());
        let gaps = Vec::with_capacity(samples);
        let mut template = Self { text: Vec::new(), gaps, sometimes: Vec::new(), max_len: 0 };
        for family in FAMILIES.iter().filter(|family| facts.count(family) > 0) {
            dialect.head(family, &mut template.text);
            for index in 0..facts.count(family) {
                let before = (template.text.len() as u32, template.gaps.len() as u32);
                template.label_set(dialect, family, index, facts);
                if let Some(route) = family.series.shown_by(index) {
                    let (end, gaps) = (template.text.len() as u32, (before.1, template.gaps.len() as u32));
                    template.sometimes.push(Sometimes { route, start: before.0, end, gaps });
                }
            }
        }
        template.raw(dialect.end());
        debug_assert_eq!(template.gaps.len(), samples, "a gap for each sample");
        template.text.shrink_to_fit();
        template.sometimes.shrink_to_fit();
        let exemplars = template.gaps.iter().filter(|gap| gap.exemplar != NO_EXEMPLAR).count();
        template.max_len = template.text.len() + samples * decimal::MAX_LEN + exemplars * exemplar::MAX_TEXT;
        template
    }

    /// The most bytes that a body has.
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// Writes a body: `samples` in the order of the gaps, but for those of routes that are not `shown`; the last of them
    /// from `last`, called when all else is written. Returns the length. No allocation.
    ///
    /// # Errors
    /// If `out` is shorter than [`Self::max_len`]; nothing is written then.
    pub fn render(
        &self,
        samples: &[u64],
        shown: Shown,
        exemplars: &Exemplars,
        last: impl FnOnce() -> u64,
        out: &mut [u8],
    ) -> Result<usize, BufferFull> {
        let needed = self.max_len;
        if out.len() < needed {
            return Err(BufferFull { needed });
        }
        let mut pieces = Pieces { text: &self.text, start: 0, out, len: 0 };
        if let Some((gap, gaps)) = self.gaps.split_last() {
            let mut next = 0;
            let mut write_up_to = |pieces: &mut Pieces<'_>, end: usize, then: usize| {
                for (gap, &value) in gaps[next..end].iter().zip(&samples[next..end]) {
                    pieces.sample(*gap, value);
                    if gap.exemplar != NO_EXEMPLAR {
                        pieces.exemplar(exemplars, usize::from(gap.exemplar));
                    }
                }
                next = then;
            };
            for left_out in self.sometimes.iter().filter(|set| !shown.has(set.route)) {
                write_up_to(&mut pieces, left_out.gaps.0 as usize, left_out.gaps.1 as usize);
                pieces.copy_to(left_out.start as usize);
                pieces.start = left_out.end as usize;
            }
            write_up_to(&mut pieces, gaps.len(), gaps.len());
            pieces.sample(*gap, last());
        }
        pieces.copy_to(self.text.len());
        Ok(pieces.len)
    }

    fn label_set(&mut self, dialect: &impl Dialect, family: &Family, index: usize, facts: &StaticFacts) {
        let values = facts.label_values(family, index);
        let values = values.each_ref().map(Cow::as_ref);
        let fixed = family.fixed.then(|| facts.fixed_samples(family, index));
        let mut fixed = fixed.into_iter().flatten();
        let exemplars = exemplar::first_of(family.id, index).filter(|_| dialect.has_exemplars());
        let mut line = |template: &mut Self, suffix: &str, bound: Option<&str>, scale: Scale, exemplar: u16| {
            template.name(family, suffix, &values, bound);
            match fixed.next() {
                Some(value) => template.number(value, scale),
                None => template.gaps.push(Gap { end: template.text.len() as u32, scale, exemplar }),
            }
            template.raw("\n");
        };
        if family.kind == Kind::Histogram {
            let place = |bucket: usize| exemplars.map_or(NO_EXEMPLAR, |first| (first + bucket) as u16);
            for (bucket, &bound) in family.bounds.iter().enumerate() {
                line(self, "_bucket", Some(&dialect.bound(bound, family.scale)), Scale::One, place(bucket));
            }
            line(self, "_bucket", Some("+Inf"), Scale::One, place(family.bounds.len()));
        }
        match family.kind {
            Kind::Counter | Kind::Gauge => line(self, "", None, family.scale, NO_EXEMPLAR),
            Kind::Histogram | Kind::Summary => {
                line(self, "_sum", None, family.scale, NO_EXEMPLAR);
                line(self, "_count", None, Scale::One, NO_EXEMPLAR);
            }
        }
        if let Some(created) = dialect.created(family) {
            self.name(family, "_created", &values, None);
            self.raw(created);
            self.raw("\n");
        }
    }

    /// All of a sample's line but its value: `_created` takes the place of a counter's `_total`.
    fn name(&mut self, family: &Family, suffix: &str, values: &[&str], bound: Option<&str>) {
        self.raw(if suffix == "_created" { family.base_name() } else { family.name });
        self.raw(suffix);
        self.labels(family.series.names(), values, bound);
        self.raw(" ");
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

    fn number(&mut self, value: u64, scale: Scale) {
        self.raw(&decimal::text(value, scale));
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
    fn exemplar(&mut self, exemplars: &Exemplars, place: usize) {
        if let Some(exemplar) = exemplars.get(place) {
            self.len += exemplar.write_text(&mut self.out[self.len..]);
        }
    }

    #[inline]
    fn copy_to(&mut self, end: usize) {
        let piece = &self.text[self.start..end];
        self.out[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
        self.start = end;
    }
}

const NO_EXEMPLAR: u16 = u16::MAX;
