//! A linear layer in 8-bit integers: weights with a scale for each output, inputs with a step and a low end for each
//! row, all of them for each block of 32 inputs apart.
//!
//! With weight ≈ `scale · w` and input ≈ `step · q + low`, where `w` is in -127..=127 and `q` in 0..=255, a block adds
//! `step · scale · Σ w·q + low · scale · Σ w` to an output. The sums of products are exact, so every instruction set
//! gives the same ones, and a row's result does not depend on the rows beside it. Blocks are what makes this precise
//! enough: a few inputs of a BERT encoder, and a few weights of each output, are ten times as large as the others, and
//! with one scale for a whole row they take the precision of all. The outputs would lose twice to three times as much.

#![expect(clippy::inline_always, reason = "what is not inlined into a `Work` loses its vector instructions")]
#![expect(
    clippy::needless_range_loop,
    reason = "iterators over pairs of slices are not inlined into one as large as this"
)]

use std::ops::Range;

use crate::elementary::gelu;
use crate::simd::{Isa, PANEL, ROWS_MAX, Simd, Work};
use crate::weights::Dense;

/// Inputs that one instruction multiplies and adds.
const GROUP: usize = 4;

/// Inputs that share a scale.
const BLOCK: usize = 32;

const WEIGHT_MAX: f32 = 127.0;
const CODE_MAX: f32 = 255.0;

/// A linear layer. Inputs and outputs are multiples of 16, the longest vector.
pub(crate) struct Linear {
    /// `[panels][groups of inputs][PANEL]`, the order in which a product reads them.
    weights: Vec<[i8; GROUP]>,
    /// `[panels][blocks of inputs]`
    scales: Vec<Scales>,
    /// In whole panels.
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

/// Of a block of inputs, for each output of a panel.
#[derive(Clone, Copy)]
struct Scales {
    scale: [f32; PANEL],
    /// `scale · Σ w`
    sum: [f32; PANEL],
}

/// What becomes of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It is written.
    Store,
    /// Its GELU is written.
    Gelu,
    /// It is added to what is there: a residual connection.
    Add,
}

/// Rows of inputs as codes, in the order in which a product reads them.
#[derive(Default)]
pub(crate) struct Codes {
    /// Tile after tile, `[groups of inputs][rows of the tile]`
    codes: Vec<[u8; GROUP]>,
    /// Tile after tile, `[blocks of inputs][rows of the tile]`
    steps: Vec<Step>,
}

/// What a code of a block stands for: `step · code + low`.
#[derive(Clone, Copy, Default)]
struct Step {
    step: f32,
    low: f32,
}

impl Linear {
    /// Packs a layer.
    pub(crate) fn pack(layer: &Dense) -> Self {
        let Dense { weight, bias, inputs } = layer;
        let (inputs, outputs) = (*inputs, bias.len());
        let (panels, groups, blocks) = (outputs.div_ceil(PANEL), inputs / GROUP, inputs.div_ceil(BLOCK));
        let nothing = Scales { scale: [0.0; PANEL], sum: [0.0; PANEL] };
        let mut packed = Self {
            weights: vec![[0; GROUP]; panels * groups * PANEL],
            scales: vec![nothing; panels * blocks],
            bias: bias.clone(),
            inputs,
            outputs,
        };
        packed.bias.resize(panels * PANEL, 0.0);
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            let (panel, column) = (output / PANEL, output % PANEL);
            for (block, part) in row.chunks(BLOCK).enumerate() {
                let scale = part.iter().fold(0.0, |top: f32, x| top.max(x.abs())) / WEIGHT_MAX;
                let mut sum = 0;
                for (group, part) in (block * BLOCK / GROUP..).zip(part.as_chunks().0) {
                    let weights = part.map(|x: f32| whole(x / scale));
                    packed.weights[(panel * groups + group) * PANEL + column] = weights;
                    sum += weights.into_iter().map(i32::from).sum::<i32>();
                }
                let scales = &mut packed.scales[panel * blocks + block];
                (scales.scale[column], scales.sum[column]) = (scale, scale * sum as f32);
            }
        }
        packed
    }

    /// The layer applied to `rows`, with room for their codes.
    pub(crate) fn apply(&self, isa: Isa, rows: &[f32], codes: &mut Codes, out: &mut [f32], finish: Finish) {
        assert_eq!(rows.len() / self.inputs, out.len() / self.outputs, "a row in, a row out");
        isa.run(Encode { rows, width: self.inputs, codes });
        isa.run(Product { layer: self, codes, out, finish });
    }
}

