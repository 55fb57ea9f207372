//! What an encoder does to rows of float32 between its matrix products: exponential, Gaussian error linear unit, layer
//! normalisation, softmax, quantization. Safe Rust written for the compiler's vectorizer, compiled once for each
//! [`Path`](super::path::Path).

use super::path::{Arithmetic, for_each_path};

/// A tensor quantized as ONNX's `DynamicQuantizeLinear` does (operator set 11): `value = (byte - zero) * scale`, one
/// scale for all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The step between neighbouring bytes.
    pub scale: f32,
    /// The byte that stands for 0.0.
    pub zero: u8,
}

for_each_path! {
    /// Quantizes `values` into as many `bytes`.
    pub fn quantize(path: Checked, values: &[f32], bytes: &mut [u8]) -> Quantization = quantize_body
}

for_each_path! {
    /// Normalises each row of `values` (rows of `gain.len()`) to mean 0 and variance 1, then `* gain + shift`.
    /// `epsilon` is added to the variance (Ba et al. 2016).
    pub fn layer_norm(path: Checked, values: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32) = layer_norm_body
}

for_each_path! {
    /// The Gaussian error linear unit of each value, `x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel 2016),
    /// within 1e-6.
    pub fn gelu(path: Checked, values: &mut [f32]) = gelu_body
}

