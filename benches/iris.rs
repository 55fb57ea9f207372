//! Classifying one flower: the 150 irises, and inputs spread over the whole threshold grid.
//!
//! `answered` hands over one input after another, as requests do. `chained` makes each input wait for the answer before
//! it: the time to one answer, where nothing overlaps. `verify` is the whole check at start.

use std::{hint::black_box, path::Path, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
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
        group.bench_function(format!("answered/{name}"), |bencher| {
            let mut next = rows.iter().cycle();
            bencher.iter(|| next.next().map(|row| predict(black_box(row))));
        });
        group.bench_function(format!("chained/{name}"), |bencher| {
            let mut next = rows.iter().cycle();
            let mut votes = 0_u32;
            bencher.iter(|| {
                let Some(&[a, b, c, d]) = next.next() else { return };
                // At most 100 votes: shifted out it is 0, which the compiler may not know.
                let nothing = black_box(votes) >> 8;
                votes = u32::from(predict(&[a, b, c, f32::from_bits(d.to_bits() + nothing)]).votes()[0]);
            });
        });
    }
    group.bench_function("verify", |bencher| bencher.iter(verify));
    group.finish();
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
