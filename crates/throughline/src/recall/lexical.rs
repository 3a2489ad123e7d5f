//! The lexical arm: BM25 over the documents of one scope.
//!
//! Statistics (how many documents, how long, which words are rare) are those of the scope alone, so no other user's
//! text can show in a score. Documents are added and never removed: a scope's rows keep their words for life.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::text::terms::{self, Term, TermHash};

/// How soon further occurrences of a word stop counting. The usual value.
const K1: f32 = 1.2;

/// How much a document's length counts. The usual value.
const B: f32 = 0.75;

/// "No earlier posting": the end of a chain.
const NONE: u32 = u32::MAX;

/// An inverted index.
///
/// The postings of all terms lie in one array in order of arrival, those of one term chained from the newest back.
/// Most terms of a scope occur in one document only; a list of its own for each would cost several times the memory.
#[derive(Debug, Default)]
pub(crate) struct LexicalIndex {
    chains: HashMap<TermHash, Chain, BuildHasherDefault<TermHasher>>,
    postings: Vec<Posting>,
    /// By document number.
    lengths: Vec<u32>,
    total_length: u64,
}

/// The postings of one term.
#[derive(Debug, Clone, Copy)]
struct Chain {
    newest: u32,
    documents: u32,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    document: u32,
    previous: u32,
    count: u16,
}

impl LexicalIndex {
    /// Adds a document under the next number: 0 for the first, then 1, …
    ///
    /// `terms` must be distinct, as `text::terms` gives them.
    ///
    /// # Panics
    /// If `document` is not the next number.
    pub(crate) fn add(&mut self, document: u32, terms: &[Term]) {
        assert_eq!(document as usize, self.lengths.len(), "documents are added in order of their numbers");
        for term in terms {
            let posting = u32::try_from(self.postings.len()).unwrap_or(NONE);
            assert_ne!(posting, NONE, "one scope cannot have more than 2^32 postings");
            let chain = self.chains.entry(term.hash).or_insert(Chain { newest: NONE, documents: 0 });
            self.postings.push(Posting { document, previous: chain.newest, count: term.count });
            *chain = Chain { newest: posting, documents: chain.documents + 1 };
        }
        let length = terms::length(terms);
        self.lengths.push(length);
        self.total_length += u64::from(length);
    }

    /// Writes the BM25 score of every document: 0 for those without a word of the query.
    ///
    /// For each distinct word of the query
    /// `idf · tf · (k1 + 1) / (tf + k1 · (1 − b + b · length / mean length))`, with
    /// `idf = ln(1 + (n − df + ½) / (df + ½))` for a word in `df` of `n` documents. How often the query has a word
    /// does not count. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", with
    /// the never-negative idf of Lucene.
    ///
    /// # Panics
    /// If `scores` is not as long as there are documents.
    pub(crate) fn score(&self, query: &[Term], scores: &mut [f32]) {
        assert_eq!(scores.len(), self.lengths.len(), "one score for each document");
        scores.fill(0.0);
        let per_word = K1 * B / self.mean_length();
        for chain in query.iter().filter_map(|term| self.chains.get(&term.hash)) {
            let most = self.idf(chain.documents) * (K1 + 1.0);
            let mut next = chain.newest;
            while let Some(posting) = self.postings.get(next as usize) {
                let document = posting.document as usize;
                let count = f32::from(posting.count);
                let length_norm = K1 * (1.0 - B) + per_word * self.lengths[document] as f32;
                scores[document] += most * count / (count + length_norm);
                next = posting.previous;
            }
        }
    }

    /// The score that no document of this scope can reach: every word of the query, each without end.
    ///
    /// Words the scope never had count in full: a document cannot answer for them.
    pub(crate) fn best_possible(&self, query: &[Term]) -> f32 {
        let documents = |term: &Term| self.chains.get(&term.hash).map_or(0, |chain| chain.documents);
        query.iter().map(|term| self.idf(documents(term)) * (K1 + 1.0)).sum()
    }

