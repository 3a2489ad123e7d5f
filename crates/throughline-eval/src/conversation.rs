//! The shape every format is read into: one person's conversations and the questions asked about them.
//!
//! It must never carry the answer to a question: what is judged is what was found, not what was said about it.

use jiff::Timestamp;
use serde_json::value::RawValue;

/// Everything one user said and heard, in order of arrival, and the questions about it.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Unique in its file; stands for the user when turns are imported.
    pub id: String,
    /// In order of arrival. Turns of one session are neighbours in the public data sets.
    pub turns: Vec<ConversationTurn>,
    /// May be empty.
    pub questions: Vec<Question>,
}

/// One message.
#[derive(Debug, Clone)]
pub struct ConversationTurn {
    /// Unique in its conversation; what [`Evidence`] and rankings name.
    pub id: String,
    /// Name of the session it belongs to.
    pub session: String,
    /// Who spoke.
    pub role: Role,
    /// The speaker's name, where the format gives one.
    pub name: Option<String>,
    /// What was said; never blank.
    pub text: String,
    /// When. Turns of a session whose format dates only the session are one second apart, so that order survives.
    pub time: Option<Timestamp>,
    /// A JSON object of the caller's own, byte for byte as it stood in the file.
    pub metadata: Option<Box<RawValue>>,
}

/// A question about a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// As it is put to the ranking.
    pub text: String,
    /// The data set's own kind of question, such as `multi-hop`.
    pub category: String,
    /// Built to mislead (a false premise, the wrong person): measured apart and never part of the overall figures.
    pub adversarial: bool,
    /// What a good ranking finds. Empty: nothing to measure, the question is skipped and counted.
    pub evidence: Evidence,
    /// When it is asked, where the format says so.
    pub time: Option<Timestamp>,
}

/// Where the answer stands. All names occur in the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Ids of turns.
    Turns(Vec<String>),
    /// Names of sessions, for questions without labelled turns: any turn of a session finds it.
    Sessions(Vec<String>),
}

impl Evidence {
    /// Number of distinct pieces to find.
    pub fn len(&self) -> usize {
        match self {
            Self::Turns(names) | Self::Sessions(names) => names.len(),
        }
    }

    /// Nothing to find.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person the memory is about.
    User,
    /// The other side.
    Assistant,
    /// The app's instructions.
    System,
    /// What a tool answered.
    Tool,
}

impl Role {
    /// The name the common chat APIs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    /// The role of a name the common chat APIs use; `developer` counts as system, `function` as tool.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "assistant" => Some(Self::Assistant),
            "system" | "developer" => Some(Self::System),
            "tool" | "function" => Some(Self::Tool),
            _ => None,
        }
    }
}
