//! Classifying one flower: the 150 irises, and inputs spread over the whole threshold grid.
//!
//! `answered` hands over one input after another, as requests do. `chained` makes each input wait for the answer before
//! it: the time to one answer, where nothing overlaps. `verify` is the whole check at start.

use std::{hint::black_box, path::Path, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use serde_json::Value;
use tamis::model::iris::{FEATURES, predict, verify};

/// Inputs that are not irises: more than fit with their rows into a first-level cache.
const SPREAD: usize = 4096;

fn iris(criterion: &mut Criterion) {
    let golden = golden();
    let inputs = [("irises", irises(&golden)), ("spread", spread(&golden))];
    let mut group = criterion.benchmark_group("iris");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (name, rows) in &inputs {
        answered(&mut group, name, rows, |row| u32::from(predict(row).votes()[0]));
        chained(&mut group, name, rows, |row| u32::from(predict(row).votes()[0]));
    }
    // What handing over costs by itself, to be taken off the others.
    answered(&mut group, "floor", &inputs[1].1, |row| row[3].to_bits());
    chained(&mut group, "floor", &inputs[1].1, |row| row[3].to_bits() & 0x7f);
    group.bench_function("verify", |bencher| bencher.iter(verify));
    group.finish();
}

/// One input after another.
fn answered<F>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, rows: &[[f32; FEATURES]], answer: F)
where
    F: Fn(&[f32; FEATURES]) -> u32,
{
    group.bench_function(format!("answered/{name}"), |bencher| {
        let mut next = rows.iter().cycle();
        bencher.iter(|| next.next().map(|row| answer(black_box(row))));
    });
}

/// Each input waits for the answer to the one before it; `answer` must stay below 256.
fn chained<F>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, rows: &[[f32; FEATURES]], answer: F)
where
    F: Fn(&[f32; FEATURES]) -> u32,
{
    group.bench_function(format!("chained/{name}"), |bencher| {
        let mut next = rows.iter().cycle();
        let mut last = 0;
        bencher.iter(|| {
            let Some(&row) = next.next() else { return };
            // Always 0, which the compiler may not know.
            let nothing = black_box(last) >> 8;
            last = answer(&row.map(|x| f32::from_bits(x.to_bits() + nothing)));
        });
    });
}

/// The training set: the first rows of the golden file.
fn irises(golden: &Value) -> Vec<[f32; FEATURES]> {
    let rows = golden["rows"].as_array().expect("rows").iter().take(150);
    rows.map(|row| std::array::from_fn(|f| row[0][f].as_f64().expect("a feature") as f32)).collect()
}

/// Uniform between half a centimetre below the lowest and above the highest threshold of each feature.
fn spread(golden: &Value) -> Vec<[f32; FEATURES]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        // xorshift64 (Marsaglia 2003), the upper 24 bits.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let axes: Vec<Vec<f32>> = (golden["thresholds"].as_array().expect("thresholds").iter())
        .map(|axis| axis.as_array().expect("an axis").iter().map(|t| t.as_f64().expect("a threshold") as f32).collect())
        .collect();
    let mut feature = |f: usize| {
        let (low, high) = (axes[f][0] - 0.5, axes[f][axes[f].len() - 1] + 0.5);
        low + (high - low) * uniform()
    };
    (0..SPREAD).map(|_| std::array::from_fn(&mut feature)).collect()
}

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/iris/golden.json");
    serde_json::from_slice(&std::fs::read(path).expect("golden.json")).expect("JSON")
}

criterion_group!(benches, iris);
criterion_main!(benches);