/// Rounded; a weight that is no number (zeros alone have no scale) is 0.
fn whole(x: f32) -> i8 {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is in range")]
    let whole = x.round_ties_even() as i8;
    whole
}

/// Rows in tiles of about the same height, of at most `rows_max`.
fn tiles(rows: usize, rows_max: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(rows_max);
    (0..count).map(move |tile| tile * rows / count..(tile + 1) * rows / count)
}

/// Fills `codes` from `rows`.
struct Encode<'a> {
    rows: &'a [f32],
    width: usize,
    codes: &'a mut Codes,
}

impl Work for Encode<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Codes { codes, steps } = self.codes;
        let rows = self.rows.len() / self.width;
        let (groups, blocks) = (self.width / GROUP, self.width.div_ceil(BLOCK));
        codes.resize(rows * groups, [0; GROUP]);
        steps.resize(rows * blocks, Step::default());
        let mut bytes = vec![0; self.width];
        for tile in tiles(rows, S::ROWS) {
            let height = tile.len();
            let codes = &mut codes[tile.start * groups..tile.end * groups];
            let steps = &mut steps[tile.start * blocks..tile.end * blocks];
            for at in 0..height {
                let row = &self.rows[(tile.start + at) * self.width..][..self.width];
                for block in 0..blocks {
                    let part = block * BLOCK..self.width.min((block + 1) * BLOCK);
                    steps[block * height + at] = encode(simd, &row[part.clone()], &mut bytes[part]);
                }
                let bytes = bytes.as_chunks::<GROUP>().0;
                for group in 0..groups {
                    codes[group * height + at] = bytes[group];
                }
            }
        }
    }
}

/// Makes a block of numbers bytes.
#[inline(always)]
fn encode<S: Simd>(simd: S, block: &[f32], bytes: &mut [u8]) -> Step {
    let (low, top) = range(simd, block);
    let step = (top - low) * (1.0 / CODE_MAX);
    let factor = if step > 0.0 { 1.0 / step } else { 0.0 };
    let (from, factor, top) = (simd.splat(low), simd.splat(factor), simd.splat(CODE_MAX));
    for vector in 0..block.len() / S::LANES {
        let at = vector * S::LANES;
        // Subtracted first and then multiplied: the same code in every instruction set.
        let code = simd.mul(simd.sub(simd.load(&block[at..]), from), factor);
        simd.store_bytes(simd.min(code, top), &mut bytes[at..]);
    }
    Step { step, low }
}

/// The least and the greatest number of a block.
#[inline(always)]
fn range<S: Simd>(simd: S, block: &[f32]) -> (f32, f32) {
    let (mut low, mut top) = (simd.splat(f32::INFINITY), simd.splat(f32::NEG_INFINITY));
    for vector in 0..block.len() / S::LANES {
        let x = simd.load(&block[vector * S::LANES..]);
        (low, top) = (simd.min(low, x), simd.max(top, x));
    }
    (simd.min_of(low), simd.max_of(top))
}

/// Fills `out` from `codes`.
struct Product<'a> {
    layer: &'a Linear,
    codes: &'a Codes,
    out: &'a mut [f32],
    finish: Finish,
}

