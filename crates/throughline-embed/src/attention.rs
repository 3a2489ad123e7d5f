//! Multi-head self-attention in `f32`, each text for itself.
//!
//! Scores stand with the queries side by side: softmax then goes down the columns, a vector of queries at a time, and
//! the weighted sum of the values reads them in the order in which they are. Heads are copied out of the wide rows
//! first, which costs little beside the products and lets these read one line after the other.

#![expect(clippy::inline_always, reason = "what is not inlined into a `Work` loses its vector instructions")]

use crate::elementary::exp;
use crate::simd::{PANEL, ROWS_MAX, Simd, Work};

/// Attention of all texts of a batch.
pub(crate) struct Attention<'a> {
    /// A row for each token: query (scaled already), key and value, each of all heads.
    pub(crate) query_key_value: &'a [f32],
    /// Tokens of each text.
    pub(crate) lengths: &'a [usize],
    pub(crate) heads: usize,
    pub(crate) room: &'a mut Room,
    /// A row for each token, a third as wide; what was in it is gone.
    pub(crate) out: &'a mut [f32],
}

/// Memory that the heads use one after the other.
#[derive(Default)]
pub(crate) struct Room {
    /// `[head width][tokens]`
    keys: Vec<f32>,
    /// `[tokens][head width, in whole panels]`
    values: Vec<f32>,
    /// `[head width][PANEL queries]`
    queries: Vec<f32>,
    /// `[tokens][PANEL queries]`
    scores: Vec<f32>,
    /// `[PANEL queries][head width, in whole panels]`
    block: Vec<f32>,
}

impl Work for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tokens: usize = self.lengths.iter().sum();
        let hidden = self.out.len() / tokens.max(1);
        let mut rows = self.query_key_value;
        let mut out = self.out;
        for &length in self.lengths {
            let (text, other_rows) = rows.split_at(length * 3 * hidden);
            let (text_out, other_out) = out.split_at_mut(length * hidden);
            for head in 0..self.heads {
                let shape =
                    Head { length, hidden, width: hidden / self.heads, at: head * (hidden / self.heads) };
                shape.attend(simd, text, self.room, text_out);
            }
            (rows, out) = (other_rows, other_out);
        }
    }
}

/// One head of one text.
struct Head {
    length: usize,
    hidden: usize,
    width: usize,
    /// Where it begins among the heads.
    at: usize,
}

impl Head {
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, text: &[f32], room: &mut Room, out: &mut [f32]) {
        let Self { length, hidden, width, at } = *self;
        let panels = width.next_multiple_of(PANEL);
        let Room { keys, values, queries, scores, block } = room;
        keys.resize(width * length, 0.0);
        values.resize(length * panels, 0.0);
        queries.resize(width * PANEL, 0.0);
        scores.resize(length * PANEL, 0.0);
        block.resize(PANEL * panels, 0.0);
        for (token, row) in text.chunks_exact(3 * hidden).enumerate() {
            transpose(&row[hidden + at..][..width], keys, length, token);
            values[token * panels..][..width].copy_from_slice(&row[2 * hidden + at..][..width]);
        }
        let blocks = text.chunks(PANEL * 3 * hidden).zip(out.chunks_mut(PANEL * hidden));
        for (rows, out) in blocks {
            for (query, row) in rows.chunks_exact(3 * hidden).enumerate() {
                transpose(&row[at..][..width], queries, PANEL, query);
            }
            let right = Right { numbers: queries, stride: PANEL };
            product(simd, Left { numbers: keys, stride: length, rows: length }, right, scores);
            let factors = softmax(simd, scores);
            let right = Right { numbers: values, stride: panels };
            let left = Left { numbers: scores, stride: PANEL, rows: out.len() / hidden };
            product(simd, left, right, block);
            for query in 0..out.len() / hidden {
                let out = &mut out[query * hidden + at..][..width];
                let row = &block[query * panels..][..width];
                for place in 0..width {
                    out[place] = row[place] * factors[query];
                }
            }
        }
    }
}

/// Makes `row` the column `at` of a matrix.
#[inline(always)]
fn transpose(row: &[f32], matrix: &mut [f32], stride: usize, at: usize) {
    for line in 0..row.len() {
        matrix[line * stride + at] = row[line];
    }
}

/// Makes each column `exp(x - its greatest)`. Returns one over the sum of each.
#[inline(always)]
fn softmax<S: Simd>(simd: S, scores: &mut [f32]) -> [f32; PANEL] {
    let (rows, _) = scores.as_chunks_mut::<PANEL>();
    let mut factors = [0.0; PANEL];
    for column in (0..PANEL).step_by(S::LANES) {
        let mut top = simd.splat(f32::NEG_INFINITY);
        for row in &*rows {
            top = simd.max(top, simd.load(&row[column..]));
        }
        let mut sum = simd.splat(0.0);
        for row in rows.iter_mut() {
            let x = exp(simd, simd.sub(simd.load(&row[column..]), top));
            sum = simd.add(sum, x);
            simd.store(x, &mut row[column..]);
        }
        simd.store(simd.div(simd.splat(1.0), sum), &mut factors[column..]);
    }
    factors
}

/// The left side of a product, transposed: a line for each input, `rows` of it used.
#[derive(Clone, Copy)]
struct Left<'a> {
    numbers: &'a [f32],
    stride: usize,
    rows: usize,
}

