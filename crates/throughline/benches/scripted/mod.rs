//! A made-up user whose turns and vectors are the same in every run, in an embedded store: for measuring without a model.
//!
//! The model is scripted: a word is a fixed direction with a little of its neighbours mixed in, so that vectors are spread
//! as a real model's are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throughline::memory::{Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Role, Scope, SessionId, StageTiming, TenantId, Timestamp, UserId};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline_sqlite::{SqliteOptions, SqliteStore};

const TURNS_A_SESSION: usize = 25;
const WORDS_A_TURN: usize = 25;
const WORDS_A_QUESTION: usize = 9;
const VOCABULARY: f32 = 30_000.0;
/// Components of a vector.
pub(crate) const DIMENSIONS: usize = 384;

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

/// What the scripted model makes of a text.
pub(crate) fn embedding(text: &str) -> Embedding {
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

/// The user.
pub(crate) fn scope() -> Scope {
    Scope::of(TenantId::single(), UserId::new("ana").expect("a name"))
}

/// A memory over the store in this folder, with the scripted model, that keeps so many bytes of search data.
pub(crate) fn memory(folder: &Path, shard_cache_bytes_max: usize) -> Memory {
    let store = SqliteStore::open(folder, SqliteOptions::default()).expect("a store");
    let settings = Settings { shard_cache_bytes_max, ..Settings::default() };
    let memory = Memory::open(Arc::new(store), Arc::new(Timestamp::now), settings).expect("a sound store");
    let model = EmbeddingModel { name: "scripted".into(), dimensions: DIMENSIONS };
    memory.attach(Arc::new(Scripted(model))).expect("the only model");
    memory
}

/// What the user says, turn by turn, without end.
pub(crate) fn turns() -> impl Iterator<Item = String> {
    let mut random = Random(88_172_645_463_325_252);
    std::iter::repeat_with(move || random.text(WORDS_A_TURN))
}

/// What is asked, without end.
pub(crate) fn questions() -> impl Iterator<Item = String> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    std::iter::repeat_with(move || random.text(WORDS_A_QUESTION))
}

/// Takes these turns in, in sessions.
pub(crate) fn observe(memory: &Memory, turns: &[String]) {
    for (number, session) in turns.chunks(TURNS_A_SESSION).enumerate() {
        let id = SessionId::new(format!("s{number}")).expect("a name");
        let said = session.iter().map(|text| TurnToObserve::new(Role::User, text)).collect();
        memory.observe(&scope(), Observation::new(id, said)).expect("a write");
    }
}

/// How long the stages took without the scripted model, which is slow: its share is measured apart.
pub(crate) fn without_embedding(timings: &[StageTiming]) -> Duration {
    timings.iter().filter(|timing| timing.stage != "embed").map(|timing| timing.took).sum()
}
