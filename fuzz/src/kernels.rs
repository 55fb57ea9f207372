//! SIMD kernels against their portable twins: integers to the bit, floats within rounding.

use tamis::kernel::attention::{HEAD, Scratch, attend};
use tamis::kernel::bag;
use tamis::kernel::linear::{Activations, Last, Linear, PANEL};
use tamis::kernel::path::{Checked, Path};
use tamis::kernel::quantization::{Extent, Quantization, quantize};
use tamis::kernel::row::add_and_norm;

use super::sample::Sample;

/// A choice, sizes, and then the numbers: as many as there are, again and again.
pub fn run(input: &[u8]) {
    let mut sample = Sample(input);
    match sample.below(5) {
        0 => bags(&mut sample),
        1 => quantized(&mut sample),
        2 => multiplied(&mut sample),
        3 => normalized(&mut sample),
        _ => attended(&mut sample),
    }
}

fn bags(sample: &mut Sample<'_>) {
    let rows = 1 << sample.below(10);
    let count = sample.below(256) * (1 + sample.below(12));
    let bytes = Bytes(sample.0).take(rows * bag::COLUMNS);
    let ids: Vec<u32> =
        Bytes(sample.0).take(count * 4).as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
    let fast = bag::Table::new(bytes.clone()).expect("whole rows");
    let plain = bag::Table::new(bytes).expect("whole rows").with_path(bag::Path::Portable);
    assert_eq!(fast.sum(&ids), plain.sum(&ids), "{} ids of {rows} rows", ids.len());
}

fn quantized(sample: &mut Sample<'_>) {
    let count = 1 + sample.below(256);
    let values = Bytes(sample.0).floats(count);
    let extent = Extent::of(&values);
    let mut expected = vec![0; count];
    let quantization = quantize(Checked::new(Path::Portable), &values, extent, &mut expected);
    assert!(quantization.scale > 0.0 && quantization.scale.is_finite());
    for &path in Path::all() {
        let mut bytes = vec![0; count];
        assert_eq!(quantize(Checked::new(path), &values, extent, &mut bytes), quantization);
        assert_eq!(bytes, expected, "{path:?} of {values:?}");
    }
}

fn multiplied(sample: &mut Sample<'_>) {
    let (rows, groups, panels) = (1 + sample.below(20), 1 + sample.below(24), 1 + sample.below(2));
    let quantization = Quantization { scale: 0.01, zero: sample.byte() };
    let last = if sample.below(2) == 0 { Last::Nothing } else { Last::Gelu };
    let (inputs, columns) = (4 * groups, panels * PANEL);
    let weights = Bytes(sample.0).take(inputs * columns);
    let (scales, bias) = (vec![0.003; columns], Bytes(sample.0).floats(columns));
    let linear = Linear::new(&weights, &scales, &bias, inputs).expect("whole panels");
    let bytes = Bytes(sample.0).take(rows * inputs);
    let activations = Activations { bytes: &bytes, quantization };
    let mut expected = vec![f32::NAN; rows * columns];
    linear.apply(Checked::new(Path::Portable), activations, last, &mut expected);
    for &path in Path::all() {
        let mut out = vec![f32::NAN; rows * columns];
        let extent = linear.apply(Checked::new(path), activations, last, &mut out);
        assert_eq!(extent, Extent::of(&out), "{path:?}");
        near(&out, &expected, 1e-5, path);
    }
}

fn normalized(sample: &mut Sample<'_>) {
    let (rows, width) = (1 + sample.below(6), 16 * (1 + sample.below(8)));
    let (values, change) =
        (Bytes(sample.0).floats(rows * width), Bytes(&sample.0[sample.0.len() / 2..]).floats(rows * width));
    let (gain, shift) = (vec![1.5; width], vec![-0.25; width]);
    let normalize = |path: Path| {
        let mut values = values.clone();
        add_and_norm(Checked::new(path), &mut values, &change, &gain, &shift, 1e-3);
        values
    };
    let expected = normalize(Path::Portable);
    Path::all().iter().for_each(|&path| near(&normalize(path), &expected, 1e-3, path));
}

fn attended(sample: &mut Sample<'_>) {
    let (rows, width) = (1 + sample.below(40), HEAD * (1 + sample.below(2)));
    // Scores as a trained model has them: the kernel does not shift them before it raises e to them.
    let joined: Vec<f32> = Bytes(sample.0).floats(rows * 3 * width).iter().map(|value| value / 16.0).collect();
    let mix = |path: Path| {
        let mut mixed = vec![f32::NAN; rows * width];
        let extent = attend(Checked::new(path), &joined, width, &mut Scratch::new(), &mut mixed);
        assert_eq!(extent, Extent::of(&mixed), "{path:?}");
        mixed
    };
    let expected = mix(Path::Portable);
    Path::all().iter().for_each(|&path| near(&mix(path), &expected, 1e-4, path));
}

/// Equal but for the order in which sums are rounded.
fn near(found: &[f32], expected: &[f32], tolerance: f32, path: Path) {
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = tolerance * expected.abs().max(1.0);
        assert!((found - expected).abs() <= allowed, "{path:?}, number {at}: {found} not {expected}");
    }
}

/// Bytes that begin again where they end.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take(&self, count: usize) -> Vec<u8> {
        if self.0.is_empty() { vec![0; count] } else { self.0.iter().copied().cycle().take(count).collect() }
    }

    /// From -8 to 8, in 16 bits each.
    fn floats(&self, count: usize) -> Vec<f32> {
        let bytes = self.take(2 * count);
        bytes.as_chunks().0.iter().map(|two| f32::from(i16::from_le_bytes(*two)) / 4096.0).collect()
    }
}
