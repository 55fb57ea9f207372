//! Twins of the portable products for x86-64.

#[allow(clippy::wildcard_imports, reason = "intrinsics carry their origin in their names")]
use std::arch::x86_64::*;

use super::super::{GROUP, LINES, Line, PANEL};
use super::{Products, Tile};
use crate::kernel::vector::{Avx2, Avx512, AvxVnni, LANES};

/// Implements [`Products`] by a function that is compiled for the features of its vectors.
macro_rules! products {
    ($vector:ty, $function:ident) => {
        impl Products for $vector {
            #[inline(always)]
            fn multiply(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
                // SAFETY: only functions that are compiled for the features of this type are generic over it, and they run only
                // where `Checked` says that the processor has them (see `vector`). Needed because a method of a trait cannot be
                // compiled for a feature.
                unsafe { $function(rows, inputs, weights, tile) }
            }
        }
    };
}

products!(Avx2, avx2);
products!(AvxVnni, avx_vnni);
products!(Avx512, avx512_vnni);

/// For AVX2: bytes widened to 16 bits, products added in pairs.
#[target_feature(enable = "avx2")]
fn avx2(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
    /// Columns in one register: each has two partial sums.
    const COLUMNS: usize = 4;
    for (row, sums) in rows.chunks_exact(inputs).zip(tile) {
        let mut partial = [_mm256_setzero_si256(); PANEL / COLUMNS];
        for (bytes, group) in row.as_chunks::<GROUP>().0.iter().zip(weights.as_chunks::<LINES>().0) {
            let bytes = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(*bytes)));
            for part in 0..PANEL / COLUMNS {
                let weights =
                    &group[part * COLUMNS / LANES].0.as_chunks::<{ COLUMNS * GROUP }>().0[part % (LANES / COLUMNS)];
                // SAFETY: `weights` is 16 readable bytes and the load asks for no alignment. Needed because there is no
                // safe load.
                let weights = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(weights.as_ptr().cast()) });
                partial[part] = _mm256_add_epi32(partial[part], _mm256_madd_epi16(bytes, weights));
            }
        }
        for (partial, sums) in partial.iter().zip(sums.as_chunks_mut::<COLUMNS>().0) {
            let mut pairs = [0_i32; 2 * COLUMNS];
            // SAFETY: `pairs` is 32 writable bytes and the store asks for no alignment. Needed because there is no safe
            // store.
            #[expect(clippy::cast_ptr_alignment, reason = "the store asks for none")]
            unsafe {
                _mm256_storeu_si256(pairs.as_mut_ptr().cast::<__m256i>(), *partial);
            }
            for (sum, pair) in sums.iter_mut().zip(pairs.as_chunks::<2>().0) {
                *sum = pair[0] + pair[1];
            }
        }
    }
}

/// Defines the products of exactly `N` rows by an instruction that multiplies four bytes by four weights and adds all to a sum, all
/// sums in registers of `$columns` columns. Meanwhile the weights of the next panel, which lie behind these, are called from the
/// caches that all cores share.
macro_rules! dot_products {
    ($name:ident, $features:literal, $columns:literal, $dot:ident, $zero:ident, $splat:ident, $load:ident, $store:ident) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn $name<const N: usize>(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut [[i32; PANEL]]) {
            let row: [&[[u8; GROUP]]; N] = std::array::from_fn(|at| rows[at * inputs..][..inputs].as_chunks().0);
            let mut sums = [[$zero(); PANEL / $columns]; N];
            for (k, lines) in weights.as_chunks::<LINES>().0.iter().enumerate() {
                for line in lines {
                    // An address that is prefetched need not be one that may be read, as that behind the last panel is not.
                    _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).wrapping_add(weights.len()).cast());
                }
                let weights: [_; PANEL / $columns] = std::array::from_fn(|part| {
                    let line = &lines[part * $columns / LANES].0;
                    let weights = &line.as_chunks::<{ $columns * GROUP }>().0[part * $columns % LANES / $columns];
                    // SAFETY: `weights` is as long as a register and the load asks for no alignment. Needed because there is no
                    // safe load.
                    unsafe { $load(weights.as_ptr().cast()) }
                });
                for at in 0..N {
                    let Some(bytes) = row[at].get(k) else { return };
                    let bytes = $splat(i32::from_le_bytes(*bytes));
                    for part in 0..PANEL / $columns {
                        sums[at][part] = $dot(sums[at][part], bytes, weights[part]);
                    }
                }
            }
            for (sums, out) in sums.iter().zip(tile) {
                for (sum, out) in sums.iter().zip(out.as_chunks_mut::<$columns>().0) {
                    // SAFETY: `out` is as long as a register and the store asks for no alignment. Needed because there is no safe
                    // store.
                    unsafe { $store(out.as_mut_ptr().cast(), *sum) };
                }
            }
        }
    };
}