    /// Bytes of heap the index holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        /// The hash table keeps a byte of control for each place and leaves one place in eight free.
        const CHAIN_BYTES: usize = size_of::<(TermHash, Chain)>() + 1;
        self.chains.capacity() * 8 / 7 * CHAIN_BYTES
            + self.postings.capacity() * size_of::<Posting>()
            + self.lengths.capacity() * size_of::<u32>()
    }

    fn idf(&self, documents: u32) -> f32 {
        let (all, with) = (self.lengths.len() as f32, documents as f32);
        ((all - with + 0.5) / (with + 0.5)).ln_1p()
    }

    /// In words; 1 for an index without any.
    fn mean_length(&self) -> f32 {
        if self.total_length == 0 { 1.0 } else { self.total_length as f32 / self.lengths.len() as f32 }
    }
}

/// Term hashes are spread already; one multiplication moves their bits to where the hash table looks for them.
#[derive(Default)]
struct TermHasher(u64);

impl Hasher for TermHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(texts: &[&str]) -> LexicalIndex {
        let mut index = LexicalIndex::default();
        for (document, text) in (0..).zip(texts) {
            index.add(document, &terms::terms(text));
        }
        index
    }

    fn scores(index: &LexicalIndex, query: &str) -> Vec<f32> {
        let mut scores = vec![f32::NAN; index.lengths.len()];
        index.score(&terms::terms(query), &mut scores);
        scores
    }

    #[test]
    fn a_rare_word_weighs_more_than_a_common_one() {
        let found = scores(&index(&["tea with milk", "tea and sugar", "tea, honey"]), "tea honey");
        assert!(found[2] > found[0] && found[2] > found[1] && found[1] > 0.0);
    }

    #[test]
    fn a_short_document_beats_a_long_one_with_the_same_word() {
        let found = scores(&index(&["honey", "honey in warm evening milk before sleep"]), "honey");
        assert!(found[0] > found[1] && found[1] > 0.0);
    }

    #[test]
    fn a_document_without_any_word_of_the_query_scores_nothing() {
        assert_eq!(scores(&index(&["tea", "", "milk"]), "coffee"), [0.0; 3]);
        assert_eq!(scores(&index(&[]), "coffee"), [0.0; 0]);
        assert_eq!(scores(&index(&["", ""]), "coffee"), [0.0; 2]);
    }

    #[test]
    fn no_document_reaches_the_best_possible_score() {
        let query = "tea honey saffron";
        let index = index(&["tea tea tea tea honey honey honey", "tea"]);
        let best = index.best_possible(&terms::terms(query));
        assert!(scores(&index, query).iter().all(|&score| score < best));
        assert!(index.best_possible(&[]).abs() < f32::EPSILON);
    }

    #[test]
    fn memory_is_accounted_for() {
        let index = index(&["tea with milk"; 100]);
        assert!(index.heap_bytes() >= 200 * size_of::<Posting>() + 100 * size_of::<u32>());
    }

    /// The formula as it is written in books, over bags of words.
    fn naive(documents: &[Vec<Term>], query: &[Term]) -> Vec<f64> {
        let n = documents.len() as f64;
        let length = |document: &Vec<Term>| document.iter().map(|term| f64::from(term.count)).sum::<f64>();
        let mean = documents.iter().map(length).sum::<f64>() / n;
        let score = |document: &Vec<Term>| {
            query
                .iter()
                .filter_map(|word| document.iter().find(|term| term.hash == word.hash))
                .map(|term| {
                    let df =
                        documents.iter().filter(|other| other.iter().any(|o| o.hash == term.hash)).count()
                            as f64;
                    let (idf, tf) = ((1.0 + (n - df + 0.5) / (df + 0.5)).ln(), f64::from(term.count));
                    idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length(document) / mean))
                })
                .sum()
        };
        documents.iter().map(score).collect()
    }

    fn bag() -> impl Strategy<Value = Vec<Term>> {
        prop::collection::btree_map(0..40_u32, 1..6_u16, 0..12).prop_map(|bag| {
            bag.into_iter().map(|(hash, count)| Term { hash: TermHash(hash), count }).collect()
        })
    }

    proptest! {
        #[test]
        fn scores_are_those_of_the_formula(documents in prop::collection::vec(bag(), 1..40), query in bag()) {
            let mut index = LexicalIndex::default();
            for (number, document) in (0..).zip(&documents) {
                index.add(number, document);
            }
            let mut scores = vec![0.0; documents.len()];
            index.score(&query, &mut scores);
            for (score, expected) in scores.iter().zip(naive(&documents, &query)) {
                prop_assert!((f64::from(*score) - expected).abs() < 1e-4, "{score} {expected}");
            }
        }
    }
}
