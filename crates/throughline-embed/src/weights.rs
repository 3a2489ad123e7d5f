//! Tensors of a BERT checkpoint by name, as `f32`. Says which one is missing or has another shape; changes nothing.

use safetensors::{Dtype, SafeTensors};

use crate::elementary::Norm;

/// A linear layer as it is stored, or several of the same input as one.
#[derive(Debug)]
pub(crate) struct Dense {
    /// `[outputs][inputs]`
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) inputs: usize,
}

/// The tensors of a file.
pub(crate) struct Weights<'a> {
    file: SafeTensors<'a>,
}

impl<'a> Weights<'a> {
    pub(crate) fn of(safetensors: &'a [u8]) -> Result<Self, String> {
        Ok(Self { file: SafeTensors::deserialize(safetensors).map_err(|error| error.to_string())? })
    }

    /// The tensor of this name (or `bert.` + name, as some checkpoints write it), which must have this shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let (found, values) = self.any(name)?;
        if found == shape { Ok(values) } else { Err(format!("tensor `{name}` is {found:?}, not {shape:?}")) }
    }

    /// Position and token-type embedding in one: every token here is of type 0.
    pub(crate) fn positions(&self, count: usize, width: usize) -> Result<Vec<f32>, String> {
        let mut positions = self.tensor("embeddings.position_embeddings.weight", &[count, width])?;
        let kinds = self.first_row("embeddings.token_type_embeddings.weight", width)?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
        }
        Ok(positions)
    }

    /// Layers of the same input, one after the other as one.
    pub(crate) fn dense(&self, names: &[String], inputs: usize, outputs: usize) -> Result<Dense, String> {
        let mut dense = Dense { weight: Vec::new(), bias: Vec::new(), inputs };
        for name in names {
            dense.weight.extend(self.tensor(&format!("{name}.weight"), &[outputs, inputs])?);
            dense.bias.extend(self.tensor(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(dense)
    }

    pub(crate) fn norm(&self, name: &str, width: usize) -> Result<Norm, String> {
        Ok(Norm {
            scale: self.tensor(&format!("{name}.weight"), &[width])?,
            shift: self.tensor(&format!("{name}.bias"), &[width])?,
        })
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
}
