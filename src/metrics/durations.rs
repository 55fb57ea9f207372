//! How long requests took, by lane: one worker's buckets, which it alone writes.

use super::counter::Counter;
use super::family::INFERENCE;
use super::histogram::{COARSE, FINE};
use super::labels::Method;
use super::series::{self, LANES};
use crate::sync::{array_of, const_but_in_models};

/// Durations by lane: the routes that run a model in the fine geometry, the others in the coarse one.
#[derive(Debug)]
pub(super) struct Durations {
    pub(super) sum_ns: [Counter; LANES],
    pub(super) coarse: [[Counter; COARSE.buckets()]; LANES - INFERENCE.len()],
    pub(super) fine: [[Counter; FINE.buckets()]; INFERENCE.len()],
    /// A bit for each [`BLOCK`] of `fine` that has something: durations lie close together, and a scrape passes over the rest.
    pub(super) fine_blocks: [Counter; INFERENCE.len()],
}

/// Where a lane's buckets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buckets {
    Coarse(usize),
    Fine(usize),
}

impl Durations {
    const_but_in_models! {
        /// No duration yet.
        #[expect(
            clippy::large_stack_arrays,
            reason = "56 KiB on the stack of a thread that starts, held by a test of the shard"
        )]
        pub(super) fn new() -> Self {
            Self {
                sum_ns: array_of![Counter::new()],
                coarse: array_of![array_of![Counter::new()]],
                fine: array_of![array_of![Counter::new()]],
                fine_blocks: array_of![Counter::new()],
            }
        }
    }

    /// A request of `lane` took so long.
    #[inline]
    pub(super) fn record(&self, lane: usize, duration_ns: u64) {
        self.sum_ns[lane].add(duration_ns);
        match Buckets::of(lane) {
            Buckets::Coarse(row) => self.coarse[row][COARSE.index(duration_ns)].add(1),
            Buckets::Fine(row) => {
                let index = FINE.index(duration_ns);
                self.fine[row][index].add(1);
                self.fine_blocks[row].set(self.fine_blocks[row].get() | 1 << (index / BLOCK));
            }
        }
    }
}

impl Buckets {
    #[inline]
    pub(super) const fn of(lane: usize) -> Self {
        const FIRST: usize = series::lane(INFERENCE[0], Method::Post);
        match lane {
            FIRST.. if lane < FIRST + INFERENCE.len() => Self::Fine(lane - FIRST),
            FIRST.. => Self::Coarse(lane - INFERENCE.len()),
            _ => Self::Coarse(lane),
        }
    }
}

/// How many fine buckets a bit of [`Durations::fine_blocks`] stands for.
pub(super) const BLOCK: usize = FINE.buckets().div_ceil(u64::BITS as usize).next_power_of_two();

const _: () = {
    let [first, second] = [series::lane(INFERENCE[0], Method::Post), series::lane(INFERENCE[1], Method::Post)];
    assert!(second == first + 1, "the fine lanes are neighbours");
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::series::LANE_HANDLERS;

    #[test]
    fn every_lane_has_buckets_of_its_own() {
        let places: Vec<_> = (0..LANES).map(Buckets::of).collect();
        for (lane, place) in places.iter().enumerate() {
            assert!(!places[..lane].contains(place));
            assert_eq!(INFERENCE.contains(&LANE_HANDLERS[lane]), matches!(place, Buckets::Fine(_)));
        }
    }

    #[test]
    fn every_bucket_has_a_bit() {
        let durations = Durations::new();
        let places = (0..LANES).filter(|&lane| matches!(Buckets::of(lane), Buckets::Fine(_)));
        for (row, lane) in places.enumerate() {
            for index in 0..FINE.buckets() {
                durations.record(lane, FINE.upper(index));
                assert_ne!(durations.fine_blocks[row].get() >> (index / BLOCK) & 1, 0, "bucket {index}");
            }
            assert!(durations.fine[row].iter().all(|bucket| bucket.get() == 1));
        }
    }
}
