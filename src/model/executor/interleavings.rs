//! The queue of `bert` in every interleaving of who asks, the threads that work and the one that watches the clock. loom finds
//! a lost wake as a deadlock: every model ends only when all threads have ended. Run by `make loom` (see [`crate::sync`]).
//!
//! loom has no clock: who waits for a time waits until woken. Time is real here, and either far away or over already.
//!
//! What was tried to break them, each found:
//!
//! | change | found by |
//! |---|---|
//! | `Executor::submit`: no thread is woken | `who_waits_is_woken_with_the_answer_to_what_was_asked` |
//! | `Queue::work`: who waits is not woken | the same |
//! | `Queue::work`: the lock let go between the look at the queue and the wait | the same |
//! | `Jobs::poll`: no waker is kept | the same |
//! | `Executor::drop`: the threads are woken before it is said that they are to end | every model |
//! | `Executor::drop`: the watch is not woken | every model |
//! | `Queue::expire`: who waits is not woken | `a_job_whose_time_is_over_is_told_so_once` |
//! | `Jobs::abandon`: the place of a job that runs is free at once | `who_gives_up_leaves_the_place_to_the_next` |
//!
//! A place that never comes back, of a job that was given up while it ran, is not found here but by the properties of `jobs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::model::manifest::MAX_LABELS;

const LONG: Duration = Duration::from_secs(3600);

/// Explores `model` with at most so many switches of threads that did not have to be.
fn explore(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut explorer = loom::model::Builder::new();
    (explorer.preemption_bound, explorer.max_branches) = (Some(switches), 100_000);
    explorer.check(model);
}

fn start(queue: usize, timeout: Duration) -> Executor {
    let run = |ids: &mut [u32], _: bool, _: Wanted<'_>| {
        ids[0] += 100;
        Ok::<_, &str>([ids[0] as f32; MAX_LABELS])
    };
    Executor::start("model", Size { threads: 1, queue, max_ids: 1, timeout }, run).expect("threads")
}

/// Waits as a task does: polls only when woken.
fn wait(mut ticket: Ticket) -> (Found, u32) {
    loom::future::block_on(std::future::poll_fn(move |context| {
        let mut left = [0];
        ticket.poll(context, &mut left).map(|found| (found, left[0]))
    }))
}

#[test]
fn who_waits_is_woken_with_the_answer_to_what_was_asked() {
    explore(2, || {
        let executor = start(1, LONG);
        let ticket = executor.submit(&[7], false).expect("room");
        assert_eq!(wait(ticket), (Ok([107.0; MAX_LABELS]), 107));
    });
}

#[test]
fn two_who_ask_at_once_get_each_their_own_or_are_refused() {
    let answered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&answered);
    explore(1, move || {
        let executor = Arc::new(start(1, LONG));
        let other = {
            let executor = Arc::clone(&executor);
            thread::spawn(move || executor.submit(&[2], false).map(wait))
        };
        let first = executor.submit(&[1], false).map(wait).expect("two places, two jobs");
        let second = other.join().expect("no panic").expect("two places, two jobs");
        assert_eq!((first.1, second.1), (101, 102));
        counted.fetch_add(1, Ordering::Relaxed);
        assert_eq!(executor.waiting(), 0);
    });
    assert!(answered.load(Ordering::Relaxed) > 1, "more than one interleaving");
}

#[test]
fn who_gives_up_leaves_the_place_to_the_next() {
    explore(2, || {
        // One place beside the one that runs.
        let executor = start(0, LONG);
        let given_up = executor.submit(&[1], false).expect("room");
        drop(given_up);
        // It runs still, or never will, or has.
        if let Ok(ticket) = executor.submit(&[2], false) {
            assert_eq!(wait(ticket), (Ok([102.0; MAX_LABELS]), 102));
        }
    });
}

#[test]
fn a_job_whose_time_is_over_is_told_so_once() {
    explore(2, || {
        let executor = start(1, Duration::ZERO);
        let ticket = executor.submit(&[1], false).expect("room");
        assert_eq!(wait(ticket).0, Err(Failure::Late));
        assert_eq!(executor.waiting(), 0);
    });
}

#[test]
fn jobs_that_wait_when_the_executor_goes_are_answered_still() {
    explore(2, || {
        let executor = start(1, LONG);
        let ticket = executor.submit(&[3], false).expect("room");
        drop(executor);
        assert_eq!(wait(ticket).1, 103);
    });
}
