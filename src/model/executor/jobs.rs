//! The jobs of an executor as a state machine: no threads, no lock, no clock of its own.
//!
//! ```text
//! free ──submit──► waiting ──take──► running ──finish──► done ──poll──► free
//!                    │ │               └─abandon─► abandoned ──finish──► free
//!                    │ └─expire──► done (late)
//!                    └─abandon──► free
//! ```
//!
//! Everything is allocated by [`Jobs::new`]. No method wakes or drops a [`Waker`]: whoever holds the lock around the
//! jobs gets it back and does so after letting go, because both may run code that comes back for the lock.

use std::collections::VecDeque;
use std::task::{Poll, Waker};
use std::time::Instant;

use super::{Failure, Found, Run};

/// A fixed number of jobs. The one that is due first is served first; of those due at once, the one that came first.
pub struct Jobs {
    slots: Box<[Slot]>,
    /// `max_ids` for each slot: what the job is to read, and then what its run left there.
    ids: Box<[u32]>,
    max_ids: usize,
    free: Vec<usize>,
    /// In the order in which they are due.
    waiting: VecDeque<usize>,
}

struct Slot {
    phase: Phase,
    /// Of `ids`, how many are the job's.
    length: usize,
    explain: bool,
    due: Instant,
    deadline: Instant,
    /// When it ran and how long, once it has.
    run: Option<Run>,
    /// Who waits for the job; the one that does nothing until somebody does.
    waker: Waker,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Free,
    Waiting,
    Running,
    Abandoned,
    Done(Found),
}

impl Jobs {
    /// Room for `capacity` jobs of up to `max_ids` ids each; `now` is any moment.
    pub fn new(capacity: usize, max_ids: usize, now: Instant) -> Self {
        let slot = |_| Slot {
            phase: Phase::Free,
            length: 0,
            explain: false,
            due: now,
            deadline: now,
            run: None,
            waker: Waker::noop().clone(),
        };
        Self {
            slots: (0..capacity).map(slot).collect(),
            ids: vec![0; capacity * max_ids].into(),
            max_ids,
            free: (0..capacity).rev().collect(),
            waiting: VecDeque::with_capacity(capacity),
        }
    }

    /// Whether every slot is taken.
    pub fn is_full(&self) -> bool {
        self.free.is_empty()
    }

    /// Adds a job behind all that are due when it is or before, and answers its slot, or `None` if every slot is taken. Ids
    /// beyond the most that a job may have are left out. `explain` is told to whoever takes it.
    pub fn submit(&mut self, ids: &[u32], explain: bool, due: Instant, deadline: Instant) -> Option<usize> {
        let index = self.free.pop()?;
        let length = ids.len().min(self.max_ids);
        self.ids[index * self.max_ids..][..length].copy_from_slice(&ids[..length]);
        let slot = &mut self.slots[index];
        (slot.phase, slot.length, slot.explain) = (Phase::Waiting, length, explain);
        (slot.due, slot.deadline, slot.run) = (due, deadline, None);
        let place = self.waiting.partition_point(|&other| self.slots[other].due <= due);
        self.waiting.insert(place, index);
        Some(index)
    }

    /// Begins the job that is due first: copies its ids to the front of `ids`, which holds the most that a job
    /// may have, and answers its slot, how many they are, and whether to explain.
    pub fn take(&mut self, ids: &mut [u32]) -> Option<(usize, usize, bool)> {
        let index = self.waiting.pop_front()?;
        let slot = &mut self.slots[index];
        slot.phase = Phase::Running;
        ids[..slot.length].copy_from_slice(&self.ids[index * self.max_ids..][..slot.length]);
        Some((index, slot.length, slot.explain))
    }

    /// Ends a waiting job whose deadline is over; answers whom to wake. One job a call.
    pub fn expire(&mut self, now: Instant) -> Option<Waker> {
        let place = self.waiting.iter().position(|&index| self.slots[index].deadline <= now)?;
        let index = self.waiting.remove(place)?;
        self.slots[index].phase = Phase::Done(Err(Failure::Late));
        Some(self.take_waker(index))
    }

    /// Ends the running job of `index` with what was found and what its run `left` in the place of the ids; answers whom
    /// to wake.
    pub fn finish(&mut self, index: usize, found: Found, left: &[u32]) -> Waker {
        if self.slots[index].phase == Phase::Abandoned {
            self.release(index);
        } else {
            self.slots[index].phase = Phase::Done(found);
            let ids = &mut self.ids[index * self.max_ids..][..self.slots[index].length];
            ids.iter_mut().zip(left).for_each(|(id, left)| *id = *left);
        }
        self.take_waker(index)
    }

