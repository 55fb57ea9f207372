//! Passwords that wait to be verified: a bounded queue, for one thread that has the time.
//!
//! ```text
//! free ──submit──► waiting ──take──► running ──finish──► done ──poll──► free
//!                     └──────── a login dropped: abandoned ──────────────┘
//! ```
//!
//! All memory is allocated by [`Passwords::new`]; submitting, waiting and giving up allocate nothing. A password is
//! overwritten as soon as it has been taken, into memory of whoever verifies it: a value that is moved leaves copies.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::name::Name;
use super::users::MAX_PASSWORD;
use crate::secrecy;

/// Passwords that may wait at once.
pub const QUEUE: usize = 16;

/// The queue.
pub struct Passwords {
    state: Mutex<State>,
    work: Condvar,
}

/// A password under verification; dropping it gives up.
pub struct Login {
    passwords: Arc<Passwords>,
    /// `None` once it is over.
    slot: Option<usize>,
}

/// A password to verify.
pub struct Job {
    slot: usize,
    /// Whose it is said to be; `None` for a name that nobody can have.
    pub name: Option<Name>,
    length: usize,
}

struct State {
    slots: [Slot; QUEUE],
    /// The number of the next job: the oldest is begun first.
    next: u64,
}

struct Slot {
    phase: Phase,
    name: Option<Name>,
    password: [u8; MAX_PASSWORD],
    length: usize,
    /// Who waits for it; the one that does nothing until somebody does.
    waker: Waker,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Free,
    Waiting(u64),
    Running,
    Abandoned,
    Done(bool),
}

impl Passwords {
    /// An empty queue.
    pub fn new() -> Self {
        let slots = std::array::from_fn(|_| Slot {
            phase: Phase::Free,
            name: None,
            password: [0; MAX_PASSWORD],
            length: 0,
            waker: Waker::noop().clone(),
        });
        Self { state: Mutex::new(State { slots, next: 0 }), work: Condvar::new() }
    }

    /// Adds a password of at most [`MAX_PASSWORD`] bytes; `None` if there is no room for it.
    pub fn submit(self: &Arc<Self>, name: Option<Name>, password: &[u8]) -> Option<Login> {
        let mut state = self.lock();
        let number = state.next;
        let slot = state.slots.iter().position(|slot| slot.phase == Phase::Free)?;
        let entry = &mut state.slots[slot];
        entry.password.get_mut(..password.len())?.copy_from_slice(password);
        (entry.phase, entry.name, entry.length) = (Phase::Waiting(number), name, password.len());
        state.next += 1;
        drop(state);
        self.work.notify_one();
        Some(Login { passwords: Arc::clone(self), slot: Some(slot) })
    }

    /// The oldest password that waits, copied to the front of `room`, which the caller wipes; or `None` if none comes within
    /// `patience`.
    pub fn take(&self, patience: Duration, room: &mut [u8; MAX_PASSWORD]) -> Option<Job> {
        let state = self.lock();
        let none = |state: &mut State| !state.slots.iter().any(Slot::waits);
        let waited = self.work.wait_timeout_while(state, patience, none);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let oldest = |(_, slot): &(usize, &Slot)| match slot.phase {
            Phase::Waiting(number) => number,
            _ => u64::MAX,
        };
        let (at, _) = state.slots.iter().enumerate().filter(|(_, slot)| slot.waits()).min_by_key(oldest)?;
        let slot = &mut state.slots[at];
        let job = Job { slot: at, name: slot.name, length: slot.length };
        room.copy_from_slice(&slot.password);
        secrecy::wipe(&mut slot.password);
        slot.phase = Phase::Running;
        Some(job)
    }

    /// Tells whoever waits for `job` how it ended.
    #[expect(clippy::needless_pass_by_value, reason = "a job ends once")]
    pub fn finish(&self, job: Job, matches: bool) {
        let mut state = self.lock();
        let slot = &mut state.slots[job.slot];
        slot.phase = if slot.phase == Phase::Abandoned { Phase::Free } else { Phase::Done(matches) };
        let waker = std::mem::replace(&mut slot.waker, Waker::noop().clone());
        drop(state);
        // After the lock: a waker may run code that comes back for it.
        waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Slot {
    const fn waits(&self) -> bool {
        matches!(self.phase, Phase::Waiting(_))
    }
}

impl Job {
    /// The password, of the room that it was taken into.
    pub fn password<'a>(&self, room: &'a [u8; MAX_PASSWORD]) -> &'a [u8] {
        &room[..self.length]
    }
}

