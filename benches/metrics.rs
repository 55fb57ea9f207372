//! What the metrics cost: recording a fact (hot), and a scrape of two busy workers (cold).
//!
//! Times are CPU time of the thread, so that a busy machine does not count. `scrape/whole`, its parts and the formats
//! report lines a second; the inverse is the time a line. Protocol buffers have no lines: theirs are those of the text.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};
use tamis::metrics::catalog::{LINES, OPENMETRICS_LINES};
use tamis::metrics::decimal;
use tamis::metrics::family::Scale;
use tamis::metrics::labels::{Handler, Method, Model, Phase, Status, ToxicityModel};
use tamis::metrics::process::ProcessReader;
use tamis::metrics::{
    Answer, EarlierLoads, Exporter, Format, InProgress, LiveFacts, LoadedModel, RELOADS, Representation, Shard,
    Snapshot, StaticFacts, Template, Text, TlsFigures, Trace,
};
use tamis::problem::Problem;

const LIVE: LiveFacts = LiveFacts {
    phase: Phase::Ready,
    now_seconds: 100,
    queue_depth: 3,
    auth_reloads: [0; RELOADS],
    model_reloads: [0; 2],
    tls: TlsFigures::NONE,
};

fn facts() -> StaticFacts {
    let model = |model| LoadedModel {
        model,
        load_ns: Some(1_234_567),
        earlier: EarlierLoads::default(),
        sha256: "0123456789abcdef".repeat(4),
    };
    StaticFacts {
        version: "1.2.3".to_owned(),
        cpu_path: "avx512vnni".to_owned(),
        workers: 2,
        slots_capacity: 1_024,
        models: vec![model(Model::Simple), model(Model::Iris), model(Model::Bert)],
        reloads_models: false,
        tls: false,
        keys: None,
    }
}

fn answer(status: u16, error: Option<Problem>, duration_ns: u64) -> Answer {
    Answer { status: Status::from_code(status), error, duration_ns, request_bytes: 123, response_bytes: 456 }
}

/// Durations as they come: around 5 us with a long tail, never the same bucket for long.
fn durations() -> Vec<u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..4_096).map(|_| 3_000 + next() % 4_000 + (next() % 1_000 / 990) * 500_000).collect()
}

/// Two workers with traffic on every route, so that no number in the body is short for want of it.
fn busy_shards() -> Vec<Arc<Shard>> {
    let shards: Vec<Arc<Shard>> = (0..2).map(|_| Arc::from(Shard::new())).collect();
    for shard in &shards {
        for (index, duration_ns) in durations().into_iter().cycle().take(100_000).enumerate() {
            let handler = Handler::ALL[index % Handler::ALL.len()];
            let request = InProgress::start(&**shard, handler, handler.main_method());
            request.finish(&answer(if handler == Handler::None { 404 } else { 200 }, None, duration_ns));
            let trace = Trace { trace_id: index as u128 + 1, span_id: index as u64 + 1 };
            shard.traced(handler, handler.main_method(), duration_ns, trace);
            shard.analyzed(ToxicityModel::Simple, (index % 101) as u8, duration_ns);
            shard.predicted(index % 3, (index % 101) as u8);
            shard.client_seen(index as u64 % 1_000, 90);
        }
    }
    shards
}

fn record(criterion: &mut Criterion) {
    let shard = Shard::new();
    let mut durations = durations().into_iter().cycle();
    let mut duration = || durations.next().unwrap_or(0);
    let mut group = criterion.benchmark_group("record");
    group.bench_function("request started and finished", |bencher| {
        measure(bencher, || {
            let request = InProgress::start(&*shard, black_box(Handler::Predict), black_box(Method::Post));
            request.finish(&answer(200, None, duration()));
        });
    });
    group.bench_function("request finished with an error", |bencher| {
        measure(bencher, || {
            let request = InProgress::start(&*shard, black_box(Handler::Predict), black_box(Method::Post));
            request.finish(&answer(422, Some(black_box(Problem::WrongLength)), duration()));
        });
    });
    group.bench_function("analyzed", |bencher| {
        measure(bencher, || shard.analyzed(ToxicityModel::Simple, black_box(59), duration()));
    });
    group.bench_function("predicted", |bencher| measure(bencher, || shard.predicted(black_box(1), black_box(97))));
    group.bench_function("client seen", |bencher| measure(bencher, || shard.client_seen(duration(), black_box(77))));
    let trace = Trace { trace_id: 0x1234_5678_9abc_def0_1234_5678_9abc_def0, span_id: 0x1234_5678_9abc_def0 };
    group.bench_function("request traced", |bencher| {
        measure(bencher, || shard.traced(Handler::Predict, Method::Post, duration(), black_box(trace)));
    });
    group.bench_function("nothing but the next duration", |bencher| measure(bencher, || black_box(duration())));
    group.finish();
}

fn scrape(criterion: &mut Criterion) {
    let (shards, facts) = (busy_shards(), facts());
    let mut group = criterion.benchmark_group("scrape");
    group.throughput(Throughput::Elements(LINES as u64));
    let mut exporter = Exporter::new(shards.clone(), &facts);
    let mut out = vec![0; exporter.max_len()];
    for (name, format) in [("whole", Format::Text), ("protobuf", Format::Protobuf)] {
        for (coding, gzip) in [("", false), (", gzip", true)] {
            group.bench_function(format!("{name}{coding}"), |bencher| {
                measure(bencher, || exporter.render(&LIVE, Representation { format, gzip }, &mut out));
            });
        }
    }
    let (mut reader, mut snapshot, template) = (ProcessReader::open(), Snapshot::new(2), Template::new(&Text, &facts));
    let process = reader.read();
    group.bench_function("part: process", |bencher| measure(bencher, || reader.read()));
    group.bench_function("part: merge", |bencher| {
        measure(bencher, || snapshot.collect(&shards, &LIVE, &process, Format::Text));
    });
    group.bench_function("part: merge with native buckets and exemplars", |bencher| {
        measure(bencher, || snapshot.collect(&shards, &LIVE, &process, Format::Protobuf));
    });
    group.bench_function("part: render", |bencher| {
        measure(bencher, || {
            template.render(snapshot.samples(), snapshot.shown(), snapshot.exemplars(), || 12_345, &mut out)
        });
    });
    group.throughput(Throughput::Elements(OPENMETRICS_LINES as u64));
    for (coding, gzip) in [("", false), (", gzip", true)] {
        group.bench_function(format!("openmetrics{coding}"), |bencher| {
            let representation = Representation { format: Format::OpenMetrics, gzip };
            measure(bencher, || exporter.render(&LIVE, representation, &mut out));
        });
    }
    group.finish();
}

fn numbers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decimal");
    let mut out = [0; decimal::MAX_LEN];
    for (name, raw, scale) in [
        ("one digit", 7, Scale::One),
        ("integer", 1_234_567, Scale::One),
        ("seconds", 1_234_567_890_123, Scale::Nanoseconds),
    ] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            measure(bencher, || decimal::write(black_box(raw), black_box(scale), &mut out));
        });
    }
    group.finish();
}

fn measure<T>(bencher: &mut Bencher, mut work: impl FnMut() -> T) {
    bencher.iter_custom(|iterations| {
        let start = cpu_time();
        for _ in 0..iterations {
            black_box(work());
        }
        cpu_time().saturating_sub(start)
    });
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

criterion_group!(benches, record, scrape, numbers);
criterion_main!(benches);
