use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Wake, Waker};

use thread_priority::thread_schedule_policy;

use super::*;
use crate::model::manifest::MAX_LABELS;

const PATIENCE: Duration = Duration::from_secs(20);

fn size(threads: usize, queue: usize, timeout: Duration) -> Size {
    Size { threads, queue, max_ids: 4, timeout }
}

/// Wakes a thread, and remembers that it did.
struct Parked(thread::Thread, AtomicBool);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.unpark();
    }
}

/// Waits for the job as a task would: polls only when woken.
fn wait(mut ticket: Ticket) -> Found {
    let parked = Arc::new(Parked(thread::current(), AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&parked));
    let end = Instant::now() + PATIENCE;
    loop {
        if parked.1.swap(false, Ordering::Acquire)
            && let Poll::Ready(found) = ticket.poll(&mut Context::from_waker(&waker), &mut [])
        {
            return found;
        }
        assert!(Instant::now() < end, "nobody wakes the task");
        thread::park_timeout(Duration::from_millis(100));
    }
}

type Run = dyn Fn(&mut [u32], bool, Wanted<'_>) -> Result<[f32; MAX_LABELS], &'static str> + Send + Sync;

#[expect(clippy::unnecessary_wraps, reason = "a model can fail")]
fn echo(ids: &mut [u32], _: bool, _: Wanted<'_>) -> Result<[f32; MAX_LABELS], &'static str> {
    Ok([ids[0] as f32; MAX_LABELS])
}

#[test]
fn its_threads_give_way_to_the_others() {
    let (told, policy) = sync_channel(1);
    let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        told.send(thread_schedule_policy().ok()).map_err(|_| "the test is over")?;
        echo(ids, explain, wanted)
    };
    let executor = Executor::start("idle", size(1, 1, PATIENCE), run).expect("started");
    assert!(wait(executor.submit(&[1], false).expect("room")).is_ok());
    assert_eq!(policy.recv().expect("told"), Some(IDLE));
    assert_ne!(thread_schedule_policy().ok(), Some(IDLE), "the thread that asks keeps its own");
}

/// A model that runs only when it is let: it tells which id it began, then waits for a word.
fn gated() -> (Box<Run>, Receiver<u32>, SyncSender<()>) {
    let (begun, told) = sync_channel(64);
    let (word, let_go) = sync_channel(64);
    let let_go = Mutex::new(let_go);
    let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        begun.send(ids[0]).map_err(|_| "the test is over")?;
        let gate = let_go.lock().map_err(|_| "the test failed")?;
        gate.recv().map_err(|_| "the test is over")?;
        echo(ids, explain, wanted)
    };
    (Box::new(run), told, word)
}

#[test]
fn a_job_is_answered_with_its_own_result() {
    let executor = Executor::start("test", size(1, 4, PATIENCE), echo).expect("threads");
    for id in 0..100 {
        assert_eq!(wait(executor.submit(&[id, 9], false).expect("room")), Ok([id as f32; MAX_LABELS]));
    }
    assert_eq!(executor.waiting(), 0);
}

#[test]
fn a_ticket_tells_how_long_its_job_waited_and_ran() {
    let run = |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        thread::sleep(Duration::from_millis(40));
        echo(ids, explain, wanted)
    };
    let executor = Executor::start("test", size(1, 4, PATIENCE), run).expect("threads");
    let mut tickets = [0, 1].map(|id| executor.submit(&[id], false).expect("room"));
    let start = Instant::now();
    let mut context = Context::from_waker(Waker::noop());
    while tickets[1].poll(&mut context, &mut []).is_pending() || tickets[0].poll(&mut context, &mut []).is_pending() {
        if tickets[1].waited_ns() > 0 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "they end");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(tickets[0].poll(&mut context, &mut []).is_ready() || tickets[0].ran_ns() > 0);
    let [first, second] = &tickets;
    assert!(first.ran_ns() >= 40_000_000 && second.ran_ns() >= 40_000_000);
    assert!(second.waited_ns() >= first.waited_ns() + 40_000_000, "the second waited for the first to end");
    assert!(u128::from(second.waited_ns() + second.ran_ns()) < start.elapsed().as_nanos() + 50_000_000);
}

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let (run, begun, word) = gated();
    let executor = Executor::start("test", size(1, 2, PATIENCE), run).expect("threads");
    let mut tickets: Vec<_> = (0..3).map(|id| executor.submit(&[id], false).expect("room")).collect();
    assert_eq!(begun.recv_timeout(PATIENCE), Ok(0));
    assert_eq!(executor.waiting(), 2);
    assert_eq!(executor.room(), Err(Full { retry_after: 1 }), "nothing is known of its speed yet");
    assert_eq!(executor.submit(&[3], false).err(), Some(Full { retry_after: 1 }));
    word.send(()).expect("it waits");
    assert_eq!(wait(tickets.remove(0)), Ok([0.0; MAX_LABELS]));
    drop(executor.submit(&[4], false).expect("room again"));
    word.send(()).expect("it waits");
    word.send(()).expect("it waits");
    for (ticket, id) in tickets.into_iter().zip([1.0, 2.0]) {
        assert_eq!(wait(ticket), Ok([id; MAX_LABELS]));
    }
}

