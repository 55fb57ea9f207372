//! The stages of a request above the models: routing, parsing, rendering, and a handler from body to answer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis::api::health::SharedPhase;
use tamis::api::oip::Inference;
use tamis::api::perspective::discovery::Origin;
use tamis::api::route::{Surface, route};
use tamis::api::scrape::Scrape;
use tamis::api::{Limits, Request, SMALL_REPLY, Worker, analyze, fault, predict};
use tamis::json::read::Reader;
use tamis::json::write::Writer;
use tamis::metrics::labels::{Handler, Method};
use tamis::metrics::{Representation, Shard};
use tamis::model::toxicity::{EngineChoice, SIMPLE, Toxicity};
use tamis::model::{Loaded, Models, iris};
use tamis::problem::{Fault, Problem};

const PREDICT: &[u8] = br#"{"features":[5.1,3.5,1.4,0.2]}"#;
const ANALYZE: &[u8] =
    br#"{"text":"I do not agree with your last edit, but thank you for explaining on the talk page why you made it. "}"#;
const LIMITS: Limits = Limits { body: 65536, text: 16384, rows: 1024, batch: 256, window: 8 };

fn routing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    group.bench_function("predict", |bencher| {
        bencher.iter(|| route(Surface::Whole, black_box("POST"), black_box("/predict")));
    });
    group.bench_function("unknown", |bencher| {
        bencher.iter(|| route(Surface::Whole, black_box("GET"), black_box("/wp-login.php")));
    });
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let mut reader = Reader::new(LIMITS.body);
    for (name, body) in [("predict", PREDICT), ("analyze", ANALYZE), ("malformed", &ANALYZE[..100])] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| reader.read(black_box(body), |root| Ok(root.as_str().is_some())));
        });
    }
    group.finish();
}

fn answering(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let shards: Arc<[Arc<Shard>]> = Arc::new([Arc::from(Shard::new())]);
    let loaded = Arc::new(Loaded::new(false));
    assert!(loaded.publish(Models::load(None, EngineChoice::Auto).expect("the embedded models")));
    let scrape = Scrape::new(&shards, 1);
    let mut worker = Worker::new(Arc::clone(&shards[0]), loaded, scrape, LIMITS, SharedPhase::new(), Instant::now());
    let mut out = [0; SMALL_REPLY];
    for (name, handler, body) in [("predict", Handler::Predict, PREDICT), ("analyze", Handler::Analyze, ANALYZE)] {
        let request = Request {
            handler,
            method: Method::Post,
            surface: Surface::Whole,
            body,
            received: Instant::now(),
            client: 1,
            trace: None,
            representation: Representation::default(),
            inference: Inference::default(),
            origin: Origin::default(),
        };
        assert_eq!(worker.answer(&request, &mut out, &mut None).status, 200);
        group.bench_function(name, |bencher| bencher.iter(|| worker.answer(black_box(&request), &mut out, &mut None)));
    }
    group.finish();
}

fn rendering(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    let mut out = [0; SMALL_REPLY];
    let model = Toxicity::embedded(&SIMPLE, EngineChoice::Auto).expect("the embedded model");
    let scores = model.score_ids(&[1, 2, 3]).expect("the kernel cannot fail");
    group.bench_function("analyze", |bencher| {
        bencher.iter(|| analyze::render(&model, black_box(&scores), black_box(12_345), &mut out));
    });
    let prediction = iris::predict(&[6.0, 2.7, 5.1, 1.6]);
    group.bench_function("predict", |bencher| {
        bencher.iter(|| {
            let mut writer = Writer::new(&mut out);
            predict::render(black_box(prediction), &mut writer);
            writer.finish()
        });
    });
    let fault = Fault::new(Problem::InvalidType).field("text").expected("a string", "a number");
    group.bench_function("problem", |bencher| bencher.iter(|| fault::answer(black_box(&fault), &mut out).length));
    group.finish();
}

criterion_group!(benches, routing, parsing, rendering, answering);
criterion_main!(benches);
