//! Rows of float32 as bytes, and back by a scale and a zero point: ONNX's `DynamicQuantizeLinear` (operator set 11).

use super::path::for_each_path;
use super::vector::{LANES, Vector};

/// A tensor quantized as ONNX's `DynamicQuantizeLinear` does: `value = (byte - zero) * scale`, one scale for all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The step between neighbouring bytes.
    pub scale: f32,
    /// The byte that stands for 0.0.
    pub zero: u8,
}

/// The least and the greatest of some values and 0, which is always among what a byte can say. Who writes values knows it
/// without reading them again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extent {
    least: f32,
    most: f32,
}

/// An [`Extent`] in the making, for each lane.
pub(super) struct Lanes<V> {
    least: V,
    most: V,
}

for_each_path! {
    /// Quantizes `values`, whose extent is `extent`, into as many `bytes`.
    pub fn quantize(path: Checked, values: &[f32], extent: Extent, bytes: &mut [u8]) -> Quantization = quantize_body
}

impl Extent {
    /// That of both.
    #[must_use]
    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// That of `values`.
    pub fn of(values: &[f32]) -> Self {
        values.iter().fold(Self::default(), |extent, &value| extent.and(Self { least: value, most: value }))
    }

    /// How values of this extent are quantized.
    fn quantization(self) -> Quantization {
        // All zero: any step will do.
        let scale = if self.most > self.least { (self.most - self.least) / 255.0 } else { 1.0 };
        Quantization { scale, zero: (-self.least / scale).round_ties_even().clamp(0.0, 255.0) as u8 }
    }
}

impl<V: Vector> Lanes<V> {
    /// That of no values.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { least: V::splat(0.0), most: V::splat(0.0) }
    }

    /// Widens the extent to `values`; what is not a number does not count.
    #[inline(always)]
    pub(super) fn include(&mut self, values: V) {
        self.least = values.min(self.least);
        self.most = values.max(self.most);
    }

    /// The extent of all lanes.
    #[inline(always)]
    pub(super) fn extent(&self) -> Extent {
        Extent { least: self.least.fold(f32::min), most: self.most.fold(f32::max) }
    }
}

#[inline(always)]
fn quantize_body<V: Vector>(values: &[f32], extent: Extent, bytes: &mut [u8]) -> Quantization {
    let quantization = extent.quantization();
    let scale = V::splat(quantization.scale);
    // Rounded before the zero point is added: an odd zero point must not turn ties the other way.
    let block = |values: &[f32; LANES]| V::load(values).div(scale).to_bytes(quantization.zero);
    let ((blocks, rest), (out, out_rest)) = (values.as_chunks::<LANES>(), bytes.as_chunks_mut::<LANES>());
    for (out, values) in out.iter_mut().zip(blocks) {
        *out = block(values);
    }
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for (byte, last) in out_rest.iter_mut().zip(block(&last)) {
        *byte = last;
    }
    quantization
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::path::{Checked, Path};
    use proptest::prelude::*;

    #[test]
    fn quantization_is_that_of_the_onnx_specification() {
        // The examples of `DynamicQuantizeLinear` in the ONNX operator documentation.
        for (values, expected, scale, zero) in [
            ([0.0, 2.0, -3.0, -2.5, 1.34, 0.5].as_slice(), [153, 255, 0, 26, 221, 179].as_slice(), 0.019_607_844, 153),
            (&[-1.0, -2.1, -1.3, -2.5, -3.34, -4.0], &[191, 121, 172, 96, 42, 0], 0.015_686_275, 255),
        ] {
            for &path in Path::all() {
                let mut bytes = vec![0; values.len()];
                let found = quantize(Checked::new(path), values, Extent::of(values), &mut bytes);
                assert_eq!((bytes.as_slice(), found.zero), (expected, zero), "{path:?}");
                assert!((found.scale - scale).abs() < 1e-8);
            }
        }
        let mut bytes = [7; 3];
        let found = quantize(Checked::new(Path::Portable), &[0.0; 3], Extent::default(), &mut bytes);
        assert_eq!((found, bytes), (Quantization { scale: 1.0, zero: 0 }, [0; 3]));
    }

    #[test]
    fn what_is_not_a_number_is_no_part_of_the_extent() {
        assert_eq!(Extent::of(&[f32::NAN, -1.0, 2.0, f32::NAN]), Extent { least: -1.0, most: 2.0 });
        for &path in Path::all() {
            let mut bytes = [7; 40];
            quantize(Checked::new(path), &[f32::NAN; 40], Extent { least: 0.0, most: 1.0 }, &mut bytes);
            assert_eq!(bytes, [0; 40], "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn every_path_gives_the_same_bytes(values in prop::collection::vec(-20.0_f32..20.0, 1..300)) {
            let extent = Extent::of(&values);
            let mut expected = vec![0; values.len()];
            let quantization = quantize(Checked::new(Path::Portable), &values, extent, &mut expected);
            for (byte, value) in expected.iter().zip(&values) {
                let back = (f32::from(*byte) - f32::from(quantization.zero)) * quantization.scale;
                prop_assert!((back - value).abs() <= 0.51 * quantization.scale, "{value} came back as {back}");
            }
            for &path in Path::all() {
                let mut bytes = vec![0; values.len()];
                prop_assert_eq!(quantize(Checked::new(path), &values, extent, &mut bytes), quantization);
                prop_assert_eq!(&bytes, &expected, "{:?}", path);
            }
        }
    }
}
