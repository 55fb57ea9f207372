//! A linear layer over uint8 activations and int8 weights, exact up to its float32 end:
//!
//! ```text
//!  out[row][column] = (Σ bytes[row][k] * weight[k][column]  -  zero * Σ weight[k][column]) * scale * weight_scale[column] + bias[column]
//! ```
//!
//! which is ONNX's `MatMulInteger` (with one zero point for the activations, none for the weights), `Cast`, `Mul`, `Add`.
//! The sums are integers, so all forms agree to the bit before the last line.
//!
//! Weights lie in panels of [`PANEL`] columns, four of `k` side by side, as the dot-product instructions of x86-64 read
//! them: `[columns / PANEL][k / 4][PANEL][4]`.

use super::path::{Arithmetic, Checked, Path, for_each_path};
use super::row::Quantization;

/// Columns that are computed together: three 512-bit registers.
pub const PANEL: usize = 48;

/// Rows that are computed together where registers allow: 8 * 3 accumulators of 512 bits.
const ROWS: usize = 8;

/// `k` that an instruction takes at once.
const GROUP: usize = 4;

/// The integer sums of one row and panel.
type Tile = [[i32; PANEL]; ROWS];

/// A layer's weights, laid out for the kernel. Immutable.
pub struct Linear {
    panels: Box<[i8]>,
    column_sums: Box<[i32]>,
    scales: Box<[f32]>,
    bias: Box<[f32]>,
    inputs: usize,
}

/// Quantized rows: `bytes` is `[rows, inputs]`.
#[derive(Clone, Copy)]
pub struct Activations<'a> {
    /// Row after row.
    pub bytes: &'a [u8],
    /// What a byte stands for.
    pub quantization: Quantization,
}

impl Linear {
    /// Lays out `weights` `[inputs, columns]` (row after row), with a scale and a bias for each column. `None` unless
    /// `inputs` is a multiple of 4 up to 65,536 (so no sum can overflow), `columns` a multiple of [`PANEL`], and the
    /// lengths agree.
    pub fn new(weights: &[u8], scales: &[f32], bias: &[f32], inputs: usize) -> Option<Self> {
        let columns = scales.len();
        let fits = inputs > 0
            && inputs.is_multiple_of(GROUP)
            && inputs <= 1 << 16
            && columns > 0
            && columns.is_multiple_of(PANEL);
        if !fits || bias.len() != columns || weights.len() != inputs * columns {
            return None;
        }
        let mut panels = vec![0; weights.len()];
        for (group, rows) in weights.chunks_exact(GROUP * columns).enumerate() {
            for panel in 0..columns / PANEL {
                let at = (panel * (inputs / GROUP) + group) * PANEL * GROUP;
                let (places, _) = panels[at..at + PANEL * GROUP].as_chunks_mut::<GROUP>();
                for (column, place) in places.iter_mut().enumerate() {
                    *place = std::array::from_fn(|k| rows[k * columns + panel * PANEL + column].cast_signed());
                }
            }
        }
        let mut column_sums = vec![0; columns];
        for row in weights.chunks_exact(columns) {
            for (sum, weight) in column_sums.iter_mut().zip(row) {
                *sum += i32::from(weight.cast_signed());
            }
        }
        Some(Self {
            panels: panels.into(),
            column_sums: column_sums.into(),
            scales: scales.into(),
            bias: bias.into(),
            inputs,
        })
    }

    /// The number of inputs.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of columns of the output.
    pub const fn columns(&self) -> usize {
        self.bias.len()
    }

    /// Writes the layer's output for each row of `activations` into `out` `[rows, columns]`.
    pub fn apply(&self, path: Checked, activations: Activations, out: &mut [f32]) {
        let columns = self.columns();
        for panel in 0..columns / PANEL {
            let weights = &self.panels[panel * PANEL * self.inputs..][..PANEL * self.inputs];
            let end = Finish {
                column_sums: &self.column_sums[panel * PANEL..][..PANEL],
                scales: &self.scales[panel * PANEL..][..PANEL],
                bias: &self.bias[panel * PANEL..][..PANEL],
                quantization: activations.quantization,
            };
            let blocks = activations.bytes.chunks(ROWS * self.inputs).zip(out.chunks_mut(ROWS * columns));
            for (rows, out) in blocks {
                let mut tile = [[0; PANEL]; ROWS];
                dot(path, rows, self.inputs, weights, &mut tile);
                finish(path, &tile, end, &mut out[panel * PANEL..], columns);
            }
        }
    }
}

/// What turns a panel's integer sums into float32: slices of [`PANEL`].
#[derive(Clone, Copy)]
struct Finish<'a> {
    column_sums: &'a [i32],
    scales: &'a [f32],
    bias: &'a [f32],
    quantization: Quantization,
}

