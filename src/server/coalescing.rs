//! When a worker looks for what has come: at once, or, while most of its answers are refusals for want of room, a moment later.
//!
//! Each arrival wakes the worker, and with it takes the processor from a model's thread that runs there: some 20 us beside the 7 that
//! a request costs a worker that is awake (`benches/README.md`). That is well spent on work and lost on refusals, which are as good a
//! moment later, several at a time. Network cards do the same with their interrupts.

use std::cell::Cell;
use std::time::Duration;

use crate::problem::Problem;

/// How long what comes meanwhile may lie there.
const MOMENT: Duration = Duration::from_millis(1);

/// By how many the refusals outnumber the other answers where they are most of them.
const MANY: u32 = 32;

/// What a worker has answered of late.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Late {
    /// By how many its refusals outnumber its other answers, up to twice [`MANY`].
    surplus: u32,
    /// Whether one of them was given since it looked for what has come.
    has_refused: bool,
}

thread_local! {
    static LATE: Cell<Late> = const { Cell::new(Late { surplus: 0, has_refused: false }) };
}

/// The worker of this thread has answered, with what was wrong.
#[inline]
pub fn answered(problem: Option<Problem>) {
    LATE.set(LATE.get().after(problem == Some(Problem::Overloaded)));
}

/// The worker of this thread has nothing more to do, and is about to look for what has come: waits, if that is to be done together.
pub fn before_park() {
    let (late, waits) = LATE.get().looking();
    LATE.set(late);
    if waits {
        std::thread::sleep(MOMENT);
    }
}

impl Late {
    /// After one more answer.
    #[inline]
    const fn after(self, is_refusal: bool) -> Self {
        if !is_refusal {
            return Self { surplus: self.surplus.saturating_sub(1), ..self };
        }
        let surplus = if self.surplus < 2 * MANY { self.surplus + 1 } else { self.surplus };
        Self { surplus, has_refused: true }
    }

    /// About to look for what has come; whether that is to wait.
    const fn looking(self) -> (Self, bool) {
        (Self { has_refused: false, ..self }, self.has_refused && self.surplus >= MANY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a worker waits that gives each of these answers, of which the refusals are true, and looks after each.
    fn waits(answers: impl IntoIterator<Item = bool>) -> usize {
        let mut late = Late::default();
        let mut looks = |is_refusal| {
            let (looked, waits) = late.after(is_refusal).looking();
            late = looked;
            waits
        };
        answers.into_iter().map(&mut looks).filter(|waits| *waits).count()
    }

    #[test]
    fn who_refuses_for_long_waits_after_each_but_the_first() {
        assert_eq!(waits([true; 1000]), 1000 - MANY as usize + 1);
    }

    #[test]
    fn who_refuses_no_more_than_half_never_waits() {
        assert_eq!(waits((0..10_000).map(|at| at % 2 == 0)), 0);
        assert_eq!(waits((0..10_000).map(|at| at % 62 < 31)), 0);
        // Two of three are most.
        assert!(waits((0..10_000).map(|at| at % 3 > 0)) > 6_000);
    }

    #[test]
    fn nobody_waits_after_other_answers() {
        let late = [true; 100].into_iter().fold(Late::default(), Late::after);
        let (late, waits) = late.looking();
        assert!(waits);
        assert_eq!(late.looking(), (late, false), "nothing was refused since");
        assert!(!late.after(false).looking().1, "what was answered was none");
    }

    #[test]
    fn what_was_refused_is_soon_forgotten() {
        let busy = std::iter::repeat_n(true, 100_000).fold(Late::default(), Late::after);
        let calm = [false; 2 * MANY as usize].into_iter().fold(busy, Late::after).looking().0;
        assert_eq!(calm, Late::default());
    }
}
