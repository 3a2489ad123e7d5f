//! A credential that can be used but not printed.
//!
//! It must never implement `Display` or `Serialize`.

use std::fmt;

/// A provider key. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the credential, without the white space around it that files and shells leave.
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// The credential itself. Call it only where it is sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_and_never_printed() {
        let secret = Secret::new(" sk-abc\n");
        assert_eq!(secret.expose(), "sk-abc");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
