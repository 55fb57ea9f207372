//! The transformer encoder `bert` compiled: word pieces to probabilities without an allocation.
//!
//! ```text
//!  ids [n] ─► word + position ─ norm ─► n × 384 ─┬─ 6 × layer ─┬─► mean ─ head ─► logits [6] ─ sigmoid
//!
//!  layer:  x ─ quantize ─ linear(q k v) ─ attention ─ quantize ─ linear ─ + x ─ norm ─► y
//!          y ─ quantize ─ linear ─ GELU ─ quantize ─ linear ─ + y ─ norm ─► next x
//! ```
//!
//! (Devlin et al. 2018; all-MiniLM-L6-v2 has 6 layers, 384 wide, 12 heads.) Weights are int8 with a scale per column,
//! activations uint8 with a scale per tensor found as they come: what the ONNX file says with `DynamicQuantizeLinear`
//! and `MatMulInteger`, so that an ONNX engine on the same file gives the same answer but for roundings.

mod compile;

use super::simple::{LABEL_COUNT, sigmoid};
use crate::kernel::attention::{self, MAX_ROWS};
use crate::kernel::linear::{Activations, Last, Linear};
use crate::kernel::path::{Checked, Path};
use crate::kernel::quantization::{Extent, quantize};
use crate::kernel::row::add_and_norm;

/// The most pieces of a text, `[CLS]` and `[SEP]` included.
pub const MAX_PIECES: usize = MAX_ROWS;

/// An encoder's weights in the form that the kernels read. Immutable; shared by all threads.
pub struct EncoderPlan {
    /// int8 `[vocabulary, width]`, with a scale for each row.
    words: Box<[u8]>,
    word_scales: Box<[f32]>,
    /// `[MAX_PIECES, width]`
    positions: Box<[f32]>,
    norm: Norm,
    layers: Box<[Layer]>,
    /// `[width][LABEL_COUNT]`, calibration included.
    head: Box<[[f32; LABEL_COUNT]]>,
    bias: [f32; LABEL_COUNT],
    path: Checked,
}

struct Layer {
    /// Query, key and value side by side; the softmax's factor is in the query.
    joined: Linear,
    output: Linear,
    output_norm: Norm,
    up: Linear,
    down: Linear,
    down_norm: Norm,
}

struct Norm {
    gain: Box<[f32]>,
    shift: Box<[f32]>,
    epsilon: f32,
}

/// The memory of one inference at a time: about 2 MiB, allocated once.
pub struct Activity {
    /// The rows between layers, and those within one: `[MAX_PIECES, width]` each.
    rows: Box<[f32]>,
    inner: Box<[f32]>,
    /// `[MAX_PIECES, widest layer]`
    wide: Box<[f32]>,
    bytes: Box<[u8]>,
    attention: attention::Scratch,
    contributions: Box<[[f32; LABEL_COUNT]]>,
}

/// What the encoder says of a text.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The calibrated probability of each label.
    pub probabilities: [f32; LABEL_COUNT],
    /// The share of each piece in each calibrated logit: `logit = Σ contributions + bias`. Exact, since the head is
    /// linear over the mean of the pieces' last states.
    pub contributions: &'a [[f32; LABEL_COUNT]],
}

impl EncoderPlan {
    /// The width of a row.
    fn width(&self) -> usize {
        self.norm.gain.len()
    }

    /// The number of word pieces that the table has a row for.
    pub fn vocabulary(&self) -> usize {
        self.word_scales.len()
    }

