//! Where the time of one request goes, stage by stage.

use std::time::Instant;

use super::labels::Stage;

/// A stopwatch over the stages of a request. One that is not watched never reads the clock.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    /// Since when the present stage lasts; `None` where nobody watches.
    since: Option<Instant>,
    spent_ns: [u64; Stage::ALL.len()],
    /// A bit for each stage that was passed.
    passed: u8,
}

impl Stages {
    /// Of a request that nobody watches.
    pub const UNWATCHED: Self = Self { since: None, spent_ns: [0; _], passed: 0 };

    /// Of a request whose head was there at `started`.
    pub const fn watched(started: Instant) -> Self {
        Self { since: Some(started), ..Self::UNWATCHED }
    }

    /// Whether anybody watches.
    #[inline]
    pub const fn is_watched(&self) -> bool {
        self.since.is_some()
    }

    /// What passed since the last lap was `stage`, which may come in parts.
    #[inline]
    pub fn lap(&mut self, stage: Stage) {
        if let Some(since) = self.since {
            let now = Instant::now();
            self.since = Some(now);
            self.add(stage, u64::try_from((now - since).as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// What passed since the last lap was no stage of this thread.
    #[inline]
    pub fn skip(&mut self) {
        if self.is_watched() {
            self.since = Some(Instant::now());
        }
    }

    /// Another thread spent `nanoseconds` on `stage`.
    pub const fn add(&mut self, stage: Stage, nanoseconds: u64) {
        let spent = &mut self.spent_ns[stage as usize];
        *spent = spent.saturating_add(nanoseconds);
        self.passed |= 1 << stage as u8;
    }

    /// The stages passed and the ns that each took, in their order.
    pub fn each(&self) -> impl Iterator<Item = (Stage, u64)> {
        Stage::ALL
            .into_iter()
            .filter(|stage| self.passed & (1 << *stage as u8) != 0)
            .map(|stage| (stage, self.spent_ns[stage as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn laps_add_up_to_the_time_that_passed() {
        let started = Instant::now();
        let mut stages = Stages::watched(started);
        for stage in [Stage::Read, Stage::Parse, Stage::Features, Stage::Infer, Stage::Features, Stage::Infer] {
            std::thread::sleep(Duration::from_millis(1));
            stages.lap(stage);
        }
        let ended = stages.since.expect("watched");
        let told: Vec<_> = stages.each().collect();
        assert_eq!(told.iter().map(|(_, spent)| u128::from(*spent)).sum::<u128>(), (ended - started).as_nanos());
        assert!(told.iter().map(|(stage, _)| *stage).eq([Stage::Read, Stage::Parse, Stage::Features, Stage::Infer]));
        assert!(told[2].1 >= 2_000_000 && told[3].1 >= 2_000_000, "both parts count: {told:?}");
    }

    #[test]
    fn what_another_thread_spent_comes_on_top_of_what_is_skipped() {
        let mut stages = Stages::watched(Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        stages.skip();
        stages.add(Stage::Queue, 5);
        stages.add(Stage::Queue, u64::MAX);
        stages.lap(Stage::Render);
        let told: Vec<_> = stages.each().collect();
        assert_eq!(told[1], (Stage::Queue, u64::MAX));
        assert!(told.len() == 2 && told[0].0 == Stage::Render && told[0].1 < 20_000_000, "{told:?}");
    }

    #[test]
    fn unwatched_nothing_is_told() {
        let mut stages = Stages::UNWATCHED;
        stages.lap(Stage::Read);
        stages.skip();
        assert!(!stages.is_watched() && stages.each().next().is_none());
    }
}