for_each_path! {
    /// Writes the rows of `tile` that `out` has room for, `stride` apart.
    fn finish(path: Checked, tile: &Tile, end: Finish, out: &mut [f32], stride: usize) = finish_body
}

#[inline(always)]
fn finish_body<A: Arithmetic>(tile: &Tile, end: Finish, out: &mut [f32], stride: usize) {
    let zero = i32::from(end.quantization.zero);
    for (sums, out) in tile.iter().zip(out.chunks_mut(stride)) {
        let Some(out) = out.first_chunk_mut::<PANEL>() else { return };
        for column in 0..PANEL {
            let sum = (sums[column] - zero * end.column_sums[column]) as f32;
            out[column] = A::fma(sum, end.quantization.scale * end.scales[column], end.bias[column]);
        }
    }
}

/// The integer sums of up to [`ROWS`] rows (`[n, inputs]`) with a panel's weights.
fn dot(path: Checked, rows: &[u8], inputs: usize, weights: &[i8], tile: &mut Tile) {
    match path.path() {
        Path::Portable => portable(rows, inputs, weights, tile),
        // SAFETY: `Checked` holds a path only where `Path::detect` found its features on this processor. Needed because
        // calling code compiled for features beyond the build's is unsafe.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => unsafe { avx2(rows, inputs, weights, tile) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Path::Avx512Vnni => unsafe { avx512_vnni(rows, inputs, weights, tile) },
    }
}

fn portable(rows: &[u8], inputs: usize, weights: &[i8], tile: &mut Tile) {
    for (row, sums) in rows.chunks_exact(inputs).zip(tile) {
        for (bytes, group) in row.as_chunks::<GROUP>().0.iter().zip(weights.as_chunks::<{ PANEL * GROUP }>().0) {
            for (sum, weights) in sums.iter_mut().zip(group.as_chunks::<GROUP>().0) {
                for k in 0..GROUP {
                    *sum += i32::from(bytes[k]) * i32::from(weights[k]);
                }
            }
        }
    }
}

/// The twin of [`portable`] for AVX2: bytes widened to 16 bits, products added in pairs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(rows: &[u8], inputs: usize, weights: &[i8], tile: &mut Tile) {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm_set1_epi32, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16,
        _mm256_madd_epi16, _mm256_setzero_si256, _mm256_storeu_si256,
    };

    /// Columns in one register: each has two partial sums.
    const COLUMNS: usize = 4;
    for (row, sums) in rows.chunks_exact(inputs).zip(tile) {
        let mut partial = [_mm256_setzero_si256(); PANEL / COLUMNS];
        for (bytes, group) in row.as_chunks::<GROUP>().0.iter().zip(weights.as_chunks::<{ PANEL * GROUP }>().0) {
            let bytes = _mm256_cvtepu8_epi16(_mm_set1_epi32(i32::from_le_bytes(*bytes)));
            for (partial, weights) in partial.iter_mut().zip(group.as_chunks::<{ COLUMNS * GROUP }>().0) {
                // SAFETY: `weights` is 16 readable bytes and the load asks for no alignment. Needed because there is no
                // safe load.
                let weights = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(weights.as_ptr().cast()) });
                *partial = _mm256_add_epi32(*partial, _mm256_madd_epi16(bytes, weights));
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

/// The twin of [`portable`] for AVX-512 with VNNI: four products and their sum in one instruction.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn avx512_vnni(rows: &[u8], inputs: usize, weights: &[i8], tile: &mut Tile) {
    match rows.len() / inputs {
        1 => vnni_rows::<1>(rows, inputs, weights, tile),
        2 => vnni_rows::<2>(rows, inputs, weights, tile),
        3 => vnni_rows::<3>(rows, inputs, weights, tile),
        4 => vnni_rows::<4>(rows, inputs, weights, tile),
        5 => vnni_rows::<5>(rows, inputs, weights, tile),
        6 => vnni_rows::<6>(rows, inputs, weights, tile),
        7 => vnni_rows::<7>(rows, inputs, weights, tile),
        8 => vnni_rows::<8>(rows, inputs, weights, tile),
        _ => {}
    }
}

