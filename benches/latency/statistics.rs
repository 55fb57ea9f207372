//! What slices of time that come in turn say together.

use hdrhistogram::Histogram;

use super::client::new_histogram;

/// A slice alone, and the slice after it beside what disturbs.
pub type Pair = [Histogram<u64>; 2];

/// A percentile of all slices alone and of all beside, in microseconds, and how far the one is from the other.
pub struct Comparison {
    pub alone: f64,
    pub beside: f64,
    pub ratio: f64,
    /// Where nine in ten ratios lie when the pairs are drawn anew (Efron 1979: the bootstrap by percentiles).
    pub interval: [f64; 2],
}

/// Compares by the percentile `percentile`.
pub fn compare(pairs: &[Pair], percentile: f64) -> Comparison {
    let every: Vec<usize> = (0..pairs.len()).collect();
    let [alone, beside] = pooled(pairs, &every, percentile);
    let mut draw = draws();
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<usize> = every.iter().map(|_| draw() % pairs.len()).collect();
            let [alone, beside] = pooled(pairs, &drawn, percentile);
            beside / alone
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: usize| ratios[RESAMPLES * share / 100];
    Comparison { alone, beside, ratio: beside / alone, interval: [at(5), at(95)] }
}

/// The percentile over the chosen pairs, alone and beside, in microseconds.
fn pooled(pairs: &[Pair], chosen: &[usize], percentile: f64) -> [f64; 2] {
    [0, 1].map(|side| {
        let mut all = new_histogram();
        for &pair in chosen {
            all.add(&pairs[pair][side]).expect("equal bounds");
        }
        all.value_at_percentile(percentile) as f64 / 1e3
    })
}

/// Numbers that look drawn, always the same (Marsaglia 2003: xorshift).
fn draws() -> impl FnMut() -> usize {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    }
}

const RESAMPLES: usize = 200;
