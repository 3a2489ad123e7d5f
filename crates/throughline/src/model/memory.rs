//! Memories: what is taken to be true of a scope, each with what it rests on.

use std::fmt;
use std::str::FromStr;

use super::Timestamp;

/// Names a memory: the claim it began with. Shown as `mem_<32 hex>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryId(pub uuid::Uuid);

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mem_{}", self.0.simple())
    }
}

impl FromStr for MemoryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("mem_")
            .and_then(|id| uuid::Uuid::try_parse(id).ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a memory id; ids look like mem_ and 32 hex digits"))
    }
}

/// What sort of thing a memory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryKind {
    /// Something that is so: where somebody lives, what a dog is called.
    Fact,
    /// How the user likes things to be.
    Preference,
    /// What the user wants to reach.
    Goal,
    /// What was settled.
    Decision,
    /// What happened or will happen at a time.
    Event,
    /// What went wrong and is not to be repeated.
    Lesson,
    /// What somebody wanted kept as it is.
    Note,
    /// Other memories in short.
    Summary,
}

impl MemoryKind {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 8] = [
        Self::Fact,
        Self::Preference,
        Self::Goal,
        Self::Decision,
        Self::Event,
        Self::Lesson,
        Self::Note,
        Self::Summary,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Preference => "preference",
            Self::Goal => "goal",
            Self::Decision => "decision",
            Self::Event => "event",
            Self::Lesson => "lesson",
            Self::Note => "note",
            Self::Summary => "summary",
        }
    }
}

impl FromStr for MemoryKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a kind of memory; kinds are {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// On whose word it rests, from the weakest to the strongest. A weaker one never ends what a stronger one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Authority {
    /// The model said so.
    Assistant,
    /// A tool answered so.
    Tool,
    /// It came from another system.
    Imported,
    /// The user said so.
    User,
    /// The app's operator set it.
    Operator,
}

impl Authority {
    /// All of them, the weakest first.
    pub const ALL: [Self; 5] = [Self::Assistant, Self::Tool, Self::Imported, Self::User, Self::Operator];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Imported => "imported",
            Self::User => "user",
            Self::Operator => "operator",
        }
    }
}

/// Whether a memory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryState {
    /// It is taken to be true now.
    Active,
    /// Another one took its place.
    Superseded,
    /// It was taken back.
    Retracted,
    /// It reads like an instruction to the model: kept apart, never used.
    Quarantined,
    /// Its time is over.
    Expired,
    /// A stronger or plainer word said otherwise when it was said, so it never held.
    Contested,
}

impl MemoryState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Superseded, Self::Retracted, Self::Quarantined, Self::Expired, Self::Contested];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Retracted => "retracted",
            Self::Quarantined => "quarantined",
            Self::Expired => "expired",
            Self::Contested => "contested",
        }
    }
}

impl FromStr for MemoryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            format!(
                "`{text}` is not a state of memories; states are {}",
                Self::ALL.map(Self::as_str).join(", ")
            )
        })
    }
}

/// The place a claim speaks about: whose, and which property. Shown as `user.home`, `rex.breed`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotKey {
    /// `user`, or the name of a person, animal or thing, in small letters.
    pub subject: String,
    /// The property, in small letters and underscores.
    pub name: String,
}

impl SlotKey {
    /// A property of the user.
    pub fn of_user(name: &str) -> Self {
        Self { subject: "user".to_owned(), name: name.to_owned() }
    }
}

/// Bytes of each part of a slot's name.
const SLOT_PART_BYTES_MAX: usize = 64;

impl FromStr for SlotKey {
    type Err = String;

    /// `subject.name`, or a property of the user by its name alone. A tenant's own slots are `profile.` and the name in the
    /// schema, to the letter.
    fn from_str(text: &str) -> Result<Self, String> {
        let (subject, name) = text.split_once('.').unwrap_or(("user", text));
        let fits =
            |part: &str| !part.trim().is_empty() && part.len() <= SLOT_PART_BYTES_MAX && !part.contains('.');
        if !fits(subject) || !fits(name) {
            return Err(format!(
                "`{text}` is not a slot; slots look like user.home, with parts of 1 to {SLOT_PART_BYTES_MAX} bytes"
            ));
        }
        let subject = subject.trim().to_lowercase();
        let name = name.trim();
        let name = if subject == "profile" { name.to_owned() } else { name.to_lowercase() };
        Ok(Self { subject, name })
    }
}

impl fmt::Display for SlotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.subject, self.name)
    }
}

/// Where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The turn's number in the scope.
    pub turn: u64,
    /// The exact words, as they stand in the turn.
    pub quote: String,
}

/// A memory as it stands: what the claims of a ledger come to.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryRecord {
    /// Its name.
    pub id: MemoryId,
    /// What sort of thing it says.
    pub kind: MemoryKind,
    /// What it speaks about, where that is known.
    pub slot: Option<SlotKey>,
    /// What the slot is said to be; the whole text where there is no slot.
    pub value: String,
    /// It in a sentence.
    pub text: String,
    /// Whether it counts.
    pub state: MemoryState,
    /// On whose word it rests: the strongest of its claims'.
    pub authority: Authority,
    /// 0 to 1.
    pub importance: f32,
    /// Whether it keeps its weight for ever.
    pub pinned: bool,
    /// Days after which it weighs half, where the tenant's schema says so; else those of its kind.
    pub half_life_days: Option<f32>,
    /// Since when it is so.
    pub valid_from: Timestamp,
    /// Until when it was or will be so, if that is known.
    pub valid_to: Option<Timestamp>,
    /// When it was first recorded.
    pub recorded_at: Timestamp,
    /// When it was last said.
    pub said_last: Timestamp,
    /// What it rests on, in the order it was said; an operator's word needs none.
    pub evidence: Vec<Evidence>,
    /// The memory that took its place, or that stands against it.
    pub superseded_by: Option<MemoryId>,
    /// The numbers of the ledger's entries that made it what it is, rising.
    pub entries: Vec<u64>,
}

impl MemoryRecord {
    /// Whether it is taken to be true at a moment.
    pub fn holds_at(&self, moment: Timestamp) -> bool {
        self.state == MemoryState::Active && self.valid_from <= moment
    }
}
