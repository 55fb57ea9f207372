//! Native histograms (Prometheus specification "Native Histograms") from the buckets of [`Geometry`].
//!
//! A native bucket `i` of schema `n` holds `2^((i-1)/2^n) < seconds <= 2^(i/2^n)`. Its edges are powers of two of a
//! second and ours powers of two of a nanosecond, divided evenly: no edge of the one is an edge of the other, so each of
//! our buckets goes as a whole into the native bucket that contains its middle. The schema is the coarsest one under
//! which no two of our buckets meet in a native one: nothing that our buckets tell apart is lost, and a time is misread by
//! no more than the two widths allow.
//!
//! | geometry | width of a bucket | schema | growth | a time is read as |
//! |---|---|---|---|---|
//! | [`FINE`] | 1/64 (1.6 %) at most | 7 | 0.54 % | 1.4 % less to 1.4 % more than it was |
//! | [`COARSE`] | an octave | 0 | 100 % | 0.46 to 1.87 times what it was |
//!
//! The first bucket, 0 and 1 ns, is the zero bucket, whose threshold is 1 ns: the same set exactly. The last one also
//! holds what is beyond 68.7 s, as it does for us. (2 to 64 ns is divided by whole nanoseconds, wider than 1/64.)

use super::family::{INFERENCE, Id};
use super::histogram::{COARSE, FINE, Geometry};
use super::labels::{Stage, ToxicityModel};
use super::series::LANES;

/// How the buckets of a geometry are numbered in a schema.
#[derive(Debug)]
pub struct Mapping {
    /// The schema: 2^schema buckets an octave.
    pub schema: i32,
    indices: Box<[i16]>,
}

/// The populated native buckets of every histogram that has them, one histogram after the other.
#[derive(Debug)]
pub struct Natives {
    fine: Mapping,
    coarse: Mapping,
    buckets: Vec<(i32, u64)>,
    histograms: Vec<Span>,
}

/// A native histogram without its buckets.
#[derive(Clone, Copy, Debug)]
struct Span {
    schema: i32,
    zero_count: u64,
    start: usize,
    end: usize,
}

/// A native histogram of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native<'a> {
    /// The schema.
    pub schema: i32,
    /// Observations of at most [`ZERO_THRESHOLD_NS`].
    pub zero_count: u64,
    /// Index and count of each bucket that has any, ascending.
    pub buckets: &'a [(i32, u64)],
}

impl Mapping {
    /// The native index of each bucket of `geometry` in `schema`, 0 to 8. The first bucket, which is the zero bucket, has
    /// one too.
    pub fn new(geometry: Geometry, schema: i32) -> Self {
        // No middle comes near enough to an edge of the schema for the logarithm's rounding to matter; a test says so.
        let index = |bucket| {
            let seconds = (geometry.lower(bucket) + geometry.upper(bucket)) as f64 / 2e9;
            (seconds.log2() * f64::from(1 << schema)).ceil() as i16
        };
        Self { schema, indices: (0..geometry.buckets()).map(index).collect() }
    }
}

impl Natives {
    /// No histogram, with room for every bucket of all.
    pub fn new() -> Self {
        Self {
            fine: Mapping::new(FINE, FINE_SCHEMA),
            coarse: Mapping::new(COARSE, COARSE_SCHEMA),
            buckets: Vec::with_capacity(BUCKETS),
            histograms: Vec::with_capacity(HISTOGRAMS),
        }
    }

    /// Forgets all histograms, for the next scrape.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.histograms.clear();
    }

    /// Adds the histogram whose buckets in `geometry`, which is one of the two, hold `counts`. No allocation as long as
    /// there are no more than [`HISTOGRAMS`].
    pub fn push(&mut self, geometry: Geometry, counts: &[u64]) {
        let mapping = if geometry == FINE { &self.fine } else { &self.coarse };
        let start = self.buckets.len();
        let counted = mapping.indices.iter().zip(counts).skip(1).filter(|(_, count)| **count != 0);
        self.buckets.extend(counted.map(|(&index, &count)| (i32::from(index), count)));
        let zero_count = counts.first().copied().unwrap_or_default();
        self.histograms.push(Span { schema: mapping.schema, zero_count, start, end: self.buckets.len() });
    }

    /// The histogram that was added `position`th, from 0.
    pub fn get(&self, position: usize) -> Option<Native<'_>> {
        let &Span { schema, zero_count, start, end } = self.histograms.get(position)?;
        Some(Native { schema, zero_count, buckets: self.buckets.get(start..end)? })
    }
}

impl Default for Natives {
    fn default() -> Self {
        Self::new()
    }
}

impl Native<'_> {
    /// Runs of buckets: the distance from the end of the run before (from 0 for the first), and the counts of the run.
    /// An empty bucket or two within a run cost less than a new run.
    pub fn runs(&self) -> impl Iterator<Item = (i32, &[(i32, u64)])> {
        let mut end = 0;
        self.buckets.chunk_by(|before, after| after.0 - before.0 <= MOST_EMPTY + 1).map(move |run| {
            let (first, last) = (run.first().map_or(0, |bucket| bucket.0), run.last().map_or(0, |bucket| bucket.0));
            let offset = first - end;
            end = last + 1;
            (offset, run)
        })
    }

    /// The differences from bucket to bucket, the empty ones within runs included.
    pub fn deltas(&self) -> impl Iterator<Item = i64> {
        let mut before = 0_i64;
        self.counts().map(move |count| {
            let delta = count.cast_signed().wrapping_sub(before);
            before = count.cast_signed();
            delta
        })
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        self.runs().flat_map(|(_, run)| {
            run.iter().enumerate().flat_map(|(place, &(index, count))| {
                let empty = if place == 0 { 0 } else { index - run[place - 1].0 - 1 };
                std::iter::repeat_n(0, empty as usize).chain(std::iter::once(count))
            })
        })
    }
}