#[test]
fn the_time_to_come_back_is_the_queue_by_the_mean_time_by_the_threads() {
    let mut jobs = Jobs::new(10, 1, Instant::now());
    for _ in 0..10 {
        jobs.submit(&[1], false, Instant::now(), Instant::now()).expect("room");
    }
    let mut state = State { jobs, mean_ns: 0, watched: false, closed: false };
    assert_eq!(state.seconds_to_work_off(1), 1);
    state.ran(800_000_000);
    assert_eq!((state.seconds_to_work_off(1), state.seconds_to_work_off(4)), (8, 2));
    state.ran(0);
    assert_eq!(state.mean_ns, 700_000_000);
    state.ran(u64::MAX);
    assert!(state.seconds_to_work_off(1) > 1_000_000);
}

#[test]
fn a_job_that_waits_too_long_is_told_so_though_every_thread_is_busy() {
    let (run, begun, word) = gated();
    let executor = Executor::start("test", size(1, 8, Duration::from_secs(2)), run).expect("threads");
    let running = executor.submit(&[0], false).expect("room");
    assert_eq!(begun.recv_timeout(PATIENCE), Ok(0));
    for round in 0..2 {
        let start = Instant::now();
        let tickets = [1, 2].map(|id| executor.submit(&[id], false).expect("room"));
        for ticket in tickets {
            assert_eq!(wait(ticket), Err(Failure::Late), "round {round}");
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
        // Long enough for the watch to rest, from which the next round must wake it.
        thread::sleep(Duration::from_millis(2500));
    }
    word.send(()).expect("it waits");
    assert_eq!(wait(running), Ok([0.0; MAX_LABELS]), "one that was begun in time is answered, however long it takes");
    word.send(()).expect("it waits");
    assert_eq!(wait(executor.submit(&[3], false).expect("room")), Ok([3.0; MAX_LABELS]));
    assert_eq!(begun.try_iter().collect::<Vec<_>>(), [3], "what was late was never begun");
}

#[test]
fn what_is_given_up_before_it_begins_is_skipped_and_gives_its_place_back() {
    let (run, begun, word) = gated();
    let executor = Executor::start("test", size(1, 2, PATIENCE), run).expect("threads");
    let given_up = executor.submit(&[0], false).expect("room");
    assert_eq!(begun.recv_timeout(PATIENCE), Ok(0));
    let (second, third) = (executor.submit(&[1], false).expect("room"), executor.submit(&[2], false).expect("room"));
    assert!(executor.submit(&[3], false).is_err());
    drop(second);
    let fourth = executor.submit(&[3], false).expect("the place of the one given up");
    drop(given_up);
    (0..3).for_each(|_| word.send(()).expect("it waits"));
    assert_eq!((wait(third), wait(fourth)), (Ok([2.0; MAX_LABELS]), Ok([3.0; MAX_LABELS])));
    assert_eq!(begun.try_iter().collect::<Vec<_>>(), [2, 3]);
    let tickets: Vec<_> = (0..3).filter_map(|id| executor.submit(&[id], false).ok()).collect();
    assert_eq!(tickets.len(), 3, "every place is free again");
}

#[test]
fn a_run_is_told_that_nobody_waits_for_it_any_more() {
    let (begun, told) = sync_channel(1);
    let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        begun.send(ids[0]).map_err(|_| "the test is over")?;
        // The first goes on until it is given up.
        while ids[0] == 0 && wanted() {
            thread::sleep(Duration::from_millis(1));
        }
        echo(ids, explain, wanted)
    };
    let executor = Executor::start("test", size(1, 1, PATIENCE), run).expect("threads");
    let first = executor.submit(&[0], true).expect("room");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(0));
    let second = executor.submit(&[1], false).expect("room");
    drop(first);
    assert_eq!(wait(second), Ok([1.0; MAX_LABELS]));
}

