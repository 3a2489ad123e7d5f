//! The table of word embeddings in 8 bits, with a scale for each word: the largest tensor of a small model.

/// The table.
pub(crate) struct Words {
    /// `[words][width]`
    codes: Vec<i8>,
    scales: Vec<f32>,
    width: usize,
}

const CODE_MAX: f32 = 127.0;

impl Words {
    /// Packs `[words][width]`.
    pub(crate) fn pack(words: &[f32], width: usize) -> Self {
        let mut codes = Vec::with_capacity(words.len());
        let mut scales = Vec::with_capacity(words.len() / width);
        for row in words.chunks_exact(width) {
            let scale = row.iter().fold(0.0, |top: f32, x| top.max(x.abs())) / CODE_MAX;
            scales.push(scale);
            // A row of zeros has no scale: `0 / 0` is no number and becomes 0.
            #[expect(clippy::cast_possible_truncation, reason = "it saturates, and is in range")]
            codes.extend(row.iter().map(|x| (x / scale).round_ties_even() as i8));
        }
        Self { codes, scales, width }
    }

    /// The embedding of a word.
    ///
    /// # Panics
    /// If there is no such word.
    pub(crate) fn of(&self, word: usize) -> impl Iterator<Item = f32> {
        let scale = self.scales[word];
        self.codes[word * self.width..][..self.width].iter().map(move |code| f32::from(*code) * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_back_within_half_a_step_of_its_own_scale() {
        let words = [0.5, -1.27, 0.013, 0.0, 0.0, 0.0, 1e-3, 5e-4, -2.5e-4];
        let packed = Words::pack(&words, 3);
        for (word, (row, step)) in words.chunks_exact(3).zip([0.01, 0.0, 1e-3 / 127.0]).enumerate() {
            for (actual, expected) in packed.of(word).zip(row) {
                assert!((actual - expected).abs() <= step * 0.501, "{actual} is not {expected}");
            }
        }
    }
}
