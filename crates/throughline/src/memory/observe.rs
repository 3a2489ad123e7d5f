//! Writing what was said: batches of turns, and exchanges of a chat.

use crate::journal::{Indexer, NewTurn, SEARCHED_TEXT_BYTES_MAX, Said, Thread};
use crate::model::{
    Content, MessageHash, Receipt, Role, Scope, SessionId, Timestamp, TurnId, to_millisecond,
};
use crate::ports::{Append, Appended, Idempotency, Parent};

use super::{Memory, MemoryError};

/// Turns one call may write.
pub const TURNS_A_WRITE_MAX: usize = 1_000;

/// A turn to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnToObserve {
    /// Who said it.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<String>,
    /// What was said; not empty.
    pub content: Content,
    /// When; the present moment if not known. The future is taken as it is given.
    pub time: Option<Timestamp>,
    /// The caller's JSON object, kept untouched.
    pub metadata: Option<String>,
}

impl TurnToObserve {
    /// Something said just now.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, name: None, content: Content::text(text), time: None, metadata: None }
    }
}

/// Turns to be written at the end of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The conversation.
    pub session: SessionId,
    /// In order.
    pub turns: Vec<TurnToObserve>,
    /// Makes a repeated call harmless, see [`Idempotency`].
    pub idempotency_key: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// In the order given; ids of turns that were there before are those they have had.
    pub turns: Vec<TurnId>,
}

/// One request of a chat and the model's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Where the request stands in the journal.
    pub thread: Thread,
    /// Its messages, system messages left out.
    pub messages: Vec<Said>,
    /// What the model said; none if nothing came.
    pub reply: Option<Said>,
    /// Set if the answer broke off or was an error: kept with the turn as metadata.
    pub outcome: Option<String>,
    /// The context the request was sent with.
    pub receipt: Option<Receipt>,
}

impl Memory {
    /// Appends turns to a session. When it returns, they are durable and the next recall finds them.
    pub fn observe(&self, scope: &Scope, observation: Observation) -> Result<Observed, MemoryError> {
        let now = self.now();
        let Observation { session, turns, idempotency_key } = observation;
        if turns.is_empty() {
            return Err(MemoryError::Invalid("there are no turns to write".into()));
        }
        let idempotency = idempotency_key.map(|key| Idempotency { key, body: body_hash(&session, &turns) });
        let turns = turns
            .into_iter()
            .map(|turn| NewTurn {
                role: turn.role,
                name: turn.name,
                content: turn.content,
                time: to_millisecond(turn.time.unwrap_or(now)),
                metadata: turn.metadata,
            })
            .collect();
        let appended = self.append(scope, session, Parent::Head, turns, idempotency, None)?;
        Ok(Observed { turns: ids(&appended) })
    }

    /// Writes what a request said that the journal does not have yet, and the model's answer, in one step.
    pub fn record(&self, scope: &Scope, exchange: Exchange) -> Result<Observed, MemoryError> {
        let now = self.now();
        let Exchange { thread, messages, reply, outcome, receipt } = exchange;
        let metadata = outcome.map(|outcome| serde_json::json!({ "outcome": outcome }).to_string());
        let said = |said: Said, metadata| NewTurn {
            role: said.role,
            name: said.name,
            content: said.content,
            time: now,
            metadata,
        };
        let turns = messages
            .into_iter()
            .skip(thread.recorded)
            .map(|message| said(message, None))
            .chain(reply.map(|reply| said(reply, metadata)))
            .collect::<Vec<_>>();
        if turns.is_empty() {
            if let Some(receipt) = receipt {
                self.store.put_receipt(scope, receipt)?;
            }
            return Ok(Observed { turns: Vec::new() });
        }
        let appended = self.append(scope, thread.session, thread.parent, turns, None, receipt)?;
        Ok(Observed { turns: ids(&appended) })
    }

    fn append(
        &self,
        scope: &Scope,
        session: SessionId,
        parent: Parent,
        turns: Vec<NewTurn>,
        idempotency: Option<Idempotency>,
        receipt: Option<Receipt>,
    ) -> Result<Appended, MemoryError> {
        if turns.len() > TURNS_A_WRITE_MAX {
            return Err(MemoryError::Invalid(format!(
                "{} turns in one write; at most {TURNS_A_WRITE_MAX} are taken, send the rest in further calls",
                turns.len()
            )));
        }
        if let Some(at) = turns.iter().position(|turn| turn.content.text.len() > SEARCHED_TEXT_BYTES_MAX) {
            return Err(MemoryError::Invalid(format!(
                "turn {at} has {} bytes of text; at most {SEARCHED_TEXT_BYTES_MAX} are kept",
                turns[at].content.text.len()
            )));
        }
        let attached = self.attached();
        let indexer = Indexer {
            model: attached.as_ref().map(|a| (&*a.embedder, a.number)),
            deadline: self.settings.passage_embed_deadline,
        };
        let turns = indexer.drafts(&session, turns);
        let append = Append { session, parent, turns, idempotency, receipt, now: self.now() };
        Ok(self.store.append(scope, append)?)
    }
}

fn ids(appended: &Appended) -> Vec<TurnId> {
    appended.turns.iter().map(|turn| TurnId { generation: appended.generation, seq: turn.seq }).collect()
}

/// A hash of all that a repeated call must have in common with the first.
fn body_hash(session: &SessionId, turns: &[TurnToObserve]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    field(session.as_str().as_bytes());
    for turn in turns {
        field(&MessageHash::of(turn.role, turn.content.hashed()).0);
        field(turn.name.as_deref().unwrap_or_default().as_bytes());
        field(turn.metadata.as_deref().unwrap_or_default().as_bytes());
        field(&turn.time.map_or(i64::MIN, Timestamp::as_millisecond).to_le_bytes());
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}
