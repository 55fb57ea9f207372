//! A worker's arena: buffers of one size, allocated together at start, borrowed and given back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::BytesMut;

/// A fixed number of equal buffers. Borrowing and giving back never allocates; the last one given back is the
/// next one lent, so that a quiet worker stays in the same cache lines.
#[derive(Clone)]
pub struct Slots(Rc<Arena>);

struct Arena {
    free: RefCell<Vec<BytesMut>>,
    lent: Cell<usize>,
}

/// A borrowed buffer; dropping it gives it back.
pub struct Slot {
    /// Empty only while being dropped.
    buffer: BytesMut,
    home: Slots,
}

impl Slots {
    /// Allocates `count` buffers of `size` bytes in one piece. Pages are not touched before they are used.
    pub fn new(count: usize, size: usize) -> Self {
        let mut memory = BytesMut::zeroed(count * size);
        // Pushed from the far end: the first one lent is the first in memory.
        let mut free: Vec<_> = (0..count).map(|_| memory.split_to(size)).collect();
        free.reverse();
        Self(Rc::new(Arena { free: RefCell::new(free), lent: Cell::new(0) }))
    }

    /// A buffer with whatever its last borrower left in it, or `None` if all are lent.
    pub fn borrow(&self) -> Option<Slot> {
        let buffer = self.0.free.borrow_mut().pop()?;
        self.0.lent.set(self.0.lent.get() + 1);
        Some(Slot { buffer, home: self.clone() })
    }

    /// How many are lent.
    pub fn lent(&self) -> usize {
        self.0.lent.get()
    }
}

impl Slot {
    /// The buffer.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The buffer, to write into.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let arena = &self.home.0;
        arena.lent.set(arena.lent.get() - 1);
        arena.free.borrow_mut().push(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_each_once_and_takes_all_back() {
        let slots = Slots::new(2, 8);
        let (mut first, second) = (slots.borrow().expect("one"), slots.borrow().expect("two"));
        first.bytes_mut()[0] = 7;
        assert_eq!((first.bytes().len(), second.bytes()[0]), (8, 0));
        assert!(slots.borrow().is_none());
        drop(first);
        assert_eq!(slots.borrow().expect("given back").bytes()[0], 7);
        drop(second);
        assert_eq!(slots.lent(), 0);
    }
}