impl Login {
    /// Whether the password is the user's, once; until then the task of `context` is woken when that is known.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(at) = self.slot else { return Poll::Pending };
        let mut state = self.passwords.lock();
        let slot = &mut state.slots[at];
        // The waker kept before goes after the lock: it may be the last hold on a task that has a login too.
        if let Phase::Done(matches) = slot.phase {
            slot.phase = Phase::Free;
            self.slot = None;
            return Poll::Ready(matches);
        }
        let before = (!slot.waker.will_wake(context.waker()))
            .then(|| std::mem::replace(&mut slot.waker, context.waker().clone()));
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let Some(at) = self.slot else { return };
        let mut state = self.passwords.lock();
        let slot = &mut state.slots[at];
        secrecy::wipe(&mut slot.password);
        slot.phase = if slot.phase == Phase::Running { Phase::Abandoned } else { Phase::Free };
        let waker = std::mem::replace(&mut slot.waker, Waker::noop().clone());
        drop(state);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn poll(login: &mut Login) -> Poll<bool> {
        login.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_oldest_is_verified_first_and_told_once() {
        let passwords = Arc::new(Passwords::new());
        let mut room = [0; MAX_PASSWORD];
        let mut logins: Vec<_> =
            (0..3_u8).map(|at| passwords.submit(Name::new(b"a"), &[at; 3]).expect("room")).collect();
        for (at, login) in logins.iter_mut().enumerate() {
            assert_eq!(poll(login), Poll::Pending);
            let job = passwords.take(SOON, &mut room).expect("a password");
            assert_eq!((job.password(&room), job.name), ([at as u8; 3].as_slice(), Name::new(b"a")));
            passwords.finish(job, at == 1);
            assert_eq!(poll(login), Poll::Ready(at == 1));
            assert_eq!(poll(login), Poll::Pending, "once");
        }
        assert!(passwords.take(SOON, &mut [0; MAX_PASSWORD]).is_none());
    }

    #[test]
    fn room_is_bounded_and_comes_back_however_a_login_ends() {
        let passwords = Arc::new(Passwords::new());
        for round in 0..3 {
            let mut logins: Vec<_> = (0..QUEUE).map(|_| passwords.submit(None, b"x").expect("room")).collect();
            assert!(passwords.submit(None, b"x").is_none(), "round {round}");
            let running = passwords.take(SOON, &mut [0; MAX_PASSWORD]).expect("a password");
            // One is given up while it runs, the others while they wait.
            let _ = poll(&mut logins[0]);
            drop(logins);
            passwords.finish(running, true);
            assert!(passwords.take(SOON, &mut [0; MAX_PASSWORD]).is_none(), "what is given up is not verified");
        }
        assert!(passwords.submit(None, &[0; MAX_PASSWORD + 1]).is_none());
    }

    #[test]
    fn whoever_waits_is_woken() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        struct Count(AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (passwords, woken) = (Arc::new(Passwords::new()), Arc::new(Count(AtomicUsize::new(0))));
        let mut login = passwords.submit(None, b"x").expect("room");
        let waker = Waker::from(Arc::clone(&woken));
        assert_eq!(login.poll(&mut Context::from_waker(&waker)), Poll::Pending);
        let thread = std::thread::spawn({
            let passwords = Arc::clone(&passwords);
            move || {
                let job = passwords.take(Duration::from_secs(9), &mut [0; MAX_PASSWORD]);
                passwords.finish(job.expect("a password"), true);
            }
        });
        thread.join().expect("no panic");
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(login.poll(&mut Context::from_waker(&waker)), Poll::Ready(true));
    }

    #[test]
    fn the_oldest_is_the_one_that_came_first_wherever_it_stands() {
        let passwords = Arc::new(Passwords::new());
        let mut room = [0; MAX_PASSWORD];
        let submit = |at: u8| passwords.submit(None, &[at]).expect("room");
        let (first, _second) = (submit(1), submit(2));
        // The third takes the place of the first, in front of the second.
        drop(first);
        let _third = submit(3);
        let mut taken = Vec::new();
        while let Some(job) = passwords.take(SOON, &mut room) {
            taken.extend_from_slice(job.password(&room));
        }
        assert_eq!(taken, [2, 3]);
    }
}
