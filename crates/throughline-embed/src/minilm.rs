//! The default embedder: all-MiniLM-L6-v2 in this process.
//!
//! It reads a verified [`ModelPackage`](crate::package) once (about 30 MB stay in memory) and is then shared by all
//! threads. It never touches the network; fetching the files is `pull`'s work.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};

use crate::cache::Cache;
use crate::encoder::SentenceEncoder;
use crate::lane::Lane;
use crate::package::{ModelPackage, PackageError};
use crate::text::head;

/// Texts that are tokenised and queued at a time, so that a call with very many of them needs little memory.
const CALL_TEXTS_MAX: usize = 256;

/// What was embedded lately may take so much memory: a few hundred short texts.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A call ends after this time even if its deadline is later.
const CALL_TIME_MAX: Duration = Duration::from_hours(1);

/// all-MiniLM-L6-v2, 384 dimensions, mean pooling over the first 256 tokens of a text.
pub struct MiniLm {
    model: EmbeddingModel,
    encoder: Arc<SentenceEncoder>,
    queries: Lane,
    passages: Lane,
    cache: Cache,
}

/// Why the model could not be started.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Its files are missing or are not the right ones.
    #[error("{0}\n  hint: fetch it with `throughline model pull`")]
    Package(#[from] PackageError),
    /// A file is whole but is not what this program can run.
    #[error("the model file {file} cannot be used: {reason}")]
    Unusable {
        /// The file, by its name in the model folder.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused a thread.
    #[error("the embedding threads could not be started: {0}")]
    Threads(#[source] std::io::Error),
}

impl MiniLm {
    /// Loads and verifies the model in `dir`, and starts its threads: one for queries and one for passages on each
    /// core. Takes about 0.3 s, most of it for hashing the weights.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let package = ModelPackage::MINILM;
        let files = package.read(dir)?;
        let encoder = SentenceEncoder::load(&files.config, &files.tokenizer, &files.weights)
            .map_err(|bad| LoadError::Unusable { file: bad.file, reason: bad.reason })?;
        drop(files);
        let encoder = Arc::new(encoder);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let lane = |name| Lane::start(name, &encoder, threads).map_err(LoadError::Threads);
        let (queries, passages) = (lane("embed-query")?, lane("embed-passage")?);
        let model = EmbeddingModel { name: package.name.to_owned(), dimensions: encoder.dimensions() };
        Ok(Self { model, encoder, queries, passages, cache: Cache::new(CACHE_BYTES_MAX) })
    }

    /// Remembers at most so many bytes of what it embedded lately, 16 MiB if not set; with 0 every text is computed.
    #[must_use]
    pub fn with_cache_bytes_max(self, bytes: usize) -> Self {
        Self { cache: Cache::new(bytes), ..self }
    }
}

impl Embedder for MiniLm {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(
        &self,
        role: EmbedRole,
        texts: &[&str],
        deadline: Duration,
    ) -> Result<Vec<Embedding>, EmbedError> {
        let until = Instant::now() + deadline.min(CALL_TIME_MAX);
        let lane = match role {
            EmbedRole::Query => &self.queries,
            EmbedRole::Passage => &self.passages,
        };
        let mut embeddings = Vec::with_capacity(texts.len());
        for part in texts.chunks(CALL_TEXTS_MAX) {
            let hashes: Vec<_> = part.iter().map(|text| Cache::hash(text)).collect();
            let known: Vec<_> = hashes.iter().map(|hash| self.cache.get(hash)).collect();
            let unknown = part.iter().zip(&known).filter(|(_, known)| known.is_none());
            let tokens = unknown.map(|(text, _)| self.encoder.tokens(head(text)));
            let tokens: Vec<_> = tokens.collect::<Result<_, _>>()?;
            let (ids, spans): (Vec<_>, Vec<_>) =
                tokens.into_iter().map(|text| (text.ids, text.spans)).unzip();
            let made = lane.embed(ids, until)?;
            let mut made = made.iter().zip(spans).map(|(made, spans)| self.encoder.placed(made, &spans));
            for (known, hash) in known.into_iter().zip(hashes) {
                let is_new = known.is_none();
                let embedding = known.or_else(|| made.next()).unwrap_or_default();
                if is_new {
                    self.cache.put(hash, embedding.clone());
                }
                embeddings.push(embedding);
            }
        }
        Ok(embeddings)
    }
}
