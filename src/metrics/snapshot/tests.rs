use super::*;
use crate::metrics::catalog::LINES_A_WORKER;
use crate::metrics::labels::{Method, Status};
use crate::metrics::native::HISTOGRAMS;
use crate::metrics::process::ProcessReader;
use crate::metrics::series::lane;
use crate::metrics::shard::Answer;
use crate::metrics::tls::TlsFigures;
use proptest::prelude::*;

const PREDICT: usize = lane(Handler::Predict, Method::Post);

const LIVE: LiveFacts = LiveFacts {
    phase: Phase::Ready,
    now_seconds: 1,
    queue_depth: 0,
    auth_reloads: [0; RELOADS],
    model_reloads: [0; 2],
    tls: TlsFigures::NONE,
};

fn shards(count: usize) -> Vec<Arc<Shard>> {
    (0..count).map(|_| Arc::from(Shard::new())).collect()
}

fn predict(shard: &Shard, duration_ns: u64) {
    let status = Status::from_code(200);
    let answer = Answer { status, error: None, duration_ns, request_bytes: 1, response_bytes: 1 };
    shard.answered(Handler::Predict, Method::Post, &answer);
}

fn collect(snapshot: &mut Snapshot, shards: &[Arc<Shard>]) {
    let process = ProcessReader::open().read();
    snapshot.collect(shards, &LIVE, &process, Format::Protobuf);
}

/// The lines of label set `index` of a family.
fn lines(snapshot: &Snapshot, id: Id, index: usize) -> &[u64] {
    let workers = (snapshot.samples().len() - catalog::samples(Shape::of(0))) / LINES_A_WORKER;
    let families = FAMILIES.iter().take(id as usize).filter(|family| !family.fixed);
    let before: usize = families.map(|family| family.lines_with(Shape::of(workers))).sum();
    let each = FAMILIES[id as usize].lines_each();
    &snapshot.samples()[before + index * each..][..each]
}

#[test]
fn without_traffic_every_value_but_those_of_the_process_and_the_phase_is_zero() {
    let mut snapshot = Snapshot::new(2);
    collect(&mut snapshot, &shards(2));
    for family in FAMILIES.iter().filter(|family| !family.fixed && !family.name.starts_with("process_")) {
        for index in 0..family.series.count() {
            let expected = u64::from(family.id == Id::Phase && index == Phase::Ready as usize);
            assert!(lines(&snapshot, family.id, index).iter().all(|&value| value == expected), "{}", family.name);
        }
    }
}

#[test]
fn a_snapshot_used_again_keeps_nothing_of_the_last_one() {
    let (mut snapshot, busy, idle) = (Snapshot::new(1), shards(1), shards(1));
    predict(&busy[0], 5_000_000);
    collect(&mut snapshot, &busy);
    assert!(lines(&snapshot, Id::DurationP99, 1)[0] > 0);
    collect(&mut snapshot, &idle);
    assert_eq!(lines(&snapshot, Id::DurationP99, 1), [0]);
    assert_eq!(lines(&snapshot, Id::HttpDuration, PREDICT), [0; DURATION_BOUNDS.len() + 3]);
}

proptest! {
    #[test]
    fn merged_buckets_sum_and_quantile_are_those_of_the_durations(
        durations in prop::collection::vec((0_u64..=1 << 34, 0_u32..34, 0_usize..3), 1..200)
    ) {
        let shards = shards(3);
        let mut all = Vec::new();
        for (duration, shift, worker) in durations {
            predict(&shards[worker], duration >> shift);
            all.push(duration >> shift);
        }
        all.sort_unstable();
        let mut snapshot = Snapshot::new(3);
        collect(&mut snapshot, &shards);
        let lines = |id, index| lines(&snapshot, id, index);
        let histogram = lines(Id::HttpDuration, PREDICT);
        for (bound, cumulative) in DURATION_BOUNDS.iter().zip(histogram) {
            prop_assert_eq!(all.iter().filter(|&duration| duration <= bound).count() as u64, *cumulative);
        }
        let totals = [all.len() as u64, all.iter().sum(), all.len() as u64];
        prop_assert_eq!(&histogram[DURATION_BOUNDS.len()..], &totals);
        prop_assert_eq!(lines(Id::HttpRequestSize, request_size_index(Handler::Predict)), [all.len() as u64; 2]);

        for (lane, expected) in [(PREDICT, all.len() as u64), (lane(Handler::Health, Method::Get), 0)] {
            let native = snapshot.natives.get(lane).expect("a native histogram a lane");
            let count = native.zero_count + native.buckets.iter().map(|bucket| bucket.1).sum::<u64>();
            prop_assert_eq!(count, expected);
        }
        prop_assert!(snapshot.natives.get(HISTOGRAMS - 1).is_some() && snapshot.natives.get(HISTOGRAMS).is_none());

        let p99 = lines(Id::DurationP99, 1)[0];
        let exact = all[(all.len() * 99).div_ceil(100) - 1].max(1);
        prop_assert!(exact <= p99 && p99 as f64 <= exact as f64 * 1.024 + 1.0, "{} for {}", p99, exact);
    }

    #[test]
    fn scores_and_confidences_sum_exactly(scores in prop::collection::vec((0_u8..=120, 0_u64..1 << 30), 0..100)) {
        let shards = shards(2);
        for (index, &(score, processing_ns)) in scores.iter().enumerate() {
            shards[index % 2].analyzed(ToxicityModel::Simple, score, processing_ns);
            shards[index % 2].predicted(index % 3, score);
        }
        let mut snapshot = Snapshot::new(2);
        collect(&mut snapshot, &shards);
        let count = scores.len() as u64;
        let total: u64 = scores.iter().map(|&(score, _)| u64::from(score.min(100))).sum();
        prop_assert_eq!(&lines(&snapshot, Id::ToxicityScore, 0)[SCORE_BOUNDS.len()..], &[count, total, count]);
        let processing: u64 = scores.iter().map(|&(_, processing_ns)| processing_ns).sum();
        let totals = [count, processing, count];
        prop_assert_eq!(&lines(&snapshot, Id::ToxicityProcessing, 0)[PROCESSING_BOUNDS.len()..], &totals);
        prop_assert_eq!(lines(&snapshot, Id::ToxicityRequests, 0), [count]);
        let sums = (0..3).map(|class| lines(&snapshot, Id::ModelConfidence, class)[CONFIDENCE_BOUNDS.len() + 1]);
        prop_assert_eq!(sums.sum::<u64>(), total);
        let predictions = (0..3).map(|class| lines(&snapshot, Id::ModelPredictions, class)[0]);
        prop_assert_eq!(predictions.sum::<u64>(), count);
    }
}
