//! From texts to unit vectors: tokenise, run the network, take the mean over all tokens.
//!
//! This is the whole recipe of a sentence-transformers BERT model with mean pooling. It computes on the calling
//! thread and never queues; `lane` decides who calls it when.

use throughline::ports::EmbedError;
use tokenizers::{Tokenizer, TruncationParams};

use crate::bert::{Bert, BertConfig};
use crate::math::normalise;

/// Tokens of a text that are looked at, `[CLS]` and `[SEP]` included; the model was trained with this limit.
pub(crate) const TEXT_TOKENS_MAX: usize = 256;

/// A tokeniser and the network it belongs to.
pub(crate) struct SentenceEncoder {
    tokenizer: Tokenizer,
    network: Bert,
}

/// Why the files of a model cannot be used.
#[derive(Debug)]
pub(crate) struct BadFile {
    pub(crate) file: &'static str,
    pub(crate) reason: String,
}

impl SentenceEncoder {
    /// Loads a model from the contents of its three files.
    pub(crate) fn load(config: &[u8], tokenizer: &[u8], weights: &[u8]) -> Result<Self, BadFile> {
        let bad = |file| move |reason: String| BadFile { file, reason };
        let config: BertConfig =
            serde_json::from_slice(config).map_err(|error| bad("config.json")(error.to_string()))?;
        let mut tokenizer =
            Tokenizer::from_bytes(tokenizer).map_err(|error| bad("tokenizer.json")(error.to_string()))?;
        let tokens_max = TEXT_TOKENS_MAX.min(config.max_position_embeddings);
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(Some(TruncationParams { max_length: tokens_max, ..TruncationParams::default() }))
            .map_err(|error| bad("tokenizer.json")(error.to_string()))?;
        if tokenizer.get_vocab_size(true) > config.vocab_size {
            return Err(bad("tokenizer.json")(format!(
                "it has more tokens than the network's {}",
                config.vocab_size
            )));
        }
        let network = Bert::load(config, weights).map_err(bad("model.safetensors"))?;
        Ok(Self { tokenizer, network })
    }

    /// Components of a vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.network.config().hidden_size
    }

    /// Token ids of a text, at most [`TEXT_TOKENS_MAX`].
    pub(crate) fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| EmbedError::Rejected(format!("it cannot be tokenised: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// One unit vector for each tokenised text, in order.
    pub(crate) fn encode(&self, texts: &[&[u32]]) -> Vec<Vec<f32>> {
        let width = self.dimensions();
        let states = self.network.forward(texts);
        let mut rows = states.chunks_exact(width);
        texts
            .iter()
            .map(|text| {
                let mut mean = vec![0.0; width];
                for row in rows.by_ref().take(text.len()) {
                    mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
                // A mean differs from the sum by a factor only, and scaling to length 1 removes it.
                normalise(&mut mean);
                mean
            })
            .collect()
    }
}
