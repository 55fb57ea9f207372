//! The embedding bag: the sum of the rows of an int8 table that a list of ids names.
//!
//! ```text
//!  ids  [n] u32 ──► row = table[id & (rows - 1)]  [8] i8 ──► Σ ──► [8] i32
//! ```
//!
//! The portable form runs everywhere. On x86-64 with AVX2 (detected at run time) a twin reads two rows into one
//! register and widens once; sums are integers, so both give the same bits.

use std::borrow::Cow;

/// The number of columns of a [`Table`].
pub const COLUMNS: usize = 8;

/// The most rows whose sum fits into 16 bits whatever they hold: 256 * -128 = `i16::MIN`.
#[cfg(target_arch = "x86_64")]
const ROWS_PER_I16: usize = 256;

/// Which form of the kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Plain Rust, on any processor.
    Portable,
    /// 256-bit integer vectors of x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

/// One row, in two's complement.
type Row = [u8; COLUMNS];

/// An int8 table of 2^k rows and [`COLUMNS`] columns, read-only once made.
///
/// The number of rows is a power of two and every id is reduced to it, so no id can lead outside the table.
pub struct Table {
    rows: Cow<'static, [Row]>,
    path: Path,
}

impl Path {
    /// The fastest form that this processor runs.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Portable
    }

    /// The form's name in logs and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
        }
    }
}

impl Table {
    /// Takes the table's bytes (two's complement, row after row), or `None` unless they make 2^k whole rows.
    /// Bytes that stay for ever are read where they are.
    pub fn new(bytes: impl Into<Cow<'static, [u8]>>) -> Option<Self> {
        let rows = match bytes.into() {
            Cow::Borrowed(bytes) => Cow::Borrowed(whole_rows(bytes)?),
            Cow::Owned(bytes) => Cow::Owned(whole_rows(&bytes)?.to_vec()),
        };
        Some(Self { rows, path: Path::detect() })
    }

    /// The same table served by `path`. The caller names a path that [`Path::detect`] could give; on another processor
    /// the portable form stays.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        if path == Path::Portable || path == Path::detect() {
            self.path = path;
        }
        self
    }

    /// The number of rows, a power of two.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The form that [`Self::sum`] runs.
    pub const fn path(&self) -> Path {
        self.path
    }

    /// The entry of `column` (0 to 7) in the row that `id` names, modulo the number of rows.
    pub fn entry(&self, id: u32, column: usize) -> i8 {
        self.rows[id as usize & (self.rows.len() - 1)][column].cast_signed()
    }

    /// The column sums of the rows that `ids` name, an id counted as often as it stands there. Ids are taken modulo the
    /// number of rows; a sum beyond 32 bits (more than 16,777,216 ids) wraps.
    pub fn sum(&self, ids: &[u32]) -> [i32; COLUMNS] {
        match self.path {
            Path::Portable => portable(&self.rows, ids),
            // SAFETY: `path` is `Avx2` only if `Path::detect` found AVX2 on this processor (`new`, `with_path`), and
            // `rows` has 2^k >= 1 rows (`new`). Needed because calling code compiled for AVX2 is unsafe.
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => unsafe { avx2(&self.rows, ids) },
        }
    }
}

/// The form of the kernel that tables use on this processor.
pub fn path_name() -> &'static str {
    Path::detect().as_str()
}

/// The rows that `bytes` make, if they are 2^k and nothing is left over.
fn whole_rows(bytes: &[u8]) -> Option<&[Row]> {
    let (rows, rest) = bytes.as_chunks();
    (rest.is_empty() && rows.len().is_power_of_two()).then_some(rows)
}

fn portable(rows: &[Row], ids: &[u32]) -> [i32; COLUMNS] {
    let mask = rows.len() - 1;
    let mut sums = [0_i32; COLUMNS];
    for &id in ids {
        let row = &rows[id as usize & mask];
        for (sum, &weight) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i32::from(weight.cast_signed()));
        }
    }
    sums
}

