//! The one cell that the shards are made of.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::const_but_in_models;

/// A 64-bit cell with ONE writing thread and any number of reading ones.
///
/// Writing is a relaxed load and a relaxed store, not a locked read-modify-write: no other thread writes, so nothing
/// can come between them. A reader sees some earlier value, never a torn one, and coherence of a single atomic (C++20
/// \[intro.races\]) means that it never sees a counter go back. Two writers would lose counts, but not soundness.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    const_but_in_models! {
        /// A zero.
        pub fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Adds `amount`, wrapping at 2^64 (the `rate` of a query takes that for a restart).
    #[inline]
    pub fn add(&self, amount: u64) {
        self.set(self.get().wrapping_add(amount));
    }

    /// Takes one off a gauge, stopping at zero.
    #[inline]
    pub fn decrement(&self) {
        self.set(self.get().saturating_sub(1));
    }

    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: u64) {
        if !cfg!(feature = "unmetered") {
            self.0.store(value, Relaxed);
        }
    }

    /// Raises the value to `value` if it is lower.
    #[inline]
    pub fn raise(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    /// The value now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(all(test, not(feature = "unmetered")))]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_raised_and_never_lowered() {
        let mark = Counter::new();
        let marks = [3, 2, 3, 0, 7, 6].map(|value| {
            mark.raise(value);
            mark.get()
        });
        assert_eq!(marks, [3, 3, 3, 3, 7, 7]);
    }

    #[test]
    fn a_gauge_stops_at_zero_and_a_counter_begins_again() {
        let gauge = Counter::new();
        gauge.decrement();
        assert_eq!(gauge.get(), 0);
        gauge.set(u64::MAX);
        gauge.add(2);
        assert_eq!(gauge.get(), 1);
        gauge.decrement();
        assert_eq!(gauge.get(), 0);
    }
}
