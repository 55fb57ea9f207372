//! The protocol buffers wire format (protobuf.dev, "Encoding"), written forwards into a slice.

/// Writes fields one after the other. A nested message's length is known only after it: one byte is left for it, and the
/// message moves up where that is not enough.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `out`, which must hold all that will be written.
    ///
    /// # Panics
    /// The methods do when `out` is full.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Bytes written so far.
    pub fn written(&self) -> usize {
        self.len
    }

    /// Fields that are encoded already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// `uint32`, `uint64`, `int32` or `int64` that is not negative, or an enumeration.
    #[inline]
    pub fn uint(&mut self, field: u32, value: u64) {
        self.tag(field, 0);
        self.varint(value);
    }

    /// `sint32` or `sint64`.
    #[inline]
    pub fn sint(&mut self, field: u32, value: i64) {
        self.tag(field, 0);
        self.zigzag(value);
    }

    /// `double`.
    #[inline]
    pub fn double(&mut self, field: u32, value: f64) {
        self.tag(field, 1);
        self.raw(&value.to_le_bytes());
    }

    /// `string` or `bytes`.
    #[inline]
    pub fn bytes(&mut self, field: u32, value: &[u8]) {
        self.tag(field, 2);
        self.varint(value.len() as u64);
        self.raw(value);
    }

    /// A message, or a packed field, that `write` writes.
    #[inline]
    pub fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, 2);
        self.delimited(write);
    }

    /// What `write` writes, behind its length.
    #[inline]
    pub fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.len;
        self.len += 1;
        write(self);
        let (length, end) = (self.len - start - 1, self.len);
        let shift = varint_len(length as u64) - 1;
        if shift > 0 {
            self.out.copy_within(start + 1..end, start + 1 + shift);
        }
        self.len = start;
        self.varint(length as u64);
        self.len += length;
    }

    /// An element of a packed `sint64`.
    #[inline]
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    #[inline]
    fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out[self.len] = value as u8 | 0x80;
            self.len += 1;
            value >>= 7;
        }
        self.out[self.len] = value as u8;
        self.len += 1;
    }
}

/// The bytes of a varint.
const fn varint_len(value: u64) -> usize {
    ((value | 1).ilog2() / 7 + 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use prost::Message;

    /// Messages as a foreign library reads them.
    #[derive(Clone, PartialEq, Message)]
    struct Outer {
        #[prost(uint64, tag = "1")]
        unsigned: u64,
        #[prost(sint64, tag = "2")]
        signed: i64,
        #[prost(double, tag = "3")]
        double: f64,
        #[prost(bytes = "vec", tag = "16")]
        bytes: Vec<u8>,
        #[prost(message, repeated, tag = "5")]
        inner: Vec<Outer>,
        #[prost(sint64, repeated, tag = "13")]
        packed: Vec<i64>,
    }

    fn write(message: &Outer, writer: &mut Writer<'_>) {
        writer.uint(1, message.unsigned);
        writer.sint(2, message.signed);
        writer.double(3, message.double);
        message.inner.iter().for_each(|inner| writer.nested(5, |writer| write(inner, writer)));
        writer.nested(13, |writer| message.packed.iter().for_each(|&value| writer.zigzag(value)));
        writer.bytes(16, &message.bytes);
    }

    fn leaf() -> impl Strategy<Value = Outer> {
        (any::<(u64, i64)>(), -1e9..1e9, prop::collection::vec(any::<u8>(), 0..300), any::<Vec<i64>>()).prop_map(
            |((unsigned, signed), double, bytes, packed)| Outer {
                unsigned,
                signed,
                double,
                bytes,
                inner: Vec::new(),
                packed,
            },
        )
    }

    proptest! {
        #[test]
        fn a_foreign_reader_reads_what_was_written(mut message in leaf(), inner in prop::collection::vec(leaf(), 0..20)) {
            message.inner = inner;
            message.inner = vec![message.clone(), leaf_of(&message)];
            let mut out = vec![0; 1 << 20];
            let mut writer = Writer::new(&mut out);
            writer.delimited(|writer| write(&message, writer));
            let len = writer.written();
            prop_assert_eq!(Outer::decode_length_delimited(&out[..len]).expect("a message"), message.clone());
        }

        #[test]
        fn lengths_of_varints_are_exact(value: u64, shift in 0_u32..64) {
            let mut out = [0; 10];
            let mut writer = Writer::new(&mut out);
            writer.varint(value >> shift);
            prop_assert_eq!(writer.written(), varint_len(value >> shift));
        }
    }

    fn leaf_of(message: &Outer) -> Outer {
        Outer { inner: Vec::new(), ..message.clone() }
    }
}
