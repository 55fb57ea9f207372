//! Bucket maths of a high-dynamic-range histogram: pure, constant-time, no search.
//!
//! Values are whole nanoseconds. Each power of two is an octave, divided into `2^sub_bucket_bits` buckets of equal
//! width, so the relative width of a bucket is bounded while the range spans many orders of magnitude (G. Tene's
//! `HdrHistogram`). A value is placed by the position of `value - 1`, which makes every upper edge *inclusive*: the
//! bucket that ends at `2^k` holds `2^k` itself, as Prometheus' `le` ("less than or equal") asks, so a power of two
//! folds into an `le` bucket without error.

/// How a range of nanoseconds is divided into buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    sub_bucket_bits: u32,
    max_exponent: u32,
}

impl Geometry {
    /// Buckets up to `2^max_exponent` ns with `2^sub_bucket_bits` buckets an octave.
    ///
    /// # Panics
    /// Unless `sub_bucket_bits < max_exponent < 64`. Called in constants, so a wrong geometry does not compile.
    pub const fn new(sub_bucket_bits: u32, max_exponent: u32) -> Self {
        assert!(sub_bucket_bits < max_exponent && max_exponent < 64);
        Self { sub_bucket_bits, max_exponent }
    }

    /// The number of buckets.
    pub const fn buckets(self) -> usize {
        ((self.max_exponent - self.sub_bucket_bits + 1) as usize) << self.sub_bucket_bits
    }

    /// The bucket of `value`. Zero shares the first bucket with 1; values beyond the range share the last bucket.
    #[inline]
    pub const fn index(self, value: u64) -> usize {
        let position = value.saturating_sub(1);
        let last = (1 << self.max_exponent) - 1;
        let position = if position > last { last } else { position };
        let octave = (position | (1 << self.sub_bucket_bits)).ilog2() - self.sub_bucket_bits;
        ((octave as usize) << self.sub_bucket_bits) + (position >> octave) as usize
    }

    /// The greatest value below the bucket: a bucket holds `lower < value <= upper` (and 0 in the first).
    pub const fn lower(self, index: usize) -> u64 {
        let octave = self.octave(index);
        ((index - ((octave as usize) << self.sub_bucket_bits)) as u64) << octave
    }

    /// The greatest value in the bucket. The last bucket also holds everything beyond the range.
    pub const fn upper(self, index: usize) -> u64 {
        self.lower(index) + (1 << self.octave(index))
    }

    /// The number of buckets that hold only values `<= edge`, if `edge` is exactly an upper edge.
    pub const fn buckets_up_to(self, edge: u64) -> Option<usize> {
        let index = self.index(edge);
        if self.upper(index) == edge { Some(index + 1) } else { None }
    }

    const fn octave(self, index: usize) -> u32 {
        ((index >> self.sub_bucket_bits) as u32).saturating_sub(1)
    }
}

/// One bucket an octave up to 2^36 ns (68.7 s): enough for `le` buckets at powers of two. 37 buckets, 296 bytes.
pub const COARSE: Geometry = Geometry::new(0, 36);

/// 64 buckets an octave up to 2^36 ns (68.7 s): a bucket is at most 1/64 (1.6 %) of its lower edge wide, for series
/// whose quantiles are read. 1984 buckets, 15,872 bytes.
pub const FINE: Geometry = Geometry::new(6, 36);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GEOMETRIES: [Geometry; 4] = [COARSE, FINE, Geometry::new(3, 20), Geometry::new(7, 63)];

    #[test]
    fn buckets_tile_the_range_without_gap_or_overlap() {
        for geometry in [COARSE, FINE, Geometry::new(3, 20)] {
            assert_eq!(geometry.lower(0), 0);
            for index in 0..geometry.buckets() {
                assert_eq!(geometry.index(geometry.upper(index)), index, "upper edge is inclusive");
                if index + 1 < geometry.buckets() {
                    assert_eq!(geometry.upper(index), geometry.lower(index + 1));
                    assert_eq!(geometry.index(geometry.upper(index) + 1), index + 1);
                }
            }
            assert_eq!(geometry.upper(geometry.buckets() - 1), 1 << geometry.max_exponent);
        }
    }

    #[test]
    fn sizes_are_those_documented() {
        assert_eq!(COARSE.buckets(), 37);
        assert_eq!(FINE.buckets(), 1984);
    }

    #[test]
    fn powers_of_two_are_edges_and_other_numbers_need_not_be() {
        for geometry in [COARSE, FINE] {
            for exponent in 0..=36 {
                let end = geometry.buckets_up_to(1 << exponent).expect("a power of two is an edge");
                assert_eq!(geometry.upper(end - 1), 1 << exponent);
            }
        }
        assert_eq!(COARSE.buckets_up_to(3), None);
        assert_eq!(FINE.buckets_up_to(1_000_000_007), None);
    }

    #[test]
    fn values_beyond_the_range_saturate_into_the_last_bucket() {
        for geometry in [COARSE, FINE] {
            for value in [(1 << 36) + 1, 1 << 40, u64::MAX] {
                assert_eq!(geometry.index(value), geometry.buckets() - 1);
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_lies_within_its_bucket(value in 1_u64..=1 << 63, shift in 0_u32..63) {
            let value = (value >> shift).max(1);
            for geometry in GEOMETRIES {
                let index = geometry.index(value);
                prop_assert!(index < geometry.buckets());
                prop_assert!(geometry.lower(index) < value);
                prop_assert!(value <= geometry.upper(index) || index == geometry.buckets() - 1);
            }
        }

        #[test]
        fn a_greater_value_never_has_a_lower_bucket(a: u64, b: u64, shift in 0_u32..63) {
            let (a, b) = ((a >> shift).min(b >> shift), (a >> shift).max(b >> shift));
            for geometry in GEOMETRIES {
                prop_assert!(geometry.index(a) <= geometry.index(b));
            }
        }

        #[test]
        fn the_relative_width_is_bounded(index in 0_usize..1984) {
            let (lower, upper) = (FINE.lower(index), FINE.upper(index));
            prop_assert!(upper - lower == 1 || (upper - lower) * 64 <= lower);
        }
    }
}
