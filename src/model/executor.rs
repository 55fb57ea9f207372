//! Threads for a model that takes milliseconds, behind a bounded queue.
//!
//! ```text
//! connection's task ──submit──► Jobs (one lock, held for a copy of the ids) ◄──take── thread 0..N ─► the model
//!        └────poll a Ticket, woken◄───────────────────┴──────finish──────────────────────┘
//! ```
//!
//! A job is due after a share of the time that it may wait, in proportion to how much its run reads, and the job that is
//! due first is begun first: a short text passes the long ones, but for those that have waited for their share already.
//!
//! The threads give way to the rest of the process: where both want one processor, an answer that takes microseconds is not
//! held up by one that takes milliseconds.
//!
//! All memory is allocated by [`Executor::start`]; submitting, waiting and giving up allocate nothing. The lock is
//! std's, which never allocates and which a model checker can stand in for; no inference runs under it.

mod jobs;

use std::io;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use super::toxicity::Probabilities;
use crate::sync::{Condvar, Mutex, MutexGuard, thread};
use jobs::Jobs;

/// The size of an executor.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Jobs that run at once.
    pub threads: usize,
    /// Jobs that may wait beside those that run.
    pub queue: usize,
    /// The most ids that a job has.
    pub max_ids: usize,
    /// How long a job may wait.
    pub timeout: Duration,
}

/// What a job ends with: the probability of each label, 0 to 1.
pub type Found = Result<Probabilities, Failure>;

/// Whether anybody waits still for the job that runs: what takes long asks from time to time, and ends where nobody does.
pub type Wanted<'a> = &'a dyn Fn() -> bool;

/// Why a job has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It waited longer than it may.
    Late,
    /// The model failed; the log says why.
    Failed,
}

/// When a job ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    begun: Instant,
    nanoseconds: u64,
}

/// Every place is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// When the queue will be worked off at the present speed, in whole seconds, at least 1.
    pub retry_after: u64,
}

/// Threads that run a model, and their queue. Dropping it lets the threads end after the jobs they have.
pub struct Executor(Arc<Queue>);

/// A job under way; dropping it gives the job up.
pub struct Ticket {
    queue: Arc<Queue>,
    /// `None` once the job is over.
    slot: Option<usize>,
    submitted: Instant,
    waited_ns: u64,
    ran_ns: u64,
}

struct Queue {
    state: Mutex<State>,
    /// Wakes a thread for a job.
    work: Condvar,
    /// Wakes the thread that watches over the deadlines.
    clock: Condvar,
    size: Size,
}

struct State {
    jobs: Jobs,
    /// How long the model takes, in ns: an average in which each run counts an eighth; 0 before the first.
    mean_ns: u64,
    /// Whether the watch has a moment at which it looks again by itself.
    watched: bool,
    closed: bool,
}

impl Size {
    /// After what time a job of so many ids is due: half of the timeout for the longest, nothing for none.
    fn share_of_timeout(&self, ids: usize) -> Duration {
        let most = u32::try_from(self.max_ids).unwrap_or(u32::MAX).max(1);
        let ids = u32::try_from(ids.min(self.max_ids)).unwrap_or(most);
        (self.timeout / most).saturating_mul(ids) / 2
    }
}

impl Executor {
    /// Starts the threads, called `name` and a number, which answer jobs by `run`, told whether to explain, and able to ask
    /// whether anybody waits for it still. What that leaves in the place of the ids comes back to whoever polls for it.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start<R, E>(name: &str, size: Size, run: R) -> io::Result<Self>
    where
        R: Fn(&mut [u32], bool, Wanted<'_>) -> Result<Probabilities, E> + Send + Sync + 'static,
        E: std::fmt::Display,
    {
        let jobs = Jobs::new(size.queue + size.threads, size.max_ids, Instant::now());
        let state = State { jobs, mean_ns: 0, watched: false, closed: false };
        let queue = Queue { state: Mutex::new(state), work: Condvar::new(), clock: Condvar::new(), size };
        // Made first: should a thread not start, those before it end with this.
        let executor = Self(Arc::new(queue));
        let run = Arc::new(run);
        for index in 0..size.threads {
            let (queue, run) = (Arc::clone(&executor.0), Arc::clone(&run));
            thread::Builder::new().name(format!("{name}-{index}")).spawn(move || queue.work(&*run))?;
        }
        let queue = Arc::clone(&executor.0);
        thread::Builder::new().name(format!("{name}-clock")).spawn(move || queue.watch())?;
        Ok(executor)
    }

    /// Whether a job would find a place now: so that a text for which there is none is refused before any work is done on it.
    ///
    /// # Errors
    /// If there is no room.
    pub fn room(&self) -> Result<(), Full> {
        let state = self.0.lock();
        if state.jobs.is_full() {
            return Err(Full { retry_after: state.seconds_to_work_off(self.0.size.threads) });
        }
        Ok(())
    }

    /// Adds a job behind all that are due before it. Ids beyond [`Size::max_ids`] are left out. An explanation takes as
    /// long as the longest text at least, and is due as that is.
    ///
    /// # Errors
    /// If there is no room.
    pub fn submit(&self, ids: &[u32], explain: bool) -> Result<Ticket, Full> {
        let queue = &self.0;
        let now = Instant::now();
        let due = now + queue.size.share_of_timeout(if explain { usize::MAX } else { ids.len() });
        let mut state = queue.lock();
        let Some(slot) = state.jobs.submit(ids, explain, due, now + queue.size.timeout) else {
            return Err(Full { retry_after: state.seconds_to_work_off(queue.size.threads) });
        };
        let unwatched = !std::mem::replace(&mut state.watched, true);
        drop(state);
        queue.work.notify_one();
        if unwatched {
            queue.clock.notify_one();
        }
        Ok(Ticket { queue: Arc::clone(queue), slot: Some(slot), submitted: now, waited_ns: 0, ran_ns: 0 })
    }

    /// When the queue will be worked off at the present speed, in whole seconds, at least 1.
    pub fn retry_after(&self) -> u64 {
        self.0.lock().seconds_to_work_off(self.0.size.threads)
    }

    /// How many jobs may wait to be begun.
    pub fn capacity(&self) -> usize {
        self.0.size.queue
    }

    /// How many jobs wait to be begun.
    pub fn waiting(&self) -> usize {
        self.0.lock().jobs.waiting()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
        self.0.clock.notify_all();
    }
}

impl Ticket {
    /// What the job found, once, and in `left` as much of what its run left in the place of the ids as fits; until then the
    /// task of `context` is woken when there is something.
    pub fn poll(&mut self, context: &mut Context<'_>, left: &mut [u32]) -> Poll<Found> {
        let Some(slot) = self.slot else { return Poll::Pending };
        // The waker kept before goes after the lock: it may be the last hold on a task that has a ticket too.
        let ((polled, _before), run) = {
            let mut state = self.queue.lock();
            (state.jobs.poll(slot, context.waker(), left), state.jobs.run_of(slot))
        };
        if polled.is_ready() {
            self.slot = None;
            let begun = run.map_or_else(Instant::now, |run| run.begun);
            self.waited_ns = nanoseconds(begun.saturating_duration_since(self.submitted));
            self.ran_ns = run.map_or(0, |run| run.nanoseconds);
        }
        polled
    }

