//! The structure of a JSON document as it is written.

use crate::json::write::Writer;
use crate::metrics::decimal::UNKNOWN;

/// Objects and lists, with the commas where they belong.
pub struct Json<'a> {
    writer: Writer<'a>,
    /// Whether something stands before what comes next in the same object or list.
    separate: bool,
}

impl<'a> Json<'a> {
    /// Starts at the beginning of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { writer: Writer::new(out), separate: false }
    }

    /// Bytes written, or `None` if the slice was too short for them.
    pub fn finish(self) -> Option<usize> {
        self.writer.finish()
    }

    /// An object whose entries `content` adds.
    pub fn object(&mut self, content: impl FnOnce(&mut Self)) {
        self.enclosed(b"{", content, b"}");
    }

    /// An entry that is a list, whose elements `content` adds.
    pub fn list(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.entry(name, |json| json.enclosed(b"[", content, b"]"));
    }

    /// An entry, whose value `value` adds.
    pub fn entry(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.separator();
        self.writer.string(name);
        self.writer.raw(b":");
        self.separate = false;
        value(self);
        self.separate = true;
    }

    /// An entry that is a string.
    pub fn text(&mut self, name: &str, text: &str) {
        self.entry(name, |json| json.writer.string(text));
    }

    /// An entry that is true or false.
    pub fn truth(&mut self, name: &str, truth: bool) {
        self.entry(name, |json| json.writer.raw(if truth { b"true" } else { b"false" }));
    }

    /// An entry that is a number; `null` if it is [`UNKNOWN`].
    pub fn number(&mut self, name: &str, value: u64) {
        self.entry(name, |json| if value == UNKNOWN { json.writer.raw(b"null") } else { json.writer.integer(value) });
    }

    /// An entry in seconds, of nanoseconds; `null` if they are [`UNKNOWN`].
    pub fn seconds(&mut self, name: &str, ns: u64) {
        self.entry(name, |json| if ns == UNKNOWN { json.writer.raw(b"null") } else { json.writer.fixed::<9>(ns) });
    }

    /// An element of a list: two numbers, in a list of their own.
    pub fn pair(&mut self, first: u64, second: u64) {
        self.separator();
        self.writer.raw(b"[");
        self.writer.integer(first);
        self.writer.raw(b",");
        self.writer.integer(second);
        self.writer.raw(b"]");
    }

    fn enclosed(&mut self, open: &[u8], content: impl FnOnce(&mut Self), close: &[u8]) {
        self.separator();
        self.writer.raw(open);
        self.separate = false;
        content(self);
        self.writer.raw(close);
        self.separate = true;
    }

    fn separator(&mut self) {
        if self.separate {
            self.writer.raw(b",");
        }
        self.separate = true;
    }
}
