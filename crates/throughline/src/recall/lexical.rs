//! The lexical arm: BM25 over the documents of one scope.
//!
//! Statistics (how many documents, how long, which words are rare) are those of the scope alone, so no other user's
//! text can show in a score. Documents are added and never removed: a scope's rows keep their words for life.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::slice;

use crate::text::terms::{self, Term, TermHash};

/// How soon further occurrences of a word stop counting. The usual value.
const K1: f32 = 1.2;

/// How much a document's length counts. The usual value.
const B: f32 = 0.75;

/// A word of this rarity or more, one in about 50 documents, counts in full in [`LexicalIndex::weight`].
const COMMON_RARITY: f32 = 4.0;

/// An inverted index.
#[derive(Debug, Default)]
pub(crate) struct LexicalIndex {
    postings: HashMap<TermHash, Postings, BuildHasherDefault<TermHasher>>,
    /// Room in all lists of more than one posting.
    listed_capacity: usize,
    /// By document number.
    lengths: Vec<u32>,
    total_length: u64,
}

/// Where one term occurs, in order of documents. Most terms of a scope occur once; those need no list.
#[derive(Debug)]
enum Postings {
    One(Posting),
    Many(Vec<Posting>),
}

/// A document and how often it has the term: the number in the upper bits, the count in the lower [`COUNT_BITS`].
#[derive(Debug, Clone, Copy)]
struct Posting(u32);

/// Counts go up to 15. Passages are short, and by the formula the sixteenth occurrence of a word adds next to nothing.
const COUNT_BITS: u32 = 4;
const COUNT_MAX: u16 = (1 << COUNT_BITS) - 1;

/// Documents an index can hold, 268 million: hundreds of gigabytes of text in one scope.
const DOCUMENTS_MAX: u32 = 1 << (u32::BITS - COUNT_BITS);

impl Posting {
    fn new(document: u32, count: u16) -> Self {
        Self(document << COUNT_BITS | u32::from(count.min(COUNT_MAX)))
    }

    fn document(self) -> u32 {
        self.0 >> COUNT_BITS
    }

