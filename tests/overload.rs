//! More than it can: what has room is answered, the rest is refused at once and told when to come back, and who looks after
//! the daemon is answered throughout. How much, and how fast, `make bench-overload` measures.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::http::Request;
use common::inference::{Gate, Inference, analyze, json};

/// Clients, each of which asks again as soon as it is answered: sixteen times what there is room for.
const CLIENTS: usize = 64;
/// Requests of each.
const TURNS: usize = 40;

#[test]
fn what_has_no_room_is_refused_with_the_time_to_come_back_and_probes_and_scrapes_are_answered() {
    // A model that takes a while and no processor: its threads get what others leave.
    let slow = |_: &[u32]| {
        std::thread::sleep(Duration::from_millis(4));
        Ok([0.5; 6])
    };
    let inference = Inference::start(&["--bert-queue", "3"], None, slow);
    let (is_over, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let counts: Vec<[u64; 2]> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut connection, mut counts) = (inference.connect(), [0, 0]);
                    for _ in 0..TURNS {
                        let answer = connection.exchange(&analyze("Some text.", "bert")).expect("an answer");
                        if answer.status == 503 {
                            assert_eq!(json(&answer)["error_type"], "overloaded");
                            let seconds = answer.header("retry-after").and_then(|value| value.parse::<u64>().ok());
                            assert!(seconds.is_some_and(|seconds| (1..60).contains(&seconds)), "{seconds:?}");
                            counts[1] += 1;
                        } else {
                            assert_eq!(answer.status, 200, "{}", answer.text());
                            counts[0] += 1;
                        }
                    }
                    counts
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for path in ["/readyz", "/livez", "/metrics"] {
                    assert_eq!(inference.ask(&Request::get(path)).status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                let simple = inference.ask(&analyze("Some text.", "simple"));
                assert_eq!(simple.status, 200, "who needs no queue is not refused");
            }
        });
        let counts: Vec<_> = clients.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        counts.into_iter().map(|counts| counts.expect("no panic")).collect()
    });
    let [answered, refused] = [0, 1].map(|at| counts.iter().map(|counts| counts[at]).sum::<u64>());
    assert_eq!(answered + refused, (CLIENTS * TURNS) as u64);
    assert!(
        answered >= 4 && refused > 0 && asked.load(Ordering::Relaxed) >= 3,
        "{answered} answered, {refused} refused"
    );
    let samples = inference.scrape();
    let status = |status: &str| {
        samples.value("http_requests_total", &[("method", "POST"), ("handler", "/analyze"), ("status", status)]) as u64
    };
    assert_eq!(status("503"), refused);
    assert_eq!(samples.value("tamis_requests_shed_total", &[("reason", "queue")]) as u64, refused);
    assert_eq!(
        samples.value("toxicity_api_requests_total", &[("model_type", "bert"), ("status", "success")]) as u64,
        answered
    );
}

#[test]
fn who_is_refused_again_and_again_is_looked_at_a_moment_later() {
    let gate = Gate::shut();
    let model = gate.clone();
    let inference = Inference::start(&["--bert-queue", "1"], None, move |ids| model.run(ids));
    let mut connection = inference.connect();
    let mut refused = |times: u32| {
        let since = Instant::now();
        for _ in 0..times {
            assert_eq!(connection.exchange(&analyze("Some text.", "bert")).expect("an answer").status, 503);
        }
        since.elapsed()
    };
    std::thread::scope(|scope| {
        // One under way and one that waits: there is room for no other.
        let held = [(); 2].map(|()| scope.spawn(|| inference.ask(&analyze("Some text.", "bert")).status));
        gate.wait_begun(1);
        inference.wait_for("tamis_inference_queue_depth", 1.0);
        refused(100);
        // Each but those that were sent before the worker had nothing more to do waits for a millisecond.
        let waited = refused(200);
        assert!(waited >= Duration::from_millis(100), "200 refusals within {waited:?}");
        gate.open();
        assert_eq!(held.map(|held| held.join().expect("an answer")), [200, 200]);
    });
}
