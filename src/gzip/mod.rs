//! The coding gzip (RFC 1952) of bodies that come and go, in memory that is used again.

pub mod compress;
pub mod expand;

pub use compress::Compressor;
pub use expand::Expander;

/// Identification, and deflate as the method (section 2.3.1).
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Bytes of CRC-32 and length behind what is compressed.
const TRAILER: usize = 8;
