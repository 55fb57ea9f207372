//! Exemplars: for each bucket of the time histograms, the trace of the last request that fell into it.
//!
//! A slot is written by one worker and read by any scrape, without a lock: a sequence number is odd while the slot is
//! written, and a reader that saw it odd or saw it change reads again (a seqlock; H.-J. Boehm, "Can seqlocks get along
//! with programming language memory models?", 2012, figure 6). A reader never sees a torn exemplar; where it cannot get
//! a whole one, it does without.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::catalog::{DURATION_BOUNDS, PROCESSING_BOUNDS};
use super::decimal;
use super::family::{Id, Scale};
use super::labels::ToxicityModel;
use super::series::LANES;
use super::shard::Shard;
use super::trace::Trace;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{array_of, const_but_in_models, hint};

/// One observation of a histogram of times, and the trace it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// The trace.
    pub trace: Trace,
    /// What was observed, in ns.
    pub value_ns: u64,
    /// When, in ns since the Unix epoch.
    pub at_ns: u64,
}

/// The place of one exemplar. ONE thread writes it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Odd while the words are being written; 0 as long as there is none.
    sequence: AtomicU64,
    words: [AtomicU64; 5],
}

/// The exemplars of one scrape.
#[derive(Debug)]
pub struct Exemplars(Box<[Option<Exemplar>; SLOTS]>);

impl Exemplar {
    /// Appends the exemplar as OpenMetrics has it, from the blank before it on; returns the length, at most
    /// [`MAX_TEXT`]. The label set has 63 characters of the 128 that it may have. Timestamps are in milliseconds, which
    /// is what Prometheus keeps.
    pub(super) fn write_text(&self, out: &mut [u8]) -> usize {
        let mut len = 0;
        let mut raw = |out: &mut [u8], text: &[u8]| {
            out[len..len + text.len()].copy_from_slice(text);
            len += text.len();
        };
        raw(out, b" # {trace_id=\"");
        raw(out, &self.trace_id());
        raw(out, b"\",span_id=\"");
        raw(out, &self.span_id());
        raw(out, b"\"} ");
        len += decimal::write(self.value_ns, Scale::Nanoseconds, &mut out[len..]);
        out[len] = b' ';
        len += 1;
        len + decimal::write(self.at_ns - self.at_ns % 1_000_000, Scale::Nanoseconds, &mut out[len..])
    }

    /// The digits of the trace's id.
    pub(super) fn trace_id(&self) -> [u8; 32] {
        std::array::from_fn(|place| DIGITS[(self.trace.trace_id >> (124 - 4 * place)) as usize & 15])
    }

    /// The digits of the span's id.
    pub(super) fn span_id(&self) -> [u8; 16] {
        std::array::from_fn(|place| DIGITS[(self.trace.span_id >> (60 - 4 * place)) as usize & 15])
    }
}

impl Slot {
    const_but_in_models! {
        pub(super) fn new() -> Self {
            Self { sequence: AtomicU64::new(0), words: array_of![AtomicU64::new(0)] }
        }
    }

    /// Replaces the exemplar.
    pub(super) fn write(&self, exemplar: &Exemplar) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // No word is seen before the odd number.
        fence(Ordering::Release);
        let Exemplar { trace: Trace { trace_id, span_id }, value_ns, at_ns } = *exemplar;
        let words = [(trace_id >> 64) as u64, trace_id as u64, span_id, value_ns, at_ns];
        for (own, word) in self.words.iter().zip(words) {
            own.store(word, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// The last exemplar, if there is one and it can be read whole within a few attempts.
    pub(super) fn read(&self) -> Option<Exemplar> {
        for _ in 0..ATTEMPTS {
            let before = self.sequence.load(Ordering::Acquire);
            if before == 0 {
                return None;
            }
            let [high, low, span_id, value_ns, at_ns] =
                std::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
            // No word is read after the number is read again.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                let trace = Trace { trace_id: u128::from(high) << 64 | u128::from(low), span_id };
                return Some(Exemplar { trace, value_ns, at_ns });
            }
            hint::spin_loop();
        }
        None
    }
}

impl Exemplars {
    /// None, with room for all.
    pub fn new() -> Self {
        Self(Box::new([None; SLOTS]))
    }

    /// The exemplar at a place counted from [`first_of`].
    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Exemplar> {
        self.0.get(place)?.as_ref()
    }

