//! The requests for texts that a worker has under way: made at start, lent and given back.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::texts::Pending;
use crate::api::Limits;

/// A fixed number of them. Borrowing and giving back never allocates.
#[derive(Clone)]
#[expect(clippy::vec_box, reason = "one is moved about with what waits for it: a pointer, not all of it")]
pub struct Pool(Rc<RefCell<Vec<Box<Pending>>>>);

/// A borrowed one; dropping it takes its questions back and gives it back.
pub struct Lent {
    /// Empty only while being dropped.
    pending: Option<Box<Pending>>,
    home: Pool,
}

impl Pool {
    /// `count` requests within `limits`. Pages are not touched before they are used.
    pub fn new(count: usize, limits: &Limits) -> Self {
        Self(Rc::new(RefCell::new((0..count).map(|_| Box::new(Pending::new(limits))).collect())))
    }

    /// One that nobody uses, or `None` if all are lent.
    pub fn borrow(&self) -> Option<Lent> {
        let pending = self.0.borrow_mut().pop()?;
        Some(Lent { pending: Some(pending), home: self.clone() })
    }
}

impl Deref for Lent {
    type Target = Pending;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &Pending {
        self.pending.as_ref().expect("not dropped")
    }
}

impl DerefMut for Lent {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut Pending {
        self.pending.as_mut().expect("not dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut pending) = self.pending.take() {
            pending.reset();
            self.home.0.borrow_mut().push(pending);
        }
    }
}