impl Work for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let rows = self.out.len() / self.layer.outputs;
        for panel in 0..self.layer.outputs.div_ceil(PANEL) {
            for rows in tiles(rows, S::ROWS) {
                for column in (0..PANEL).step_by(2 * S::LANES) {
                    let tile = &Tile { rows: rows.clone(), panel, column };
                    match rows.len() {
                        1 => self.tile::<S, 1>(simd, tile),
                        2 => self.tile::<S, 2>(simd, tile),
                        3 => self.tile::<S, 3>(simd, tile),
                        4 => self.tile::<S, 4>(simd, tile),
                        5 => self.tile::<S, 5>(simd, tile),
                        6 => self.tile::<S, 6>(simd, tile),
                        7 => self.tile::<S, 7>(simd, tile),
                        8 => self.tile::<S, 8>(simd, tile),
                        9 => self.tile::<S, 9>(simd, tile),
                        10 => self.tile::<S, 10>(simd, tile),
                        11 => self.tile::<S, 11>(simd, tile),
                        _ => self.tile::<S, ROWS_MAX>(simd, tile),
                    }
                }
            }
        }
    }
}

/// A part of a product: some rows, and two vectors of columns from `column` of `panel` on.
struct Tile {
    rows: Range<usize>,
    panel: usize,
    column: usize,
}

impl Product<'_> {
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize>(&mut self, simd: S, tile: &Tile) {
        if ROWS > S::ROWS {
            return; // never asked for, so not compiled
        }
        let outputs = self.layer.outputs;
        let column = tile.panel * PANEL + tile.column;
        if column >= outputs {
            return; // the padding of the last panel
        }
        let values = self.values::<S, ROWS>(simd, tile);
        for row in 0..ROWS {
            for side in 0..2 {
                let column = column + side * S::LANES;
                if column >= outputs {
                    continue;
                }
                let out = &mut self.out[(tile.rows.start + row) * outputs + column..][..S::LANES];
                let value = values[row][side];
                let value = if self.finish == Finish::Add { simd.add(simd.load(out), value) } else { value };
                simd.store(value, out);
            }
        }
        if self.finish == Finish::Gelu {
            let vectors = (2 * S::LANES).min(outputs - column) / S::LANES;
            for at in 0..ROWS * vectors {
                let place = (tile.rows.start + at / vectors) * outputs + column + at % vectors * S::LANES;
                let out = &mut self.out[place..][..S::LANES];
                simd.store(gelu(simd, simd.load(out)), out);
            }
        }
    }

    /// The outputs of a tile.
    #[inline(always)]
    fn values<S: Simd, const ROWS: usize>(&self, simd: S, tile: &Tile) -> [[S::Floats; 2]; ROWS] {
        let Linear { weights, scales, bias, inputs, .. } = self.layer;
        let (groups, blocks) = (inputs / GROUP, inputs.div_ceil(BLOCK));
        let panel = weights[tile.panel * groups * PANEL..][..groups * PANEL].as_chunks::<PANEL>().0;
        let scales = &scales[tile.panel * blocks..][..blocks];
        let codes = self.codes.codes[tile.rows.start * groups..][..ROWS * groups].as_chunks::<ROWS>().0;
        let steps = self.codes.steps[tile.rows.start * blocks..][..ROWS * blocks].as_chunks::<ROWS>().0;
        let bias = &bias[tile.panel * PANEL..][..PANEL];
        let pair =
            |from: &[f32]| [simd.load(&from[tile.column..]), simd.load(&from[tile.column + S::LANES..])];
        let mut values = [pair(bias); ROWS];
        for block in 0..blocks {
            let part = block * (BLOCK / GROUP)..groups.min((block + 1) * (BLOCK / GROUP));
            let products = products::<S, ROWS>(simd, &codes[part.clone()], &panel[part], tile.column);
            let (steps, scales) = (&steps[block], &scales[block]);
            let (scale, sum) = (pair(&scales.scale), pair(&scales.sum));
            for row in 0..ROWS {
                let (step, low) = (simd.splat(steps[row].step), simd.splat(steps[row].low));
                for side in 0..2 {
                    let product = simd.mul(simd.floats(products[row][side]), step);
                    let value = simd.mul_add(low, sum[side], values[row][side]);
                    values[row][side] = simd.mul_add(product, scale[side], value);
                }
            }
        }
        values
    }
}