    /// How long the job waited to be begun, or to be told that it never would be, in ns; 0 until it is over.
    pub const fn waited_ns(&self) -> u64 {
        self.waited_ns
    }

    /// How long the model ran, in ns; 0 until it has.
    pub const fn ran_ns(&self) -> u64 {
        self.ran_ns
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let _waker = self.queue.lock().jobs.abandon(slot);
        }
    }
}

impl Queue {
    /// One thread's life.
    fn work<E, R>(&self, run: &R)
    where
        R: Fn(&mut [u32], bool, Wanted<'_>) -> Result<Probabilities, E>,
        E: std::fmt::Display,
    {
        if let Err(error) = give_way() {
            tracing::warn!(%error, "a model's thread runs at the priority of the others");
        }
        let mut ids = vec![0; self.size.max_ids];
        let mut state = self.lock();
        loop {
            state = self.expire(state);
            let Some((slot, length, explain)) = state.jobs.take(&mut ids) else {
                if state.closed {
                    return;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let begun = Instant::now();
            let wanted = || !self.lock().jobs.is_abandoned(slot);
            let found = run(&mut ids[..length], explain, &wanted).map_err(|error| {
                tracing::error!(%error, "a model failed");
                Failure::Failed
            });
            let nanoseconds = nanoseconds(begun.elapsed());
            state = self.lock();
            state.ran(nanoseconds);
            state.jobs.ran(slot, Run { begun, nanoseconds });
            let waker = state.jobs.finish(slot, found, &ids[..length]);
            drop(state);
            waker.wake();
            state = self.lock();
        }
    }

    /// The life of the thread that ends jobs at their deadline when all others are busy. It sleeps until the next
    /// deadline, or, when nothing waits, until a job comes after a while without any: a submission seldom wakes it.
    fn watch(&self) {
        let mut state = self.lock();
        loop {
            state = self.expire(state);
            if state.closed {
                return;
            }
            let now = Instant::now();
            let next = state.jobs.next_deadline();
            if next.is_none() && !state.watched {
                state = self.clock.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Nothing that comes from now on has its deadline before this.
            let sleep = next.unwrap_or(now + self.size.timeout).saturating_duration_since(now);
            state.watched = true;
            let (locked, _) = self.clock.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner);
            state = locked;
            state.watched = state.jobs.next_deadline().is_some();
        }
    }

    /// Ends every job whose deadline is over, and wakes whoever waits for it while the lock is open.
    fn expire<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        while let Some(waker) = state.jobs.expire(Instant::now()) {
            drop(state);
            waker.wake();
            state = self.lock();
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic on any thread ends the process; where a test lets it pass, each change under the lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ran(&mut self, nanoseconds: u64) {
        self.mean_ns = match self.mean_ns {
            0 => nanoseconds,
            mean => mean - mean / 8 + nanoseconds / 8,
        };
    }

    fn seconds_to_work_off(&self, threads: usize) -> u64 {
        let nanoseconds = self.mean_ns.saturating_mul(self.jobs.waiting() as u64) / threads.max(1) as u64;
        nanoseconds.div_ceil(1_000_000_000).max(1)
    }
}

/// Puts this thread under the policy `SCHED_IDLE` (sched(7)): a worker that wakes on the same processor goes before it at once. Where
/// workers want a processor all the time it gets three thousandths of it; what then waits too long is refused by its deadline.
fn give_way() -> Result<(), thread_priority::Error> {
    if cfg!(feature = "loom") {
        // Its threads are all the test's own.
        return Ok(());
    }
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, IDLE)
}

const IDLE: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, feature = "loom"))]
mod interleavings;
#[cfg(all(test, not(feature = "loom")))]
mod tests;
