//! The late-interaction arm: each token of the query looks for the token of a passage that is most like it.
//!
//! A passage is kept as one bit a component of each of its tokens; the query's tokens stay as they are. The similarity of
//! a query token q and a sketched token d is the cosine with the corner of the cube that d points to,
//! `Σ ±qⱼ / √dimensions`. Source of late interaction: Khattab and Zaharia, "ColBERT"; of MaxSim′, see [`max_sim`].

mod essence;
mod lookup;
mod max_sim;
mod sketch;

pub(crate) use essence::essence;
pub(crate) use max_sim::{TokenScores, max_sim};
pub use sketch::TokenSketch;

use lookup::{BLOCK_TOKENS, Lookup, block_bytes};

/// Where a passage's tokens stand.
#[derive(Debug, Clone, Copy, Default)]
struct Tokens {
    first: u32,
    count: u32,
}

/// Token sketches by passage number.
#[derive(Debug, Default)]
pub(crate) struct LateIndex {
    dimensions: usize,
    /// By passage; none has a count of 0.
    places: Vec<Tokens>,
    /// Tokens so far, those that were replaced included.
    tokens: usize,
    /// In the layout of `lookup`.
    blocks: Vec<u8>,
}

impl LateIndex {
    /// Adds the next passage. `dimensions` are those of the model.
    pub(crate) fn push(&mut self, sketch: Option<&TokenSketch>, dimensions: usize) {
        self.places.push(Tokens::default());
        if let Some(sketch) = sketch {
            self.set(self.places.len() - 1, sketch, dimensions);
        }
    }

    /// Gives a passage its tokens, in place of any it had. What does not fit the other passages' dimensions is none.
    ///
    /// # Panics
    /// If there is no such passage.
    pub(crate) fn set(&mut self, passage: usize, sketch: &TokenSketch, dimensions: usize) {
        if self.tokens == 0 {
            self.dimensions = dimensions;
        }
        if dimensions != self.dimensions || !TokenSketch::can_sketch(dimensions) {
            return;
        }
        let tokens = sketch.tokens(dimensions);
        let (Ok(first), Ok(count)) = (u32::try_from(self.tokens), u32::try_from(tokens.len())) else {
            return;
        };
        for token in tokens {
            lookup::append(&mut self.blocks, self.tokens, token);
            self.tokens += 1;
        }
        self.places[passage] = Tokens { first, count };
    }

    /// For each token of the query the best similarity of each of these passages, in −1 … 1, NaN for passages without
    /// tokens. None if the query has other dimensions, or no token.
    pub(crate) fn best(&self, query: &[&[f32]], passages: &[u32]) -> Option<Vec<Vec<f32>>> {
        let fits = |token: &&[f32]| token.len() == self.dimensions;
        if self.tokens == 0 || query.is_empty() || !query.iter().all(fits) {
            return None;
        }
        let lookups: Vec<Lookup> = query.iter().map(|token| Lookup::new(token)).collect();
        let bytes = block_bytes(self.dimensions);
        // The sums of one block for all tokens of the query; passages that stand side by side share blocks.
        let mut sums = vec![[0_u16; BLOCK_TOKENS]; lookups.len()];
        let mut current = usize::MAX;
        let mut rows = vec![Vec::with_capacity(passages.len()); lookups.len()];
        let mut best = vec![0; lookups.len()];
        for passage in passages {
            let Tokens { first, count } = self.places[*passage as usize];
            best.fill(0);
            let (mut at, end) = (first as usize, (first + count) as usize);
            while at < end {
                let block = at / BLOCK_TOKENS;
                if block != current {
                    lookup::sums(&lookups, &self.blocks[block * bytes..][..bytes], &mut sums);
                    current = block;
                }
                let until = end.min((block + 1) * BLOCK_TOKENS);
                let within = at % BLOCK_TOKENS..at % BLOCK_TOKENS + (until - at);
                for (best, sums) in best.iter_mut().zip(&sums) {
                    *best = sums[within.clone()].iter().fold(*best, |best, sum| (*sum).max(best));
                }
                at = until;
            }
            for ((row, lookup), best) in rows.iter_mut().zip(&lookups).zip(&best) {
                row.push(if count > 0 { lookup.similarity(*best) } else { f32::NAN });
            }
        }
        Some(rows)
    }

    /// The similarity of one vector with every passage's only token, NaN where there is none. None if the vector has other
    /// dimensions.
    pub(crate) fn cosines(&self, query: &[f32]) -> Option<Vec<f32>> {
        if self.tokens == 0 || query.len() != self.dimensions {
            return None;
        }
        let lookup = [Lookup::new(query)];
        let mut sums = [[0; BLOCK_TOKENS]];
        let mut by_token = Vec::with_capacity(self.tokens.next_multiple_of(BLOCK_TOKENS));
        for block in self.blocks.chunks_exact(block_bytes(self.dimensions)) {
            lookup::sums(&lookup, block, &mut sums);
            by_token.extend(sums[0].map(|sum| lookup[0].similarity(sum)));
        }
        let cosine = |Tokens { first, count }: &Tokens| {
            if *count > 0 { by_token[*first as usize] } else { f32::NAN }
        };
        Some(self.places.iter().map(cosine).collect())
    }

