//! What an encoder does to rows of float32 between its matrix products: exponential, Gaussian error linear unit, layer
//! normalisation, softmax.

use super::path::for_each_path;
use super::quantization::{Extent, Lanes};
use super::vector::{LANES, ROUND, Vector};

for_each_path! {
    /// Adds `change` to `values`, normalises each row of the sum (rows of `gain.len()`) to mean 0 and variance 1, then
    /// `* gain + shift`, and returns the extent. `epsilon` is added to the variance (Ba et al. 2016). Rows are whole blocks of 16;
    /// of others the rest is left alone.
    pub fn add_and_norm(path: Checked, values: &mut [f32], change: &[f32], gain: &[f32], shift: &[f32], epsilon: f32) -> Extent
        = add_and_norm_body
}

/// e^`x` within two units in the last place for -87 <= x <= 88; smaller `x` are taken as -87.
///
/// Cody and Waite's reduction to |r| <= ln 2 / 2, then the polynomial `1 + r + ...` of degree 5 whose relative error is least there
/// (1.05e-7).
#[inline(always)]
fn exp<V: Vector>(x: V) -> V {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(V::splat(-87.0));
    let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND));
    let whole = shifted.sub(V::splat(ROUND));
    let rest = whole.fma(V::splat(-LN_2_LOW), whole.fma(V::splat(-LN_2_HIGH), x));
    let mut sum = V::splat(0.008_312_52);
    for coefficient in [0.041_890_156, 0.166_671_14, 0.499_992_3, 1.0, 1.0] {
        sum = sum.fma(rest, V::splat(coefficient));
    }
    sum.mul(shifted.power_of_two())
}

/// The Gaussian error linear unit, `x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel 2016), within 1e-6.
///
/// With a = |x| it is `max(x, 0) - a / 2 * erfc(a / sqrt 2)`, and the second term a low hill: here the polynomial of degree 16 in
/// a / 2.6 - 1 whose greatest error for a <= 5.2 is least (4e-8). Beyond, the hill is below 5.2e-7.
#[inline(always)]
pub(super) fn gelu<V: Vector>(x: V) -> V {
    // Even and odd powers apart: two chains of multiplications, each half as long.
    const EVEN: [f32; 8] = [
        0.053_679_172,
        -0.122_117_39,
        0.064_173_974,
        0.278_643_16,
        -0.557_558_36,
        0.061_599_694,
        0.218_529_55,
        0.012_119_114,
    ];
    const ODD: [f32; 7] =
        [-0.052_716_18, 0.206_352_68, -0.388_844_13, 0.222_594_41, 0.372_417_84, -0.285_499_96, -0.079_702_27];
    let place = x.abs().min(V::splat(5.2)).fma(V::splat(1.0 / 2.6), V::splat(-1.0));
    let square = place.mul(place);
    let (mut even, mut odd) = (V::splat(-0.009_068_63), V::splat(0.005_397_852));
    for coefficient in EVEN {
        even = even.fma(square, V::splat(coefficient));
    }
    for coefficient in ODD {
        odd = odd.fma(square, V::splat(coefficient));
    }
    let hill = odd.fma(place, even);
    x.max(V::splat(0.0)).sub(hill)
}

#[inline(always)]
fn add_and_norm_body<V: Vector>(
    values: &mut [f32],
    change: &[f32],
    gain: &[f32],
    shift: &[f32],
    epsilon: f32,
) -> Extent {
    let width = gain.len();
    let ((gain, _), (shift, _)) = (gain.as_chunks::<LANES>(), shift.as_chunks::<LANES>());
    let mut lanes = Lanes::new();
    for (row, change) in values.chunks_exact_mut(width).zip(change.chunks_exact(width)) {
        let ((row, _), (change, _)) = (row.as_chunks_mut::<LANES>(), change.as_chunks::<LANES>());
        let mut sum = V::splat(0.0);
        for (value, change) in row.iter_mut().zip(change) {
            let changed = V::load(value).add(V::load(change));
            changed.store(value);
            sum = sum.add(changed);
        }
        let mean = V::splat(sum.sum() / width as f32);
        let mut squares = V::splat(0.0);
        for value in &*row {
            let distance = V::load(value).sub(mean);
            squares = distance.fma(distance, squares);
        }
        let scale = V::splat(1.0 / (squares.sum() / width as f32 + epsilon).sqrt());
        for ((value, gain), shift) in row.iter_mut().zip(gain).zip(shift) {
            let normal = V::load(value).sub(mean).mul(scale).fma(V::load(gain), V::load(shift));
            normal.store(value);
            lanes.include(normal);
        }
    }
    lanes.extent()
}

