//! What an encoder's layer is made of, by each form of the kernels that this processor runs, for 16 and 128 word pieces of the
//! dimensions of `bert`: 384 wide, 1,536 within.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use tamis::kernel::attention::{self, attend};
use tamis::kernel::linear::{Activations, Last, Linear};
use tamis::kernel::path::{Checked, Path};
use tamis::kernel::quantization::{Extent, quantize};
use tamis::kernel::row::add_and_norm;

const WIDTH: usize = 384;
const INNER: usize = 1536;

fn layer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encoder");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for &path in Path::all() {
        for rows in [16, 128] {
            let path = Checked::new(path);
            products(&mut group, path, rows);
            between(&mut group, path, rows);
        }
    }
    group.finish();
}

/// The matrix products, the first as it is, the second with the unit after it, the third back.
fn products(group: &mut BenchmarkGroup<'_, WallTime>, path: Checked, rows: usize) {
    for (name, inputs, columns, last) in [
        ("query, key and value", WIDTH, 3 * WIDTH, Last::Nothing),
        ("up and GELU", WIDTH, INNER, Last::Gelu),
        ("down", INNER, WIDTH, Last::Nothing),
    ] {
        let weights: Vec<u8> = values(inputs * columns).iter().map(|value| (value * 120.0) as i8 as u8).collect();
        let Some(layer) = Linear::new(&weights, &vec![1e-3; columns], &vec![0.1; columns], inputs) else { continue };
        let (source, mut bytes) = (values(rows * inputs), vec![0; rows * inputs]);
        let quantization = quantize(path, &source, Extent::of(&source), &mut bytes);
        let mut out = vec![0.0; rows * columns];
        group.bench_function(id(name, path, rows), |bencher| {
            let activations = Activations { bytes: &bytes, quantization };
            bencher.iter(|| black_box(layer.apply(path, black_box(activations), last, &mut out)));
        });
    }
}

/// What lies between the products.
fn between(group: &mut BenchmarkGroup<'_, WallTime>, path: Checked, rows: usize) {
    let joined = values(rows * 3 * WIDTH);
    let (mut scratch, mut mixed) = (attention::Scratch::new(), vec![0.0; rows * WIDTH]);
    group.bench_function(id("attention", path, rows), |bencher| {
        bencher.iter(|| black_box(attend(path, black_box(&joined), WIDTH, &mut scratch, &mut mixed)));
    });
    let (change, gain, shift) = (values(rows * WIDTH), vec![1.0; WIDTH], vec![0.0; WIDTH]);
    group.bench_function(id("add and norm", path, rows), |bencher| {
        bencher.iter(|| black_box(add_and_norm(path, &mut mixed, black_box(&change), &gain, &shift, 1e-12)));
    });
    let (source, mut bytes) = (values(rows * INNER), vec![0; rows * INNER]);
    let extent = Extent::of(&source);
    group.bench_function(id("quantize 1,536", path, rows), |bencher| {
        bencher.iter(|| black_box(quantize(path, black_box(&source), extent, &mut bytes)));
    });
}

fn id(name: &str, path: Checked, rows: usize) -> BenchmarkId {
    BenchmarkId::new(format!("{name}/{}", path.path().as_str()), rows)
}

/// Values between -1 and 1, always the same.
fn values(count: usize) -> Vec<f32> {
    (0..count as u32).map(|at| f32::from((at.wrapping_mul(2_654_435_761) >> 16) as i16) / 32_768.0).collect()
}

criterion_group!(benches, layer);
criterion_main!(benches);