    /// The kernels' form, as [`Path::as_str`] names it.
    pub const fn path_name(&self) -> &'static str {
        self.path.path().as_str()
    }

    /// The same plan on another path, or on the portable one where this processor lacks it.
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = Checked::new(path);
        self
    }

    /// The memory that one thread needs to run this plan.
    pub fn activity(&self) -> Activity {
        let width = self.width();
        let widest = self.layers.iter().map(|layer| layer.up.columns().max(layer.joined.columns())).max();
        let wide = MAX_PIECES * widest.unwrap_or(width);
        Activity {
            rows: vec![0.0; MAX_PIECES * width].into(),
            inner: vec![0.0; MAX_PIECES * width].into(),
            wide: vec![0.0; wide].into(),
            bytes: vec![0; wide].into(),
            attention: attention::Scratch::new(),
            contributions: vec![[0.0; LABEL_COUNT]; MAX_PIECES].into(),
        }
    }

    /// Reads the pieces `ids`, of which at most [`MAX_PIECES`] count; an id beyond the vocabulary is read as id 0.
    /// `None` for no ids. Does not allocate.
    pub fn read<'a>(&self, ids: &[u32], activity: &'a mut Activity) -> Option<Reading<'a>> {
        let ids = &ids[..ids.len().min(MAX_PIECES)];
        if ids.is_empty() {
            return None;
        }
        let width = self.width();
        let Activity { rows, inner, wide, bytes, attention, contributions } = activity;
        let (rows, inner) = (&mut rows[..ids.len() * width], &mut inner[..ids.len() * width]);
        let mut extent = self.embed(ids, rows);
        for layer in &self.layers {
            let joined = &mut wide[..ids.len() * 3 * width];
            self.apply(&layer.joined, (rows, extent), bytes, Last::Nothing, joined);
            extent = attention::attend(self.path, joined, width, attention, inner);
            let mixed = &mut wide[..ids.len() * width];
            self.apply(&layer.output, (inner, extent), bytes, Last::Nothing, mixed);
            extent = layer.output_norm.apply(self.path, rows, mixed);
            let up = &mut wide[..ids.len() * layer.up.columns()];
            extent = self.apply(&layer.up, (rows, extent), bytes, Last::Gelu, up);
            self.apply(&layer.down, (up, extent), bytes, Last::Nothing, inner);
            extent = layer.down_norm.apply(self.path, rows, inner);
        }
        let contributions = &mut contributions[..ids.len()];
        let probabilities = self.judge(rows, contributions);
        Some(Reading { probabilities, contributions })
    }

    fn embed(&self, ids: &[u32], rows: &mut [f32]) -> Extent {
        let width = self.width();
        for (row, &id) in rows.chunks_exact_mut(width).zip(ids) {
            let id = if (id as usize) < self.vocabulary() { id as usize } else { 0 };
            let scale = self.word_scales[id];
            for (value, word) in row.iter_mut().zip(&self.words[id * width..]) {
                *value = f32::from(word.cast_signed()) * scale;
            }
        }
        self.norm.apply(self.path, rows, &self.positions)
    }

    /// `out = last(layer(quantized rows))`, and its extent.
    fn apply(
        &self,
        layer: &Linear,
        (rows, extent): (&[f32], Extent),
        bytes: &mut [u8],
        last: Last,
        out: &mut [f32],
    ) -> Extent {
        let bytes = &mut bytes[..rows.len()];
        let quantization = quantize(self.path, rows, extent, bytes);
        layer.apply(self.path, Activations { bytes, quantization }, last, out)
    }

    /// The head over the mean of `rows`, piece by piece.
    fn judge(&self, rows: &[f32], contributions: &mut [[f32; LABEL_COUNT]]) -> [f32; LABEL_COUNT] {
        let share = 1.0 / contributions.len() as f32;
        let mut logits = [0.0; LABEL_COUNT];
        for (row, contribution) in rows.chunks_exact(self.width()).zip(contributions) {
            let mut sums = [0.0; LABEL_COUNT];
            for (value, weights) in row.iter().zip(&self.head) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
            *contribution = sums.map(|sum| sum * share);
            for (logit, contribution) in logits.iter_mut().zip(contribution) {
                *logit += *contribution;
            }
        }
        std::array::from_fn(|label| sigmoid(logits[label] + self.bias[label]))
    }
}

impl Norm {
    /// `rows` with `change` added, then normalised, and their extent.
    fn apply(&self, path: Checked, rows: &mut [f32], change: &[f32]) -> Extent {
        add_and_norm(path, rows, change, &self.gain, &self.shift, self.epsilon)
    }
}
