//! How much of a text is embedded.

/// Bytes of a text that an embedder looks at; the engine's passages are far shorter. No tokeniser makes more tokens
/// than bytes, so this also keeps every text below the 8,191 tokens that hosted models accept.
pub const TEXT_BYTES_MAX: usize = 8_000;

/// The first [`TEXT_BYTES_MAX`] bytes, cut between characters.
pub(crate) fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(head("short"), "short");
        let long = format!("a{}", "é".repeat(TEXT_BYTES_MAX));
        assert_eq!(head(&long).len(), TEXT_BYTES_MAX - 1);
    }
}
