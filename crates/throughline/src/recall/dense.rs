//! The dense arm: exact cosine over the int8 vectors of one scope.
//!
//! One pass over contiguous memory; no graph, so filters are exact and a row is searchable the moment it is here.
//! The inner loop is written once in plain Rust and compiled a second time for AVX2, which is chosen at run time.
//! That choice is the only place of the engine where `unsafe` may stand.

use crate::ports::ModelNumber;

use super::late::{LateIndex, TokenSketch};

/// Most components a vector may have; sums of products stay within 32 bits up to here.
pub(crate) const DIMENSIONS_MAX: usize = 4096;

/// The query's components are whole numbers up to this: [`DIMENSIONS_MAX`] · 127 · 4095 < 2³¹.
const QUERY_LEVEL_MAX: f32 = 4095.0;

/// A vector's components are whole numbers up to this.
const VALUE_LEVEL_MAX: f32 = 127.0;

/// "No vector".
const NONE: u32 = u32::MAX;

/// A vector in one byte a component: component `i` is about `scale · values[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedVector {
    /// The store's number of the embedding model that made it.
    pub model: ModelNumber,
    /// What one step is worth: the largest component's size / 127.
    pub scale: f32,
    /// The components, −127 … 127.
    pub values: Vec<i8>,
}

impl QuantizedVector {
    /// Rounds each component to the nearest of 255 steps between ± the largest. Not-a-number counts as 0.
    pub fn new(model: ModelNumber, vector: &[f32]) -> Self {
        let scale = largest(vector) / VALUE_LEVEL_MAX;
        #[expect(clippy::cast_possible_truncation, reason = "the quotient is within ±127 and rounded")]
        let values = vector.iter().map(|component| quotient(*component, scale).round() as i8).collect();
        Self { model, scale, values }
    }

    /// What it stands for, to length 1.
    pub(crate) fn components(&self) -> Vec<f32> {
        let values = || self.values.iter().map(|value| f32::from(*value));
        let length = values().map(|value| value * value).sum::<f32>().sqrt();
        values().map(|value| quotient(value, length)).collect()
    }

    /// Its signs, as if it were one token.
    pub(crate) fn sketch(&self) -> TokenSketch {
        sketch(&self.values)
    }
}

fn sketch(values: &[i8]) -> TokenSketch {
    let vector: Vec<f32> = values.iter().map(|value| f32::from(*value)).collect();
    TokenSketch::new(0, &vector, vector.len())
}

/// The size of the largest finite component.
fn largest(vector: &[f32]) -> f32 {
    vector.iter().map(|component| component.abs()).filter(|size| size.is_finite()).fold(0.0, f32::max)
}

fn quotient(component: f32, scale: f32) -> f32 {
    if scale > 0.0 { component / scale } else { 0.0 }
}

/// Vectors by row number, all of one length.
#[derive(Debug, Default)]
pub(crate) struct DenseIndex {
    dimensions: usize,
    /// By row: the place of its vector, or [`NONE`].
    places: Vec<u32>,
    /// By place.
    scales: Vec<f32>,
    /// By place: `dimensions` values each.
    values: Vec<i8>,
}

impl DenseIndex {
    /// Adds the next row. The first vector decides how long all are; one of another length counts as none.
    pub(crate) fn push(&mut self, vector: Option<&QuantizedVector>) {
        self.places.push(NONE);
        if let Some(vector) = vector {
            self.set(self.places.len() - 1, vector);
        }
    }