    /// What was found by the job of `index`, which then no longer is, and in `left` as much of what its run left in the
    /// place of the ids as fits; while there is nothing, `waker` is kept. Answers as well the waker that was kept before,
    /// to be dropped.
    pub fn poll(&mut self, index: usize, waker: &Waker, left: &mut [u32]) -> (Poll<Found>, Waker) {
        if let Phase::Done(found) = self.slots[index].phase {
            let ids = &self.ids[index * self.max_ids..][..self.slots[index].length];
            left.iter_mut().zip(ids).for_each(|(left, id)| *left = *id);
            self.release(index);
            return (Poll::Ready(found), self.take_waker(index));
        }
        let kept = &mut self.slots[index].waker;
        let before = if kept.will_wake(waker) { Waker::noop().clone() } else { std::mem::replace(kept, waker.clone()) };
        (Poll::Pending, before)
    }

    /// Nobody waits for the job of `index` any more: unless it runs already, it never will. Answers the waker to drop.
    pub fn abandon(&mut self, index: usize) -> Waker {
        match self.slots[index].phase {
            Phase::Waiting => {
                self.waiting.retain(|&waiting| waiting != index);
                self.release(index);
            }
            Phase::Running => self.slots[index].phase = Phase::Abandoned,
            Phase::Done(_) => self.release(index),
            Phase::Free | Phase::Abandoned => {}
        }
        self.take_waker(index)
    }

    /// Whether the job of `index` runs and nobody waits for it.
    pub fn is_abandoned(&self, index: usize) -> bool {
        self.slots[index].phase == Phase::Abandoned
    }

    /// Notes when the running job of `index` began and how long it ran, before it is finished.
    pub fn ran(&mut self, index: usize, run: Run) {
        self.slots[index].run = Some(run);
    }

    /// What was noted of the job of `index`; to be asked before the slot is lent again.
    pub fn run_of(&self, index: usize) -> Option<Run> {
        self.slots[index].run
    }

