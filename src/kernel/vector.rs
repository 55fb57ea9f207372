//! Sixteen float32 side by side, in the registers of each path: what the kernels over rows are written in, so that no compiler's
//! guess decides what stays in registers.
//!
//! The forms for x86-64 may run only in functions that are compiled for their features. Kernels meet that by being generic over
//! [`Vector`], `#[inline(always)]`, and called through [`for_each_path`](super::path::for_each_path) alone, which names the forms.

/// The values of a [`Vector`].
pub(super) const LANES: usize = 16;

/// 1.5 * 2^23: adding it to a number of less than 2^22 rounds that to an integer, which then stands in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Where a cache line begins: what is moved 64 bytes at a time then lies in one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Aligned<T>(pub(super) T);

/// Sixteen float32. Everything is done lane by lane.
pub(super) trait Vector: Copy {
    /// How many of them the registers hold.
    const REGISTERS: usize;
    /// `value` in all lanes.
    fn splat(value: f32) -> Self;
    /// The values of memory.
    fn load(values: &[f32; LANES]) -> Self;
    /// Into memory.
    fn store(self, values: &mut [f32; LANES]);
    /// `sums - excess` as float32.
    fn difference(sums: &[i32; LANES], excess: &[i32; LANES]) -> Self;
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self - other`
    fn sub(self, other: Self) -> Self;
    /// `self * other`
    fn mul(self, other: Self) -> Self;
    /// `self / other`
    fn div(self, other: Self) -> Self;
    /// `self * factor + term`, rounded once where there is an instruction for it.
    fn fma(self, factor: Self, term: Self) -> Self;
    /// The less of both; `other` where one is not a number.
    fn min(self, other: Self) -> Self;
    /// The greater of both; `other` where one is not a number.
    fn max(self, other: Self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// 2^n, where `self` is n + [`ROUND`] and -126 <= n <= 127.
    fn power_of_two(self) -> Self;
    /// Rounded to the nearest integer (ties to even), plus `zero`, held to 0..=255. For values between -2^22 and 2^22.
    fn to_bytes(self, zero: u8) -> [u8; LANES];

    /// The sum of all lanes.
    #[inline(always)]
    fn sum(self) -> f32 {
        self.fold(|a, b| a + b)
    }

    /// `of` over all lanes, halves first: four steps deep.
    #[inline(always)]
    fn fold(self, of: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        let eight: [f32; 8] = std::array::from_fn(|at| of(lanes[at], lanes[at + 8]));
        let four: [f32; 4] = std::array::from_fn(|at| of(eight[at], eight[at + 4]));
        of(of(four[0], four[2]), of(four[1], four[3]))
    }
}

/// Plain Rust, on any processor.
pub(super) type Plain = [f32; LANES];

impl Vector for Plain {
    const REGISTERS: usize = 4; // of 128 bits, which every processor has

    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; LANES]
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        *values
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        *values = self;
    }

    #[inline(always)]
    fn difference(sums: &[i32; LANES], excess: &[i32; LANES]) -> Self {
        std::array::from_fn(|at| (sums[at] - excess[at]) as f32)
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] + other[at])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] - other[at])
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] * other[at])
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        std::array::from_fn(|at| self[at] / other[at])
    }

    /// Rounded twice: `f32::mul_add` without the instruction is a function call.
    #[inline(always)]
    fn fma(self, factor: Self, term: Self) -> Self {
        std::array::from_fn(|at| self[at] * factor[at] + term[at])
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        std::array::from_fn(|at| if self[at] < other[at] { self[at] } else { other[at] })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        std::array::from_fn(|at| if self[at] > other[at] { self[at] } else { other[at] })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f32::abs)
    }

    #[inline(always)]
    fn power_of_two(self) -> Self {
        self.map(|value| f32::from_bits(value.to_bits().wrapping_add(127) << 23))
    }

    #[inline(always)]
    fn to_bytes(self, zero: u8) -> [u8; LANES] {
        self.map(|value| (((value + ROUND) - ROUND) + f32::from(zero)).clamp(0.0, 255.0) as u8)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, AvxVnni};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LANES, Vector};
    #[allow(clippy::wildcard_imports, reason = "intrinsics carry their origin in their names")]
    use std::arch::x86_64::*;

    /// Two registers of 256 bits, with fused multiply-add; `VNNI`: beside the int8 dot product.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Registers256<const VNNI: bool>([__m256; 2]);

    /// Without the dot product.
    pub(in super::super) type Avx2 = Registers256<false>;
    /// With it.
    pub(in super::super) type AvxVnni = Registers256<true>;

    /// A register of 512 bits.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512(__m512);

    /// Runs intrinsics. They are unsafe to call from functions that are not compiled for their features, as the methods of a
    /// trait cannot be.
    macro_rules! run {
        ($($body:tt)*) => {
            // SAFETY: these methods run only in functions that `for_each_path` compiles for the features of their type (see this
            // file's head), and only where `Checked` says that the processor has them. Those with an address take it from a
            // reference to an array of as many bytes as they move, and ask for no alignment.
            unsafe { $($body)* }
        };
    }

    impl<const VNNI: bool> Registers256<VNNI> {
        #[inline(always)]
        fn each(self, other: Self, of: impl Fn(__m256, __m256) -> __m256) -> Self {
            Self([of(self.0[0], other.0[0]), of(self.0[1], other.0[1])])
        }
    }

    impl<const VNNI: bool> Vector for Registers256<VNNI> {
        const REGISTERS: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            run! { Self([_mm256_set1_ps(value); 2]) }
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            let (halves, _) = values.as_chunks::<8>();
            run! { Self([_mm256_loadu_ps(halves[0].as_ptr()), _mm256_loadu_ps(halves[1].as_ptr())]) }
        }

        #[inline(always)]
        fn store(self, values: &mut [f32; LANES]) {
            let (halves, _) = values.as_chunks_mut::<8>();
            run! {
                _mm256_storeu_ps(halves[0].as_mut_ptr(), self.0[0]);
                _mm256_storeu_ps(halves[1].as_mut_ptr(), self.0[1]);
            }
        }

        #[inline(always)]
        fn difference(sums: &[i32; LANES], excess: &[i32; LANES]) -> Self {
            let ((sums, _), (excess, _)) = (sums.as_chunks::<8>(), excess.as_chunks::<8>());
            Self(std::array::from_fn(|half| {
                run! {
                    let sums = _mm256_loadu_si256(sums[half].as_ptr().cast());
                    let excess = _mm256_loadu_si256(excess[half].as_ptr().cast());
                    _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, excess))
                }
            }))
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_add_ps(a, b) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_sub_ps(a, b) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_mul_ps(a, b) })
        }

        #[inline(always)]
        fn div(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_div_ps(a, b) })
        }

        #[inline(always)]
        fn fma(self, factor: Self, term: Self) -> Self {
            let half = |at: usize| run! { _mm256_fmadd_ps(self.0[at], factor.0[at], term.0[at]) };
            Self([half(0), half(1)])
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_min_ps(a, b) })
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            self.each(other, |a, b| run! { _mm256_max_ps(a, b) })
        }

        #[inline(always)]
        fn abs(self) -> Self {
            self.each(Self::splat(-0.0), |a, sign| run! { _mm256_andnot_ps(sign, a) })
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            self.each(self, |a, _| {
                run! {
                    let exponent = _mm256_add_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(127));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
                }
            })
        }

        #[inline(always)]
        fn to_bytes(self, zero: u8) -> [u8; LANES] {
            let mut bytes = [0; LANES];
            run! {
                let zero = _mm256_set1_epi32(i32::from(zero));
                let [low, high] = self.0.map(|half| _mm256_add_epi32(_mm256_cvtps_epi32(half), zero));
                // Packed within each 128 bits: 0-3 8-11 4-7 12-15, put in order before the bytes are.
                let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(low, high));
                let packed = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                _mm_storeu_si128(bytes.as_mut_ptr().cast(), packed);
            }
            bytes
        }
    }

    impl Vector for Avx512 {
        const REGISTERS: usize = 32;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            run! { Self(_mm512_set1_ps(value)) }
        }

        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            run! { Self(_mm512_loadu_ps(values.as_ptr())) }
        }

        #[inline(always)]
        fn store(self, values: &mut [f32; LANES]) {
            run! { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn difference(sums: &[i32; LANES], excess: &[i32; LANES]) -> Self {
            run! {
                let (sums, excess) = (_mm512_loadu_si512(sums.as_ptr().cast()), _mm512_loadu_si512(excess.as_ptr().cast()));
                Self(_mm512_cvtepi32_ps(_mm512_sub_epi32(sums, excess)))
            }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            run! { Self(_mm512_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            run! { Self(_mm512_sub_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            run! { Self(_mm512_mul_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn div(self, other: Self) -> Self {
            run! { Self(_mm512_div_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn fma(self, factor: Self, term: Self) -> Self {
            run! { Self(_mm512_fmadd_ps(self.0, factor.0, term.0)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            run! { Self(_mm512_min_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            run! { Self(_mm512_max_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn abs(self) -> Self {
            run! { Self(_mm512_abs_ps(self.0)) }
        }

        #[inline(always)]
        fn power_of_two(self) -> Self {
            run! {
                let exponent = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_set1_epi32(127));
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent)))
            }
        }

        #[inline(always)]
        fn to_bytes(self, zero: u8) -> [u8; LANES] {
            let mut bytes = [0; LANES];
            run! {
                let whole = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(i32::from(zero)));
                let packed = _mm512_cvtusepi32_epi8(_mm512_max_epi32(whole, _mm512_setzero_si512()));
                _mm_storeu_si128(bytes.as_mut_ptr().cast(), packed);
            }
            bytes
        }
    }
}