#[test]
fn short_texts_pass_long_ones_until_these_have_waited_for_their_share() {
    let (run, begun, word) = gated();
    let executor = Executor::start("test", size(1, 8, Duration::from_secs(8)), run).expect("threads");
    let mut tickets = vec![executor.submit(&[0], false).expect("room")];
    assert_eq!(begun.recv_timeout(PATIENCE), Ok(0));
    for (ids, explain) in [(&[1, 1, 1, 1][..], false), (&[2], true), (&[3, 3], false), (&[4], false)] {
        tickets.push(executor.submit(ids, explain).expect("room"));
    }
    // The longest is due four seconds after it came; this one, which comes later, one second after.
    thread::sleep(Duration::from_millis(3200));
    tickets.push(executor.submit(&[5], false).expect("room"));
    (0..6).for_each(|_| word.send(()).expect("it waits"));
    for ticket in tickets {
        assert!(wait(ticket).is_ok());
    }
    assert_eq!(begun.try_iter().collect::<Vec<_>>(), [4, 3, 1, 2, 5]);
}

#[test]
fn a_model_that_fails_fails_one_job() {
    let run = |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        if ids[0] == 1 { Err("an odd id") } else { echo(ids, explain, wanted) }
    };
    let executor = Executor::start("test", size(1, 4, PATIENCE), run).expect("threads");
    let tickets = [0, 1, 2].map(|id| executor.submit(&[id], false).expect("room"));
    assert_eq!(tickets.map(wait), [Ok([0.0; MAX_LABELS]), Err(Failure::Failed), Ok([2.0; MAX_LABELS])]);
}

#[test]
fn dropping_the_executor_ends_its_threads_after_the_jobs_they_have() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let run = move |ids: &mut [u32], explain: bool, wanted: Wanted<'_>| {
        thread::sleep(Duration::from_millis(20));
        counted.fetch_add(1, Ordering::Relaxed);
        echo(ids, explain, wanted)
    };
    let executor = Executor::start("test", size(2, 8, PATIENCE), run).expect("threads");
    let tickets: Vec<_> = (0..6).map(|id| executor.submit(&[id], false).expect("room")).collect();
    drop(executor);
    for (id, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(wait(ticket), Ok([id as f32; MAX_LABELS]));
    }
    let end = Instant::now() + PATIENCE;
    while Arc::strong_count(&runs) > 1 {
        assert!(Instant::now() < end, "a thread goes on");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 6);
}

#[test]
fn many_threads_and_many_clients_lose_nothing_and_mix_nothing_up() {
    let executor = Executor::start("test", size(3, 5, PATIENCE), echo).expect("threads");
    let (answered, refused, given_up) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..8_u32 {
            let (executor, answered, refused, given_up) = (&executor, &answered, &refused, &given_up);
            scope.spawn(move || {
                for round in 0..500 {
                    let id = client * 1000 + round;
                    match executor.submit(&[id], false) {
                        Ok(ticket) if round % 7 == 3 => {
                            drop(ticket);
                            given_up.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(ticket) => {
                            assert_eq!(wait(ticket), Ok([id as f32; MAX_LABELS]));
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(Full { retry_after }) => {
                            assert!(retry_after >= 1);
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let all = [answered, refused, given_up].map(AtomicUsize::into_inner);
    assert_eq!(all.iter().sum::<usize>(), 4000);
    assert!(all[0] > 0, "{all:?}");
    let end = Instant::now() + PATIENCE;
    while executor.waiting() > 0 {
        assert!(Instant::now() < end, "a job is left behind");
    }
}

#[test]
fn a_task_that_moves_to_another_waker_is_woken_by_the_last() {
    let (run, begun, word) = gated();
    let executor = Executor::start("test", size(1, 2, PATIENCE), run).expect("threads");
    let mut ticket = executor.submit(&[0], false).expect("room");
    let first = Arc::new(Parked(thread::current(), AtomicBool::new(false)));
    let polled = ticket.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&first))), &mut []);
    assert!(polled.is_pending() && begun.recv_timeout(PATIENCE).is_ok());
    let last = Arc::new(Parked(thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&last));
    assert!(ticket.poll(&mut Context::from_waker(&waker), &mut []).is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "the first waker is let go");
    word.send(()).expect("it waits");
    let end = Instant::now() + PATIENCE;
    while !last.1.load(Ordering::Acquire) {
        assert!(Instant::now() < end, "nobody wakes the task");
        thread::yield_now();
    }
    assert_eq!(ticket.poll(&mut Context::from_waker(&waker), &mut []), Poll::Ready(Ok([0.0; MAX_LABELS])));
    assert!(!first.1.load(Ordering::Acquire));
}
