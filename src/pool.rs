//! Memory of one kind that requests use in turn: made at start, lent and given back.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// What is used again.
pub trait Reusable {
    /// Forgets what it was used for, and takes back what it asked of others.
    fn reset(&mut self);
}

/// A worker's stock of them. Borrowing and giving back never allocates.
pub struct Pool<T>(Rc<RefCell<Vec<Box<T>>>>);

/// A borrowed one; dropping it resets it and gives it back.
pub struct Lent<T: Reusable> {
    /// Empty only while being dropped.
    lent: Option<Box<T>>,
    home: Pool<T>,
}

impl<T: Reusable> Pool<T> {
    /// `count` of what `make` makes. Pages are not touched before they are used.
    pub fn new(count: usize, make: impl Fn() -> T) -> Self {
        Self(Rc::new(RefCell::new((0..count).map(|_| Box::new(make())).collect())))
    }

    /// One that nobody uses, or `None` if all are lent.
    pub fn borrow(&self) -> Option<Lent<T>> {
        let lent = self.0.borrow_mut().pop()?;
        Some(Lent { lent: Some(lent), home: Self(Rc::clone(&self.0)) })
    }
}

impl<T: Reusable> Deref for Lent<T> {
    type Target = T;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &T {
        self.lent.as_ref().expect("not dropped")
    }
}

impl<T: Reusable> DerefMut for Lent<T> {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut T {
        self.lent.as_mut().expect("not dropped")
    }
}

impl<T: Reusable> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(mut lent) = self.lent.take() {
            lent.reset();
            self.home.0.borrow_mut().push(lent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Page(Vec<u8>);

    impl Reusable for Page {
        fn reset(&mut self) {
            self.0.clear();
        }
    }

    #[test]
    fn as_many_are_lent_as_there_are_and_come_back_empty() {
        let pool = Pool::new(2, || Page(Vec::with_capacity(8)));
        let (mut first, second) = (pool.borrow().expect("the first"), pool.borrow().expect("the second"));
        assert!(pool.borrow().is_none());
        first.0.extend([1, 2, 3]);
        drop(first);
        let again = pool.borrow().expect("one is back");
        assert!(again.0.is_empty() && again.0.capacity() >= 8 && second.0.is_empty());
        assert!(pool.borrow().is_none());
    }
}