/// Exactly `N` rows, all accumulators in registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn vnni_rows<const N: usize>(rows: &[u8], inputs: usize, weights: &[i8], tile: &mut Tile) {
    use std::arch::x86_64::{
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };

    const COLUMNS: usize = 16;
    let row: [&[[u8; GROUP]]; N] = std::array::from_fn(|at| rows[at * inputs..][..inputs].as_chunks().0);
    let mut sums = [[_mm512_setzero_si512(); PANEL / COLUMNS]; N];
    for (k, group) in weights.as_chunks::<{ PANEL * GROUP }>().0.iter().enumerate() {
        let parts = group.as_chunks::<{ COLUMNS * GROUP }>().0;
        // SAFETY: each part is 64 readable bytes and the load asks for no alignment. Needed because there is no safe load.
        let weights: [_; PANEL / COLUMNS] =
            std::array::from_fn(|part| unsafe { _mm512_loadu_si512(parts[part].as_ptr().cast()) });
        for at in 0..N {
            let Some(bytes) = row[at].get(k) else { return };
            let bytes = _mm512_set1_epi32(i32::from_le_bytes(*bytes));
            for part in 0..PANEL / COLUMNS {
                sums[at][part] = _mm512_dpbusd_epi32(sums[at][part], bytes, weights[part]);
            }
        }
    }
    for (sums, out) in sums.iter().zip(tile) {
        for (sum, out) in sums.iter().zip(out.as_chunks_mut::<COLUMNS>().0) {
            // SAFETY: `out` is 64 writable bytes and the store asks for no alignment. Needed because there is no safe
            // store.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The layer by its definition, in 64-bit integers and double precision.
    fn reference(weights: &[u8], scales: &[f32], bias: &[f32], inputs: usize, activations: Activations) -> Vec<f64> {
        let columns = scales.len();
        let mut out = Vec::new();
        for row in activations.bytes.chunks(inputs) {
            for column in 0..columns {
                let mut sum = 0_i64;
                for (k, byte) in row.iter().enumerate() {
                    let weight = i64::from(weights[k * columns + column].cast_signed());
                    sum += (i64::from(*byte) - i64::from(activations.quantization.zero)) * weight;
                }
                let step = f64::from(activations.quantization.scale) * f64::from(scales[column]);
                out.push(sum as f64 * step + f64::from(bias[column]));
            }
        }
        out
    }

    #[test]
    fn a_layer_is_whole_groups_and_panels() {
        let (scales, bias) = ([1.0; PANEL], [0.0; PANEL]);
        assert!(Linear::new(&[0; 4 * PANEL], &scales, &bias, 4).is_some());
        assert!(Linear::new(&[0; 3 * PANEL], &scales, &bias, 3).is_none());
        assert!(Linear::new(&[0; 4 * 16], &scales[..16], &bias[..16], 4).is_none());
        assert!(Linear::new(&[0; 4 * PANEL], &scales, &bias[1..], 4).is_none());
        assert!(Linear::new(&[], &[], &[], 0).is_none());
    }

    #[test]
    fn extremes_do_not_overflow_on_any_path() {
        let inputs = 1536;
        for (byte, weight) in [(255, 0x80), (255, 0x7f), (0, 0x80)] {
            let weights = vec![weight; inputs * PANEL];
            let (scales, bias) = (vec![1.0; PANEL], vec![0.0; PANEL]);
            let layer = Linear::new(&weights, &scales, &bias, inputs).expect("a layer");
            let bytes = vec![byte; inputs * 9];
            let activations = Activations { bytes: &bytes, quantization: Quantization { scale: 1.0, zero: 128 } };
            let expected = reference(&weights, &scales, &bias, inputs, activations);
            for &path in Path::all() {
                let mut out = vec![f32::NAN; 9 * PANEL];
                layer.apply(Checked::new(path), activations, &mut out);
                assert!(out.iter().zip(&expected).all(|(a, b)| f64::from(*a) == *b), "{path:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_path_gives_the_definition(
            rows in 1_usize..20, groups in 1_usize..12, panels in 1_usize..3, zero in any::<u8>(), seed in any::<u64>(),
        ) {
            let (inputs, columns) = (groups * GROUP, panels * PANEL);
            let mut state = seed | 1;
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            };
            let weights: Vec<u8> = (0..inputs * columns).map(|_| random()).collect();
            let bytes: Vec<u8> = (0..rows * inputs).map(|_| random()).collect();
            let scales: Vec<f32> = (0..columns).map(|_| f32::from(random()) / 1e3 + 1e-3).collect();
            let bias: Vec<f32> = (0..columns).map(|_| f32::from(random()) - 128.0).collect();
            let activations = Activations { bytes: &bytes, quantization: Quantization { scale: 0.01, zero } };
            let expected = reference(&weights, &scales, &bias, inputs, activations);
            let layer = Linear::new(&weights, &scales, &bias, inputs).expect("a layer");
            for &path in Path::all() {
                let mut out = vec![f32::NAN; rows * columns];
                layer.apply(Checked::new(path), activations, &mut out);
                for (found, expected) in out.iter().zip(&expected) {
                    // Rounded where it is greatest: a bias of up to 128 may leave little of the sum.
                    let tolerance = 1e-6 * expected.abs().max(128.0);
                    prop_assert!((f64::from(*found) - expected).abs() <= tolerance, "{path:?}: {found} not {expected}");
                }
            }
        }
    }
}