/// The twin of [`portable`] for AVX2.
///
/// # Safety
/// The processor has AVX2, and `rows.len()` is a power of two (hence not zero).
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(rows: &[Row], ids: &[u32]) -> [i32; COLUMNS] {
    use std::arch::x86_64::{
        __m256i, _mm_loadl_epi64, _mm_unpacklo_epi64, _mm256_add_epi16, _mm256_add_epi32, _mm256_castsi256_si128,
        _mm256_cvtepi8_epi16, _mm256_cvtepi16_epi32, _mm256_extracti128_si256, _mm256_setzero_si256,
        _mm256_storeu_si256,
    };

    let mask = rows.len() - 1;
    let base = rows.as_ptr();
    // The two rows' weights side by side, widened to 16 bits.
    let pair = |first: u32, second: u32| -> __m256i {
        // SAFETY: `id & mask <= rows.len() - 1` since `rows.len()` is a power of two, so each load reads the eight bytes
        // of a row inside `rows`. Needed because a slice index would check what the mask already ensures, per id.
        unsafe {
            let low = _mm_loadl_epi64(base.add(first as usize & mask).cast());
            let high = _mm_loadl_epi64(base.add(second as usize & mask).cast());
            _mm256_cvtepi8_epi16(_mm_unpacklo_epi64(low, high))
        }
    };
    let mut total = _mm256_setzero_si256();
    // Each 16-bit lane of an accumulator takes one row of each group of eight, so it cannot overflow within a block.
    for block in ids.chunks(ROWS_PER_I16 * 8) {
        let mut lanes = [_mm256_setzero_si256(); 4];
        let (groups, rest) = block.as_chunks::<8>();
        for ids in groups {
            lanes[0] = _mm256_add_epi16(lanes[0], pair(ids[0], ids[1]));
            lanes[1] = _mm256_add_epi16(lanes[1], pair(ids[2], ids[3]));
            lanes[2] = _mm256_add_epi16(lanes[2], pair(ids[4], ids[5]));
            lanes[3] = _mm256_add_epi16(lanes[3], pair(ids[6], ids[7]));
        }
        for lane in lanes {
            total = _mm256_add_epi32(total, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(lane)));
            total = _mm256_add_epi32(total, _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(lane)));
        }
        for &id in rest {
            let row = _mm256_castsi256_si128(pair(id, id));
            total = _mm256_add_epi32(total, _mm256_cvtepi16_epi32(row));
        }
    }
    let mut sums = [0_i32; COLUMNS];
    // SAFETY: `sums` is 32 writable bytes and the store asks for no alignment. Needed because there is no safe store.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), total) };
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(bytes: &[u8]) -> Table {
        Table::new(bytes.to_vec()).expect("whole rows")
    }

    #[test]
    fn sums_are_those_of_the_named_rows() {
        let mut bytes = [0_u8; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = at as u8;
        }
        bytes[31] = 0x80;
        let table = table(&bytes);
        assert_eq!(table.sum(&[]), [0; 8]);
        assert_eq!(table.sum(&[0, 1, 1]), [16, 19, 22, 25, 28, 31, 34, 37]);
        assert_eq!(table.sum(&[3])[7], -128);
        assert_eq!((table.entry(1, 2), table.entry(5, 2), table.entry(3, 7)), (10, 10, -128));
        assert_eq!(table.sum(&[7]), table.sum(&[3]), "ids are taken modulo the number of rows");
    }

    #[test]
    fn a_table_is_a_power_of_two_of_whole_rows() {
        assert!(Table::new(&[][..]).is_none());
        assert!(Table::new(&[0; 7][..]).is_none());
        assert!(Table::new(&[0; 24][..]).is_none());
        assert_eq!(table(&[0; 64]).rows(), 8);
    }

    #[test]
    fn extremes_do_not_overflow_within_a_block() {
        for (byte, weight) in [(0x80_u8, -128_i32), (0x7f, 127)] {
            for count in [1, 7, 8, 255, 256, 2047, 2048, 2049, 70_001] {
                let sums = table(&[byte; 8]).sum(&vec![u32::MAX; count as usize]);
                assert_eq!(sums, [weight * count; 8], "{count} rows of {weight}");
            }
        }
    }

    #[test]
    fn the_name_is_that_of_a_new_table() {
        assert_eq!(table(&[0; 8]).path().as_str(), path_name());
        assert_eq!(table(&[0; 8]).with_path(Path::Portable).path(), Path::Portable);
    }

    proptest! {
        #[test]
        fn twins_agree(seed in prop::collection::vec(any::<u8>(), 512), ids in prop::collection::vec(any::<u32>(), 0..5000)) {
            let fast = table(&seed);
            let plain = table(&seed).with_path(Path::Portable);
            prop_assert_eq!(fast.sum(&ids), plain.sum(&ids));
        }
    }
}
