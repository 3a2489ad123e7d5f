//! The ledger: every claim that was accepted, and what operators did about them, in the order it was recorded.
//!
//! It is append-only, and memories are a function of it (`truth`): what was believed at a moment is what the entries up to
//! that moment come to. Only forgetting takes words out of it, and leaves the number.

use super::{Authority, Evidence, MemoryId, MemoryKind, SlotKey, Timestamp};

/// Whether a claim says that something is so, or that it is so no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// It is so.
    Affirms,
    /// It is not so, or no longer.
    Denies,
}

/// What the tenant's schema said of an own slot when a claim of it was made. Kept with the claim, so that memories stay a
/// function of the ledger whatever the schema says later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlotTerms {
    /// Whether it held several values.
    pub multiple: bool,
    /// Days after which a value weighed half, if the schema said so.
    pub half_life_days: Option<f32>,
}

/// One statement, with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The memory it begins, if it does not fall to one that is there: made from its turn, quote, slot and value, so that
    /// the same statement learned twice is one claim.
    pub id: MemoryId,
    /// What sort of thing it says.
    pub kind: MemoryKind,
    /// What it speaks about, where that is known.
    pub slot: Option<SlotKey>,
    /// What the slot is said to be; the whole text where there is no slot. A denial may leave it empty: whatever it was.
    pub value: String,
    /// It in a sentence.
    pub text: String,
    /// That it is so, or that it is not.
    pub polarity: Polarity,
    /// Whether it was said outright. A vague one never ends another.
    pub explicit: bool,
    /// On whose word.
    pub authority: Authority,
    /// Whether it must not be used: its words read like instructions to the model.
    pub quarantined: bool,
    /// 0 to 1.
    pub importance: f32,
    /// When it was said: of two that disagree, the later said counts.
    pub said: Timestamp,
    /// Since when it is so: the date it names, else when it was said.
    pub valid_from: Timestamp,
    /// Until when, if it says so. What was over when it was said is history and ends nothing.
    pub valid_to: Option<Timestamp>,
    /// Where it was said; none for an operator's.
    pub evidence: Option<Evidence>,
    /// Claims recorded before it that it says again in other words, as the embedding model then at hand had it.
    pub same_as: Vec<MemoryId>,
    /// Of a slot of the tenant's own: what its schema said of it.
    pub terms: Option<SlotTerms>,
    /// The memory whose place an operator gave to this one: the entry before this claim's took it back, and who takes back the
    /// one takes back the other.
    pub replaces: Option<MemoryId>,
}

/// What an entry of the ledger says.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A claim was accepted.
    Claimed(Box<Claim>),
    /// An operator took a memory back.
    Retracted(MemoryId),
    /// An operator brought it back.
    Restored(MemoryId),
    /// An operator fixed its weight.
    Pinned(MemoryId),
    /// An operator let it decay again.
    Unpinned(MemoryId),
    /// The entry with this number counts as if it had never been made.
    Undone(u64),
    /// Entries recorded after this moment, up to this one, count as if they had never been made.
    Rewound(Timestamp),
    /// Something was forgotten: a claim that stood here, or, in an entry of its own, whatever the scope was told to forget
    /// then.
    Forgotten,
}

impl Act {
    /// A stable name: `claimed`, `denied`, `retracted`, `restored`, `pinned`, `unpinned`, `undone`, `rewound` or `forgotten`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Claimed(claim) if claim.polarity == Polarity::Denies => "denied",
            Self::Claimed(_) => "claimed",
            Self::Retracted(_) => "retracted",
            Self::Restored(_) => "restored",
            Self::Pinned(_) => "pinned",
            Self::Unpinned(_) => "unpinned",
            Self::Undone(_) => "undone",
            Self::Rewound(_) => "rewound",
            Self::Forgotten => "forgotten",
        }
    }
}

/// Who made an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Author {
    /// Learning, from turns.
    Learning,
    /// The app's operator, through the API.
    Operator,
    /// An import.
    Import,
}

impl Author {
    /// A stable name: `learning`, `operator` or `import`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Operator => "operator",
            Self::Import => "import",
        }
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number in the scope, from 1, rising by 1.
    pub number: u64,
    /// When it was recorded; never before the entry before it.
    pub recorded: Timestamp,
    /// Who made it.
    pub by: Author,
    /// What it says.
    pub act: Act,
}

/// A value that was forgotten: whatever comes to these words is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tombstone {
    /// A keyed hash of the value's normalised words, so that the value is not kept in it.
    pub hash: [u8; 16],
    /// How many words it has.
    pub words: u16,
    /// When it was forgotten.
    pub forgotten: Timestamp,
}
