//! How far the scores of a model have moved from those that it gave where it was evaluated.
//!
//! The population stability index: over ten bins, the sum of `(a - e) ln(a / e)`, where `e` is the share of a bin in the
//! reference and `a` that among the latest scores (S. Kullback, "Information Theory and Statistics", 1959, the divergence
//! J(1,2)). The bins end at the deciles of the reference, so each `e` is a tenth. Below 0.1 the scores are those of the
//! reference, above 0.25 they are others, as credit scoring reads it (N. Siddiqi, "Credit Risk Scorecards", 2006).
//!
//! Each worker keeps two sets of bins. It fills one; when that has [`WINDOW`] scores it empties the other and fills that:
//! a scrape sees the last 1,000 to 2,000 scores of each worker, and nothing is copied.

use super::counter::Counter;
use crate::sync::{array_of, const_but_in_models};

/// How many bins there are.
pub const BINS: usize = 10;

/// Upper edges, inclusive, of all bins but the last: ascending, within 0 to 1.
pub type Edges = [f64; BINS - 1];

/// One worker's latest scores of one model. ONE thread writes.
#[derive(Debug)]
pub struct Window {
    sets: [[Counter; BINS]; 2],
    /// Scores since the start.
    scores: Counter,
}

impl Window {
    const_but_in_models! {
        /// No score yet.
        pub fn new() -> Self {
            Self { sets: array_of![array_of![Counter::new()]], scores: Counter::new() }
        }
    }

    /// A score that lies in `bin`, from 0; beyond the last it counts there.
    #[inline]
    pub fn scored(&self, bin: usize) {
        let before = self.scores.get();
        let set = &self.sets[(before / WINDOW % 2) as usize];
        if before.is_multiple_of(WINDOW) {
            for counter in set {
                counter.set(0);
            }
        }
        set[bin.min(BINS - 1)].add(1);
        self.scores.set(before.wrapping_add(1));
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}

/// The bin of `probability`, by upper edges.
#[inline]
pub fn bin_of(edges: &Edges, probability: f32) -> usize {
    edges.partition_point(|&edge| edge < f64::from(probability))
}

/// The index of the latest scores of all workers, in millionths; 0 for fewer than [`LEAST`]. A half is added to each bin's
/// count, so that an empty one has a share.
pub fn stability_index<'a>(windows: impl Iterator<Item = &'a Window>) -> u64 {
    let mut counts = [0; BINS];
    for set in windows.flat_map(|window| &window.sets) {
        counts.iter_mut().zip(set).for_each(|(count, counter)| *count += counter.get());
    }
    let total: u64 = counts.iter().sum();
    if total < LEAST {
        return 0;
    }
    let expected = 1.0 / BINS as f64;
    let whole = total as f64 + 0.5 * BINS as f64;
    let terms = counts.map(|count| {
        let actual = (count as f64 + 0.5) / whole;
        (actual - expected) * (actual / expected).ln()
    });
    (terms.iter().sum::<f64>() * 1e6).round() as u64
}

/// Scores after which a worker begins with a new set of bins.
pub const WINDOW: u64 = 1000;

/// The least number of scores that tell anything: of so many that are those of the reference, the index is 0.045 on
/// average.
pub const LEAST: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::iter::once;

    const EDGES: Edges = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

    fn index(windows: &[Window]) -> f64 {
        stability_index(windows.iter()) as f64 / 1e6
    }

    /// Evenly spread over the reference's deciles.
    fn fill(window: &Window, scores: u64) {
        (0..scores).for_each(|score| window.scored((score * 7 % 10) as usize));
    }

    #[test]
    fn an_edge_belongs_to_the_bin_that_it_ends() {
        let edges = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.9375, 0.96875];
        let bins = [0.0, 0.125, 0.126, 0.25, 0.96875, 0.97, 1.0, f32::NAN].map(|score| bin_of(&edges, score));
        assert_eq!(bins, [0, 0, 1, 1, 8, 9, 9, 0]);
    }

    #[test]
    fn what_lies_beyond_the_last_bin_counts_there() {
        let window = Window::new();
        for bin in [BINS - 1, BINS, usize::MAX] {
            window.scored(bin);
        }
        assert_eq!(window.sets[0].each_ref().map(Counter::get), [0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    }

    #[test]
    fn the_index_is_that_of_the_formula() {
        // Half of the scores in the first bin, the others spread over the rest: five times 56 and four times 55.
        let window = Window::new();
        (0..1000).for_each(|score| window.scored(if score < 500 { 0 } else { 1 + score % 9 }));
        // sum((a - 0.1) * ln(a / 0.1)) of [500.5, 56.5 (5), 55.5 (4)] / 1005, by another program.
        assert_eq!(stability_index(once(&window)), 871_404);
    }

    #[test]
    fn few_scores_tell_nothing_and_a_missing_share_is_no_infinity() {
        let window = Window::new();
        (0..LEAST - 1).for_each(|_| window.scored(9));
        assert_eq!(stability_index(once(&window)), 0);
        window.scored(9);
        let all_in_one = index(&[window]);
        assert!(all_in_one > 2.0 && all_in_one < 10.0, "{all_in_one}");
        assert_eq!(stability_index(std::iter::empty()), 0);
    }

    #[test]
    fn a_scrape_sees_the_last_thousand_to_two_thousand() {
        let window = Window::new();
        for round in 0_u64..5 {
            for score in 0..WINDOW {
                window.scored(round as usize);
                let seen: u64 = window.sets.iter().flatten().map(Counter::get).sum();
                let all = round * WINDOW + score + 1;
                assert!(seen == all || (WINDOW < seen && seen <= 2 * WINDOW), "{seen} of {all}");
            }
            let of_round: u64 = window.sets.iter().map(|set| set[round as usize].get()).sum();
            assert_eq!(of_round, WINDOW, "the latest are all there");
            assert!(window.sets.iter().flatten().filter(|counter| counter.get() > 0).count() <= 2);
        }
    }

    proptest! {
        #[test]
        fn scores_of_the_reference_do_not_drift_and_others_do(
            scores in prop::collection::vec(0.0_f32..1.0, 1000..3000), moved in 0.35_f32..1.0, worker in 1_usize..4
        ) {
            let (same, other): ([Window; 3], [Window; 3]) = (array_of![Window::new()], array_of![Window::new()]);
            for (place, &score) in scores.iter().enumerate() {
                same[place % worker].scored(bin_of(&EDGES, score));
                other[place % worker].scored(bin_of(&EDGES, score * (1.0 - moved)));
            }
            prop_assert!(index(&same) < 0.1, "{}", index(&same));
            prop_assert!(index(&other) > 0.25, "{}", index(&other));
        }

        #[test]
        fn what_was_long_ago_is_forgotten(before in 0_u64..5000) {
            let window = Window::new();
            (0..before).for_each(|_| window.scored(9));
            fill(&window, 2 * WINDOW);
            prop_assert!(index(&[window]) < 0.01);
        }
    }
}
