//! Summaries: what a conversation, a month, a year or a user comes to in a few sentences, each with what it rests on.

use std::fmt;
use std::str::FromStr;

use super::{MemoryId, SessionId, Timestamp};

/// How much a summary is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SummaryLevel {
    /// One conversation.
    Session,
    /// All that began in a month.
    Month,
    /// All that began in a year.
    Year,
    /// All that is known of the user.
    User,
}

impl SummaryLevel {
    /// All of them, the finest first.
    pub const ALL: [Self; 4] = [Self::Session, Self::Month, Self::Year, Self::User];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Month => "month",
            Self::Year => "year",
            Self::User => "user",
        }
    }
}

impl FromStr for SummaryLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| {
            format!(
                "`{text}` is not a level of summaries; levels are {}",
                Self::ALL.map(Self::as_str).join(", ")
            )
        })
    }
}

/// What a summary is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SummaryOf {
    /// A conversation.
    Session {
        /// Its name.
        session: SessionId,
        /// The time of its first turn.
        began: Timestamp,
    },
    /// A month of a year, from 1.
    Month(i16, i8),
    /// A year.
    Year(i16),
    /// The user.
    User,
}

impl SummaryOf {
    /// How much that is.
    pub fn level(&self) -> SummaryLevel {
        match self {
            Self::Session { .. } => SummaryLevel::Session,
            Self::Month(..) => SummaryLevel::Month,
            Self::Year(_) => SummaryLevel::Year,
            Self::User => SummaryLevel::User,
        }
    }

    /// The period as `2025-03` or `2025`.
    pub fn period(&self) -> Option<String> {
        match self {
            Self::Month(year, month) => Some(format!("{year:04}-{month:02}")),
            Self::Year(year) => Some(format!("{year:04}")),
            Self::Session { .. } | Self::User => None,
        }
    }
}

/// What a sentence of a summary rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Citation {
    /// A memory.
    Memory(MemoryId),
    /// Words of the journal.
    Words {
        /// The turn's number in the scope.
        turn: u64,
        /// Its part of the turn's text, in bytes.
        bytes: (u32, u32),
    },
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(id) => id.fmt(f),
            Self::Words { turn, bytes: (from, to) } => write!(f, "turn {turn}, bytes {from} to {to}"),
        }
    }
}

/// A sentence and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummarySentence {
    /// The sentence.
    pub text: String,
    /// What it rests on; a sentence that rests on nothing is none.
    pub cites: Vec<Citation>,
}

impl SummarySentence {
    /// The memories it rests on.
    pub fn memories(&self) -> impl Iterator<Item = MemoryId> {
        self.cites.iter().filter_map(|cited| match cited {
            Citation::Memory(id) => Some(*id),
            Citation::Words { .. } => None,
        })
    }

    /// The numbers of the turns it rests on.
    pub fn turns(&self) -> impl Iterator<Item = u64> {
        self.cites.iter().filter_map(|cited| match cited {
            Citation::Words { turn, .. } => Some(*turn),
            Citation::Memory(_) => None,
        })
    }
}

/// A few sentences, the most telling first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What it is of.
    pub of: SummaryOf,
    /// Its sentences.
    pub sentences: Vec<SummarySentence>,
}
