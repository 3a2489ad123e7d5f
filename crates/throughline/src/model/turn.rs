//! One message of a conversation, as the journal keeps it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{ChainHash, Generation, SessionId, Timestamp};

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// What a tool answered.
    Tool,
    /// Instructions of the app.
    System,
}

impl Role {
    /// The name used on the wire and in rendered lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::System => "system",
        }
    }

    /// A stable number for storage: 0 to 3.
    pub fn code(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Assistant => 1,
            Self::Tool => 2,
            Self::System => 3,
        }
    }

    /// The role of a stored number.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::User, Self::Assistant, Self::Tool, Self::System].into_iter().find(|role| role.code() == code)
    }
}

/// Role names of the common APIs: `developer` counts as system, `function` as tool.
impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "user" => Ok(Self::User),
            "assistant" | "model" => Ok(Self::Assistant),
            "tool" | "function" => Ok(Self::Tool),
            "system" | "developer" => Ok(Self::System),
            other => Err(format!("`{other}` is not a role; use user, assistant, tool or system")),
        }
    }
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The words: what is searched and shown. Parts that are not text stand in it as a mark such as `[image]`.
    pub text: String,
    /// The message's content as JSON where it was more than a string (parts, tool calls), as it came.
    pub json: Option<String>,
}

impl Content {
    /// A message that is only words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), json: None }
    }

    /// What the hashes cover: the JSON where there is one, else the words.
    pub fn hashed(&self) -> &str {
        self.json.as_deref().unwrap_or(&self.text)
    }
}

/// Names a turn for ever: which life of which scope, and its number there. Shown as
/// `turn_<generation in 13 base-32 digits>_<seq>`; opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TurnId {
    /// The scope's.
    pub generation: Generation,
    /// Counts the scope's turns from 1.
    pub seq: u64,
}

/// A text that is not a turn id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a turn id; ids look like turn_0a1b2c3d4e5f6_17")]
pub struct TurnIdError(pub String);

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("turn_")?;
        for shift in (0..13).rev() {
            let digit = (self.generation.0 >> (5 * shift)) & 31;
            f.write_str(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]).encode_utf8(&mut [0; 4]))?;
        }
        write!(f, "_{}", self.seq)
    }
}

impl FromStr for TurnId {
    type Err = TurnIdError;

    fn from_str(text: &str) -> Result<Self, TurnIdError> {
        let parse = || {
            let (generation, seq) = text.strip_prefix("turn_")?.split_once('_')?;
            if generation.len() != 13 {
                return None;
            }
            let number = generation.bytes().try_fold(0_u64, |number, digit| {
                let value = DIGITS.iter().position(|d| *d == digit)?;
                number.checked_mul(32)?.checked_add(value as u64)
            })?;
            Some(Self { generation: Generation(number), seq: seq.parse().ok()? })
        };
        parse().ok_or_else(|| TurnIdError(text.to_owned()))
    }
}

/// One message of the journal: appended, never changed but for words that were forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its name.
    pub id: TurnId,
    /// The conversation it belongs to.
    pub session: SessionId,
    /// The turn it follows, by number; none at a conversation's beginning. Two turns with one parent are branches.
    pub parent: Option<u64>,
    /// The chain up to and with this turn.
    pub chain: ChainHash,
    /// Who said it.
    pub role: Role,
    /// The speaker's name, where there is one.
    pub name: Option<String>,
    /// What was said.
    pub content: Content,
    /// When it was said.
    pub time: Timestamp,
    /// When it was written to the journal.
    pub recorded: Timestamp,
    /// The caller's JSON object, untouched.
    pub metadata: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_turn_id_reads_back_as_it_was_shown(generation: u64, seq: u64) {
            let id = TurnId { generation: Generation(generation), seq };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn no_text_makes_reading_an_id_panic(text in ".{0,40}") {
            let _ = text.parse::<TurnId>();
            let _ = format!("turn_{text}").parse::<TurnId>();
        }
    }
}
