//! Self-attention of one text, all heads (Vaswani et al. 2017, section 3.2), in float32.
//!
//! `mixed[row][head] = Σ softmax(query[row] · key[other])[other] * value[other]`, with the scores' factor already in the
//! query. No mask: the sequence is as long as the text.

use super::path::for_each_path;
use super::quantization::{Extent, Lanes};
use super::row::softmax;
use super::vector::{LANES, Vector};

/// The width of a head. Fixed, so that a row of values stays in registers.
pub const HEAD: usize = 32;

/// The most rows (pieces of a text) that a [`Scratch`] holds.
pub const MAX_ROWS: usize = 256;

/// Rows whose scores are computed together at most, so that a key is read once for all of them.
const MAX_BLOCK: usize = 8;

/// Keys and values of one head, close together as a cache wants them, and the scores of a block of rows.
pub struct Scratch {
    /// Transposed within each block of keys: `[block][dimension][key]`.
    keys: Box<[[[f32; LANES]; HEAD]]>,
    values: Box<[[f32; HEAD]]>,
    scores: Box<Scores<MAX_BLOCK>>,
}

/// The scores of a block of rows, `[row][other / LANES][other % LANES]`.
type Scores<const BLOCK: usize> = [[[f32; LANES]; MAX_ROWS / LANES]; BLOCK];

impl Scratch {
    /// Room for one text.
    pub fn new() -> Self {
        Self {
            keys: vec![[[0.0; LANES]; HEAD]; MAX_ROWS / LANES].into(),
            values: vec![[0.0; HEAD]; MAX_ROWS].into(),
            scores: Box::new([[[0.0; LANES]; MAX_ROWS / LANES]; MAX_BLOCK]),
        }
    }