    fn count(self) -> f32 {
        (self.0 & u32::from(COUNT_MAX)) as f32
    }
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
        // What does not fit is found by its meaning alone.
        for term in terms.iter().filter(|_| document < DOCUMENTS_MAX) {
            let posting = Posting::new(document, term.count);
            match self.postings.entry(term.hash) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Postings::One(posting));
                }
                Entry::Occupied(occupied) => self.listed_capacity += occupied.into_mut().push(posting),
            }
        }
        let length = terms::length(terms);
        self.lengths.push(length);
        self.total_length += u64::from(length);
    }

    /// The BM25 score of one word of a query in each document that has it, in order of documents; the score of a document
    /// for the query is the sum over its distinct words of
    /// `idf · tf · (k1 + 1) / (tf + k1 · (1 − b + b · length / mean length))`, with
    /// `idf = ln(1 + (n − df + ½) / (df + ½))` for a word in `df` of `n` documents. How often the query has a word
    /// does not count. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", with
    /// the never-negative idf of Lucene.
    pub(crate) fn scores(&self, word: TermHash) -> impl Iterator<Item = (u32, f32)> {
        let score = self.score(word);
        self.postings(word).iter().map(move |posting| (posting.document(), score(*posting)))
    }

    /// The same for those of these documents, given in rising order, that have the word. For a few documents of many this
    /// costs less than to look at all that have it.
    pub(crate) fn scores_among(&self, word: TermHash, documents: &[u32]) -> impl Iterator<Item = (u32, f32)> {
        let score = self.score(word);
        let mut postings = self.postings(word);
        documents.iter().filter_map(move |document| {
            postings = gallop(postings, *document);
            let posting = postings.first().filter(|posting| posting.document() == *document)?;
            Some((*document, score(*posting)))
        })
    }

    fn score(&self, word: TermHash) -> impl Fn(Posting) -> f32 {
        let per_word = K1 * B / self.mean_length();
        let most = self.rarity(word, 0.0) * (K1 + 1.0);
        move |posting| {
            let length = self.lengths[posting.document() as usize] as f32;
            let count = posting.count();
            most * count / (count + K1 * (1.0 - B) + per_word * length)
        }
    }

    /// How many documents have the word.
    pub(crate) fn count(&self, word: TermHash) -> usize {
        self.postings(word).len()
    }

    /// The score for the query that no document can reach: every word of it, each without end, words the scope never had
    /// included.
    pub(crate) fn unreachable(&self, query: &[Term]) -> f32 {
        query.iter().map(|term| self.rarity(term.hash, 0.0) * (K1 + 1.0)).sum()
    }

    /// `ln(1 + (n − df + ½) / (df + ½))`, with `n` the documents and `added` more without the word.
    pub(crate) fn rarity(&self, word: TermHash, added: f32) -> f32 {
        let (all, with) = (self.lengths.len() as f32 + added, self.postings(word).len() as f32);
        ((all - with + 0.5) / (with + 0.5)).ln_1p()
    }

    /// How much a word counts in the late-interaction arm, 0 … 1: a word that a scope has everywhere counts less.
    pub(crate) fn weight(&self, word: TermHash) -> f32 {
        (self.rarity(word, 0.0) / COMMON_RARITY).min(1.0)
    }

    fn postings(&self, word: TermHash) -> &[Posting] {
        self.postings.get(&word).map_or(&[], Postings::as_slice)
    }

    /// Bytes of heap the index holds, without what the allocator adds.
    pub(crate) fn heap_bytes(&self) -> usize {
        /// The hash table keeps a byte of control for each place and leaves one place in eight free.
        const TERM_BYTES: usize = size_of::<(TermHash, Postings)>() + 1;
        self.postings.capacity() * 8 / 7 * TERM_BYTES
            + self.listed_capacity * size_of::<Posting>()
            + self.lengths.capacity() * size_of::<u32>()
    }

    /// In words; 1 for an index without any.
    fn mean_length(&self) -> f32 {
        if self.total_length == 0 { 1.0 } else { self.total_length as f32 / self.lengths.len() as f32 }
    }
}

/// The postings from this document on: steps of 1, 2, 4, … until one is past it, then halves.
fn gallop(postings: &[Posting], document: u32) -> &[Posting] {
    let mut step = 1;
    while postings.get(step).is_some_and(|posting| posting.document() < document) {
        step *= 2;
    }
    let from = step / 2;
    let within = &postings[from.min(postings.len())..postings.len().min(step + 1)];
    &postings[from.min(postings.len()) + within.partition_point(|posting| posting.document() < document)..]
}

impl Postings {
    /// Appends a posting; returns by how many postings the list's room grew.
    fn push(&mut self, posting: Posting) -> usize {
        match self {
            Self::One(first) => {
                *self = Self::Many(vec![*first, posting]);
                2
            }
            Self::Many(list) => {
                let before = list.capacity();
                list.push(posting);
                list.capacity() - before
            }
        }
    }

    fn as_slice(&self) -> &[Posting] {
        match self {
            Self::One(posting) => slice::from_ref(posting),
            Self::Many(list) => list,
        }
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
        sums(index, &terms::terms(query))
    }

    fn sums(index: &LexicalIndex, query: &[Term]) -> Vec<f32> {
        let mut sums = vec![0.0; index.lengths.len()];
        for (document, score) in query.iter().flat_map(|term| index.scores(term.hash)) {
            sums[document as usize] += score;
        }
        sums
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
        let query = terms::terms("tea honey saffron");
        let index = index(&["tea tea tea tea honey honey honey", "tea"]);
        assert!(sums(&index, &query).iter().all(|score| *score < index.unreachable(&query)));
        assert!(index.unreachable(&[]).abs() < f32::EPSILON);
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
            for (score, expected) in sums(&index, &query).iter().zip(naive(&documents, &query)) {
                prop_assert!((f64::from(*score) - expected).abs() < 1e-4, "{score} {expected}");
            }
        }
    }
}
