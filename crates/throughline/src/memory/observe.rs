//! Writing what was said: batches of turns, and exchanges of a chat.

use crate::journal::{Exchange, Indexer, Journal, NewTurn, Said, Sought, TURN_TEXT_BYTES_MAX, locate};
use crate::model::{
    Content, MessageHash, Receipt, Role, Scope, SessionId, Timestamp, TurnId, to_millisecond,
};
use crate::ports::{Append, Appended, Idempotency, Opening, OpeningAsk, Parent};
use crate::recall::metadata_tags;

use super::forget::redact;
use super::zones::metadata;
use super::{Memory, MemoryError};

/// Turns one call may write.
pub const TURNS_A_WRITE_MAX: usize = 1_000;

/// Fields one turn's metadata may have: each can be filtered by, so each has its place in the search rows.
pub const METADATA_FIELDS_MAX: usize = 256;

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
    /// The caller's JSON object, kept untouched. A field `time_zone` of it that is one says where it was said.
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

impl Observation {
    /// Turns of a session, to be sent once.
    pub fn new(session: SessionId, turns: Vec<TurnToObserve>) -> Self {
        Self { session, turns, idempotency_key: None }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// In the order given; ids of turns that were there before are those they have had.
    pub turns: Vec<TurnId>,
}

impl Memory {
    /// Appends turns to a session. When it returns, they are durable and the next recall finds them.
    pub fn observe(&self, scope: &Scope, observation: Observation) -> Result<Observed, MemoryError> {
        let now = self.now();
        let Observation { session, turns, idempotency_key } = observation;
        if turns.is_empty() {
            return Err(MemoryError::Invalid("there are no turns to write".into()));
        }
        if turns.len() > TURNS_A_WRITE_MAX {
            return Err(MemoryError::Invalid(format!(
                "{} turns in one write; at most {TURNS_A_WRITE_MAX} are taken, send the rest in further calls",
                turns.len()
            )));
        }
        if let Some(at) = turns.iter().position(|turn| metadata_fields(turn) > METADATA_FIELDS_MAX) {
            return Err(MemoryError::Invalid(format!(
                "the metadata of turn {at} has more than {METADATA_FIELDS_MAX} fields"
            )));
        }
        if let Some(at) = turns.iter().position(|turn| turn.content.text.trim().is_empty()) {
            return Err(MemoryError::Invalid(format!("turn {at} has no text")));
        }
        let mut opening = self.open_to_write(scope, OpeningAsk::default())?;
        // Without a time it may be an old conversation that is written again.
        let dated =
            turns.iter().filter(|turn| turn.role == Role::User).filter_map(|turn| Some((turn, turn.time?)));
        for (turn, time) in dated {
            let zone = self.zone_of(turn.metadata.as_deref());
            self.lift_stated(scope, &mut opening.tombstones, &turn.content.text, time, zone)?;
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
                said: None,
            })
            .collect();
        let appended = self.append((scope, &opening), session, Parent::Head, turns, idempotency, None)?;
        Ok(Observed { turns: ids(&appended) })
    }

