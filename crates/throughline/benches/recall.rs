//! How long a recall takes, embedding excluded: all arms on, over a scope of so many turns in an embedded store.
//!
//! `cargo bench -p throughline --bench recall`; scopes of other sizes: `THROUGHLINE_BENCH_TURNS=1000000 cargo bench …`.
//! The model is scripted: a word is a fixed direction with a little of its neighbours mixed in, so that vectors are spread
//! as a real model's are and the same in every run.

#![expect(clippy::print_stdout, reason = "it is what a bench is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use throughline::memory::{Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, TenantId, Timestamp, UserId};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline::recall::RecallRequest;
use throughline_sqlite::{SqliteOptions, SqliteStore};

const TURNS: [usize; 2] = [1_000, 20_000];
const TURNS_A_WRITE: usize = 500;
const TURNS_A_SESSION: usize = 25;
const WORDS_A_TURN: usize = 25;
const WORDS_A_QUESTION: usize = 9;
const QUESTIONS: usize = 64;
const VOCABULARY: f32 = 30_000.0;
const DIMENSIONS: usize = 384;

/// Xorshift: the same text in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// In 0 … 1.
    fn fraction(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Words, the `n`th of the vocabulary with a probability of about `1 / n`, as in real text.
    fn text(&mut self, words: usize) -> String {
        let words: Vec<String> =
            (0..words).map(|_| format!("w{}", VOCABULARY.powf(self.fraction()).floor())).collect();
        words.join(" ")
    }
}

struct Scripted(EmbeddingModel);

impl Embedder for Scripted {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        Ok(texts.iter().map(|text| embedding(text)).collect())
    }
}

fn embedding(text: &str) -> Embedding {
    let mut embedding = Embedding { vector: vec![0.0; DIMENSIONS], ..Embedding::default() };
    let mut at = 0;
    for word in text.split(' ') {
        let seed = word
            .bytes()
            .fold(88_172_645_463_325_252, |seed: u64, byte| (seed ^ u64::from(byte)).rotate_left(7));
        let mut random = Random(seed | 1);
        let token: Vec<f32> = (0..DIMENSIONS).map(|_| random.fraction() - 0.5).collect();
        let token = unit(token);
        embedding.vector.iter_mut().zip(&token).for_each(|(sum, x)| *sum += x);
        embedding.tokens.extend(token);
        let end = at + word.len();
        embedding.spans.push((u32::try_from(at).unwrap_or(0), u32::try_from(end).unwrap_or(0)));
        at = end + 1;
    }
    embedding.vector = unit(embedding.vector);
    embedding
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    for x in &mut vector {
        *x /= length;
    }
    vector
}

fn loaded(turns: usize, folder: &std::path::Path) -> (Memory, Scope) {
    let store = SqliteStore::open(folder, SqliteOptions::default()).expect("a store in a new folder");
    let settings = Settings { shard_cache_bytes_max: 1 << 30, ..Settings::default() };
    let memory = Memory::open(Arc::new(store), Arc::new(Timestamp::now), settings).expect("a new store");
    let model = EmbeddingModel { name: "scripted".into(), dimensions: DIMENSIONS };
    memory.attach(Arc::new(Scripted(model))).expect("the first model");
    let scope = Scope::of(TenantId::single(), UserId::new("ana").expect("a name"));
    let mut random = Random(88_172_645_463_325_252);
    let mut said = 0;
    while said < turns {
        let session = SessionId::new(format!("s{}", said / TURNS_A_SESSION)).expect("a name");
        let count = TURNS_A_WRITE.min(TURNS_A_SESSION).min(turns - said);
        let turns = (0..count).map(|_| TurnToObserve::new(Role::User, random.text(WORDS_A_TURN))).collect();
        memory.observe(&scope, Observation::new(session, turns)).expect("a write");
        said += count;
    }
    (memory, scope)
}

fn recall(criterion: &mut Criterion) {
    let asked = std::env::var("THROUGHLINE_BENCH_TURNS").ok().and_then(|turns| turns.parse().ok());
    let sizes: Vec<usize> = asked.map_or_else(|| TURNS.to_vec(), |turns| vec![turns]);
    let mut group = criterion.benchmark_group("recall of 10, embedding excluded");
    for turns in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (memory, scope) = loaded(turns, folder.path());
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let questions: Vec<String> = (0..QUESTIONS).map(|_| random.text(WORDS_A_QUESTION)).collect();
        // The scripted model is slow; its share is measured apart and is no part of the search stage.
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(turns), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let request = RecallRequest::new(&questions[next % QUESTIONS]);
                    let recalled = memory.recall(&scope, black_box(&request)).expect("a recall");
                    let stages = recalled.timings.iter().filter(|timing| timing.stage != "embed");
                    took += stages.map(|timing| timing.took).sum::<Duration>();
                    next += 1;
                }
                took
            });
        });
        println!("{turns} turns: {} bytes of search data in memory", memory.shard_bytes());
    }
    group.finish();
}

criterion_group!(benches, recall);
criterion_main!(benches);
