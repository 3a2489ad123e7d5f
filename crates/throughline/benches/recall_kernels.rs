//! How long the two arms of a ranking take over one scope, without store, embedding or filters.
//!
//! `cargo bench -p throughline --bench recall_kernels`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use throughline::text::terms::Term;
use throughline::{ports, text};

// The kernels are private to the engine: they are compiled in here once more, and reach the rest by the names above.
#[path = "../src/recall/dense.rs"]
#[expect(dead_code, unreachable_pub, reason = "only scoring is measured")]
mod dense;
#[path = "../src/recall/lexical.rs"]
#[expect(dead_code, reason = "only scoring is measured")]
mod lexical;

const DOCUMENTS: [u32; 3] = [1_000, 10_000, 100_000];
const WORDS_PER_DOCUMENT: usize = 15;
const WORDS_PER_QUERY: usize = 8;
const VOCABULARY: f32 = 30_000.0;
const DIMENSIONS: usize = 384;

/// Xorshift: the same documents in every run.
struct Random(u64);

impl Random {
    /// In 0 … 1.
    fn fraction(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Distinct words, the `n`th of the vocabulary with a probability of about `1 / n`, as in real text.
    fn words(&mut self, count: usize) -> Vec<Term> {
        let text: Vec<String> =
            (0..count).map(|_| format!("{}", VOCABULARY.powf(self.fraction()).floor())).collect();
        text::terms::terms(&text.join(" "))
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIMENSIONS).map(|_| self.fraction() - 0.5).collect()
    }
}

fn bm25(criterion: &mut Criterion) {
    let mut random = Random(88_172_645_463_325_252);
    let mut group = criterion.benchmark_group("bm25");
    for documents in DOCUMENTS {
        let mut index = lexical::LexicalIndex::default();
        for document in 0..documents {
            index.add(document, &random.words(WORDS_PER_DOCUMENT));
        }
        let query = random.words(WORDS_PER_QUERY);
        let mut scores = vec![0.0; documents as usize];
        group.throughput(Throughput::Elements(documents.into()));
        group.bench_function(BenchmarkId::from_parameter(documents), |bencher| {
            bencher.iter(|| {
                for (document, score) in black_box(&query).iter().flat_map(|term| index.scores(term.hash)) {
                    scores[document as usize] += score;
                }
            });
        });
    }
    group.finish();
}

fn int8_scan(criterion: &mut Criterion) {
    let mut random = Random(88_172_645_463_325_252);
    let mut group = criterion.benchmark_group("int8 scan, 384 components");
    for documents in DOCUMENTS {
        let mut index = dense::DenseIndex::default();
        for _ in 0..documents {
            index.push(Some(&dense::QuantizedVector::new(1, &random.vector())));
        }
        let query = random.vector();
        let mut cosines = vec![0.0; documents as usize];
        group.throughput(Throughput::Elements(documents.into()));
        group.bench_function(BenchmarkId::from_parameter(documents), |bencher| {
            bencher.iter(|| index.score(black_box(&query), black_box(&mut cosines)));
        });
    }
    group.finish();
}

criterion_group!(benches, bm25, int8_scan);
criterion_main!(benches);
