//! What a person sees when a command fails: what happened, to which thing, and what to do next.
//!
//! Hints travel with errors as a layer of their own, so that any place that knows one can add it.

use std::error::Error;
use std::fmt;

use throughline::memory::MemoryError;
use throughline_eval::ImportError;

/// An error of the program itself.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    usage: bool,
}

impl Failure {
    /// Something could not be done.
    pub(crate) fn error(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { message: message.into(), usage: false })
    }

    /// What was asked for makes no sense: exit code 2, as for a wrong flag.
    pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self { message: message.into(), usage: true })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// An error with advice; shows itself as the error it carries.
#[derive(Debug)]
struct Hinted {
    hint: String,
    inner: anyhow::Error,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source()
    }
}

/// Adding advice to errors.
pub(crate) trait Hinting {
    /// What comes out.
    type Out;

    /// Says what to do about it.
    fn hint(self, hint: impl Into<String>) -> Self::Out;
}

impl Hinting for anyhow::Error {
    type Out = anyhow::Error;

    fn hint(self, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Hinted { hint: hint.into(), inner: self })
    }
}

impl<T, E: Into<anyhow::Error>> Hinting for Result<T, E> {
    type Out = anyhow::Result<T>;

    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().hint(hint))
    }
}

/// 2 if the command line or the configuration was wrong, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = layers(error)
        .iter()
        .any(|layer| layer.downcast_ref::<Failure>().is_some_and(|failure| failure.usage));
    if usage { 2 } else { 1 }
}

/// The text for a person; ends with a line break.
pub(crate) fn shown(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Transparent layers repeat the text of what they carry.
        if !last.contains(&cause) {
            text.push_str("  because: ");
            text.push_str(&cause);
            text.push('\n');
        }
        last = cause;
    }
    for hint in layers(error).into_iter().filter_map(hint_of) {
        // Two layers may know the same way out.
        if !text.contains(&hint) {
            text.push_str("  hint: ");
            text.push_str(&hint);
            text.push('\n');
        }
    }
    text
}

/// Every error in the chain, those inside [`Hinted`] too.
fn layers(error: &anyhow::Error) -> Vec<&(dyn Error + 'static)> {
    let mut layers = Vec::new();
    for layer in error.chain() {
        layers.push(layer);
        if let Some(hinted) = layer.downcast_ref::<Hinted>() {
            let inner: &(dyn Error + 'static) = hinted.inner.as_ref();
            layers.push(inner);
            if let Some(inner) = inner.downcast_ref::<Hinted>() {
                layers.push(inner.inner.as_ref());
            }
        }
    }
    layers
}

fn hint_of(layer: &(dyn Error + 'static)) -> Option<String> {
    if let Some(hinted) = layer.downcast_ref::<Hinted>() {
        return Some(hinted.hint.clone());
    }
    if let Some(error) = layer.downcast_ref::<ImportError>() {
        return error.hint().map(str::to_owned);
    }
    match layer.downcast_ref::<MemoryError>() {
        Some(MemoryError::ModelMismatch { .. }) => Some(
            "set `embeddings` as it was, or run `throughline model switch` once: it embeds everything again with the model now \
             configured"
                .into(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use throughline::ports::EmbeddingModel;

    use super::*;

    #[test]
    fn an_error_says_what_happened_why_and_what_to_do() {
        let error = Err::<(), _>(std::io::Error::other("disk on fire"))
            .context("the store cannot be opened")
            .hint("fetch water")
            .unwrap_err();
        assert_eq!(
            shown(&error),
            "error: the store cannot be opened\n  because: disk on fire\n  hint: fetch water\n"
        );
        assert_eq!(exit_code(&error), 1);
    }

    #[test]
    fn a_wrong_command_line_is_told_apart_through_all_layers() {
        assert_eq!(exit_code(&Failure::usage("no").hint("yes").context("outer")), 2);
        assert_eq!(exit_code(&Failure::error("no").hint("yes")), 1);
    }

    #[test]
    fn a_store_of_another_model_points_to_the_way_out() {
        let model = |name: &str| EmbeddingModel { name: name.into(), dimensions: 3 };
        let error = MemoryError::ModelMismatch { store: model("a"), configured: model("b") };
        assert!(
            shown(&error.into())
                .contains("  hint: set `embeddings` as it was, or run `throughline model switch`")
        );
    }
}
