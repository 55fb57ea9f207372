//! Self-attention of one text, all heads (Vaswani et al. 2017, section 3.2), in float32.
//!
//! `mixed[row][head] = Σ softmax(query[row] · key[other])[other] * value[other]`, with the scores' factor already in the
//! query. No mask: the sequence is as long as the text.

use super::path::{Arithmetic, for_each_path};
use super::row::softmax;

/// The width of a head. Fixed, so that a row of values stays in registers.
pub const HEAD: usize = 32;

/// The most rows (pieces of a text) that a [`Scratch`] holds.
pub const MAX_ROWS: usize = 256;

/// Rows whose scores are computed together, so that a key is read once for all of them.
const BLOCK: usize = 4;

/// Keys of one head, transposed, and the scores of a block of rows.
pub struct Scratch {
    /// `[HEAD][MAX_ROWS]`
    keys: Box<[[f32; MAX_ROWS]]>,
    scores: Box<[[f32; MAX_ROWS]; BLOCK]>,
}

impl Scratch {
    /// Room for one text.
    pub fn new() -> Self {
        Self { keys: vec![[0.0; MAX_ROWS]; HEAD].into(), scores: Box::new([[0.0; MAX_ROWS]; BLOCK]) }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

for_each_path! {
    /// Mixes the values of `joined` `[rows, 3 * width]` (query, key, value side by side, each `width / HEAD` heads of
    /// [`HEAD`]) into `mixed` `[rows, width]`. At most [`MAX_ROWS`] rows; more are left alone.
    pub fn attend(path: Checked, joined: &[f32], width: usize, scratch: &mut Scratch, mixed: &mut [f32]) = attend_body
}

#[inline(always)]
fn attend_body<A: Arithmetic>(joined: &[f32], width: usize, scratch: &mut Scratch, mixed: &mut [f32]) {
    let rows = (joined.len() / (3 * width)).min(MAX_ROWS);
    for head in 0..width / HEAD {
        let at = head * HEAD;
        for (row, joined) in joined.chunks_exact(3 * width).take(rows).enumerate() {
            for (keys, key) in scratch.keys.iter_mut().zip(&joined[width + at..][..HEAD]) {
                keys[row] = *key;
            }
        }
        for first in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - first);
            let queries: [&[f32]; BLOCK] =
                std::array::from_fn(|row| &joined[(first + row.min(count - 1)) * 3 * width + at..][..HEAD]);
            score::<A>(&queries, &scratch.keys, rows, &mut scratch.scores);
            for scores in &mut scratch.scores[..count] {
                softmax::<A>(&mut scores[..rows]);
            }
            let sums = mix::<A>(joined, width, at, rows, &scratch.scores);
            for (row, sum) in sums.iter().enumerate().take(count) {
                mixed[(first + row) * width + at..][..HEAD].copy_from_slice(sum);
            }
        }
    }
}

/// `scores[row][other] = queries[row] · keys[..][other]`, for whole blocks of lanes (those beyond `rows` hold leavings).
#[inline(always)]
fn score<A: Arithmetic>(
    queries: &[&[f32]; BLOCK],
    keys: &[[f32; MAX_ROWS]],
    rows: usize,
    scores: &mut [[f32; MAX_ROWS]; BLOCK],
) {
    const LANES: usize = 16;
    for lanes in 0..rows.div_ceil(LANES) {
        let mut sums = [[0.0; LANES]; BLOCK];
        for (dimension, keys) in keys.iter().enumerate() {
            let keys = &keys.as_chunks::<LANES>().0[lanes];
            for (sums, query) in sums.iter_mut().zip(queries) {
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = A::fma(query[dimension], *key, *sum);
                }
            }
        }
        for (sums, scores) in sums.iter().zip(scores.iter_mut()) {
            scores.as_chunks_mut::<LANES>().0[lanes] = *sums;
        }
    }
}

/// The values of one head, mixed by each row of `scores`.
#[inline(always)]
fn mix<A: Arithmetic>(
    joined: &[f32],
    width: usize,
    at: usize,
    rows: usize,
    scores: &[[f32; MAX_ROWS]; BLOCK],
) -> [[f32; HEAD]; BLOCK] {
    let mut sums = [[0.0; HEAD]; BLOCK];
    for (other, joined) in joined.chunks_exact(3 * width).take(rows).enumerate() {
        let Some(values) = joined[2 * width + at..].first_chunk::<HEAD>() else { break };
        for (sums, scores) in sums.iter_mut().zip(scores) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = A::fma(scores[other], *value, *sum);
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
                attend(Checked::new(path), &joined, width, &mut scratch, &mut mixed);
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