    /// Gives a row its vector, in place of any it had.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn set(&mut self, row: usize, vector: &QuantizedVector) {
        let length = vector.values.len();
        if self.scales.is_empty() && length <= DIMENSIONS_MAX {
            self.dimensions = length;
        }
        if length != self.dimensions || length == 0 {
            return;
        }
        if self.places[row] == NONE {
            self.places[row] = u32::try_from(self.scales.len()).unwrap_or(NONE);
            self.scales.push(vector.scale);
            self.values.extend_from_slice(&vector.values);
        } else {
            let place = self.places[row] as usize;
            self.scales[place] = vector.scale;
            self.values[place * length..][..length].copy_from_slice(&vector.values);
        }
    }

    /// The signs of all vectors.
    pub(crate) fn sketches(&self) -> LateIndex {
        let mut sketches = LateIndex::default();
        for place in &self.places {
            let vector = (*place != NONE)
                .then(|| &self.values[*place as usize * self.dimensions..][..self.dimensions]);
            sketches.push(vector.map(sketch).as_ref(), self.dimensions);
        }
        sketches
    }

    /// Writes the cosine of the query with each of these rows, for vectors of length 1; NaN for rows without one, and for
    /// all if the query is of another length.
    ///
    /// Rounding moves a cosine by `e = scale / 2 · Σ|q|` at most, and by about `scale · √(1/12)` on average, for `scale` of
    /// the row: for 384 components without an outlier, 0.0004 on average. The query is kept 32 times finer and adds
    /// next to nothing.
    ///
    /// # Panics
    /// If there is not one cosine for each row.
    pub(crate) fn score(&self, query: &[f32], rows: &[u32], cosines: &mut [f32]) {
        assert_eq!(cosines.len(), rows.len(), "one cosine for each row");
        cosines.fill(f32::NAN);
        if query.len() != self.dimensions || query.is_empty() {
            return;
        }
        let scale = largest(query) / QUERY_LEVEL_MAX;
        #[expect(clippy::cast_possible_truncation, reason = "the quotient is within ±4095 and rounded")]
        let query: Vec<i16> =
            query.iter().map(|component| quotient(*component, scale).round() as i16).collect();
        let places = || rows.iter().map(|row| self.places[*row as usize]).filter(|place| *place != NONE);
        // Runs of vectors that stand side by side go through the kernel at once.
        let mut dots = Vec::with_capacity(rows.len());
        let mut places = places().peekable();
        while let Some(first) = places.next() {
            let mut next = first + 1;
            while places.next_if_eq(&next).is_some() {
                next += 1;
            }
            let start = dots.len();
            dots.resize(start + (next - first) as usize, 0);
            let values = first as usize * self.dimensions..next as usize * self.dimensions;
            dot_products(&query, &self.values[values], &mut dots[start..]);
        }
        let mut dots = dots.into_iter();
        for (cosine, row) in cosines.iter_mut().zip(rows) {
            let place = self.places[*row as usize];
            if place != NONE
                && let Some(dot) = dots.next()
            {
                *cosine = dot as f32 * scale * self.scales[place as usize];
            }
        }
    }

    /// Bytes of heap the index holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
            + self.scales.capacity() * size_of::<f32>()
            + self.values.capacity()
    }
}