    /// Takes keys and values of the head that begins at column `at`.
    #[inline(always)]
    fn take(&mut self, joined: &[f32], width: usize, at: usize) {
        for (row, (joined, kept)) in joined.chunks_exact(3 * width).zip(&mut *self.values).enumerate() {
            for (keys, key) in self.keys[row / LANES].iter_mut().zip(&joined[width + at..][..HEAD]) {
                keys[row % LANES] = *key;
            }
            kept.copy_from_slice(&joined[2 * width + at..][..HEAD]);
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

for_each_path! {
    /// Mixes the values of `joined` `[rows, 3 * width]` (query, key, value side by side, each `width / HEAD` heads of
    /// [`HEAD`]) into `mixed` `[rows, width]`, and returns its extent. At most [`MAX_ROWS`] rows; more are left alone.
    pub fn attend(path: Checked, joined: &[f32], width: usize, scratch: &mut Scratch, mixed: &mut [f32]) -> Extent = attend_body
}

#[inline(always)]
fn attend_body<V: Vector>(joined: &[f32], width: usize, scratch: &mut Scratch, mixed: &mut [f32]) -> Extent {
    // As many rows as have their sums in registers: two for each, a sum for each half of a head.
    if V::REGISTERS > 2 * MAX_BLOCK {
        attend_by_blocks::<V, MAX_BLOCK, 2>(joined, width, scratch, mixed)
    } else {
        attend_by_blocks::<V, 4, 1>(joined, width, scratch, mixed)
    }
}

/// By `BLOCK` rows and `KEYS` blocks of keys at a time.
#[inline(always)]
fn attend_by_blocks<V: Vector, const BLOCK: usize, const KEYS: usize>(
    joined: &[f32],
    width: usize,
    scratch: &mut Scratch,
    mixed: &mut [f32],
) -> Extent {
    let rows = (joined.len() / (3 * width)).min(MAX_ROWS);
    let blocks = rows.div_ceil(LANES);
    let mut lanes = Lanes::new();
    for head in 0..width / HEAD {
        let at = head * HEAD;
        scratch.take(joined, width, at);
        let Scratch { keys, values, scores } = scratch;
        let Some(scores) = scores.first_chunk_mut::<BLOCK>() else { break };
        for first in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - first);
            let queries: [&[f32]; BLOCK] =
                std::array::from_fn(|row| &joined[(first + row.min(count - 1)) * 3 * width + at..][..HEAD]);
            score::<V, BLOCK, KEYS>(queries, &keys[..blocks], scores);
            let factors = softmax::<V, BLOCK>(scores.each_mut().map(|scores| {
                // Those beyond the last row hold leavings.
                scores.as_flattened_mut()[rows..blocks * LANES].fill(f32::NEG_INFINITY);
                &mut scores[..blocks]
            }));
            let sums = mix::<V, BLOCK>(&values[..rows], scores);
            for (row, (sums, factor)) in sums.into_iter().zip(factors).enumerate().take(count) {
                let (out, _) = mixed[(first + row) * width + at..][..HEAD].as_chunks_mut::<LANES>();
                for (sum, out) in sums.into_iter().zip(out) {
                    let sum = sum.mul(V::splat(factor));
                    sum.store(out);
                    lanes.include(sum);
                }
            }
        }
    }
    lanes.extent()
}

/// `scores[row][other] = queries[row] · keys[other]`, for whole blocks of keys: for `KEYS` at a time, so that what is read of a
/// query is used as often.
#[inline(always)]
fn score<V: Vector, const BLOCK: usize, const KEYS: usize>(
    queries: [&[f32]; BLOCK],
    keys: &[[[f32; LANES]; HEAD]],
    scores: &mut Scores<BLOCK>,
) {
    let queries: [&[f32; HEAD]; BLOCK] = queries.map(|query| query.first_chunk().unwrap_or(&[0.0; HEAD]));
    let (together, rest) = keys.as_chunks::<KEYS>();
    for (place, keys) in together.iter().enumerate() {
        score_blocks::<V, BLOCK, KEYS>(queries, keys, KEYS * place, scores);
    }
    for (place, keys) in rest.iter().enumerate() {
        score_blocks::<V, BLOCK, 1>(queries, std::array::from_ref(keys), KEYS * together.len() + place, scores);
    }
}

/// The scores of `N` blocks of keys, which stand from block `first` on.
#[inline(always)]
fn score_blocks<V: Vector, const BLOCK: usize, const N: usize>(
    queries: [&[f32; HEAD]; BLOCK],
    keys: &[[[f32; LANES]; HEAD]; N],
    first: usize,
    scores: &mut Scores<BLOCK>,
) {
    let mut sums = [[V::splat(0.0); N]; BLOCK];
    for dimension in 0..HEAD {
        let keys: [V; N] = std::array::from_fn(|block| V::load(&keys[block][dimension]));
        for row in 0..BLOCK {
            let query = V::splat(queries[row][dimension]);
            for block in 0..N {
                sums[row][block] = keys[block].fma(query, sums[row][block]);
            }
        }
    }
    for row in 0..BLOCK {
        for block in 0..N {
            sums[row][block].store(&mut scores[row][first + block]);
        }
    }
}

/// The values of one head, mixed by each row of `scores`.
#[inline(always)]
fn mix<V: Vector, const BLOCK: usize>(values: &[[f32; HEAD]], scores: &Scores<BLOCK>) -> [[V; HEAD / LANES]; BLOCK] {
    let mut sums = [[V::splat(0.0); HEAD / LANES]; BLOCK];
    let scores = scores.each_ref().map(|scores| scores.as_flattened());
    for (other, values) in values.iter().enumerate() {
        let (values, _) = values.as_chunks::<LANES>();
        for row in 0..BLOCK {
            let score = V::splat(scores[row][other]);
            for part in 0..HEAD / LANES {
                sums[row][part] = score.fma(V::load(&values[part]), sums[row][part]);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::path::{Checked, Path};

    /// The definition, in double precision.
    fn reference(joined: &[f32], width: usize) -> Vec<f64> {
        let rows: Vec<Vec<f64>> =
            joined.chunks(3 * width).map(|row| row.iter().map(|&value| f64::from(value)).collect()).collect();
        let mut mixed = vec![0.0; rows.len() * width];
        for (row, query) in rows.iter().enumerate() {
            for head in (0..width).step_by(HEAD) {
                let scores: Vec<f64> = rows
                    .iter()
                    .map(|key| (0..HEAD).map(|at| query[head + at] * key[width + head + at]).sum::<f64>().exp())
                    .collect();
                let total: f64 = scores.iter().sum();
                for at in 0..HEAD {
                    let sum: f64 =
                        rows.iter().zip(&scores).map(|(value, score)| score * value[2 * width + head + at]).sum();
                    mixed[row * width + head + at] = sum / total;
                }
            }
        }
        mixed
    }

    #[test]
    fn every_path_and_length_gives_the_definition() {
        let width = 3 * HEAD;
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 2.0
        };
        let mut scratch = Scratch::new();
        for rows in [128, 127, 33, 16, 15, 5, 4, 2, 1] {
            let joined: Vec<f32> = (0..rows * 3 * width).map(|_| random()).collect();
            let expected = reference(&joined, width);
            for &path in Path::all() {
                let mut mixed = vec![f32::NAN; rows * width];
                let extent = attend(Checked::new(path), &joined, width, &mut scratch, &mut mixed);
                assert_eq!(extent, Extent::of(&mixed));
                for (found, expected) in mixed.iter().zip(&expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{path:?}, {rows} rows: {found} not {expected}"
                    );
                }
            }
        }
    }
}
