//! A model that turns text into vectors.

use std::time::Duration;

use thiserror::Error;

/// Which model made a vector. Vectors of two models are never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmbeddingModel {
    /// Its public name, such as `all-MiniLM-L6-v2`.
    pub name: String,
    /// Components of a vector.
    pub dimensions: usize,
}

/// What a text is to the search; some models embed the two differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmbedRole {
    /// Something asked: somebody waits for it.
    Query,
    /// Something to be found later.
    Passage,
}

/// Why there are no vectors. In each case the turn is kept and found by its words, and its vector is added later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbedError {
    /// The model cannot be reached or is not there yet.
    #[error("the embedding model is unavailable: {0}")]
    Unavailable(String),
    /// No answer in the time given.
    #[error("the embedding model gave no answer in time")]
    DeadlineExceeded,
    /// It refused these texts; asking again will not help.
    #[error("the embedding model refused the text: {0}")]
    Rejected(String),
    /// It answered with something that is no set of vectors.
    #[error("the embedding model's answer makes no sense: {0}")]
    Malformed(String),
}

/// What a model makes of one text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedding {
    /// The text as a whole: `dimensions` components, length 1.
    pub vector: Vec<f32>,
    /// Its tokens one after the other, each `dimensions` components of length 1, as the network sees them in their
    /// sentence; the network's own marks are left out. Empty if the model does not show them, as no model behind an
    /// API does.
    pub tokens: Vec<f32>,
    /// Of each of these tokens the bytes of the text it stands for.
    pub spans: Vec<(u32, u32)>,
}

/// Texts that should be given to [`Embedder::embed`] at a time: token vectors of a few dozen texts take megabytes.
pub const EMBED_TEXTS_MAX: usize = 64;

/// A model that turns text into vectors; used from many threads at once.
pub trait Embedder: Send + Sync {
    /// Which one it is.
    fn model(&self) -> &EmbeddingModel;

    /// One embedding for each text, in their order. Blocks, for `deadline` at the longest.
    fn embed(
        &self,
        role: EmbedRole,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Embedding>, EmbedError>;
}
