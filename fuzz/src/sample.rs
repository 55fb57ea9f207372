//! Structure drawn from bytes, so that what libFuzzer changes in a byte changes a choice. Past the end everything is 0.

/// Bytes that are being drawn.
pub struct Sample<'b>(pub &'b [u8]);

impl<'b> Sample<'b> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.split_first().unwrap_or_default()
    }

    /// The next byte, if there is one.
    pub fn split_first(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A number below `limit`, which is 1 to 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// Up to `length` bytes.
    pub fn bytes(&mut self, length: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A 64-bit number, in as many bytes as the first one says, so that small ones are as likely as large ones.
    pub fn number(&mut self) -> u64 {
        let length = self.below(9);
        self.bytes(length).iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// Up to the next `separator`, which is taken and left out.
    pub fn until(&mut self, separator: u8) -> &'b [u8] {
        let end = self.0.iter().position(|&byte| byte == separator).unwrap_or(self.0.len());
        let taken = self.bytes(end);
        self.split_first();
        taken
    }
}
