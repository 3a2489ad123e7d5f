//! The forward pass of a BERT encoder with 8-bit weights, from a safetensors file.
//!
//! Texts of a batch are laid one after the other in one matrix: the linear layers see all their tokens at once and
//! attention runs text by text, so there is no padding, no mask, and a text's vectors do not depend on its company.
//! The linear layers and the word embeddings are 8-bit, everything between them is `f32`. `reference` is the same
//! network in `f32` alone, which tests measure this one by. This file knows numbers only: no text, no tokeniser, no
//! thread.

use serde::Deserialize;

use crate::attention::{Attention, Room};
use crate::elementary::{LayerNorm, Norm};
use crate::linear::{Codes, Finish, Linear};
use crate::simd::Isa;
use crate::weights::Weights;
use crate::words::Words;

/// The longest vector of any instruction set: rows are as wide as a multiple of it.
const WIDTH_MULTIPLE: usize = 16;

/// Shape of the network, as `config.json` of a BERT checkpoint states it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BertConfig {
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) vocab_size: usize,
    pub(crate) layer_norm_eps: f32,
    hidden_act: String,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

impl BertConfig {
    fn check(&self) -> Result<(), String> {
        if self.hidden_act != "gelu" {
            return Err(format!("hidden_act is `{}`; only `gelu` is supported", self.hidden_act));
        }
        if let Some(kind) = &self.position_embedding_type
            && kind != "absolute"
        {
            return Err(format!("position_embedding_type is `{kind}`; only `absolute` is supported"));
        }
        if self.num_attention_heads == 0 || !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err("hidden_size is not a multiple of num_attention_heads".into());
        }
        for (name, width) in
            [("hidden_size", self.hidden_size), ("intermediate_size", self.intermediate_size)]
        {
            if width == 0 || !width.is_multiple_of(WIDTH_MULTIPLE) {
                return Err(format!("{name} is {width}; only multiples of {WIDTH_MULTIPLE} are supported"));
            }
        }
        Ok(())
    }
}

struct Layer {
    /// Query, key and value side by side: one product instead of three.
    query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
}

/// A loaded encoder. Immutable, so any number of threads may use it at once.
pub(crate) struct Bert {
    config: BertConfig,
    words: Words,
    /// Position and token-type embedding in one.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    isa: Isa,
}

/// Memory of one forward pass, used by its layers one after the other.
#[derive(Default)]
struct Scratch {
    codes: Codes,
    query_key_value: Vec<f32>,
    attention: Room,
    attended: Vec<f32>,
    inner: Vec<f32>,
}

impl Bert {
    /// Reads the weights. Errors say which tensor is missing or has which shape.
    pub(crate) fn load(config: BertConfig, safetensors: &[u8]) -> Result<Self, String> {
        let isa = Isa::best();
        tracing::debug!(instructions = isa.name(), "the embedding model is computed with these");
        Self::load_for(isa, config, safetensors)
    }

    /// Reads the weights, to compute with these instructions.
    pub(crate) fn load_for(isa: Isa, config: BertConfig, safetensors: &[u8]) -> Result<Self, String> {
        config.check()?;
        let weights = Weights::of(safetensors)?;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let words = weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?;
        Ok(Self {
            words: Words::pack(&words, hidden),
            positions: weights.positions(config.max_position_embeddings, hidden)?,
            embedding_norm: weights.norm("embeddings.LayerNorm", hidden)?,
            layers: (0..config.num_hidden_layers)
                .map(|i| Layer::load(&weights, i, hidden, inner, config.num_attention_heads))
                .collect::<Result<_, _>>()?,
            config,
            isa,
        })
    }

    pub(crate) fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The last hidden state of every token of every text, one row of `hidden_size` each, in order.
    ///
    /// # Panics
    /// If a text is empty, longer than `max_position_embeddings`, or has an id outside the vocabulary.
    pub(crate) fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let mut states = self.embed(texts);
        let mut scratch = Scratch::default();
        for layer in &self.layers {
            self.attend(layer, &lengths, &mut states, &mut scratch);
            self.normalise(&layer.attention_norm, &mut states);
            self.feed_forward(layer, &mut states, &mut scratch);
            self.normalise(&layer.output_norm, &mut states);
        }
        states
    }

    fn embed(&self, texts: &[&[u32]]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let mut states = Vec::with_capacity(tokens * hidden);
        for text in texts {
            assert!(
                !text.is_empty() && text.len() * hidden <= self.positions.len(),
                "a text of a length it can have"
            );
            for (id, position) in text.iter().zip(self.positions.chunks_exact(hidden)) {
                let word = self.words.of(*id as usize);
                states.extend(word.zip(position).map(|(word, position)| word + position));
            }
        }
        self.normalise(&self.embedding_norm, &mut states);
        states
    }

    /// Adds to each state what its text says to it.
    fn attend(&self, layer: &Layer, lengths: &[usize], states: &mut [f32], scratch: &mut Scratch) {
        let Scratch { codes, query_key_value, attention, attended, .. } = scratch;
        query_key_value.resize(3 * states.len(), 0.0);
        attended.resize(states.len(), 0.0);
        layer.query_key_value.apply(self.isa, states, codes, query_key_value, Finish::Store);
        self.isa.run(Attention {
            query_key_value,
            lengths,
            heads: self.config.num_attention_heads,
            room: attention,
            out: attended,
        });
        layer.attention_output.apply(self.isa, attended, codes, states, Finish::Add);
    }

    /// Adds to each state what it becomes between the two linear layers.
    fn feed_forward(&self, layer: &Layer, states: &mut [f32], scratch: &mut Scratch) {
        let Scratch { codes, inner, .. } = scratch;
        inner.resize(states.len() / self.config.hidden_size * self.config.intermediate_size, 0.0);
        layer.up.apply(self.isa, states, codes, inner, Finish::Gelu);
        layer.down.apply(self.isa, inner, codes, states, Finish::Add);
    }

    fn normalise(&self, norm: &Norm, rows: &mut [f32]) {
        self.isa.run(LayerNorm { norm, epsilon: self.config.layer_norm_eps, rows });
    }
}

impl Layer {
    fn load(
        weights: &Weights<'_>,
        number: usize,
        hidden: usize,
        inner: usize,
        heads: usize,
    ) -> Result<Self, String> {
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let parts = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        let mut query_key_value = weights.dense(&parts, hidden, hidden)?;
        // The factor of the scores goes into the queries here, once.
        let factor = 1.0 / ((hidden / heads) as f32).sqrt();
        query_key_value.weight[..hidden * hidden].iter_mut().for_each(|x| *x *= factor);
        query_key_value.bias[..hidden].iter_mut().for_each(|x| *x *= factor);
        let linear = |part, inputs, outputs| {
            Ok::<_, String>(Linear::pack(&weights.dense(&[name(part)], inputs, outputs)?))
        };
        Ok(Self {
            query_key_value: Linear::pack(&query_key_value),
            attention_output: linear("attention.output.dense", hidden, hidden)?,
            attention_norm: weights.norm(&name("attention.output.LayerNorm"), hidden)?,
            up: linear("intermediate.dense", hidden, inner)?,
            down: linear("output.dense", inner, hidden)?,
            output_norm: weights.norm(&name("output.LayerNorm"), hidden)?,
        })
    }
}
