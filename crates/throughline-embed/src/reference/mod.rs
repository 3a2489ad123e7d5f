//! The forward pass of a BERT encoder in `f32`: what the 8-bit one is measured by, in tests and benchmarks alone.
//!
//! It is written for being right: plain loops and the `gemm` crate, none of the product's kernels.

mod math;

use math::{Matrix, MatrixMut, Right, gelu, layer_norm, multiply, softmax};

use crate::bert::BertConfig;
use crate::elementary::Norm;
use crate::weights::{Dense, Weights};

struct Linear {
    /// `[inputs][outputs]`
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
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

/// A loaded encoder.
pub(crate) struct Bert {
    config: BertConfig,
    words: Vec<f32>,
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Reads the weights. Errors say which tensor is missing or has which shape.
    pub(crate) fn load(config: BertConfig, safetensors: &[u8]) -> Result<Self, String> {
        let weights = Weights::of(safetensors)?;
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let layer = |i: usize| -> Result<Layer, String> {
            let name = |part: &str| format!("encoder.layer.{i}.{part}");
            let parts = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
            let linear = |names: &[String], inputs, outputs| {
                Ok::<_, String>(Linear::transposed(&weights.dense(names, inputs, outputs)?))
            };
            Ok(Layer {
                query_key_value: linear(&parts, hidden, hidden)?,
                attention_output: linear(&[name("attention.output.dense")], hidden, hidden)?,
                attention_norm: weights.norm(&name("attention.output.LayerNorm"), hidden)?,
                up: linear(&[name("intermediate.dense")], hidden, inner)?,
                down: linear(&[name("output.dense")], inner, hidden)?,
                output_norm: weights.norm(&name("output.LayerNorm"), hidden)?,
            })
        };
        Ok(Self {
            words: weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?,
            positions: weights.positions(config.max_position_embeddings, hidden)?,
            embedding_norm: weights.norm("embeddings.LayerNorm", hidden)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            config,
        })
    }

    /// The last hidden state of every token of every text, one row of `hidden_size` each, in order.
    ///
    /// # Panics
    /// If a text is empty, longer than `max_position_embeddings`, or has an id outside the vocabulary.
    pub(crate) fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let mut states = self.embed(texts);
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        for layer in &self.layers {
            let attended = self.attend(&layer.query_key_value.apply(&states), &lengths);
            states = layer.attention_output.apply_onto(&attended, &states);
            self.normalise(&layer.attention_norm, &mut states);
            let mut inner = layer.up.apply(&states);
            gelu(&mut inner);
            states = layer.down.apply_onto(&inner, &states);
            self.normalise(&layer.output_norm, &mut states);
        }
        debug_assert_eq!(states.len(), lengths.iter().sum::<usize>() * hidden);
        states
    }

    fn normalise(&self, norm: &Norm, rows: &mut [f32]) {
        layer_norm(rows, &norm.scale, &norm.shift, self.config.layer_norm_eps);
    }

    fn embed(&self, texts: &[&[u32]]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let mut states = Vec::with_capacity(texts.iter().map(|text| text.len()).sum::<usize>() * hidden);
        for text in texts {
            for (id, position) in text.iter().zip(self.positions.chunks_exact(hidden)) {
                let word = &self.words[*id as usize * hidden..][..hidden];
                states.extend(word.iter().zip(position).map(|(word, position)| word + position));
            }
        }
        self.normalise(&self.embedding_norm, &mut states);
        states
    }

    /// Multi-head self-attention, each text for itself. `qkv` has a row of `3 · hidden` for each token.
    fn attend(&self, qkv: &[f32], lengths: &[usize]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let head_width = hidden / self.config.num_attention_heads;
        let factor = 1.0 / (head_width as f32).sqrt();
        let mut attended = vec![0.0; qkv.len() / 3];
        let mut scores = Vec::new();
        let mut start = 0;
        for &length in lengths {
            scores.resize(length * length, 0.0);
            let rows = &qkv[start * 3 * hidden..];
            for head in 0..self.config.num_attention_heads {
                let part = |i: usize| Matrix {
                    data: &rows[i * hidden + head * head_width..],
                    rows: length,
                    cols: head_width,
                    row_stride: 3 * hidden,
                };
                let mut out = MatrixMut { data: &mut scores, rows: length, cols: length, row_stride: length };
                multiply(&mut out, part(0), part(1), Right::Transposed, false);
                softmax(&mut scores, length, factor);
                let mut out = MatrixMut {
                    data: &mut attended[start * hidden + head * head_width..],
                    rows: length,
                    cols: head_width,
                    row_stride: hidden,
                };
                let weights = Matrix { data: &scores, rows: length, cols: length, row_stride: length };
                multiply(&mut out, weights, part(2), Right::AsIs, false);
            }
            start += length;
        }
        attended
    }
}

impl Linear {
    fn transposed(layer: &Dense) -> Self {
        let Dense { weight, bias, inputs } = layer;
        let mut transposed = vec![0.0; weight.len()];
        for (output, row) in weight.chunks_exact(*inputs).enumerate() {
            for (input, value) in row.iter().enumerate() {
                transposed[input * bias.len() + output] = *value;
            }
        }
        Self { weight: transposed, bias: bias.clone(), inputs: *inputs }
    }

    /// `rows · weight + bias`
    fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let mut out = self.bias.repeat(rows.len() / self.inputs);
        self.add_product(&mut out, rows);
        out
    }

    /// `rows · weight + bias + onto`, the residual connection
    fn apply_onto(&self, rows: &[f32], onto: &[f32]) -> Vec<f32> {
        let mut out = onto.to_vec();
        for row in out.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&self.bias).for_each(|(x, bias)| *x += bias);
        }
        self.add_product(&mut out, rows);
        out
    }

    fn add_product(&self, out: &mut [f32], rows: &[f32]) {
        let (inputs, outputs) = (self.inputs, self.bias.len());
        let count = rows.len() / inputs;
        multiply(
            &mut MatrixMut { data: out, rows: count, cols: outputs, row_stride: outputs },
            Matrix { data: rows, rows: count, cols: inputs, row_stride: inputs },
            Matrix { data: &self.weight, rows: inputs, cols: outputs, row_stride: outputs },
            Right::AsIs,
            true,
        );
    }
}