    /// Writes what a request said that the journal does not have yet, and the model's answer, in one step.
    pub fn record(&self, scope: &Scope, exchange: Exchange) -> Result<Observed, MemoryError> {
        let Exchange { time, session, new_session, messages, reply, outcome, zone, mut receipt } = exchange;
        let now = time.map_or_else(|| self.now(), to_millisecond);
        let sought = Sought::new(&messages);
        let mut opening = self.open_to_write(scope, sought.ask(session.as_ref()))?;
        let journal = Journal { store: &*self.store, scope, session: session.as_ref(), opening: &opening };
        let thread = locate(&journal, &messages, &sought, now, || new_session)?;
        if let Some(receipt) = &mut receipt {
            receipt.session = Some(thread.session.clone());
        }
        // Of the messages only the last is said now.
        if let Some(said) = messages.get(thread.recorded..).and_then(<[Said]>::last)
            && said.role == Role::User
        {
            let zone = zone.clone().unwrap_or_else(|| self.settings.zone.clone());
            self.lift_stated(scope, &mut opening.tombstones, &said.content.text, now, zone)?;
        }
        let of_message = metadata(zone.as_ref(), None);
        let of_reply = metadata(zone.as_ref(), outcome.as_deref());
        let unrecorded = messages.into_iter().skip(thread.recorded).map(|said| (said, of_message.clone()));
        let turns: Vec<NewTurn> = unrecorded
            .chain(reply.map(|reply| (reply, of_reply)))
            .map(|(said, metadata)| NewTurn {
                role: said.role,
                name: said.name,
                content: said.content,
                time: now,
                metadata,
                said: None,
            })
            .collect();
        let mut written = Observed { turns: Vec::with_capacity(turns.len()) };
        let mut parent = thread.parent;
        let mut turns = turns.into_iter().peekable();
        // A client may arrive with a long history that was never seen: it is written in several steps, each whole,
        // and a crash between two leaves a beginning that the next request goes on from.
        while turns.peek().is_some() {
            let part: Vec<NewTurn> = turns.by_ref().take(TURNS_A_WRITE_MAX).collect();
            let receipt = if turns.peek().is_none() { receipt.take() } else { None };
            let after = chain_after(parent, &part);
            let appended =
                self.append((scope, &opening), thread.session.clone(), parent, part, None, receipt)?;
            written.turns.extend(ids(&appended));
            parent = after;
        }
        if let Some(receipt) = receipt {
            self.store.put_receipt(scope, receipt)?;
        }
        Ok(written)
    }

    /// What a write has to know: where its turns belong, what must not come back with them, which models read them.
    fn open_to_write(&self, scope: &Scope, ask: OpeningAsk<'_>) -> Result<Opening, MemoryError> {
        Ok(self.store.opening(scope, &OpeningAsk { tombstones: true, ..ask })?)
    }

    fn append(
        &self,
        (scope, opening): (&Scope, &Opening),
        session: SessionId,
        parent: Parent,
        turns: Vec<NewTurn>,
        idempotency: Option<Idempotency>,
        receipt: Option<Receipt>,
    ) -> Result<Appended, MemoryError> {
        if let Some(at) = turns.iter().position(|turn| turn.content.text.len() > TURN_TEXT_BYTES_MAX) {
            return Err(MemoryError::Invalid(format!(
                "turn {at} has {} bytes of text; at most {TURN_TEXT_BYTES_MAX} are kept",
                turns[at].content.text.len()
            )));
        }
        // What was forgotten does not come back with what is said again; the conversation is still known by its hashes.
        let forgotten = self.forgotten_by(scope, &opening.tombstones);
        let turns = turns.into_iter().map(|turn| redact(&forgotten, &turn).unwrap_or(turn)).collect();
        let receipt = receipt.map(|receipt| Receipt {
            query: forgotten.redact(&receipt.query).unwrap_or(receipt.query),
            ..receipt
        });
        let models = self.at_hand_of(opening.models.clone());
        let indexer = Indexer {
            models: models.reading().map(|at_hand| (&*at_hand.embedder, at_hand.number)).collect(),
            deadline: self.settings.passage_embed_deadline,
        };
        let turns = indexer.drafts(&session, turns);
        let append = Append { session, parent, turns, idempotency, receipt, now: self.now() };
        Ok(self.store.append(scope, append)?)
    }
}

/// What a turn written after these follows.
fn chain_after(parent: Parent, turns: &[NewTurn]) -> Parent {
    match parent {
        Parent::Head => Parent::Head,
        Parent::Chain(chain) => Parent::Chain(
            turns
                .iter()
                .fold(chain, |chain, turn| chain.then(MessageHash::of(turn.role, turn.content.hashed()))),
        ),
    }
}

fn metadata_fields(turn: &TurnToObserve) -> usize {
    turn.metadata.as_deref().map_or(0, |metadata| metadata_tags(metadata).len())
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
