//! Text to toxicity score, whole and step by step: `cargo bench --bench text`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tamis::kernel::bag::{Path, Table};
use tamis::model::toxicity::{EngineChoice, SIMPLE, Toxicity};
use tamis::text::features::{MAX_FEATURES_PER_BYTE, Seen, extract};
use tamis::text::normalize::normalize;
use tamis::text::{MAX_NORMALIZED_BYTES, Scratch};

const SIZES: [usize; 3] = [100, 400, 4000];

/// Prose of `bytes` bytes in ASCII, without much repetition within 400 bytes.
fn prose(bytes: usize) -> String {
    let words = "the article needs better sources, please see what others wrote about its history before you remove \
        whole paragraphs; Thank you for helping! I moved one section to another page because readers asked where it \
        went (twice). In 1998 nobody kept such lists, although several editors tried hard, failing mostly due to \
        copyright questions. Let us discuss this calmly on the talk page, without calling anyone names again.";
    let mut text = String::new();
    let mut round = 0;
    while text.len() < bytes {
        for word in words.split(' ') {
            text.push_str(word);
            if round > 0 {
                text.push(char::from(b'a' + (round * 7 + word.len()) as u8 % 26));
            }
            text.push(' ');
        }
        round += 1;
    }
    text.truncate(bytes);
    text
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("text");
    for size in SIZES {
        let text = prose(size);
        let mut normalized = vec![0; MAX_NORMALIZED_BYTES];
        group.bench_function(BenchmarkId::new("normalize", size), |bencher| {
            bencher.iter(|| normalize(black_box(&text), &mut normalized));
        });
        let length = normalize(&text, &mut normalized);
        let (mut ids, mut seen) = (vec![0; length * MAX_FEATURES_PER_BYTE], Seen::new());
        group.bench_function(BenchmarkId::new("features", size), |bencher| {
            bencher.iter(|| extract(black_box(&normalized[..length]), &mut ids, &mut seen));
        });
    }
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    let bytes: Vec<u8> = (0..8_u32 << 18).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut group = criterion.benchmark_group("bag");
    for size in SIZES {
        let ids = Scratch::new(MAX_NORMALIZED_BYTES).features(&prose(size)).to_vec();
        for path in [Path::detect(), Path::Portable] {
            let Some(table) = Table::new(bytes.clone()).map(|table| table.with_path(path)) else { return };
            group.bench_function(
                BenchmarkId::new(path.as_str(), format!("{size} bytes, {} ids", ids.len())),
                |bencher| {
                    bencher.iter(|| table.sum(black_box(&ids)));
                },
            );
        }
    }
    group.finish();
}

fn scores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    let mut scratch = Scratch::new(MAX_NORMALIZED_BYTES);
    for choice in [EngineChoice::Kernel, EngineChoice::Tract] {
        let Ok(model) = Toxicity::embedded(&SIMPLE, choice) else { continue };
        for size in SIZES {
            let text = prose(size);
            group.bench_function(BenchmarkId::new(model.engine_name(), size), |bencher| {
                bencher.iter(|| model.score(black_box(&text), &mut scratch));
            });
        }
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    group
        .bench_function("toxicity", |bencher| bencher.iter(|| Toxicity::embedded(&SIMPLE, EngineChoice::Auto).is_ok()));
    group.finish();
}

criterion_group!(benches, steps, kernels, scores, load);
criterion_main!(benches);
