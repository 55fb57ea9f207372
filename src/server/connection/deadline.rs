//! A connection's deadline: one timer, re-armed only when it fires or a shorter wait begins.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::wire::{Awaiting, Timeouts, Wire};

/// The end of a connection's patience. A request that arrives whole never touches the timer: the deadline it
/// moves is looked at when the timer fires.
pub struct Deadline {
    timer: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl Deadline {
    /// Not armed before the first poll.
    pub fn new() -> Self {
        Self { timer: Box::pin(sleep_until(Instant::now().into())), armed: None }
    }

    /// Ready, with what was waited for in vain, once the patience that `wire` tells of is over.
    pub fn poll_expired(&mut self, wire: &Wire, timeouts: &Timeouts, context: &mut Context<'_>) -> Poll<Awaiting> {
        loop {
            let (due, awaiting) = wire.due(timeouts);
            if self.armed.is_none_or(|armed| due < armed) {
                self.arm(due, context);
            }
            if !self.timer.is_elapsed() {
                return Poll::Pending;
            }
            if Instant::now() >= due {
                return Poll::Ready(awaiting);
            }
            self.arm(due, context);
        }
    }

    fn arm(&mut self, due: Instant, context: &mut Context<'_>) {
        self.armed = Some(due);
        self.timer.as_mut().reset(due.into());
        // Registers the task's waker, which stays the same for the connection's life.
        let _ = self.timer.as_mut().poll(context);
    }
}
