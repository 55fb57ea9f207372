//! A worker's rounds: made at start, lent and given back.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::Round;
use crate::api::Limits;

/// A fixed number of rounds. Borrowing and giving back never allocates.
#[derive(Clone)]
#[expect(clippy::vec_box, reason = "a request is moved about with the round that it lends: a pointer, not all of it")]
pub struct Rounds(Rc<RefCell<Vec<Box<Round>>>>);

/// A borrowed round; dropping it takes back what it asked of models and gives it back.
pub struct Lent {
    /// Empty only while being dropped.
    round: Option<Box<Round>>,
    home: Rounds,
}

impl Rounds {
    /// `count` rounds within `limits`. Pages are not touched before they are used.
    pub fn new(count: usize, limits: &Limits) -> Self {
        Self(Rc::new(RefCell::new((0..count).map(|_| Box::new(Round::new(limits))).collect())))
    }

    /// One that nobody uses, or `None` if all are lent.
    pub fn borrow(&self) -> Option<Lent> {
        let round = self.0.borrow_mut().pop()?;
        Some(Lent { round: Some(round), home: self.clone() })
    }
}

impl Deref for Lent {
    type Target = Round;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &Round {
        self.round.as_ref().expect("not dropped")
    }
}

impl DerefMut for Lent {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut Round {
        self.round.as_mut().expect("not dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut round) = self.round.take() {
            round.reset();
            self.home.0.borrow_mut().push(round);
        }
    }
}