    /// How many jobs wait to be begun.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first deadline of the jobs that wait.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|&index| self.slots[index].deadline).min()
    }

    fn release(&mut self, index: usize) {
        self.slots[index].phase = Phase::Free;
        self.free.push(index);
    }

    fn take_waker(&mut self, index: usize) -> Waker {
        std::mem::replace(&mut self.slots[index].waker, Waker::noop().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::MAX_LABELS;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const FOUND: Found = Ok([0.5; MAX_LABELS]);
    const SECOND: Duration = Duration::from_secs(1);

    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(jobs: &mut Jobs) -> Option<(usize, Vec<u32>)> {
        let mut ids = [0; 4];
        jobs.take(&mut ids).map(|(index, length, _)| (index, ids[..length].to_vec()))
    }

    #[test]
    fn jobs_that_are_due_at_once_are_begun_in_the_order_in_which_they_came_with_their_own_ids() {
        let now = Instant::now();
        let mut jobs = Jobs::new(3, 4, now);
        let first = jobs.submit(&[1], false, now, now).expect("room");
        let second = jobs.submit(&[2, 3, 4, 5, 6], false, now, now).expect("room");
        let third = jobs.submit(&[], false, now, now).expect("room");
        assert_eq!((jobs.submit(&[7], false, now, now), jobs.waiting()), (None, 3));
        assert_eq!(take(&mut jobs), Some((first, vec![1])));
        assert_eq!(take(&mut jobs), Some((second, vec![2, 3, 4, 5])));
        assert_eq!(take(&mut jobs), Some((third, vec![])));
        assert_eq!((take(&mut jobs), jobs.waiting()), (None, 0));
        assert_eq!(jobs.submit(&[7], false, now, now), None, "a running job keeps its slot");
    }

    #[test]
    fn what_is_due_first_is_begun_first_and_what_came_first_is_late_first() {
        let now = Instant::now();
        let mut jobs = Jobs::new(4, 4, now);
        let [long, short, longer, shorter] = [(0, 10), (1, 3), (2, 12), (3, 4)].map(|(came, due)| {
            jobs.submit(&[came], false, now + due * SECOND, now + (20 + came) * SECOND).expect("room")
        });
        assert_eq!(jobs.next_deadline(), Some(now + 20 * SECOND));
        assert_eq!(take(&mut jobs), Some((short, vec![1])));
        drop(jobs.expire(now + 22 * SECOND).expect("the first that came"));
        drop(jobs.expire(now + 22 * SECOND).expect("the third"));
        assert!(jobs.expire(now + 22 * SECOND).is_none());
        for index in [long, longer] {
            assert_eq!(jobs.poll(index, Waker::noop(), &mut []).0, Poll::Ready(Err(Failure::Late)));
        }
        assert_eq!(take(&mut jobs), Some((shorter, vec![3])));
    }

    #[test]
    fn a_deadline_ends_a_job_that_waits_and_no_other() {
        let now = Instant::now();
        let mut jobs = Jobs::new(3, 4, now);
        let [running, waiting, later] =
            [SECOND, SECOND, 3 * SECOND].map(|patience| jobs.submit(&[1], false, now, now + patience).expect("room"));
        assert_eq!(take(&mut jobs).map(|(index, _)| index), Some(running));
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        assert!(jobs.poll(waiting, &waker, &mut []).0.is_pending());
        assert!(jobs.expire(now).is_none());
        assert_eq!(jobs.next_deadline(), Some(now + SECOND));
        jobs.expire(now + 2 * SECOND).expect("overdue").wake();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(jobs.expire(now + 2 * SECOND).is_none());
        assert_eq!(jobs.poll(waiting, &waker, &mut []).0, Poll::Ready(Err(Failure::Late)));
        assert_eq!(take(&mut jobs).map(|(index, _)| index), Some(later));
        drop(jobs.finish(running, FOUND, &[7, 8]));
        let mut left = [0; 2];
        let (polled, _) = jobs.poll(running, &waker, &mut left);
        assert_eq!((polled, left), (Poll::Ready(FOUND), [7, 0]), "it was begun in time, and had one id");
    }

    #[test]
    fn what_is_given_up_is_not_begun_and_wakes_nobody() {
        let now = Instant::now();
        let mut jobs = Jobs::new(2, 4, now);
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let [running, waiting] = [1, 2].map(|id| jobs.submit(&[id], false, now, now).expect("room"));
        for index in [running, waiting] {
            assert!(jobs.poll(index, &waker, &mut []).0.is_pending());
        }
        take(&mut jobs).expect("a job");
        drop((jobs.abandon(running), jobs.abandon(waiting)));
        assert_eq!(jobs.waiting(), 0);
        let again = jobs.submit(&[3], false, now, now).expect("the slot of the one that had not begun");
        assert_eq!((again, jobs.submit(&[4], false, now, now)), (waiting, None));
        jobs.finish(running, FOUND, &[1]).wake();
        assert_eq!(jobs.submit(&[5], false, now, now), Some(running), "given back when it ended");
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        assert_eq!(Arc::strong_count(&woken), 2, "no waker is kept but the test's own");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Submit,
        Take,
        Finish(usize),
        Poll(usize),
        Abandon(usize),
        Expire(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Submit),
            2 => Just(Step::Take),
            2 => (0_usize..9).prop_map(Step::Finish),
            2 => (0_usize..9).prop_map(Step::Poll),
            1 => (0_usize..9).prop_map(Step::Abandon),
            1 => (0_u64..200).prop_map(Step::Expire),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        /// Whatever happens: no slot is lost or lent twice, every job ends once and with its own result.
        #[test]
        fn every_job_ends_once_and_every_slot_comes_back(steps in steps()) {
            let now = Instant::now();
            let mut jobs = Jobs::new(4, 1, now);
            let (mut tickets, mut running, mut number) = (Vec::new(), Vec::new(), 0_u32);
            let pick = |list: &Vec<(usize, u32)>, at: usize| (!list.is_empty()).then(|| at % list.len().max(1));
            for step in steps {
                match step {
                    Step::Submit => {
                        number += 1;
                        let deadline = now + Duration::from_millis(u64::from(number));
                        let due = now + Duration::from_millis(u64::from(number * 7 % 5));
                        if let Some(index) = jobs.submit(&[number], false, due, deadline) {
                            prop_assert!(tickets.iter().chain(&running).all(|&(other, _)| other != index));
                            tickets.push((index, number));
                        }
                    }
                    Step::Take => {
                        let mut ids = [0];
                        if let Some((index, ..)) = jobs.take(&mut ids) {
                            prop_assert!(tickets.contains(&(index, ids[0])));
                            running.push((index, ids[0]));
                        }
                    }
                    Step::Finish(at) => if let Some(at) = pick(&running, at) {
                        let (index, number) = running.swap_remove(at);
                        drop(jobs.finish(index, Ok([number as f32; MAX_LABELS]), &[number + 1000]));
                    },
                    Step::Poll(at) => if let Some(at) = pick(&tickets, at) {
                        let (index, number) = tickets[at];
                        let mut left = [0];
                        if let (Poll::Ready(found), _) = jobs.poll(index, Waker::noop(), &mut left) {
                            prop_assert!(found == Ok([number as f32; MAX_LABELS]) || found == Err(Failure::Late));
                            prop_assert!(found.is_err() || left == [number + 1000]);
                            prop_assert!(!running.contains(&(index, number)));
                            tickets.swap_remove(at);
                        }
                    },
                    Step::Abandon(at) => if let Some(at) = pick(&tickets, at) {
                        drop(jobs.abandon(tickets.swap_remove(at).0));
                    },
                    Step::Expire(after) => {
                        drop(jobs.expire(now + Duration::from_millis(after)));
                    }
                }
            }
            for (index, _) in running {
                drop(jobs.finish(index, FOUND, &[]));
            }
            for (index, _) in tickets {
                drop(jobs.abandon(index));
            }
            prop_assert_eq!(jobs.waiting(), 0);
            let mut lent: Vec<_> = (0..4).filter_map(|_| jobs.submit(&[0], false, now, now)).collect();
            lent.sort_unstable();
            prop_assert_eq!(lent, vec![0, 1, 2, 3]);
        }
    }
}
