//! From texts to unit vectors: tokenise, run the network, take the mean over all tokens; and the tokens themselves.
//!
//! This is the whole recipe of a sentence-transformers BERT model with mean pooling. It computes on the calling
//! thread and never queues; `lane` decides who calls it when.

use throughline::ports::{EmbedError, Embedding};
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

/// A tokenised text.
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    /// The bytes of the text each token stands for; none for the network's own marks.
    pub(crate) spans: Vec<Option<(u32, u32)>>,
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

    /// The tokens of a text, at most [`TEXT_TOKENS_MAX`].
    pub(crate) fn tokens(&self, text: &str) -> Result<Tokens, EmbedError> {
        let encoding = self
            .tokenizer
            .encode(text, true)
            .map_err(|error| EmbedError::Rejected(format!("it cannot be tokenised: {error}")))?;
        let marks = encoding.get_special_tokens_mask().iter().map(|mark| *mark == 1);
        let spans = encoding.get_offsets().iter().map(|&(from, to)| (to_u32(from), to_u32(to)));
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            spans: spans.zip(marks).map(|(span, mark)| (!mark).then_some(span)).collect(),
        })
    }

    /// One embedding for each tokenised text, in order; of its token vectors none is left out yet.
    pub(crate) fn encode(&self, texts: &[&[u32]]) -> Vec<Embedding> {
        let width = self.dimensions();
        let states = self.network.forward(texts);
        let mut rest = states.as_slice();
        texts
            .iter()
            .map(|text| {
                let (own, others) = rest.split_at(text.len() * width);
                rest = others;
                let mut mean = vec![0.0; width];
                let mut tokens = own.to_vec();
                for row in tokens.chunks_exact_mut(width) {
                    mean.iter_mut().zip(&*row).for_each(|(sum, x)| *sum += x);
                    normalise(row);
                }
                // A mean differs from the sum by a factor only, and scaling to length 1 removes it.
                normalise(&mut mean);
                Embedding { vector: mean, tokens, spans: Vec::new() }
            })
            .collect()
    }

    /// What `encode` gave for a text, without `[CLS]` and `[SEP]` and with the places of all other tokens.
    pub(crate) fn placed(&self, embedding: &Embedding, spans: &[Option<(u32, u32)>]) -> Embedding {
        let rows = embedding.tokens.chunks_exact(self.dimensions());
        let placed = || rows.clone().zip(spans).filter_map(|(row, span)| Some((row, (*span)?)));
        Embedding {
            vector: embedding.vector.clone(),
            tokens: placed().flat_map(|(row, _)| row).copied().collect(),
            spans: placed().map(|(_, span)| span).collect(),
        }
    }
}

/// A place in a text, which `text::head` has cut to a few thousand bytes.
fn to_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
