//! Answers that HTTP/2 keeps until their client makes room for them (RFC 9113, section 5.2).
//!
//! Whether a client takes what it asked for cannot be seen at the socket, which other streams and mere pings keep busy. So each
//! part of an answer is in one of two generations, in constant memory: the older one gets no newcomers, and once it is empty
//! the younger one takes its place. If the older one has not lost a part, nor one of its parts a byte, for `--write-timeout`, all
//! that is left of it is overdue; and no part waits for longer than twice that before it is found to be.

use std::cell::Cell;
use std::time::Instant;

/// The parts of answers that a connection's client has not taken.
pub struct Owed {
    generations: [Generation; 2],
    younger: Cell<usize>,
}

struct Generation {
    parts: Cell<usize>,
    /// When the last of them came.
    last: Cell<Instant>,
}

impl Owed {
    /// None.
    pub fn new(now: Instant) -> Self {
        let empty = || Generation { parts: Cell::new(0), last: Cell::new(now) };
        Self { generations: [empty(), empty()], younger: Cell::new(0) }
    }

    /// Another part; answers its generation.
    pub fn begin(&self, now: Instant) -> usize {
        let at = self.younger.get();
        let generation = &self.generations[at];
        generation.parts.set(generation.parts.get() + 1);
        generation.last.set(now);
        self.grow_older();
        at
    }

    /// A part of the generation `at` is taken, or given up.
    pub fn end(&self, at: usize) {
        let parts = &self.generations[at].parts;
        parts.set(parts.get().saturating_sub(1));
        self.grow_older();
    }

    /// Since when all of the older generation waits, if there is one.
    pub fn since(&self) -> Option<Instant> {
        let older = &self.generations[1 - self.younger.get()];
        (older.parts.get() > 0).then(|| older.last.get())
    }

    fn grow_older(&self) {
        let younger = self.younger.get();
        if self.generations[1 - younger].parts.get() == 0 && self.generations[younger].parts.get() > 0 {
            self.younger.set(1 - younger);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn newcomers_do_not_hide_who_waits() {
        let start = Instant::now();
        let owed = Owed::new(start);
        assert_eq!(owed.since(), None);
        let stuck = owed.begin(start);
        for seconds in 1..100 {
            let quick = owed.begin(start + Duration::from_secs(seconds));
            assert_eq!(owed.since(), Some(start));
            owed.end(quick);
        }
        owed.end(stuck);
        assert_eq!(owed.since(), None);
    }

    proptest! {
        /// Against a list of every part: what is said to wait does, and what waits is told of after as long again.
        #[test]
        fn nobody_is_overdue_too_soon_or_too_late(steps in prop::collection::vec((any::<bool>(), 0_usize..8, 0_u64..5), 1..200)) {
            const LIMIT: Duration = Duration::from_secs(10);
            let (mut now, owed) = (Instant::now(), Owed::new(Instant::now()));
            let mut parts: Vec<(usize, Instant)> = Vec::new();
            for (begins, which, seconds) in steps {
                now += Duration::from_secs(seconds);
                let overdue = owed.since().is_some_and(|since| now >= since + LIMIT);
                prop_assert!(!overdue || parts.iter().any(|(_, since)| now >= *since + LIMIT));
                prop_assert!(overdue || parts.iter().all(|(_, since)| now < *since + 2 * LIMIT + Duration::from_secs(5)));
                if overdue {
                    // The connection ends.
                    return Ok(());
                }
                if begins {
                    parts.push((owed.begin(now), now));
                } else if which < parts.len() {
                    owed.end(parts.swap_remove(which).0);
                }
                prop_assert_eq!(owed.since().is_some(), !parts.is_empty());
            }
        }
    }
}