/// e^`x` within two units in the last place for -87 <= x <= 88; smaller `x` are taken as -87.
///
/// Cody and Waite's reduction to |r| <= ln 2 / 2, then Taylor's polynomial of degree 7.
#[inline(always)]
pub(super) fn exp<A: Arithmetic>(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds a small number to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = A::fma(x, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = A::fma(whole, -LN_2_LOW, A::fma(whole, -LN_2_HIGH, x));
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = A::fma(sum, rest, coefficient);
    }
    // 2^whole, by the exponent's bits: 127 <= whole + 127 + 127 <= 254 for the x allowed.
    sum * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

#[inline(always)]
fn gelu_body<A: Arithmetic>(values: &mut [f32]) {
    let (blocks, rest) = values.as_chunks_mut::<LANES>();
    for block in blocks {
        for value in block {
            *value = gelu_one::<A>(*value);
        }
    }
    for value in rest {
        *value = gelu_one::<A>(*value);
    }
}

/// The error function by Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
#[inline(always)]
fn gelu_one<A: Arithmetic>(x: f32) -> f32 {
    let z = (x * std::f32::consts::FRAC_1_SQRT_2).abs().min(9.0);
    let t = 1.0 / A::fma(z, 0.327_591_1, 1.0);
    let mut tail = 1.061_405_4;
    for coefficient in [-1.453_152_1, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        tail = A::fma(tail, t, coefficient);
    }
    let tail = tail * t * exp::<A>(-z * z);
    // erf(|z|) = 1 - tail; 1 + erf(z) is 2 - tail for positive x and tail for negative.
    let both = if x < 0.0 { tail } else { 2.0 - tail };
    0.5 * x * both
}

#[inline(always)]
fn layer_norm_body<A: Arithmetic>(values: &mut [f32], gain: &[f32], shift: &[f32], epsilon: f32) {
    let width = gain.len();
    for row in values.chunks_exact_mut(width) {
        let mean = sum_of(row, |value| value) / width as f32;
        let variance = sum_of(row, |value| (value - mean) * (value - mean)) / width as f32;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((value, gain), shift) in row.iter_mut().zip(gain).zip(shift) {
            *value = A::fma((*value - mean) * scale, *gain, *shift);
        }
    }
}

/// The sum of `of(value)`, in [`LANES`] partial sums.
#[inline(always)]
fn sum_of(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in lanes.iter_mut().zip(block) {
            *lane += of(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

/// Turns `scores` into their softmax; returns nothing where there are none.
#[inline(always)]
pub(super) fn softmax<A: Arithmetic>(scores: &mut [f32]) {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = scores.as_chunks::<LANES>();
    for block in blocks {
        for (lane, value) in most.iter_mut().zip(block) {
            *lane = lane.max(*value);
        }
    }
    let most = most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    for value in scores.iter_mut() {
        *value = exp::<A>(*value - most);
    }
    let scale = 1.0 / sum_of(scores, |value| value);
    for value in scores.iter_mut() {
        *value *= scale;
    }
}

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "`for_each_path` compiles it once for each path")]
fn quantize_body<A: Arithmetic>(values: &[f32], bytes: &mut [u8]) -> Quantization {
    const ROUND: f32 = 12_582_912.0;
    let (mut least, mut most) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for at in 0..LANES {
            least[at] = least[at].min(block[at]);
            most[at] = most[at].max(block[at]);
        }
    }
    let least = least.iter().chain(rest).copied().fold(0.0, f32::min);
    let most = most.iter().chain(rest).copied().fold(0.0, f32::max);
    // All zero: any step will do.
    let scale = if most > least { (most - least) / 255.0 } else { 1.0 };
    let zero = (-least / scale).round_ties_even().clamp(0.0, 255.0);
    for (byte, value) in bytes.iter_mut().zip(values) {
        // Rounded before the zero point is added: an odd zero point must not turn ties the other way.
        let steps = (*value / scale + ROUND) - ROUND;
        *byte = ((steps + zero).clamp(0.0, 255.0) + ROUND).to_bits() as u8;
    }
    Quantization { scale, zero: zero as u8 }
}

/// Partial sums kept side by side: one 512-bit register, two of 256 bits.
const LANES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::path::{Checked, Path};
    use proptest::prelude::*;

    fn paths() -> impl Iterator<Item = Checked> {
        Path::all().iter().map(|&path| Checked::new(path))
    }

    /// The error function in double precision, by its Taylor series (|x| < 3) or 1.
    fn erf(x: f64) -> f64 {
        if x.abs() >= 6.0 {
            return x.signum();
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for step in -870_000..=880_000 {
            let x = step as f32 / 10_000.0;
            let exact = f64::from(x).exp();
            for found in [exp::<super::super::path::Plain>(x), exp::<super::super::path::Fused>(x)] {
                assert!((f64::from(found) / exact - 1.0).abs() < 2.5e-7, "exp({x}) = {found}, not {exact}");
            }
        }
        assert!(exp::<super::super::path::Plain>(-1e30) < 1e-37);
    }

    #[test]
    fn the_gaussian_error_linear_unit_is_within_a_millionth() {
        for path in paths() {
            let mut values: Vec<f32> = (-5_000..=5_000).map(|step| step as f32 / 1_000.0).collect();
            let inputs = values.clone();
            gelu(path, &mut values);
            for (x, found) in inputs.iter().zip(values) {
                let x = f64::from(*x);
                let exact = x / 2.0 * (1.0 + erf(x / 2.0_f64.sqrt()));
                assert!((f64::from(found) - exact).abs() < 1e-6, "{path:?}: gelu({x}) = {found}, not {exact}");
            }
            let mut far = [-1e30, -40.0, 40.0, 1e30];
            gelu(path, &mut far);
            assert!(far[0].abs() < 1e-6 && far[1].abs() < 1e-6 && far[2..] == [40.0, 1e30], "{path:?}: {far:?}");
        }
    }

    #[test]
    fn quantization_is_that_of_the_onnx_specification() {
        // The examples of `DynamicQuantizeLinear` in the ONNX operator documentation.
        for (values, expected, scale, zero) in [
            ([0.0, 2.0, -3.0, -2.5, 1.34, 0.5].as_slice(), [153, 255, 0, 26, 221, 179].as_slice(), 0.019_607_844, 153),
            (&[-1.0, -2.1, -1.3, -2.5, -3.34, -4.0], &[191, 121, 172, 96, 42, 0], 0.015_686_275, 255),
        ] {
            for path in paths() {
                let mut bytes = vec![0; values.len()];
                let found = quantize(path, values, &mut bytes);
                assert_eq!((bytes.as_slice(), found.zero), (expected, zero), "{path:?}");
                assert!((found.scale - scale).abs() < 1e-8);
            }
        }
        let mut bytes = [7; 3];
        assert_eq!(quantize(Checked::new(Path::Portable), &[0.0; 3], &mut bytes), Quantization { scale: 1.0, zero: 0 });
        assert_eq!(bytes, [0; 3]);
    }

    proptest! {
        #[test]
        fn rows_are_normalised(values in prop::collection::vec(-100.0_f32..100.0, 96), width in prop::sample::select(vec![24_usize, 32, 48, 96])) {
            for path in paths() {
                let (gain, shift) = (vec![2.0; width], vec![-1.0; width]);
                let mut found = values.clone();
                layer_norm(path, &mut found, &gain, &shift, 1e-5);
                for row in found.chunks(width) {
                    let mean = row.iter().sum::<f32>() / width as f32;
                    prop_assert!((mean + 1.0).abs() < 1e-3, "mean {mean}");
                }
            }
        }

        #[test]
        fn softmax_sums_to_one(mut scores in prop::collection::vec(-50.0_f32..50.0, 1..200)) {
            softmax::<super::super::path::Plain>(&mut scores);
            prop_assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(scores.iter().all(|&share| (0.0..=1.0).contains(&share)));
        }

        #[test]
        fn twins_agree(values in prop::collection::vec(-20.0_f32..20.0, 1..300)) {
            let plain = Checked::new(Path::Portable);
            let (mut expected, mut unit) = (vec![0; values.len()], values.clone());
            let quantization = quantize(plain, &values, &mut expected);
            gelu(plain, &mut unit);
            for path in paths() {
                let (mut bytes, mut found) = (vec![0; values.len()], values.clone());
                prop_assert_eq!(quantize(path, &values, &mut bytes), quantization);
                prop_assert!(bytes.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1), "a tie may round either way");
                gelu(path, &mut found);
                prop_assert!(found.iter().zip(&unit).all(|(a, b)| (a - b).abs() < 1e-6));
            }
        }
    }
}