    /// Bytes of heap the index holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Tokens>() + self.blocks.capacity()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIMENSIONS: usize = 32;

    fn sketch(tokens: &[f32]) -> TokenSketch {
        TokenSketch::new(1, tokens, DIMENSIONS)
    }

    fn best(index: &LateIndex, query: &[f32]) -> Option<Vec<Vec<f32>>> {
        let all: Vec<u32> = (0..u32::try_from(index.places.len()).unwrap()).collect();
        index.best(&query.chunks_exact(DIMENSIONS).collect::<Vec<_>>(), &all)
    }

    fn exact(query: &[f32], token: &[f32]) -> f32 {
        let sum: f32 = query.iter().zip(token).map(|(q, d)| if *d > 0.0 { *q } else { -*q }).sum();
        sum / (DIMENSIONS as f32).sqrt()
    }

    fn any_tokens(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, DIMENSIONS), count).prop_map(|tokens| {
            let unit = |token: Vec<f32>| {
                let length = token.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
                token.into_iter().map(move |x| x / length)
            };
            tokens.into_iter().flat_map(unit).collect()
        })
    }

    #[test]
    fn passages_without_tokens_have_no_similarity_until_they_get_some() {
        let mut index = LateIndex::default();
        index.push(None, DIMENSIONS);
        index.push(Some(&sketch(&[0.2; DIMENSIONS])), DIMENSIONS);
        let query = [1.0 / 32.0_f32.sqrt(); DIMENSIONS];
        let found = best(&index, &query).unwrap();
        assert!(found[0][0].is_nan() && (found[0][1] - 1.0).abs() < 0.01);
        index.set(0, &sketch(&[-0.2; DIMENSIONS]), DIMENSIONS);
        assert!((best(&index, &query).unwrap()[0][0] + 1.0).abs() < 0.01);
    }

    #[test]
    fn one_vector_is_compared_with_the_only_token_of_every_passage() {
        let mut index = LateIndex::default();
        assert_eq!(index.cosines(&[1.0; DIMENSIONS]), None);
        for at in 0_u8..150 {
            let sign = if at % 2 == 0 { 0.2 } else { -0.2 };
            index.push((at % 7 != 0).then(|| sketch(&[sign; DIMENSIONS])).as_ref(), DIMENSIONS);
        }
        let query = [1.0 / 32.0_f32.sqrt(); DIMENSIONS];
        let expected = best(&index, &query).unwrap().pop().unwrap();
        let found = index.cosines(&query).unwrap();
        assert_eq!(found.len(), 150);
        assert!(found.iter().zip(expected).all(|(found, expected)| {
            (found - expected).abs() < 1e-6 || found.is_nan() && expected.is_nan()
        }));
    }

    #[test]
    fn tokens_of_another_model_are_not_compared() {
        let mut index = LateIndex::default();
        assert_eq!(best(&index, &[1.0; DIMENSIONS]), None);
        index.push(Some(&sketch(&[0.2; DIMENSIONS])), DIMENSIONS);
        index.push(Some(&TokenSketch::new(1, &[0.2; 48], 48)), 48);
        assert!(best(&index, &[1.0; DIMENSIONS]).unwrap()[0][1].is_nan());
        assert_eq!(index.best(&[&[1.0; DIMENSIONS + 1]], &[0]), None);
        assert_eq!(index.best(&[], &[0]), None);
    }

    proptest! {
        #[test]
        fn the_best_token_of_each_passage_is_found(
            passages in prop::collection::vec(any_tokens(0..90), 1..6), query in any_tokens(1..4),
        ) {
            let mut index = LateIndex::default();
            for passage in &passages {
                index.push(Some(&sketch(passage)), DIMENSIONS);
            }
            let Some(rows) = best(&index, &query) else {
                prop_assert!(passages.iter().all(Vec::is_empty));
                return Ok(());
            };
            for (row, q) in rows.iter().zip(query.chunks_exact(DIMENSIONS)) {
                for (best, passage) in row.iter().zip(&passages) {
                    let tokens = passage.chunks_exact(DIMENSIONS);
                    let expected = tokens.map(|token| exact(q, token)).fold(f32::NAN, f32::max);
                    prop_assert!((best - expected).abs() < 0.04 || best.is_nan() && expected.is_nan());
                }
            }
        }
    }
}
