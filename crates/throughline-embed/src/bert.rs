//! The forward pass of a BERT encoder in `f32`, from a safetensors file.
//!
//! Texts of a batch are laid one after the other in one matrix: the linear layers see all their tokens at once and
//! attention runs text by text, so there is no padding, no mask, and a text's vectors do not depend on its company.
//! Weights are kept transposed (`[inputs][outputs]`), the layout the product reads without repacking when a batch
//! is a single short query. This file knows numbers only: no text, no tokeniser, no thread.

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::math::{Matrix, MatrixMut, Right, gelu, layer_norm, multiply, softmax};

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
        Ok(())
    }
}

struct Linear {
    /// `[inputs][outputs]`
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
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
    words: Vec<f32>,
    /// Position and token-type embedding in one: every token here is of type 0.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Reads the weights. Errors say which tensor is missing or has which shape.
    pub(crate) fn load(config: BertConfig, safetensors: &[u8]) -> Result<Self, String> {
        config.check()?;
        let file = SafeTensors::deserialize(safetensors).map_err(|error| error.to_string())?;
        let weights = Weights { file };
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut positions = weights
            .tensor("embeddings.position_embeddings.weight", &[config.max_position_embeddings, hidden])?;
        let kinds = weights.first_row("embeddings.token_type_embeddings.weight", hidden)?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
        }
        let layer = |i: usize| -> Result<Layer, String> {
            let name = |part: &str| format!("encoder.layer.{i}.{part}");
            Ok(Layer {
                query_key_value: weights.linear(
                    &["query", "key", "value"].map(|part| name(&format!("attention.self.{part}"))),
                    hidden,
                    hidden,
                )?,
                attention_output: weights.linear(&[name("attention.output.dense")], hidden, hidden)?,
                attention_norm: weights.norm(&name("attention.output.LayerNorm"), hidden)?,
                up: weights.linear(&[name("intermediate.dense")], hidden, inner)?,
                down: weights.linear(&[name("output.dense")], inner, hidden)?,
                output_norm: weights.norm(&name("output.LayerNorm"), hidden)?,
            })
        };
        Ok(Self {
            words: weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?,
            positions,
            embedding_norm: weights.norm("embeddings.LayerNorm", hidden)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_, _>>()?,
            config,
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
        let hidden = self.config.hidden_size;
        let mut states = self.embed(texts);
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        for layer in &self.layers {
            let attended = self.attend(&layer.query_key_value.apply(&states), &lengths);
            states = layer.attention_output.apply_onto(&attended, &states);
            layer.attention_norm.apply(&mut states, self.config.layer_norm_eps);
            let mut inner = layer.up.apply(&states);
            gelu(&mut inner);
            states = layer.down.apply_onto(&inner, &states);
            layer.output_norm.apply(&mut states, self.config.layer_norm_eps);
        }
        debug_assert_eq!(states.len(), lengths.iter().sum::<usize>() * hidden);
        states
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
        self.embedding_norm.apply(&mut states, self.config.layer_norm_eps);
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

impl Norm {
    fn apply(&self, rows: &mut [f32], epsilon: f32) {
        layer_norm(rows, &self.scale, &self.shift, epsilon);
    }
}

struct Weights<'a> {
    file: SafeTensors<'a>,
}

impl Weights<'_> {
    /// The tensor of this name (or `bert.` + name, as some checkpoints write it), which must have this shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let (found, values) = self.any(name)?;
        if found == shape { Ok(values) } else { Err(format!("tensor `{name}` is {found:?}, not {shape:?}")) }
    }

    fn first_row(&self, name: &str, width: usize) -> Result<Vec<f32>, String> {
        let (found, mut values) = self.any(name)?;
        if found.len() != 2 || found[0] == 0 || found[1] != width {
            return Err(format!("tensor `{name}` is {found:?}, not [1 or more, {width}]"));
        }
        values.truncate(width);
        Ok(values)
    }

    fn any(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let view = self
            .file
            .tensor(name)
            .or_else(|_| self.file.tensor(&format!("bert.{name}")))
            .map_err(|_| format!("tensor `{name}` is missing"))?;
        if view.dtype() != Dtype::F32 {
            return Err(format!("tensor `{name}` is {:?}; only F32 is supported", view.dtype()));
        }
        let (numbers, _) = view.data().as_chunks::<4>();
        Ok((view.shape().to_vec(), numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }

    /// Layers of the same input, side by side as one.
    fn linear(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Linear, String> {
        let width = names.len() * outputs;
        let mut weight = vec![0.0; inputs * width];
        let mut bias = Vec::with_capacity(width);
        for (part, name) in names.iter().enumerate() {
            let rows = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
            for (output, row) in rows.chunks_exact(inputs).enumerate() {
                for (input, value) in row.iter().enumerate() {
                    weight[input * width + part * outputs + output] = *value;
                }
            }
            bias.extend(self.tensor(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Linear { weight, bias, inputs })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, String> {
        Ok(Norm {
            scale: self.tensor(&format!("{name}.weight"), &[width])?,
            shift: self.tensor(&format!("{name}.bias"), &[width])?,
        })
    }
}
