//! How many distinct clients called in the last five minutes, in 20 KiB a worker.
//!
//! Linear counting (Whang, Vander-Zanden and Taylor, "A linear-time probabilistic counting algorithm for database
//! applications", 1990) over cells that hold the second of their last hit in the place of a bit: the timestamp vector
//! of Kim and O'Hallaron, "Counting network flows in real time" (2003). Nothing rotates and nothing is cleared, the
//! window slides by seconds, a hit is one store, and shards merge by taking the later second of each cell.
//!
//! A bank of [`CELLS`] cells sees every client; a second one of [`SAMPLED_CELLS`] sees one client in [`SAMPLE`] and
//! takes over where the first is nearly full, about 20,000 clients. Standard error, from the formula of the paper
//! (collisions) and of a binomial sample: 1 client at 100 clients, 1.3 % at 4,096, 3.7 % at 20,000, at most 7 % from
//! there to 300,000. Beyond some 450,000 clients the estimate stays there: it reads "at least".

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The window, in seconds.
pub const WINDOW_SECONDS: u64 = 300;

/// One worker's last-hit seconds. One writing thread, any number of reading ones.
#[derive(Debug)]
pub struct Clients {
    all: [AtomicU32; CELLS],
    sampled: [AtomicU32; SAMPLED_CELLS],
}

impl Clients {
    /// Nobody seen yet.
    pub const fn new() -> Self {
        Self {
            all: [const { AtomicU32::new(NEVER) }; CELLS],
            sampled: [const { AtomicU32::new(NEVER) }; SAMPLED_CELLS],
        }
    }

    /// A call by the client that hashes to `hash`, at `now_seconds` of a monotonic clock shared by all workers and
    /// starting near zero (the process' uptime). Any hash will do as long as equal clients have equal ones: it is
    /// mixed here.
    #[inline]
    pub fn seen(&self, hash: u64, now_seconds: u64) {
        let hash = mix(hash);
        let stamp = stamp(now_seconds);
        self.all[hash as usize % CELLS].store(stamp, Relaxed);
        let high = (hash >> 32) as usize;
        if high.is_multiple_of(SAMPLE) {
            self.sampled[high / SAMPLE % SAMPLED_CELLS].store(stamp, Relaxed);
        }
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of distinct clients that any of `shards` has seen in the [`WINDOW_SECONDS`] up to `now_seconds`,
/// rounded to a whole number.
pub fn estimate<'a>(shards: impl Iterator<Item = &'a Clients> + Clone, now_seconds: u64) -> u64 {
    let oldest = stamp(now_seconds.saturating_sub(WINDOW_SECONDS - 1));
    let empty = count_empty(shards.clone().map(|shard| &shard.all), oldest);
    if empty >= LEAST_EMPTY {
        return linear_count(CELLS, empty).round() as u64;
    }
    let empty = count_empty(shards.map(|shard| &shard.sampled), oldest);
    (linear_count(SAMPLED_CELLS, empty.max(1)) * SAMPLE as f64).round() as u64
}

/// The cells that no bank has hit at `oldest` or later.
fn count_empty<'a, const N: usize>(banks: impl Iterator<Item = &'a [AtomicU32; N]>, oldest: u32) -> usize {
    let mut latest = [NEVER; N];
    for bank in banks {
        for (latest, cell) in latest.iter_mut().zip(bank) {
            *latest = cell.load(Relaxed).max(*latest);
        }
    }
    latest.iter().filter(|&&latest| latest < oldest).count()
}

/// The most likely number of clients behind `empty` of `cells` cells.
fn linear_count(cells: usize, empty: usize) -> f64 {
    let cells = cells as f64;
    cells * (cells / empty as f64).ln()
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, 2014): every input bit reaches every output bit.
#[inline]
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Seconds as a cell holds them: one more, so that [`NEVER`] is before all of them. Good for 136 years of uptime.
#[inline]
const fn stamp(seconds: u64) -> u32 {
    if seconds >= u32::MAX as u64 { u32::MAX } else { seconds as u32 + 1 }
}

