//! How often passwords may be tried: by one client, and by all together, in memory of fixed size.
//!
//! Each count is a theoretical arrival time (the generic cell rate algorithm of ITU-T I.371): one number, which every
//! attempt pushes on and time catches up with.

use std::time::Duration;

/// Clients that are told apart; those that share a place share its attempts.
const PLACES: usize = 1024;

/// All clients together have so many times the attempts of one.
const TOGETHER: u64 = 10;

/// The attempts of late.
#[derive(Debug)]
pub struct Attempts {
    clients: Box<[Rate; PLACES]>,
    together: Rate,
    /// Of one client, in a minute and at once.
    most: u64,
    /// Chosen at start, so that nobody knows who shares a place with whom.
    seed: u64,
}

/// When the attempts so far would be evenly spent, in ms.
#[derive(Clone, Copy, Debug, Default)]
struct Rate(u64);

impl Attempts {
    /// None yet; `most` of one client a minute. `seed` is random.
    pub fn new(most: u32, seed: u64) -> Self {
        Self { clients: Box::new([Rate::default(); PLACES]), together: Rate(0), most: u64::from(most.max(1)), seed }
    }

    /// Counts an attempt of `client`, `now` after any fixed moment.
    ///
    /// # Errors
    /// If it is one too many, which does not count: the seconds after which one is allowed again, at least 1.
    pub fn begin(&mut self, client: u64, now: Duration) -> Result<(), u64> {
        let now = milliseconds(now);
        let place = self.place(client);
        let after = self.clients[place].add(self.most, now)?;
        self.together.add(self.most * TOGETHER, now).map(|together| {
            (self.clients[place], self.together) = (after, together);
        })
    }

    /// The attempt succeeded: it does not count.
    pub fn forgive(&mut self, client: u64) {
        let place = self.place(client);
        self.clients[place].take_back(self.most);
        self.together.take_back(self.most * TOGETHER);
    }

    fn place(&self, client: u64) -> usize {
        // Fibonacci hashing: the upper bits of the product depend on all of the sum's.
        ((client ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % PLACES
    }
}

impl Rate {
    /// The rate after one more of `most` a minute; or the seconds to wait.
    fn add(self, most: u64, now: u64) -> Result<Self, u64> {
        let after = self.0.max(now) + interval(most);
        let ahead = after - now;
        if ahead > MINUTE { Err((ahead - MINUTE).div_ceil(1000)) } else { Ok(Self(after)) }
    }

    fn take_back(&mut self, most: u64) {
        self.0 = self.0.saturating_sub(interval(most));
    }
}

const MINUTE: u64 = 60_000;

/// Between two of `most` a minute, in ms.
fn interval(most: u64) -> u64 {
    (MINUTE / most).max(1)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn a_client_has_so_many_attempts_at_once_and_then_one_each_interval() {
        let mut attempts = Attempts::new(6, 0);
        for _ in 0..6 {
            assert_eq!(attempts.begin(1, at(0)), Ok(()));
        }
        let wait = attempts.begin(1, at(0)).expect_err("the seventh");
        assert_eq!(wait, 10);
        assert_eq!(attempts.begin(2, at(0)), Ok(()), "another client is not held back");
        assert_eq!(attempts.begin(1, at(wait)), Ok(()), "when it was told to come back");
        assert!(attempts.begin(1, at(wait)).is_err());
        for _ in 0..6 {
            assert_eq!(attempts.begin(1, at(200)), Ok(()), "after a pause all are there again");
        }
        assert!(attempts.begin(1, at(200)).is_err());
    }

    #[test]
    fn a_refused_attempt_and_one_that_succeeds_cost_nothing() {
        let mut attempts = Attempts::new(2, 7);
        for _ in 0..100 {
            assert_eq!(attempts.begin(1, at(0)), Ok(()));
            attempts.forgive(1);
        }
        assert_eq!((attempts.begin(1, at(0)), attempts.begin(1, at(0))), (Ok(()), Ok(())));
        let first = attempts.begin(1, at(0)).expect_err("the third");
        for _ in 0..100 {
            assert_eq!(attempts.begin(1, at(0)), Err(first));
        }
    }

    #[test]
    fn all_clients_together_have_ten_times_the_attempts_of_one() {
        let mut attempts = Attempts::new(5, 3);
        let allowed = (0..10_000).filter(|&client| attempts.begin(client, at(0)).is_ok()).count();
        assert_eq!(allowed, 50);
    }

    #[test]
    fn what_succeeds_costs_all_clients_together_nothing_either() {
        let mut attempts = Attempts::new(5, 3);
        for client in 0..1000 {
            assert_eq!(attempts.begin(client, at(0)), Ok(()));
            if client >= 20 {
                attempts.forgive(client);
            }
        }
        let allowed = (1000..10_000).filter(|&client| attempts.begin(client, at(0)).is_ok()).count();
        assert_eq!(allowed, 50 - 20);
    }

    #[test]
    fn clients_are_spread_over_the_places_and_otherwise_by_another_seed() {
        let spread = |seed: u64| {
            let attempts = Attempts::new(1, seed);
            (0..1024).map(|client| attempts.place(client << 20 | 0xfff)).collect::<Vec<_>>()
        };
        let (one, other) = (spread(0x1234_5678_9abc_def0), spread(0x0fed_cba9_8765_4321));
        let places = one.iter().collect::<std::collections::HashSet<_>>().len();
        // Of 1024 places that are drawn at random 1 - 1/e are met.
        assert!(places > 500, "{places}");
        let alike = one.iter().zip(&other).filter(|(one, other)| one == other).count();
        assert!(alike < 32, "{alike}");
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds_and_is_never_too_short() {
        for most in [1, 2, 3, 7, 60, 100] {
            let mut attempts = Attempts::new(most, 0);
            while attempts.begin(1, at(0)).is_ok() {}
            let wait = attempts.begin(1, at(0)).expect_err("one too many");
            let between = (60_u64 / u64::from(most)).max(1);
            assert!((between - 1..=between + 1).contains(&wait), "{most}: {wait}");
            assert!(attempts.begin(1, at(wait - 1)).is_err(), "{most}");
            assert_eq!(attempts.begin(1, at(wait)), Ok(()), "{most}");
        }
    }
}