/// The position among [`Natives`] of label set `index` of a family; `None` if it has classic buckets alone, because no
/// finer ones are kept.
pub fn position_of(family: Id, index: usize) -> Option<usize> {
    match family {
        Id::HttpDuration => Some(index),
        Id::ToxicityProcessing => Some(LANES + index),
        Id::StageDuration => Some(LANES + ToxicityModel::TIMED + index),
        _ => None,
    }
}

/// How many histograms have native buckets.
pub const HISTOGRAMS: usize = LANES + ToxicityModel::TIMED + Stage::ALL.len();

/// How many native buckets there can be.
pub const BUCKETS: usize = INFERENCE.len() * FINE.buckets() + (HISTOGRAMS - INFERENCE.len()) * COARSE.buckets();

/// Observations of at most so many ns count in the zero bucket.
pub const ZERO_THRESHOLD_NS: u64 = 1;

/// The schema of [`FINE`]: 128 buckets an octave.
pub const FINE_SCHEMA: i32 = 7;

/// The schema of [`COARSE`]: a bucket an octave.
pub const COARSE_SCHEMA: i32 = 0;

/// Empty buckets that a run may hold one after the other.
const MOST_EMPTY: i32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The upper edge of a native bucket, in seconds.
    fn edge(schema: i32, index: i32) -> f64 {
        (f64::from(index) / f64::from(1 << schema)).exp2()
    }

    #[test]
    fn each_bucket_is_in_the_native_bucket_that_contains_its_middle() {
        for (geometry, schema) in [(FINE, FINE_SCHEMA), (COARSE, COARSE_SCHEMA)] {
            let mapping = Mapping::new(geometry, schema);
            for (bucket, &index) in mapping.indices.iter().enumerate() {
                let middle = f64::midpoint(geometry.lower(bucket) as f64, geometry.upper(bucket) as f64) / 1e9;
                let index = i32::from(index);
                let (below, above) = (edge(schema, index - 1), edge(schema, index));
                // Farther from either edge than any rounding takes it.
                assert!(below * (1.0 + 1e-9) < middle && middle < above * (1.0 - 1e-9), "{bucket}");
            }
        }
    }

    #[test]
    fn the_schemas_are_the_coarsest_that_keep_all_buckets_apart() {
        for (geometry, schema) in [(FINE, FINE_SCHEMA), (COARSE, COARSE_SCHEMA)] {
            assert!(Mapping::new(geometry, schema).indices.is_sorted_by(|before, after| before < after));
        }
        assert!(!Mapping::new(FINE, FINE_SCHEMA - 1).indices.is_sorted_by(|before, after| before < after));
        // A schema below 0 has a bucket for two octaves, where the coarse geometry has two.
    }

    #[test]
    fn no_time_is_misread_by_more_than_is_said() {
        for (geometry, schema, least, most) in [(FINE, FINE_SCHEMA, 0.986, 1.014), (COARSE, COARSE_SCHEMA, 0.46, 1.87)]
        {
            let mapping = Mapping::new(geometry, schema);
            for bucket in (1..geometry.buckets()).filter(|&bucket| geometry.lower(bucket) >= 64) {
                let (lower, upper) = (geometry.lower(bucket) as f64 / 1e9, geometry.upper(bucket) as f64 / 1e9);
                let index = i32::from(mapping.indices[bucket]);
                assert!(edge(schema, index - 1) >= upper * least, "{bucket}");
                assert!(edge(schema, index) <= lower * most, "{bucket}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_every_bucket_and_count(
            counts in prop::collection::vec((1_usize..1984, 1_u64..1 << 40), 0..60),
            zero in 0_u64..5,
        ) {
            let mut merged = vec![0; FINE.buckets()];
            merged[0] = zero;
            for &(bucket, count) in &counts {
                merged[bucket] += count;
            }
            let mut natives = Natives::new();
            natives.push(COARSE, &[3; 37]);
            natives.push(FINE, &merged);
            let native = natives.get(1).expect("pushed");
            let (mut index, mut count, mut deltas) = (0, 0, native.deltas());
            let mut decoded = Vec::new();
            for (offset, run) in native.runs() {
                index += offset;
                let length = run[run.len() - 1].0 - run[0].0 + 1;
                for _ in 0..length {
                    count += deltas.next().expect("a difference for each bucket");
                    if count != 0 {
                        decoded.push((index, count as u64));
                    }
                    index += 1;
                }
            }
            prop_assert_eq!(deltas.next(), None);
            prop_assert_eq!(decoded.as_slice(), native.buckets);
            let total: u64 = decoded.iter().map(|bucket| bucket.1).sum();
            prop_assert_eq!(total + native.zero_count, merged.iter().sum::<u64>());
            let coarse = natives.get(0).expect("pushed");
            prop_assert_eq!((coarse.zero_count, coarse.buckets.len(), coarse.schema), (3, 36, 0));
            prop_assert_eq!(natives.get(2), None);
        }
    }
}