const NEVER: u32 = 0;
/// Cells that see every client.
pub const CELLS: usize = 4096;
/// Cells that see one client in [`SAMPLE`].
pub const SAMPLED_CELLS: usize = 1024;
/// Of how many clients the second bank sees one.
pub const SAMPLE: usize = 64;
/// With fewer empty cells, five clients and more a cell, the first bank is too full to be trusted.
const LEAST_EMPTY: usize = CELLS / 148;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::iter::once;

    fn estimate_of(clients: u64, salt: u64) -> f64 {
        let shard = Box::new(Clients::new());
        (0..clients).for_each(|client| shard.seen(client.wrapping_add(salt << 40), 7));
        estimate(once(&*shard), 7) as f64
    }

    #[test]
    fn nobody_is_zero_and_one_is_one() {
        assert_eq!(estimate(once(&Clients::new()), 0), 0);
        assert_eq!(estimate(once(&Clients::new()), 10_000), 0);
        assert!((estimate_of(1, 0) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_client_counts_once_however_often_and_wherever_it_calls() {
        let shards = [Box::new(Clients::new()), Box::new(Clients::new())];
        for second in 0..250 {
            for client in 0..20 {
                shards[(second % 2) as usize].seen(client, second);
            }
        }
        assert_eq!(estimate(shards.iter().map(|shard| &**shard), 250), 20);
    }

    #[test]
    fn the_window_slides_by_seconds() {
        let shard = Clients::new();
        shard.seen(1, 0);
        shard.seen(2, 100);
        assert_eq!(estimate(once(&shard), 299), 2);
        assert_eq!(estimate(once(&shard), 300), 1);
        assert_eq!(estimate(once(&shard), 399), 1);
        assert_eq!(estimate(once(&shard), 400), 0);
        shard.seen(1, 1_000_000);
        assert_eq!(estimate(once(&shard), 1_000_000), 1);
    }

    #[test]
    fn small_counts_are_nearly_exact() {
        for clients in 0..=100 {
            for salt in 0..8 {
                let error = (estimate_of(clients, salt) - clients as f64).abs();
                assert!(error <= 5.0, "{clients} clients, salt {salt}: off by {error}");
            }
        }
    }

    /// The numbers that the generator `SplitMix64` gives of the seed 0 are its finaliser of multiples of the golden ratio.
    #[test]
    fn hashes_are_mixed_as_published() {
        let numbers = [1_u64, 2, 3].map(|at| mix(at.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        assert_eq!(numbers, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    /// Root mean square error over 40 salts, held to the documented standard error and a quarter more.
    #[test]
    fn the_standard_error_is_that_documented() {
        for (clients, documented) in [
            (100, 0.011),
            (1_000, 0.012),
            (4_096, 0.013),
            (12_000, 0.022),
            (18_000, 0.031),
            (20_000, 0.06),
            (100_000, 0.07),
            (300_000, 0.07),
        ] {
            let salts = 40;
            let mean_square =
                (0..salts).map(|salt| (estimate_of(clients, salt) / clients as f64 - 1.0).powi(2)).sum::<f64>()
                    / salts as f64;
            let error = mean_square.sqrt();
            assert!(error <= documented * 1.25, "{clients} clients: {error}");
        }
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_one_worker_seeing_all(
            calls in prop::collection::vec((0_u64..500, 0_u64..600, 0_usize..3), 0..200)
        ) {
            let one = Box::new(Clients::new());
            let many = [Box::new(Clients::new()), Box::new(Clients::new()), Box::new(Clients::new())];
            let mut calls = calls;
            calls.sort_by_key(|call| call.1);
            for (client, second, worker) in calls {
                one.seen(client, second);
                many[worker].seen(client, second);
            }
            prop_assert_eq!(estimate(once(&*one), 600), estimate(many.iter().map(|shard| &**shard), 600));
        }
    }
}
