//! The integer sums of a few rows with one panel of weights, for each path.

#[cfg(target_arch = "x86_64")]
mod x86;

use super::{GROUP, LINES, Line, PANEL, ROWS};
use crate::kernel::vector::{LANES, Plain, Vector};

/// The sums of up to [`ROWS`] rows.
pub(super) type Tile = [[i32; PANEL]; ROWS];

/// The products of a path.
pub(super) trait Products: Vector {
    /// Adds the integer sums of up to [`ROWS`] rows (`[n, inputs]`) with a panel's weights to the zeros of `tile`.
    fn multiply(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile);
}

impl Products for Plain {
    #[inline(always)]
    fn multiply(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
        portable(rows, inputs, weights, tile);
    }
}

fn portable(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
    for (row, sums) in rows.chunks_exact(inputs).zip(tile) {
        // A sum for each of the four `k` of a group: nothing crosses lanes before the end, so that any vector unit is used.
        let mut partial = [[0_i32; LANES * GROUP]; LINES];
        for (bytes, lines) in row.as_chunks::<GROUP>().0.iter().zip(weights.as_chunks::<LINES>().0) {
            let bytes: [i16; LANES * GROUP] = std::array::from_fn(|at| i16::from(bytes[at % GROUP]));
            for (partial, line) in partial.iter_mut().zip(lines) {
                for ((sum, byte), weight) in partial.iter_mut().zip(&bytes).zip(&line.0) {
                    // A byte times a weight fits into 16 bits.
                    *sum += i32::from(byte * i16::from(*weight));
                }
            }
        }
        for (sum, partial) in sums.iter_mut().zip(partial.as_flattened().as_chunks::<GROUP>().0) {
            *sum = partial.iter().sum();
        }
    }
}