/// The dot product of the query with each vector of `values`, by the fastest instructions this processor has.
fn dot_products(query: &[i16], values: &[i8], dots: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni") {
        #[expect(unsafe_code, reason = "AVX-512 code may only be called where the processor has AVX-512")]
        // SAFETY: the processor was just asked.
        return unsafe { dot_products_avx512(query, values, dots) };
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "AVX2 code may only be called where the processor has AVX2")]
        // SAFETY: the processor was just asked.
        return unsafe { dot_products_avx2(query, values, dots) };
    }
    dot_products_portable(query, values, dots);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_products_avx512(query: &[i16], values: &[i8], dots: &mut [i32]) {
    dot_products_portable(query, values, dots);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_products_avx2(query: &[i16], values: &[i8], dots: &mut [i32]) {
    dot_products_portable(query, values, dots);
}

/// Plain Rust that the compiler turns into whatever vector instructions the caller may use: SSE2, AVX2 or NEON.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the body takes on the instruction set of its caller")]
fn dot_products_portable(query: &[i16], values: &[i8], dots: &mut [i32]) {
    for (dot, vector) in dots.iter_mut().zip(values.chunks_exact(query.len())) {
        *dot = query.iter().zip(vector).map(|(q, v)| i32::from(*q) * i32::from(*v)).sum();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(vector: &[f32]) -> Vec<f32> {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        vector.iter().map(|x| x / length).collect()
    }

    fn any_unit(dimensions: usize) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(-1.0_f32..1.0, dimensions).prop_map(|vector| unit(&vector))
    }

    fn index(rows: &[Option<Vec<f32>>]) -> DenseIndex {
        let mut index = DenseIndex::default();
        for row in rows {
            index.push(row.as_deref().map(|vector| QuantizedVector::new(1, vector)).as_ref());
        }
        index
    }

    fn cosines(index: &DenseIndex, query: &[f32]) -> Vec<f32> {
        let rows: Vec<u32> = (0..u32::try_from(index.places.len()).unwrap()).collect();
        let mut cosines = vec![0.0; rows.len()];
        index.score(query, &rows, &mut cosines);
        cosines
    }

    #[test]
    fn rows_without_a_vector_have_no_cosine() {
        let index = index(&[None, Some(vec![1.0, 0.0]), None, Some(vec![0.6, -0.8])]);
        let found = cosines(&index, &[1.0, 0.0]);
        assert!(found[0].is_nan() && found[2].is_nan());
        assert!((found[1] - 1.0).abs() < 0.005 && (found[3] - 0.6).abs() < 0.005);
    }

    #[test]
    fn a_vector_that_comes_later_takes_its_row_and_can_be_replaced() {
        let mut index = index(&[None, Some(vec![1.0, 0.0]), None]);
        index.set(0, &QuantizedVector::new(1, &[0.0, 1.0]));
        index.set(1, &QuantizedVector::new(1, &[0.0, -1.0]));
        let found = cosines(&index, &[0.0, 1.0]);
        assert!((found[0] - 1.0).abs() < 0.005 && (found[1] + 1.0).abs() < 0.005 && found[2].is_nan());
    }

    #[test]
    fn vectors_and_queries_of_another_length_are_not_compared() {
        let index = index(&[Some(vec![1.0, 0.0]), Some(vec![1.0, 0.0, 0.0]), Some(vec![])]);
        let found = cosines(&index, &[1.0, 0.0]);
        assert!(!found[0].is_nan() && found[1].is_nan() && found[2].is_nan());
        assert!(cosines(&index, &[1.0]).iter().all(|cosine| cosine.is_nan()));
        assert!(cosines(&DenseIndex::default(), &[]).is_empty());
    }

    #[test]
    fn zeros_and_numbers_that_are_none_do_not_spread() {
        let index = index(&[Some(vec![0.0, 0.0]), Some(vec![f32::NAN, 1.0]), Some(vec![f32::INFINITY, 1.0])]);
        assert!(cosines(&index, &[0.6, 0.8]).iter().all(|cosine| cosine.is_finite()));
        assert_eq!(cosines(&index, &[0.0, f32::NAN]), [0.0; 3]);
    }

    #[test]
    fn the_longest_vectors_of_extremes_do_not_overflow() {
        let (query, vector) = (vec![4095_i16; DIMENSIONS_MAX], vec![-127_i8; DIMENSIONS_MAX]);
        let mut dots = [0];
        dot_products(&query, &vector, &mut dots);
        assert_eq!(dots, [-4095 * 127 * 4096]);
    }

    #[test]
    fn memory_is_accounted_for() {
        assert!(index(&vec![Some(vec![0.1; 384]); 10]).heap_bytes() >= 10 * (384 + 8));
        assert!(index(&vec![None; 10]).heap_bytes() < 100);
    }

    proptest! {
        #[test]
        fn cosines_of_int8_vectors_are_within_a_hundredth(
            rows in prop::collection::vec(prop::option::of(any_unit(384)), 1..8), query in any_unit(384),
        ) {
            let found = cosines(&index(&rows), &query);
            for (row, cosine) in rows.iter().zip(found) {
                if let Some(row) = row {
                    let exact: f32 = row.iter().zip(&query).map(|(a, b)| a * b).sum();
                    prop_assert!((exact - cosine).abs() < 0.01, "{exact} {cosine}");
                }
            }
        }

        #[test]
        fn every_instruction_set_gives_the_same_dot_products(
            (query, values) in (1_usize..130, 0_usize..5).prop_flat_map(|(dimensions, rows)| (
                prop::collection::vec(-4095_i16..=4095, dimensions),
                prop::collection::vec(-127_i8..=127, dimensions * rows),
            )),
        ) {
            let rows = values.len() / query.len();
            let (mut fast, mut plain) = (vec![0; rows], vec![0; rows]);
            dot_products(&query, &values, &mut fast);
            dot_products_portable(&query, &values, &mut plain);
            prop_assert_eq!(fast, plain);
        }
    }
}
