//! Which conversation a request continues, and which of its messages the journal has already.
//!
//! Chat clients resend their history with every request, and nothing in it says which conversation it is. Each
//! turn's chain covers all that was said before it, so the longest known chain finds the place; what comes after
//! it is new. An edited or regenerated message shares the chain before it only, so it becomes a branch there. A client that cuts old messages
//! off is found from the tail instead. This module reads; it never writes.

use std::time::Duration;

use crate::model::{ChainHash, Content, MessageHash, Role, Scope, SessionId, Timestamp};
use crate::ports::{KnownTurn, Parent, ReadStore, StoreError};

/// Chains looked up in one step, from the newest message backwards.
const CHAINS_A_STEP: usize = 16;
/// Messages at the end of a request that may be the first one known when its beginning was cut off.
const TAIL_MESSAGES_MAX: usize = 8;
/// Turns with the same words that are tried as the place a cut history goes on from.
const TAIL_CANDIDATES_MAX: usize = 4;
/// Turns of the known history that are reported as visible.
const VISIBLE_TURNS_MAX: usize = 512;
/// A first message sent again within this time is the same conversation (a retry, a regeneration); later it is
/// another one that happens to begin with the same words.
const SAME_OPENING_WITHIN: Duration = Duration::from_mins(10);

/// One message of a request. System messages are not part of a conversation and are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub role: Role,
    /// The speaker's name.
    pub name: Option<String>,
    /// What was said.
    pub content: Content,
}

/// Where a list of messages stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The conversation.
    pub session: SessionId,
    /// What the first unrecorded message follows.
    pub parent: Parent,
    /// How many of the messages, from the first, the journal has.
    pub recorded: usize,
    /// The numbers of the turns that the request shows to the model, newest first.
    pub visible: Vec<u64>,
}

/// Finds the conversation that `messages` continue: in `session` if the caller names one, else by what was said.
/// If it is not known, it is a new one, named by `new_session`.
pub(crate) fn locate(
    store: &dyn ReadStore,
    scope: &Scope,
    session: Option<&SessionId>,
    messages: &[Said],
    now: Timestamp,
    new_session: impl FnOnce() -> SessionId,
) -> Result<Thread, StoreError> {
    let hashes: Vec<MessageHash> =
        messages.iter().map(|said| MessageHash::of(said.role, said.content.hashed())).collect();
    let spoken_by_model = |upto: usize| messages[..upto].iter().any(|said| said.role == Role::Assistant);

    if let Some((at, turn)) = longest_known_chain(store, scope, session, &hashes)? {
        let recorded = at + 1;
        let continues = match session {
            Some(session) => {
                spoken_by_model(recorded)
                    || recorded < messages.len()
                    || is_near_head(store, scope, session, &turn)?
            }
            None => spoken_by_model(recorded) || since(turn.recorded, now) <= SAME_OPENING_WITHIN,
        };
        if continues {
            return thread_at(store, scope, &turn, recorded);
        }
    }
    if let Some((at, turn)) = known_tail(store, scope, session, messages, &hashes)? {
        return thread_at(store, scope, &turn, at + 1);
    }
    Ok(match session {
        // A client that names its session and sends only what is new.
        Some(session) if !spoken_by_model(messages.len()) => {
            Thread { session: session.clone(), parent: Parent::Head, recorded: 0, visible: Vec::new() }
        }
        Some(session) => beginning(session.clone()),
        None => beginning(new_session()),
    })
}

fn beginning(session: SessionId) -> Thread {
    Thread { session, parent: Parent::Chain(ChainHash::ROOT), recorded: 0, visible: Vec::new() }
}

fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millisecond() - earlier.as_millisecond()).unwrap_or(0))
}

fn thread_at(
    store: &dyn ReadStore,
    scope: &Scope,
    turn: &KnownTurn,
    recorded: usize,
) -> Result<Thread, StoreError> {
    let shown = recorded.min(VISIBLE_TURNS_MAX);
    let visible = store.lineage(scope, turn.seq, shown)?.into_iter().map(|turn| turn.seq).collect();
    Ok(Thread { session: turn.session.clone(), parent: Parent::Chain(turn.chain), recorded, visible })
}

/// The last message whose chain is known, and the newest turn that has it.
fn longest_known_chain(
    store: &dyn ReadStore,
    scope: &Scope,
    session: Option<&SessionId>,
    hashes: &[MessageHash],
) -> Result<Option<(usize, KnownTurn)>, StoreError> {
    let chains: Vec<ChainHash> = hashes
        .iter()
        .scan(ChainHash::ROOT, |chain, hash| {
            *chain = chain.then(*hash);
            Some(*chain)
        })
        .collect();
    let mut end = chains.len();
    while end > 0 {
        let start = end.saturating_sub(CHAINS_A_STEP);
        let found = store.turns_by_chain(scope, session, &chains[start..end])?;
        let last =
            found.into_iter().enumerate().rev().find_map(|(at, turn)| turn.map(|turn| (start + at, turn)));
        if last.is_some() {
            return Ok(last);
        }
        end = start;
    }
    Ok(None)
}

/// The last message that stands in the journal behind the same messages as in the request, back to the request's
/// first. One message alone proves nothing ("yes"), unless the model said it.
fn known_tail(
    store: &dyn ReadStore,
    scope: &Scope,
    session: Option<&SessionId>,
    messages: &[Said],
    hashes: &[MessageHash],
) -> Result<Option<(usize, KnownTurn)>, StoreError> {
    for at in (0..hashes.len()).rev().take(TAIL_MESSAGES_MAX) {
        if at == 0 && messages[0].role != Role::Assistant {
            continue;
        }
        for turn in store.turns_by_message(scope, session, hashes[at], TAIL_CANDIDATES_MAX)? {
            let before = store.lineage(scope, turn.seq, at + 1)?;
            if before.len() == at + 1
                && before.iter().rev().map(|turn| turn.message).eq(hashes[..=at].iter().copied())
            {
                return Ok(Some((at, turn)));
            }
        }
    }
    Ok(None)
}

/// Whether the session ends with the turn or with the answer to it: then the same message again is a retry or a
/// regeneration. If the conversation has gone on since, the client said it a second time.
fn is_near_head(
    store: &dyn ReadStore,
    scope: &Scope,
    session: &SessionId,
    turn: &KnownTurn,
) -> Result<bool, StoreError> {
    let head = store.session_head(scope, session)?;
    Ok(head.is_some_and(|head| head.seq == turn.seq || head.parent == Some(turn.seq)))
}