/// `Σ w·q` of a tile and a block.
#[inline(always)]
fn products<S: Simd, const ROWS: usize>(
    simd: S,
    codes: &[[[u8; GROUP]; ROWS]],
    panel: &[[[i8; GROUP]; PANEL]],
    column: usize,
) -> [[S::Sums; 2]; ROWS] {
    let mut sums = [[simd.no_sums(); 2]; ROWS];
    assert_eq!(codes.len(), panel.len(), "a group of codes for each group of weights");
    for group in 0..codes.len() {
        let (codes, weights) = (&codes[group], &panel[group]);
        let weights = [simd.weights(&weights[column..]), simd.weights(&weights[column + S::LANES..])];
        for row in 0..ROWS {
            let codes = simd.codes(codes[row]);
            sums[row][0] = simd.dot(sums[row][0], codes, weights[0]);
            sums[row][1] = simd.dot(sums[row][1], codes, weights[1]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A layer and rows for it, of sizes that fill no tile, panel or block.
    fn cases() -> impl Strategy<Value = (Dense, Vec<f32>)> {
        let sizes = (1_usize..=6, 1_usize..=6, 1_usize..=30);
        sizes.prop_flat_map(|(inputs, outputs, rows)| {
            let (inputs, outputs) = (inputs * 16, outputs * 16);
            let numbers = |count| proptest::collection::vec(-2.0_f32..2.0, count);
            (numbers(inputs * outputs), numbers(outputs), numbers(rows * inputs))
                .prop_map(move |(weight, bias, rows)| (Dense { weight, bias, inputs }, rows))
        })
    }

    fn apply(isa: Isa, layer: &Dense, rows: &[f32], finish: Finish) -> Vec<f32> {
        let mut out = vec![0.25; rows.len() / layer.inputs * layer.bias.len()];
        Linear::pack(layer).apply(isa, rows, &mut Codes::default(), &mut out, finish);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_instruction_set_gives_what_scalar_code_gives((layer, rows) in cases()) {
            for isa in Isa::all() {
                for finish in [Finish::Store, Finish::Gelu, Finish::Add] {
                    let plain = apply(Isa::plain(), &layer, &rows, finish);
                    for (actual, expected) in apply(isa, &layer, &rows, finish).iter().zip(plain) {
                        prop_assert!((actual - expected).abs() < 1e-4, "{}: {actual}, not {expected}", isa.name());
                    }
                }
            }
        }

        #[test]
        fn an_output_is_close_to_the_exact_one((layer, rows) in cases()) {
            let out = apply(Isa::best(), &layer, &rows, Finish::Store);
            for (row, out) in rows.chunks_exact(layer.inputs).zip(out.chunks_exact(layer.bias.len())) {
                for ((weights, bias), actual) in layer.weight.chunks_exact(layer.inputs).zip(&layer.bias).zip(out) {
                    let exact = bias + row.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>();
                    // Half a step of each input times the largest weight, and the other way round.
                    let worst = layer.inputs as f32 * (2.0 * 2.0 / 255.0 + 2.0 * 1.0 / 127.0);
                    prop_assert!((actual - exact).abs() < worst, "{actual}, not {exact}");
                }
            }
        }
    }

    #[test]
    fn the_largest_products_do_not_overflow_anywhere() {
        // Codes of 255 and weights of ±127 throughout: what saturates 16-bit sums of byte products.
        let layer = Dense {
            weight: [vec![1.0; 512], vec![-1.0; 512]].concat().repeat(16),
            bias: vec![0.0; 32],
            inputs: 512,
        };
        let mut row = vec![1.0; 512];
        row.iter_mut().step_by(BLOCK).for_each(|low| *low = 0.0);
        for isa in Isa::all() {
            let out = apply(isa, &layer, &row, Finish::Store);
            for pair in out.chunks_exact(2) {
                assert!(
                    (pair[0] - 496.0).abs() < 0.01 && (pair[1] + 496.0).abs() < 0.01,
                    "{}: {pair:?}",
                    isa.name()
                );
            }
        }
    }

    #[test]
    fn rows_and_weights_of_zeros_give_the_bias() {
        let layer = Dense { weight: vec![0.0; 16 * 16], bias: vec![0.5; 16], inputs: 16 };
        for isa in Isa::all() {
            assert_eq!(apply(isa, &layer, &[0.0; 32], Finish::Store), [0.5; 32], "{}", isa.name());
        }
    }
}
