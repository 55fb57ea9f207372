//! A linear layer over uint8 activations and int8 weights, exact up to its float32 end:
//!
//! ```text
//!  out[row][column] = (Σ bytes[row][k] * weight[k][column]  -  zero * Σ weight[k][column]) * scale * weight_scale[column] + bias[column]
//! ```
//!
//! which is ONNX's `MatMulInteger` (with one zero point for the activations, none for the weights), `Cast`, `Mul`, `Add`.
//! The sums are integers, so all forms agree to the bit before the last line.
//!
//! Weights lie in panels of [`PANEL`] columns, four of `k` side by side, as the dot-product instructions of x86-64 read
//! them: `[columns / PANEL][k / 4][PANEL][4]`.

mod products;

use super::path::{Checked, for_each_path};
use super::quantization::{Extent, Lanes, Quantization};
use super::row::gelu;
use super::vector::{Aligned, LANES, Vector};
use products::{Products, Tile};

/// Columns that are computed together: three 512-bit registers.
pub const PANEL: usize = 48;

/// Rows that are computed together where registers allow: 8 * 3 accumulators of 512 bits.
const ROWS: usize = 8;

/// `k` that an instruction takes at once.
const GROUP: usize = 4;

/// The weights of 16 columns and one group of `k`: a 512-bit register.
type Line = Aligned<[i8; LINE]>;
const LINE: usize = LANES * GROUP;

/// Lines of a panel and one group of `k`.
const LINES: usize = PANEL / LANES;

/// A layer's weights, laid out for the kernel. Immutable.
pub struct Linear {
    panels: Box<[Line]>,
    column_sums: Box<[i32]>,
    scales: Box<[f32]>,
    bias: Box<[f32]>,
    inputs: usize,
}

/// What a layer does to its output at last, while it is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// Nothing.
    Nothing,
    /// The Gaussian error linear unit.
    Gelu,
}

/// Quantized rows: `bytes` is `[rows, inputs]`.
#[derive(Clone, Copy)]
pub struct Activations<'a> {
    /// Row after row.
    pub bytes: &'a [u8],
    /// What a byte stands for.
    pub quantization: Quantization,
}

impl Linear {
    /// Lays out `weights` `[inputs, columns]` (row after row), with a scale and a bias for each column. `None` unless
    /// `inputs` is a multiple of 4 up to 65,536 (so no sum can overflow), `columns` a multiple of [`PANEL`], and the
    /// lengths agree.
    pub fn new(weights: &[u8], scales: &[f32], bias: &[f32], inputs: usize) -> Option<Self> {
        let columns = scales.len();
        let fits = inputs > 0
            && inputs.is_multiple_of(GROUP)
            && inputs <= 1 << 16
            && columns > 0
            && columns.is_multiple_of(PANEL);
        if !fits || bias.len() != columns || weights.len() != inputs * columns {
            return None;
        }
        let mut panels = vec![Aligned([0; LINE]); weights.len() / LINE];
        for (group, rows) in weights.chunks_exact(GROUP * columns).enumerate() {
            for panel in 0..columns / PANEL {
                let at = (panel * (inputs / GROUP) + group) * LINES;
                let places = panels[at..at + LINES].iter_mut().flat_map(|line| line.0.as_chunks_mut::<GROUP>().0);
                for (column, place) in places.enumerate() {
                    *place = std::array::from_fn(|k| rows[k * columns + panel * PANEL + column].cast_signed());
                }
            }
        }
        let mut column_sums = vec![0; columns];
        for row in weights.chunks_exact(columns) {
            for (sum, weight) in column_sums.iter_mut().zip(row) {
                *sum += i32::from(weight.cast_signed());
            }
        }
        Some(Self {
            panels: panels.into(),
            column_sums: column_sums.into(),
            scales: scales.into(),
            bias: bias.into(),
            inputs,
        })
    }

    /// The number of inputs.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of columns of the output.
    pub const fn columns(&self) -> usize {
        self.bias.len()
    }

    /// Writes the layer's output for each row of `activations` into `out` `[rows, columns]`, after `last` where there is one, and
    /// returns its extent.
    pub fn apply(&self, path: Checked, activations: Activations, last: Last, out: &mut [f32]) -> Extent {
        apply(path, self, activations, last, out)
    }

    fn finish(&self, panel: usize, quantization: Quantization, last: Last) -> Finish {
        let zero = i32::from(quantization.zero);
        let at = |column: usize| panel * PANEL + column;
        Finish {
            excess: std::array::from_fn(|column| zero * self.column_sums[at(column)]),
            steps: std::array::from_fn(|column| quantization.scale * self.scales[at(column)]),
            bias: std::array::from_fn(|column| self.bias[at(column)]),
            last,
        }
    }
}

/// What turns a panel's integer sums into float32.
struct Finish {
    /// What the zero point adds to each sum.
    excess: [i32; PANEL],
    steps: [f32; PANEL],
    bias: [f32; PANEL],
    last: Last,
}

for_each_path! {
    fn apply(path: Checked, layer: &Linear, activations: Activations, last: Last, out: &mut [f32]) -> Extent = apply_body
}

#[inline(always)]
fn apply_body<V: Products>(layer: &Linear, activations: Activations, last: Last, out: &mut [f32]) -> Extent {
    let (inputs, columns) = (layer.inputs, layer.columns());
    let mut lanes = Lanes::<V>::new();
    for panel in 0..columns / PANEL {
        let weights = &layer.panels[panel * PANEL * inputs / LINE..][..PANEL * inputs / LINE];
        let finish = Aligned(layer.finish(panel, activations.quantization, last));
        let blocks = activations.bytes.chunks(ROWS * inputs).zip(out.chunks_mut(ROWS * columns));
        for (rows, out) in blocks {
            let mut tile = Aligned([[0; PANEL]; ROWS]);
            V::multiply(rows, inputs, weights, &mut tile.0);
            write::<V>(&tile.0, &finish.0, &mut out[panel * PANEL..], columns, &mut lanes);
        }
    }
    lanes.extent()
}

/// Writes the rows of `tile` that `out` has room for, `stride` apart.
#[inline(always)]
fn write<V: Vector>(tile: &Tile, finish: &Finish, out: &mut [f32], stride: usize, lanes: &mut Lanes<V>) {
    let ((excess, _), (steps, _)) = (finish.excess.as_chunks::<LANES>(), finish.steps.as_chunks::<LANES>());
    let (bias, _) = finish.bias.as_chunks::<LANES>();
    for (sums, out) in tile.iter().zip(out.chunks_mut(stride)) {
        let Some(out) = out.first_chunk_mut::<PANEL>() else { break };
        let ((sums, _), (out, _)) = (sums.as_chunks::<LANES>(), out.as_chunks_mut::<LANES>());
        for part in 0..PANEL / LANES {
            let sums = V::difference(&sums[part], &excess[part]);
            let mut values = sums.fma(V::load(&steps[part]), V::load(&bias[part]));
            if finish.last == Last::Gelu {
                values = gelu(values);
            }
            values.store(&mut out[part]);
            lanes.include(values);
        }
    }
}

#[cfg(test)]
mod tests;
