//! Names given from outside (tenants, users, sessions …), checked once, when they are made.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The longest name accepted, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 256;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("the {what} is empty")]
    Empty {
        /// Which name it was to be.
        what: &'static str,
    },
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("the {what} has {bytes} bytes; at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Which name it was to be.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A control character, which would make logs and keys ambiguous.
    #[error("the {what} has a control character at byte {at}")]
    ControlCharacter {
        /// Which name it was to be.
        what: &'static str,
        /// Where.
        at: usize,
    },
}

fn check(what: &'static str, text: &str) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong { what, bytes: text.len() });
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(NameError::ControlCharacter { what, at }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and keeps the text as it is: not empty, at most [`NAME_BYTES_MAX`] bytes, no control
            /// characters. Two names are one only if their bytes are.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                check($what, text.as_ref()).map(|()| Self(text.as_ref().into()))
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// An app; known from the credential alone, never from an argument.
    TenantId, "tenant"
);
name!(
    /// An end user of a tenant. Means nothing without its tenant: see [`super::UserKey`].
    UserId, "user id"
);
name!(
    /// An agent of the tenant, which may keep a memory of its own for each user.
    AgentId, "agent id"
);
name!(
    /// A part of the tenant's product that keeps a memory of its own.
    AppId, "app id"
);
name!(
    /// One run of an agent, for memory that must not outlive or leave it.
    RunId, "run id"
);
name!(
    /// One conversation of a scope.
    SessionId, "session id"
);

impl TenantId {
    /// The tenant of a server or library that has only one.
    pub fn single() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_as_it_is() {
        assert_eq!(UserId::new(" Zoë@例え ").unwrap().as_str(), " Zoë@例え ");
    }

    #[test]
    fn an_empty_long_or_unprintable_name_says_which_one_it_is() {
        assert_eq!(UserId::new(" \t").unwrap_err().to_string(), "the user id is empty");
        assert!(
            SessionId::new("x".repeat(257)).unwrap_err().to_string().contains("session id has 257 bytes")
        );
        assert_eq!(
            TenantId::new("a\0b").unwrap_err().to_string(),
            "the tenant has a control character at byte 1"
        );
    }
}