    /// Takes the latest exemplar of each bucket from all workers. No allocation.
    pub(super) fn collect(&mut self, shards: &[Arc<Shard>]) {
        for (place, own) in self.0.iter_mut().enumerate() {
            let all = shards.iter().filter_map(|shard| shard.exemplars[place].read());
            *own = all.max_by_key(|exemplar| exemplar.at_ns);
        }
    }
}

impl Default for Exemplars {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of the first bucket of label set `index` of a family; `None` if its buckets have no exemplars.
pub(super) fn first_of(family: Id, index: usize) -> Option<usize> {
    match family {
        Id::HttpDuration => Some(index * DURATIONS),
        Id::ToxicityProcessing => Some(LANES * DURATIONS + index * PROCESSINGS),
        _ => None,
    }
}

/// The bucket that `value_ns` falls into, the last being that of `+Inf`.
pub(super) fn bucket_of(bounds: &[u64], value_ns: u64) -> usize {
    bounds.iter().position(|&bound| value_ns <= bound).unwrap_or(bounds.len())
}

/// Now, in ns since the Unix epoch.
pub(super) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

const DURATIONS: usize = DURATION_BOUNDS.len() + 1;
const PROCESSINGS: usize = PROCESSING_BOUNDS.len() + 1;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// How often a slot that is being written is read before the reader does without. Writing takes a few ns.
const ATTEMPTS: usize = if cfg!(feature = "loom") { 2 } else { 64 };

/// The exemplars that a worker keeps.
pub(super) const SLOTS: usize = LANES * DURATIONS + ToxicityModel::TIMED * PROCESSINGS;

/// The most bytes that an exemplar takes in a text.
pub(super) const MAX_TEXT: usize = " # {trace_id=\"\",span_id=\"\"}  ".len() + 32 + 16 + 2 * decimal::MAX_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    /// An exemplar all of whose parts follow from one number.
    fn numbered(number: u64) -> Exemplar {
        let trace = Trace { trace_id: u128::from(number) << 64 | u128::from(!number), span_id: number.rotate_left(7) };
        Exemplar { trace, value_ns: number.wrapping_mul(3), at_ns: number.wrapping_mul(5) }
    }

    #[test]
    fn an_exemplar_is_written_as_openmetrics_has_it() {
        let trace = Trace { trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span_id: 0x00f0_67aa_0ba9_02b7 };
        let exemplar = Exemplar { trace, value_ns: 5_120, at_ns: 1_700_000_000_123_456_789 };
        let mut out = [0; MAX_TEXT];
        let len = exemplar.write_text(&mut out);
        assert_eq!(
            std::str::from_utf8(&out[..len]),
            Ok(
                " # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\"00f067aa0ba902b7\"} 0.00000512 1700000000.123"
            )
        );
        let longest = Exemplar { value_ns: u64::MAX - 1, at_ns: u64::MAX - 1, ..exemplar };
        assert!(longest.write_text(&mut out) <= MAX_TEXT);
    }

    #[test]
    fn every_bucket_has_a_slot_of_its_own() {
        let mut places: Vec<_> = (0..LANES)
            .flat_map(|lane| (0..DURATIONS).map(move |bucket| first_of(Id::HttpDuration, lane).map(|at| at + bucket)))
            .collect();
        places.extend((0..ToxicityModel::TIMED).flat_map(|model| {
            (0..PROCESSINGS).map(move |bucket| first_of(Id::ToxicityProcessing, model).map(|at| at + bucket))
        }));
        assert!(places.iter().copied().eq((0..SLOTS).map(Some)));
        assert_eq!(first_of(Id::ModelLoad, 0), None);
    }

    #[test]
    fn a_value_belongs_to_the_bucket_whose_bound_includes_it() {
        assert_eq!([0, 10, 11, 20, 21].map(|value| bucket_of(&[10, 20], value)), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_reader_never_sees_a_torn_exemplar() {
        let (slot, whole, mut written) = (Slot::new(), AtomicU64::new(0), 0);
        assert_eq!(slot.read(), None);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while whole.load(Ordering::Relaxed) < 1_000 {
                    if let Some(exemplar) = slot.read() {
                        assert_eq!(exemplar, numbered((exemplar.trace.trace_id >> 64) as u64));
                        whole.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            // For as long as the reader takes, which may have to share its core with this thread.
            while written < 2_000_000 || !reader.is_finished() {
                written += 1;
                slot.write(&numbered(written));
            }
        });
        assert_eq!(slot.read(), Some(numbered(written)));
    }
}