dot_products!(
    rows_of_512,
    "avx512f,avx512bw,avx512vl,avx512vnni",
    16,
    _mm512_dpbusd_epi32,
    _mm512_setzero_si512,
    _mm512_set1_epi32,
    _mm512_loadu_si512,
    _mm512_storeu_si512
);
dot_products!(
    rows_of_256,
    "avx2,avxvnni",
    8,
    _mm256_dpbusd_avx_epi32,
    _mm256_setzero_si256,
    _mm256_set1_epi32,
    _mm256_loadu_si256,
    _mm256_storeu_si256
);

/// For AVX-512 with VNNI: 24 of 32 registers hold sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn avx512_vnni(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
    match rows.len() / inputs {
        1 => rows_of_512::<1>(rows, inputs, weights, tile),
        2 => rows_of_512::<2>(rows, inputs, weights, tile),
        3 => rows_of_512::<3>(rows, inputs, weights, tile),
        4 => rows_of_512::<4>(rows, inputs, weights, tile),
        5 => rows_of_512::<5>(rows, inputs, weights, tile),
        6 => rows_of_512::<6>(rows, inputs, weights, tile),
        7 => rows_of_512::<7>(rows, inputs, weights, tile),
        8 => rows_of_512::<8>(rows, inputs, weights, tile),
        _ => {}
    }
}

/// For AVX-VNNI: 12 of 16 registers hold sums.
#[target_feature(enable = "avx2,avxvnni")]
fn avx_vnni(rows: &[u8], inputs: usize, weights: &[Line], tile: &mut Tile) {
    for (rows, tile) in rows.chunks(2 * inputs).zip(tile.chunks_mut(2)) {
        match rows.len() / inputs {
            2 => rows_of_256::<2>(rows, inputs, weights, tile),
            _ => rows_of_256::<1>(rows, inputs, weights, tile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::linear::ROWS;
    use crate::kernel::linear::products::portable;
    use crate::kernel::path::Path;

    dot_products!(
        rows_of_256_as_avx512_encodes_them,
        "avx512f,avx512bw,avx512vl,avx512vnni",
        8,
        _mm256_dpbusd_epi32,
        _mm256_setzero_si256,
        _mm256_set1_epi32,
        _mm256_loadu_si256,
        _mm256_storeu_si256
    );

    /// Processors with AVX-VNNI are fewer than those with the same instruction in the encoding of AVX-512.
    #[test]
    fn registers_of_256_bits_give_the_same_sums_in_either_encoding() {
        if Path::detect() != Path::Avx512Vnni {
            return println!("skipped: this processor has no AVX-512 with VNNI");
        }
        for inputs in [4, 8, 384] {
            let rows: Vec<u8> = (0..2 * inputs).map(|at| (at * 89 % 256) as u8).collect();
            let weights: Vec<Line> = (0..inputs / GROUP * LINES)
                .map(|line| {
                    crate::kernel::vector::Aligned(std::array::from_fn(|at| {
                        (((line * 71 + at * 37) % 256) as u8).cast_signed()
                    }))
                })
                .collect();
            let (mut expected, mut found) = ([[0; PANEL]; ROWS], [[0; PANEL]; ROWS]);
            portable(&rows, inputs, &weights, &mut expected);
            // SAFETY: the features are there, as has just been seen.
            unsafe { rows_of_256_as_avx512_encodes_them::<2>(&rows, inputs, &weights, &mut found) };
            assert_eq!(found, expected, "{inputs} inputs");
        }
    }
}
