//! A body compressed by gzip (RFC 1952), in memory that is used again.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// A compressor and the body that it compresses.
#[derive(Debug)]
pub struct Gzip {
    compress: Compress,
    checksum: Crc,
}

impl Gzip {
    /// Allocates all that compressing needs, some 300 KiB.
    pub fn new() -> Self {
        Self { compress: Compress::new(Compression::fast(), false), checksum: Crc::new() }
    }

    /// Writes `body`, compressed, into `out`; returns the length, or `None` if it does not fit, as in `max_len` bytes it
    /// always does. No allocation.
    pub fn write(&mut self, body: &[u8], out: &mut [u8]) -> Option<usize> {
        self.compress.reset();
        self.checksum.reset();
        self.checksum.update(body);
        let end = out.len().checked_sub(TRAILER)?;
        let (head, deflated) = out.get_mut(..end)?.split_at_mut_checked(HEADER.len())?;
        head.copy_from_slice(&HEADER);
        // The whole body at once: either it is all consumed and ended, or `out` is too short.
        match self.compress.compress(body, deflated, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => {}
            _ => return None,
        }
        let at = HEADER.len() + self.compress.total_out() as usize;
        let trailer = u64::from(self.checksum.sum()) | u64::from(body.len() as u32) << 32;
        out.get_mut(at..at + TRAILER)?.copy_from_slice(&trailer.to_le_bytes());
        Some(at + TRAILER)
    }
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

/// The most bytes that a compressed body of `len` bytes has: what cannot be compressed is stored, in blocks.
pub const fn max_len(len: usize) -> usize {
    len + len / 1024 + 64 + HEADER.len() + TRAILER
}

/// Deflate, no flags, no time, compressed fast, on whatever system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// CRC-32 and length.
const TRAILER: usize = 8;

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

    #[test]
    fn a_compressor_used_again_keeps_nothing_of_the_last_body() {
        let mut gzip = Gzip::new();
        let body = b"http_requests_total{method=\"GET\"} 1\n".repeat(1000);
        let mut out = vec![0; max_len(body.len())];
        let first = gzip.write(&body, &mut out).expect("it fits");
        assert!(first < body.len() / 20, "{first} bytes of {}", body.len());
        let once = out[..first].to_vec();
        let other = gzip.write(b"other", &mut out).expect("it fits");
        assert_eq!(read(&out[..other]), b"other");
        let second = gzip.write(&body, &mut out).expect("it fits");
        assert_eq!(out[..second], once);
        assert_eq!(read(&once), body);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut gzip = Gzip::new();
        for len in 0..30 {
            assert_eq!(gzip.write(b"some text that is not short", &mut vec![0; len]), None);
        }
        let mut out = [0; 100];
        let len = gzip.write(b"some text", &mut out).expect("and the next one works");
        assert_eq!(read(&out[..len]), b"some text");
    }

    proptest! {
        #[test]
        fn whatever_is_compressed_reads_back(body: Vec<u8>, times in 1_usize..200) {
            let body = body.repeat(times);
            let mut out = vec![0; max_len(body.len())];
            let len = Gzip::new().write(&body, &mut out).expect("it fits");
            prop_assert_eq!(read(&out[..len]), body);
        }

        #[test]
        fn noise_fits_too(body in prop::collection::vec(any::<u8>(), 0..200_000)) {
            let mut out = vec![0; max_len(body.len())];
            let len = Gzip::new().write(&body, &mut out).expect("it fits");
            prop_assert_eq!(read(&out[..len]), body);
        }
    }
}