/// The right side: a line for each input, in whole panels.
#[derive(Clone, Copy)]
struct Right<'a> {
    numbers: &'a [f32],
    stride: usize,
}

/// `out = leftᵀ · right`, where `out` is as wide as `right`.
#[inline(always)]
fn product<S: Simd>(simd: S, left: Left<'_>, right: Right<'_>, out: &mut [f32]) {
    let tiles = left.rows.div_ceil(S::ROWS);
    for column in (0..right.stride).step_by(2 * S::LANES) {
        for tile in 0..tiles {
            let (row, end) = (tile * left.rows / tiles, (tile + 1) * left.rows / tiles);
            match end - row {
                1 => tile_of::<S, 1>(simd, left, row, right, column, out),
                2 => tile_of::<S, 2>(simd, left, row, right, column, out),
                3 => tile_of::<S, 3>(simd, left, row, right, column, out),
                4 => tile_of::<S, 4>(simd, left, row, right, column, out),
                5 => tile_of::<S, 5>(simd, left, row, right, column, out),
                6 => tile_of::<S, 6>(simd, left, row, right, column, out),
                7 => tile_of::<S, 7>(simd, left, row, right, column, out),
                8 => tile_of::<S, 8>(simd, left, row, right, column, out),
                9 => tile_of::<S, 9>(simd, left, row, right, column, out),
                10 => tile_of::<S, 10>(simd, left, row, right, column, out),
                11 => tile_of::<S, 11>(simd, left, row, right, column, out),
                _ => tile_of::<S, ROWS_MAX>(simd, left, row, right, column, out),
            }
        }
    }
}

#[inline(always)]
fn tile_of<S: Simd, const ROWS: usize>(
    simd: S,
    left: Left<'_>,
    row: usize,
    right: Right<'_>,
    column: usize,
    out: &mut [f32],
) {
    if ROWS > S::ROWS {
        return; // never asked for, so not compiled
    }
    let mut sums = [[simd.splat(0.0); 2]; ROWS];
    for line in 0..right.numbers.len() / right.stride {
        let left = &left.numbers[line * left.stride + row..][..ROWS];
        let right = &right.numbers[line * right.stride + column..][..2 * S::LANES];
        let right = [simd.load(right), simd.load(&right[S::LANES..])];
        for row in 0..ROWS {
            let x = simd.splat(left[row]);
            sums[row][0] = simd.mul_add(x, right[0], sums[row][0]);
            sums[row][1] = simd.mul_add(x, right[1], sums[row][1]);
        }
    }
    for place in 0..ROWS {
        let out = &mut out[(row + place) * right.stride + column..][..2 * S::LANES];
        simd.store(sums[place][0], out);
        simd.store(sums[place][1], &mut out[S::LANES..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simd::Isa;

    /// The definition, in `f64`.
    fn exact(rows: &[f32], lengths: &[usize], heads: usize, hidden: usize) -> Vec<f64> {
        let width = hidden / heads;
        let mut out = Vec::new();
        let mut start = 0;
        for &length in lengths {
            let at = |token: usize, place: usize| f64::from(rows[(start + token) * 3 * hidden + place]);
            for token in 0..length {
                for place in 0..hidden {
                    let head = place / width * width;
                    let score = |other| {
                        (head..head + width).map(|i| at(token, i) * at(other, hidden + i)).sum::<f64>()
                    };
                    let weights: Vec<f64> = (0..length).map(|other| score(other).exp()).collect();
                    let values =
                        weights.iter().enumerate().map(|(other, w)| w * at(other, 2 * hidden + place));
                    out.push(values.sum::<f64>() / weights.iter().sum::<f64>());
                }
            }
            start += length;
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_instruction_set_computes_the_definition(
            lengths in proptest::collection::vec(1_usize..70, 1..4),
            (heads, hidden) in prop_oneof![Just((1, 16)), Just((2, 48)), Just((1, 64)), Just((4, 32))],
            numbers in proptest::collection::vec(-1.0_f32..1.0, 210 * 3 * 64),
        ) {
            let tokens: usize = lengths.iter().sum();
            let rows = &numbers[..tokens * 3 * hidden];
            let expected = exact(rows, &lengths, heads, hidden);
            for isa in Isa::all() {
                let mut out = vec![0.0; tokens * hidden];
                isa.run(Attention {
                    query_key_value: rows, lengths: &lengths, heads, room: &mut Room::default(), out: &mut out,
                });
                for (actual, expected) in out.iter().zip(&expected) {
                    prop_assert!((f64::from(*actual) - expected).abs() < 1e-5, "{}: {actual}, not {expected}", isa.name());
                }
            }
        }
    }

    #[test]
    fn scores_too_large_for_an_exponential_are_weighed_by_their_differences() {
        let mut rows = [0.0; 2 * 3 * 16];
        // Two tokens with scores of 10,000 and 0: each is all of the first one's value.
        (rows[0], rows[16], rows[32], rows[48]) = (100.0, 100.0, 3.0, 100.0);
        for isa in Isa::all() {
            let mut out = [0.0; 32];
            let room = &mut Room::default();
            isa.run(Attention { query_key_value: &rows, lengths: &[2], heads: 1, room, out: &mut out });
            assert!((out[0] - 3.0).abs() < 1e-6 && (out[16] - 3.0).abs() < 1e-6, "{}: {out:?}", isa.name());
        }
    }
}
