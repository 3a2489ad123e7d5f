//! What an extractor is given and what it proposes. Nothing in a proposal is believed before it is verified.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::{MemoryKind, MemoryRecord, OwnSlots, Polarity, Role, SlotKey, Timestamp, UsageByStage};
use crate::ports::LlmError;

/// A turn as an extractor sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchTurn {
    /// Its number in the scope.
    pub seq: u64,
    /// Who said it.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<String>,
    /// When.
    pub time: Timestamp,
    /// The zone in which it was said: "yesterday" is resolved in it.
    pub zone: TimeZone,
    /// What was said, without the blocks this software put in.
    pub text: String,
    /// Parts of the text, in bytes, that the gate let through; empty for a turn that is there for context only.
    pub wanted: Vec<std::ops::Range<usize>>,
}

/// Turns of one session, in order, that are learned from together.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The turns.
    pub turns: &'a [BatchTurn],
    /// What is taken to be true already, the weightiest first.
    pub known: &'a [MemoryRecord],
    /// The tenant's own slots: what may be learned into them is proposed as a slot of the subject `profile`.
    pub slots: &'a OwnSlots,
}

/// Something an extractor holds to be worth remembering.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The number of the turn it rests on.
    pub turn: u64,
    /// The exact words of the turn it rests on.
    pub quote: String,
    /// What sort of thing it says.
    pub kind: MemoryKind,
    /// What it speaks about, where that is known.
    pub slot: Option<SlotKey>,
    /// What the slot is said to be; empty in a denial of whatever it was.
    pub value: String,
    /// It in a sentence.
    pub text: String,
    /// That it is so, or that it is not.
    pub polarity: Polarity,
    /// Whether it was said outright.
    pub explicit: bool,
    /// 0 to 1.
    pub importance: f32,
    /// Since when it is so, if the words say so: resolved by code, never by a model.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// What an extractor found. No proposals means that there was nothing to learn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extraction {
    /// In the order of the turns.
    pub proposals: Vec<Proposal>,
    /// What it cost.
    pub usage: UsageByStage,
}

/// A sentence that an extractor proposes for a conversation's summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldSentence {
    /// The sentence.
    pub text: String,
    /// The numbers of the turns it is said to rest on.
    pub turns: Vec<u64>,
}

/// What an extractor makes of a conversation in short. No sentences mean that it has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// In the order in which things were said.
    pub sentences: Vec<ToldSentence>,
    /// What it cost.
    pub usage: UsageByStage,
}

/// Why an extractor found nothing, not even that there is nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExtractError {
    /// The provider failed: to be tried again.
    #[error("{error}")]
    Provider {
        /// How.
        error: LlmError,
        /// What answers before it cost.
        usage: UsageByStage,
    },
    /// Answers came, and none of them could be read, a repaired one included.
    #[error("the learning model's answer cannot be used: {reason}")]
    Unusable {
        /// What is wrong with it, without its words.
        reason: String,
        /// What it cost.
        usage: UsageByStage,
    },
}

impl ExtractError {
    /// What it cost all the same.
    pub fn usage(&self) -> UsageByStage {
        match self {
            Self::Provider { usage, .. } | Self::Unusable { usage, .. } => *usage,
        }
    }
}

/// Finds what is worth remembering.
pub trait Extractor: Send + Sync {
    /// A name for records and metrics: `local`, or the model's.
    fn name(&self) -> &str;

    /// What the batch says.
    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError>;

    /// Turns of one conversation in a few sentences. Who has no words of their own leaves it at those of the user.
    fn summarise(&self, turns: &[BatchTurn]) -> Result<Told, ExtractError> {
        let _ = turns;
        Ok(Told::default())
    }

    /// How long its provider is still left alone because it failed so often; none if it may be asked.
    fn rests_for(&self) -> Option<Duration> {
        None
    }
}

/// Why a proposal was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It names a turn that is not in the batch.
    NoSuchTurn,
    /// Its quote does not stand in that turn.
    NotQuoted,
    /// Its quote stands in what the gate did not let through: recalled text, code, a quotation.
    NotSaid,
    /// Nobody may learn that from such a turn: a system message, a tool's answer about the user, or an own slot that whoever
    /// said it may not write.
    WrongSpeaker,
    /// Text or value is empty, or longer than a memory may be.
    Size,
    /// It is of an own slot of the profile that the tenant's schema does not know, or that only an operator writes.
    NoSuchSlot,
    /// Its value is none that the own slot takes.
    WrongType,
    /// What it says was forgotten.
    Forgotten,
    /// Its words do not carry what it says: its value does not stand in them, or they speak of something or somebody else.
    Unsupported,
    /// Its sentence does not mean it: it is wished, supposed, planned, or somebody else's word.
    NotMeant,
    /// It tells a mood or sensation that passes.
    Passing,
    /// It holds nothing to know: no name, no number, no word that is not said of everything; or a sign that one has heard.
    SaysNothing,
    /// It is said of whoever is spoken to, not of the speaker.
    OtherSpeaker,
}

impl Refusal {
    /// The name on the wire and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchTurn => "no_such_turn",
            Self::NotQuoted => "not_quoted",
            Self::NotSaid => "not_said",
            Self::WrongSpeaker => "wrong_speaker",
            Self::Size => "size",
            Self::NoSuchSlot => "no_such_slot",
            Self::WrongType => "wrong_type",
            Self::Forgotten => "forgotten",
            Self::Unsupported => "unsupported",
            Self::NotMeant => "not_meant",
            Self::Passing => "passing",
            Self::SaysNothing => "says_nothing",
            Self::OtherSpeaker => "other_speaker",
        }
    }
}

/// A proposal that was not accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// What was proposed.
    pub proposal: Proposal,
    /// Why not.
    pub why: Refusal,
}
