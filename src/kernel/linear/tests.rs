use super::*;
use crate::kernel::path::Path;
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
            let extent = layer.apply(Checked::new(path), activations, Last::Nothing, &mut out);
            assert_eq!(extent, Extent::of(&out));
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
            let extent = layer.apply(Checked::new(path), activations, Last::Nothing, &mut out);
            prop_assert_eq!(extent, Extent::of(&out));
            for (found, expected) in out.iter().zip(&expected) {
                // Rounded where it is greatest: a bias of up to 128 may leave little of the sum.
                let tolerance = 1e-6 * expected.abs().max(128.0);
                prop_assert!((f64::from(*found) - expected).abs() <= tolerance, "{path:?}: {found} not {expected}");
            }
        }
    }
}

#[test]
fn the_last_step_is_done_to_what_the_layer_gives() {
    let (scales, bias) = (vec![0.01; PANEL], (0..PANEL).map(|at| at as f32 / 10.0 - 2.0).collect::<Vec<_>>());
    let weights: Vec<u8> = (0..8 * PANEL).map(|at| (at * 37) as u8).collect();
    let layer = Linear::new(&weights, &scales, &bias, 8).expect("a layer");
    let bytes: Vec<u8> = (0..9 * 8).map(|at| (at * 29) as u8).collect();
    let activations = Activations { bytes: &bytes, quantization: Quantization { scale: 0.02, zero: 100 } };
    for &path in Path::all() {
        let (mut plain, mut unit) = (vec![f32::NAN; 9 * PANEL], vec![f32::NAN; 9 * PANEL]);
        layer.apply(Checked::new(path), activations, Last::Nothing, &mut plain);
        let extent = layer.apply(Checked::new(path), activations, Last::Gelu, &mut unit);
        assert_eq!(extent, Extent::of(&unit));
        for (x, found) in plain.iter().zip(&unit) {
            let exact = f64::from(*x) * normal_distribution(f64::from(*x));
            assert!((f64::from(*found) - exact).abs() < 2e-6, "{path:?}: gelu({x}) = {found}, not {exact}");
        }
    }
}

/// The distribution function of the standard normal, by Simpson's rule.
fn normal_distribution(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let steps = 1000;
    let width = x / f64::from(steps);
    let sum: f64 = (0..steps)
        .map(|at| {
            let from = f64::from(at) * width;
            (density(from) + 4.0 * density(from + width / 2.0) + density(from + width)) * width / 6.0
        })
        .sum();
    0.5 + sum
}