/// Turns each row of scores into its softmax but for a factor that all of the row lack, which it returns.
#[inline(always)]
pub(super) fn softmax<V: Vector, const ROWS: usize>(rows: [&mut [[f32; LANES]]; ROWS]) -> [f32; ROWS] {
    // All rows step by step: the lanes of one are added up while the next are at work.
    let most = rows
        .each_ref()
        .map(|scores| scores.iter().fold(V::splat(f32::NEG_INFINITY), |most, block| V::load(block).max(most)));
    let most = most.map(|most| V::splat(most.fold(f32::max)));
    let mut sums = [V::splat(0.0); ROWS];
    for ((scores, most), sum) in rows.into_iter().zip(most).zip(&mut sums) {
        for block in scores {
            let power = exp(V::load(block).sub(most));
            power.store(block);
            *sum = sum.add(power);
        }
    }
    sums.map(|sum| 1.0 / sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::path::{Checked, Path};
    use proptest::prelude::*;

    fn paths() -> impl Iterator<Item = Checked> {
        Path::all().iter().map(|&path| Checked::new(path))
    }

    for_each_path! { fn exp_each(path: Checked, values: &mut [[f32; LANES]]) = exp_each_body }
    for_each_path! { fn gelu_each(path: Checked, values: &mut [[f32; LANES]]) = gelu_each_body }
    for_each_path! { fn softmax_two(path: Checked, rows: [&mut [[f32; LANES]]; 2]) -> [f32; 2] = softmax_two_body }

    fn exp_each_body<V: Vector>(values: &mut [[f32; LANES]]) {
        for block in values {
            exp(V::load(block)).store(block);
        }
    }

    fn gelu_each_body<V: Vector>(values: &mut [[f32; LANES]]) {
        for block in values {
            gelu(V::load(block)).store(block);
        }
    }

    fn softmax_two_body<V: Vector>(rows: [&mut [[f32; LANES]]; 2]) -> [f32; 2] {
        softmax::<V, 2>(rows)
    }

    /// The values with what `each` makes of them on `path`.
    fn pairs(path: Checked, values: Vec<f32>, each: fn(Checked, &mut [[f32; LANES]])) -> Vec<(f32, f32)> {
        let mut blocks: Vec<[f32; LANES]> =
            values.chunks(LANES).map(|some| std::array::from_fn(|at| some.get(at).copied().unwrap_or(0.0))).collect();
        each(path, &mut blocks);
        values.into_iter().zip(blocks.into_iter().flatten()).collect()
    }

    /// The error function in double precision: by its Taylor series, and from 2 by the continued fraction of what is missing to 1
    /// (Abramowitz and Stegun 7.1.6 and 7.1.14).
    fn erf(x: f64) -> f64 {
        let z = x.abs();
        if z >= 2.0 {
            let fraction = (1..200).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
            return x.signum() * (1.0 - (-z * z).exp() / std::f64::consts::PI.sqrt() / fraction);
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        sum * (-x * x).exp() * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place() {
        for path in paths() {
            let values = (-870_000..=880_000).map(|step| step as f32 / 10_000.0).collect();
            for (x, found) in pairs(path, values, exp_each) {
                let exact = f64::from(x).exp();
                assert!((f64::from(found) / exact - 1.0).abs() < 2.5e-7, "{path:?}: exp({x}) = {found}, not {exact}");
            }
            assert!(pairs(path, vec![-1e30, f32::NEG_INFINITY], exp_each).iter().all(|(_, found)| *found < 1e-37));
        }
    }

    #[test]
    fn the_gaussian_error_linear_unit_is_within_a_millionth() {
        for path in paths() {
            let values = (-70_000..=70_000).map(|step| step as f32 / 10_000.0).collect();
            for (x, found) in pairs(path, values, gelu_each) {
                let exact = f64::from(x) / 2.0 * (1.0 + erf(f64::from(x) / 2.0_f64.sqrt()));
                assert!((f64::from(found) - exact).abs() < 1e-6, "{path:?}: gelu({x}) = {found}, not {exact}");
            }
            let far: Vec<f32> =
                pairs(path, vec![-1e30, -40.0, 40.0, 1e30], gelu_each).iter().map(|pair| pair.1).collect();
            assert!(far[0].abs() < 1e-6 && far[1].abs() < 1e-6 && far[2..] == [40.0, 1e30], "{path:?}: {far:?}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_added_and_normalised(
            values in prop::collection::vec(-100.0_f32..100.0, 96), width in prop::sample::select(vec![16_usize, 32, 48, 96]),
        ) {
            for path in paths() {
                let (gain, shift) = (vec![2.0; width], vec![-1.0; width]);
                let (mut found, change) = (values.clone(), vec![3.0; 96]);
                let extent = add_and_norm(path, &mut found, &change, &gain, &shift, 1e-5);
                prop_assert_eq!(extent, Extent::of(&found));
                for (row, values) in found.chunks(width).zip(values.chunks(width)) {
                    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / width as f64;
                    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
                    let scale = 2.0 / (squares / width as f64 + 1e-5).sqrt();
                    for (found, value) in row.iter().zip(values) {
                        let exact = (f64::from(*value) - mean) * scale - 1.0;
                        prop_assert!((f64::from(*found) - exact).abs() < 1e-3, "{path:?}: {found} not {exact}");
                    }
                }
            }
        }

        #[test]
        fn softmax_sums_to_one(values in prop::collection::vec(-50.0_f32..50.0, 2 * 2 * LANES)) {
            for path in paths() {
                let mut blocks = values.as_chunks::<LANES>().0.to_vec();
                let (first, second) = blocks.split_at_mut(2);
                let factors = softmax_two(path, [first, second]);
                for (row, (scores, factor)) in values.chunks(2 * LANES).zip(blocks.chunks(2).zip(factors)) {
                    let total: f64 = row.iter().map(|score| f64::from(*score).exp()).sum();
                    for (score, found) in row.iter().zip(scores.as_flattened()) {
                        let exact = f64::from(*score).exp() / total;
                        prop_assert!((f64::from(found * factor) - exact).abs() < 1e-6, "{path:?}: {score}");
                    }
                }
            }
        }
    }
}
