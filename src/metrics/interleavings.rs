//! What a scrape may see of cells that are written meanwhile, in every order and by every value that the memory model allows.
//! Run by `make loom` (see [`crate::sync`]).
//!
//! loom remembers of each cell only who touched it last, and a writer here reads its cell before it writes: so the writer is
//! the thread that goes on after it has started the others. Were it one of those, loom would try one order and be content.
//!
//! What was tried to break them, each found:
//!
//! | change | found by |
//! |---|---|
//! | `Slot::write`: no release fence after the odd number | `an_exemplar_is_read_whole_or_not_at_all` |
//! | `Slot::write`: the last store relaxed | the same |
//! | `Slot::read`: no acquire fence before the number is read again | the same |
//! | `Slot::read`: the first load relaxed | the same |
//! | `Slot::read`: the number is not read again | the same |
//! | `Counter`: a second thread that writes | `a_second_writer_would_lose_counts`, which stays to show that it is found |
//! | `Counter::add`: a zero in between | `a_scrape_sees_counts_that_only_grow_and_in_the_end_all_of_them` |

use std::sync::Arc;

use super::Trace;
use super::counter::Counter;
use super::exemplar::{Exemplar, Slot};
use super::snapshot::sum;
use crate::sync::thread;

fn exemplar(number: u64) -> Exemplar {
    let trace = Trace { trace_id: u128::from(number) << 64 | u128::from(number), span_id: number };
    Exemplar { trace, value_ns: number, at_ns: number }
}

#[test]
fn an_exemplar_is_read_whole_or_not_at_all() {
    let mut explorer = loom::model::Builder::new();
    // Switches of threads that did not have to be: all of them take minutes, and each change above is found with two.
    explorer.preemption_bound = Some(2);
    explorer.check(|| {
        let slot = Arc::new(Slot::new());
        let scrape = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                if let Some(found) = slot.read() {
                    assert!(found == exemplar(1) || found == exemplar(2), "torn: {found:?}");
                }
            })
        };
        (1..=2).for_each(|number| slot.write(&exemplar(number)));
        assert_eq!(slot.read(), Some(exemplar(2)), "who writes reads it");
        scrape.join().expect("no panic");
    });
}

/// Two of a shard's cells: the ten thousand of a whole one are more than loom's stacks hold.
struct Cells {
    requests: Counter,
    in_progress: Counter,
}

#[test]
fn a_scrape_sees_counts_that_only_grow_and_in_the_end_all_of_them() {
    loom::model(|| {
        let cells = || Arc::new(Cells { requests: Counter::new(), in_progress: Counter::new() });
        let shards = [cells(), cells()];
        let answer = |shard: &Cells| {
            shard.in_progress.add(1);
            shard.requests.add(1);
            shard.in_progress.decrement();
        };
        let worker = {
            let [_, shard] = shards.clone();
            thread::spawn(move || answer(&shard))
        };
        let scrape = {
            let shards = shards.clone();
            thread::spawn(move || {
                let requests = || sum(&shards, |shard| &shard.requests);
                let (first, open, second) = (requests(), sum(&shards, |shard| &shard.in_progress), requests());
                assert!(first <= second && second <= 3 && open <= 2, "{first}, {open} open, {second}");
            })
        };
        (0..2).for_each(|_| answer(&shards[0]));
        worker.join().expect("no panic");
        scrape.join().expect("no panic");
        let in_all = |cell: fn(&Cells) -> &Counter| sum(&shards, cell);
        assert_eq!((in_all(|shard| &shard.requests), in_all(|shard| &shard.in_progress)), (3, 0));
    });
}

#[test]
#[should_panic(expected = "a count is lost")]
fn a_second_writer_would_lose_counts() {
    loom::model(|| {
        let counter = Arc::new(Counter::new());
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || counter.add(1))
        };
        counter.add(1);
        other.join().expect("no panic");
        assert_eq!(counter.get(), 2, "a count is lost");
    });
}
