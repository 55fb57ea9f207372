//! A worker's streams: made at start, lent and given back.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::Stream;
use crate::api::Limits;

/// A fixed number of streams. Borrowing and giving back never allocates.
#[derive(Clone)]
#[expect(clippy::vec_box, reason = "an answer is moved about with the stream that it lends: a pointer, not all of it")]
pub struct Streams(Rc<RefCell<Vec<Box<Stream>>>>);

/// A borrowed stream; dropping it ends what is under way and gives it back.
pub struct Lent {
    /// Empty only while being dropped.
    stream: Option<Box<Stream>>,
    home: Streams,
}

impl Streams {
    /// `count` streams of batches within `limits`. Pages are not touched before they are used.
    pub fn new(count: usize, limits: &Limits) -> Self {
        Self(Rc::new(RefCell::new((0..count).map(|_| Box::new(Stream::new(limits))).collect())))
    }

    /// One that nobody uses, or `None` if all are lent.
    pub fn borrow(&self) -> Option<Lent> {
        let stream = self.0.borrow_mut().pop()?;
        Some(Lent { stream: Some(stream), home: self.clone() })
    }
}

impl Deref for Lent {
    type Target = Stream;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &Stream {
        self.stream.as_ref().expect("not dropped")
    }
}

impl DerefMut for Lent {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut Stream {
        self.stream.as_mut().expect("not dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.reset();
            self.home.0.borrow_mut().push(stream);
        }
    }
}
