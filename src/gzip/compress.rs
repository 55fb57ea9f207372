//! A body compressed, whole or as it comes about.

use flate2::{Compress, Compression, Crc, FlushCompress};

use super::{MAGIC, TRAILER};

/// A compressor and the body that it compresses.
#[derive(Debug)]
pub struct Compressor {
    compress: Compress,
    checksum: Crc,
    has_begun: bool,
}

impl Compressor {
    /// Allocates all that compressing needs, some 300 KiB.
    pub fn new() -> Self {
        Self { compress: Compress::new(Compression::fast(), false), checksum: Crc::new(), has_begun: false }
    }

    /// Begins another body; what is left of the last one is forgotten.
    pub fn begin(&mut self) {
        self.compress.reset();
        self.checksum.reset();
        self.has_begun = false;
    }

    /// Writes `part`, which follows what was written since [`Self::begin`], into `out`, such that whoever has all of it can read
    /// all of `part`; the body is over if it `is_last`. Returns the length, or `None` if it does not fit, as in [`max_len`]
    /// bytes it always does. No allocation.
    pub fn write(&mut self, part: &[u8], is_last: bool, out: &mut [u8]) -> Option<usize> {
        let head = if self.has_begun { 0 } else { HEADER.len() };
        let end = if is_last { out.len().checked_sub(TRAILER)? } else { out.len() };
        let (header, deflated) = out.get_mut(..end)?.split_at_mut_checked(head)?;
        header.copy_from_slice(&HEADER[..head]);
        self.has_begun = true;
        self.checksum.update(part);
        let (read, written) = (self.compress.total_in(), self.compress.total_out());
        // All at once: either `part` is consumed with room to spare, and so brought to an end, or `out` is too short.
        let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        self.compress.compress(part, deflated, flush).ok()?;
        let (read, written) = (self.compress.total_in() - read, (self.compress.total_out() - written) as usize);
        if read < part.len() as u64 || written >= deflated.len() {
            return None;
        }
        let at = head + written;
        if !is_last {
            return Some(at);
        }
        let trailer = u64::from(self.checksum.sum()) | u64::from(self.checksum.amount()) << 32;
        out.get_mut(at..at + TRAILER)?.copy_from_slice(&trailer.to_le_bytes());
        Some(at + TRAILER)
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

/// The most bytes that a part of `len` bytes has, compressed: what cannot be compressed is stored, in blocks.
pub const fn max_len(len: usize) -> usize {
    len + len / 1024 + 64 + HEADER.len() + TRAILER
}

/// Deflate, no flags, no time, compressed fast, on whatever system.
const HEADER: [u8; 10] = [MAGIC[0], MAGIC[1], MAGIC[2], 0, 0, 0, 0, 0, 4, 255];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    fn read(compressed: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(compressed).read_to_end(&mut body).expect("gzip");
        body
    }

    fn whole(compressor: &mut Compressor, body: &[u8], out: &mut [u8]) -> Option<usize> {
        compressor.begin();
        compressor.write(body, true, out)
    }

    #[test]
    fn a_compressor_used_again_keeps_nothing_of_the_last_body() {
        let mut compressor = Compressor::new();
        let body = b"http_requests_total{method=\"GET\"} 1\n".repeat(1000);
        let mut out = vec![0; max_len(body.len())];
        let first = whole(&mut compressor, &body, &mut out).expect("it fits");
        assert!(first < body.len() / 20, "{first} bytes of {}", body.len());
        let once = out[..first].to_vec();
        let other = whole(&mut compressor, b"other", &mut out).expect("it fits");
        assert_eq!(read(&out[..other]), b"other");
        let second = whole(&mut compressor, &body, &mut out).expect("it fits");
        assert_eq!(out[..second], once);
        assert_eq!(read(&once), body);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut compressor = Compressor::new();
        for len in 0..30 {
            assert_eq!(whole(&mut compressor, b"some text that is not short", &mut vec![0; len]), None);
        }
        let mut out = [0; 100];
        let len = whole(&mut compressor, b"some text", &mut out).expect("and the next one works");
        assert_eq!(read(&out[..len]), b"some text");
    }

    #[test]
    fn each_part_can_be_read_before_the_next_is_written() {
        let (mut compressor, mut out) = (Compressor::new(), [0; 256]);
        compressor.begin();
        let mut sent = Vec::new();
        for part in ["{\"score\":1}\n", "{\"score\":2}\n"] {
            let length = compressor.write(part.as_bytes(), false, &mut out).expect("it fits");
            sent.extend_from_slice(&out[..length]);
            let mut arrived = vec![0; 256];
            let length = flate2::read::GzDecoder::new(&sent[..]).read(&mut arrived).expect("gzip");
            assert!(arrived[..length].ends_with(part.as_bytes()));
        }
        let length = compressor.write(b"", true, &mut out).expect("it fits");
        sent.extend_from_slice(&out[..length]);
        assert_eq!(read(&sent), b"{\"score\":1}\n{\"score\":2}\n");
    }

    proptest! {
        #[test]
        fn whatever_is_compressed_reads_back(body: Vec<u8>, times in 1_usize..200) {
            let body = body.repeat(times);
            let mut out = vec![0; max_len(body.len())];
            let len = whole(&mut Compressor::new(), &body, &mut out).expect("it fits");
            prop_assert_eq!(read(&out[..len]), body);
        }

        #[test]
        fn noise_fits_too(body in prop::collection::vec(any::<u8>(), 0..200_000)) {
            let mut out = vec![0; max_len(body.len())];
            let len = whole(&mut Compressor::new(), &body, &mut out).expect("it fits");
            prop_assert_eq!(read(&out[..len]), body);
        }

        #[test]
        fn parts_are_one_body(parts: Vec<Vec<u8>>, last in any::<bool>()) {
            let (mut compressor, mut sent) = (Compressor::new(), Vec::new());
            compressor.begin();
            for (place, part) in parts.iter().enumerate() {
                let mut out = vec![0; max_len(part.len())];
                let length = compressor.write(part, last && place + 1 == parts.len(), &mut out).expect("it fits");
                sent.extend_from_slice(&out[..length]);
            }
            if !last || parts.is_empty() {
                let mut out = vec![0; max_len(0)];
                let length = compressor.write(b"", true, &mut out).expect("it fits");
                sent.extend_from_slice(&out[..length]);
            }
            prop_assert_eq!(read(&sent), parts.concat());
        }
    }
}
