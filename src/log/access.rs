//! Which answers get a line in the access log: one in so many, every one that is our fault, and no more than so many lines
//! a second, because a flood of requests must not become a flood of lines.

use std::cell::Cell;

/// One worker's part of the access log.
#[derive(Debug)]
pub struct AccessLog {
    /// Of the answers that are not our fault, one in this many is logged.
    sample: u32,
    /// The most lines in a second.
    limit: u32,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    second: u64,
    lines: u32,
    passed: u32,
    left_out: u64,
}

/// What to do about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether it gets a line.
    pub write: bool,
    /// How many lines the limit has suppressed in an earlier second; told once.
    pub left_out: u64,
}

impl AccessLog {
    /// Logs one in `sample` answers, and at most `limit` lines a second; both at least 1.
    pub fn new(sample: u32, limit: u32) -> Self {
        Self { sample: sample.max(1), limit: limit.max(1), state: Cell::default() }
    }

    /// Decides about an answer of `status` in this `second`.
    pub fn admit(&self, second: u64, status: u16) -> Admission {
        let mut state = self.state.get();
        let mut left_out = 0;
        if state.second != second {
            left_out = std::mem::take(&mut state.left_out);
            (state.second, state.lines) = (second, 0);
        }
        let drawn = state.passed == 0;
        if status < 500 {
            state.passed = (state.passed + 1) % self.sample;
        }
        let wanted = status >= 500 || drawn;
        let write = wanted && state.lines < self.limit;
        state.lines += u32::from(write);
        state.left_out += u64::from(wanted && !write);
        self.state.set(state);
        Admission { write, left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_logged_and_every_fault_of_ours() {
        let log = AccessLog::new(10, 1000);
        let written = (0..100).filter(|_| log.admit(1, 200).write).count();
        assert_eq!(written, 10);
        assert!((0..10).all(|_| log.admit(1, 503).write));
        assert!(log.admit(1, 404).write, "faults do not count as drawn");
        assert!(!log.admit(1, 404).write);
    }

    #[test]
    fn no_second_has_more_lines_than_the_limit_and_the_next_one_says_how_many_it_left_out() {
        let log = AccessLog::new(1, 3);
        let written = |second| (0..5).map(|_| log.admit(second, 200).write).collect::<Vec<_>>();
        assert_eq!(written(7), [true, true, true, false, false]);
        assert_eq!(log.admit(8, 500), Admission { write: true, left_out: 2 });
        assert_eq!(log.admit(8, 200), Admission { write: true, left_out: 0 }, "told once");
    }
}
