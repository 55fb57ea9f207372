//! A worker's memory for request bodies: a short buffer for every connection, and long ones up to `--max-buffered-bytes`.
//! However many clients send long bodies slowly, more memory than that they do not hold.

use super::slots::{Slot, Slots};
use crate::secrecy;

/// What fits into a short buffer, in bytes: nearly every request but a batch.
pub const SHORT: usize = 4096;

/// The two arenas.
pub struct Bodies {
    short: Slots,
    long: Slots,
    limit: usize,
}

impl Bodies {
    /// For bodies of up to `limit` bytes: one buffer of up to [`SHORT`] bytes for each of `connections`, and as many of `limit`
    /// bytes as `buffered` bytes hold.
    pub fn new(connections: usize, limit: usize, buffered: usize) -> Self {
        let long = Self::long_buffers(limit, buffered);
        Self { short: Slots::new(connections, SHORT.min(limit)), long: Slots::new(long, limit), limit }
    }

    /// How many long buffers there are: none where the short ones meet the limit.
    pub const fn long_buffers(limit: usize, buffered: usize) -> usize {
        if limit <= SHORT { 0 } else { buffered / limit }
    }

    /// A buffer for a body of `length` bytes or more; [`grow`](Self::grow) where it becomes too short. `None` where all of the kind are
    /// lent.
    #[inline]
    pub fn borrow(&self, length: u64) -> Option<Slot> {
        if length > SHORT as u64 { self.borrow_longest() } else { self.short.borrow() }
    }

    /// A buffer for the longest body that is taken.
    pub fn borrow_longest(&self) -> Option<Slot> {
        if self.limit > SHORT { self.long.borrow() } else { self.short.borrow() }
    }

    /// Puts a long buffer in the place of `slot`, whose first `length` bytes move. Whether there was one.
    #[must_use]
    pub fn grow(&self, slot: &mut Slot, length: usize) -> bool {
        let Some(mut long) = self.long.borrow() else { return false };
        let moved = &mut slot.bytes_mut()[..length];
        long.bytes_mut()[..length].copy_from_slice(moved);
        // It may hold a password, of which no copy is to be left.
        secrecy::wipe(moved);
        *slot = long;
        true
    }

    /// How many buffers are lent.
    #[inline]
    pub fn lent(&self) -> usize {
        self.short.lent() + self.long.lent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bodies_have_as_many_buffers_as_their_memory_holds() {
        let bodies = Bodies::new(8, 65_536, 200_000);
        let long: Vec<Slot> = std::iter::from_fn(|| bodies.borrow(SHORT as u64 + 1)).collect();
        assert_eq!((long.len(), long[0].bytes().len(), bodies.lent()), (3, 65_536, 3));
        assert!(bodies.borrow_longest().is_none());
        let short: Vec<Slot> = std::iter::from_fn(|| bodies.borrow(SHORT as u64)).collect();
        assert_eq!((short.len(), short[0].bytes().len(), bodies.lent()), (8, SHORT, 11));
    }

    #[test]
    fn what_grows_keeps_its_bytes_and_leaves_none_behind() {
        let bodies = Bodies::new(1, 65_536, 65_536);
        let mut slot = bodies.borrow(0).expect("a short one");
        slot.bytes_mut()[..6].copy_from_slice(b"secret");
        assert!(bodies.grow(&mut slot, 6));
        assert_eq!((&slot.bytes()[..6], slot.bytes().len(), bodies.lent()), (&b"secret"[..], 65_536, 1));
        let mut other = bodies.borrow(0).expect("it is back");
        assert_eq!(other.bytes()[..6], [0; 6]);
        assert!(!bodies.grow(&mut other, 0));
    }

    #[test]
    fn a_low_limit_needs_short_buffers_only() {
        let bodies = Bodies::new(1, 256, 1 << 20);
        assert_eq!(bodies.borrow_longest().expect("one").bytes().len(), 256);
        assert_eq!(Bodies::long_buffers(256, 1 << 20), 0);
    }
}
