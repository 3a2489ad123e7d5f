//! Which conversation a request continues, and which of its messages the journal has already.
//!
//! Chat clients resend their history with every request, and nothing in it says which conversation it is. Each
//! turn's chain covers all that was said before it, so the longest known chain finds the place; what comes after
//! it is new. An edited or regenerated message shares the chain before it only, so it becomes a branch there. A client that cuts old messages
//! off is found from the tail instead. This module reads; it never writes.

use std::time::Duration;

use crate::model::{ChainHash, Content, MessageHash, Role, Scope, SessionId, Timestamp};
use crate::ports::{KnownTurn, Opening, OpeningAsk, Parent, ReadStore, StoreError};

/// Chains looked up in one step, from the newest message backwards; the first step is part of the request's opening.
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
    /// When the oldest of these was written; none if there are none.
    pub began: Option<Timestamp>,
}

/// The messages of a request, as the journal knows them.
pub(crate) struct Sought {
    hashes: Vec<MessageHash>,
    chains: Vec<ChainHash>,
}

impl Sought {
    pub(crate) fn new(messages: &[Said]) -> Self {
        let hashes: Vec<MessageHash> =
            messages.iter().map(|said| MessageHash::of(said.role, said.content.hashed())).collect();
        let chains = hashes.iter().scan(ChainHash::ROOT, |chain, hash| {
            *chain = chain.then(*hash);
            Some(*chain)
        });
        Self { chains: chains.collect(), hashes }
    }

    /// What [`locate`] wants the request to begin with.
    pub(crate) fn ask<'a>(&'a self, session: Option<&'a SessionId>) -> OpeningAsk<'a> {
        let chains = &self.chains[self.first_step()..];
        OpeningAsk { session, chains, thread_max: VISIBLE_TURNS_MAX, ..OpeningAsk::default() }
    }

    /// From which message on chains are looked up first.
    fn first_step(&self) -> usize {
        self.chains.len().saturating_sub(CHAINS_A_STEP)
    }
}

/// Where it is looked for.
pub(crate) struct Journal<'a> {
    pub(crate) store: &'a dyn ReadStore,
    pub(crate) scope: &'a Scope,
    /// Set if the caller names it.
    pub(crate) session: Option<&'a SessionId>,
    /// What the store answered to [`Sought::ask`].
    pub(crate) opening: &'a Opening,
}

/// Finds the conversation that `messages` continue: in the journal's session if the caller names one, else by what was said.
/// If it is not known, it is a new one, named by `new_session`.
pub(crate) fn locate(
    journal: &Journal<'_>,
    messages: &[Said],
    sought: &Sought,
    now: Timestamp,
    new_session: impl FnOnce() -> SessionId,
) -> Result<Thread, StoreError> {
    let session = journal.session;
    let spoken_by_model = |upto: usize| messages[..upto].iter().any(|said| said.role == Role::Assistant);

    if let Some((at, line)) = journal.longest_known_chain(sought)?
        && let Some(turn) = line.first()
    {
        let recorded = at + 1;
        let continues = match session {
            Some(_) => spoken_by_model(recorded) || recorded < messages.len() || journal.is_near_head(turn),
            None => spoken_by_model(recorded) || since(turn.recorded, now) <= SAME_OPENING_WITHIN,
        };
        if continues {
            return Ok(thread_at(turn, &line, recorded));
        }
    }
    if let Some((at, line)) = journal.known_tail(messages, &sought.hashes)?
        && let Some(turn) = line.first()
    {
        return Ok(thread_at(turn, &line, at + 1));
    }
    Ok(match session {
        // A client that names its session and sends only what is new.
        Some(session) if !spoken_by_model(messages.len()) => {
            Thread { parent: Parent::Head, ..beginning(session.clone()) }
        }
        Some(session) => beginning(session.clone()),
        None => beginning(new_session()),
    })
}

fn beginning(session: SessionId) -> Thread {
    let parent = Parent::Chain(ChainHash::ROOT);
    Thread { session, parent, recorded: 0, visible: Vec::new(), began: None }
}

fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millisecond() - earlier.as_millisecond()).unwrap_or(0))
}

/// `line` is the turn and those before it, nearest first.
fn thread_at(turn: &KnownTurn, line: &[KnownTurn], recorded: usize) -> Thread {
    let shown = &line[..line.len().min(recorded).min(VISIBLE_TURNS_MAX)];
    Thread {
        session: turn.session.clone(),
        parent: Parent::Chain(turn.chain),
        recorded,
        visible: shown.iter().map(|turn| turn.seq).collect(),
        began: shown.last().map(|turn| turn.recorded),
    }
}

/// The place of a message, and its turn with those before it, nearest first.
type Known = Option<(usize, Vec<KnownTurn>)>;

impl Journal<'_> {
    /// The last message whose chain is known.
    fn longest_known_chain(&self, sought: &Sought) -> Result<Known, StoreError> {
        let Self { store, scope, session, opening } = self;
        let chains = &sought.chains;
        if let Some(turn) = opening.thread.first() {
            let at = chains.iter().rposition(|chain| *chain == turn.chain);
            return Ok(at.map(|at| (at, opening.thread.clone())));
        }
        let mut end = sought.first_step();
        while end > 0 {
            let start = end.saturating_sub(CHAINS_A_STEP);
            let found = store.turns_by_chain(scope, *session, &chains[start..end])?;
            let last = found.into_iter().enumerate().rev().find_map(|(at, turn)| Some((start + at, turn?)));
            if let Some((at, turn)) = last {
                return Ok(Some((at, store.lineage(scope, turn.seq, VISIBLE_TURNS_MAX)?)));
            }
            end = start;
        }
        Ok(None)
    }

    /// The last message that stands in the journal behind the same messages as in the request, back to the request's
    /// first. One message alone proves nothing ("yes"), unless the model said it.
    fn known_tail(&self, messages: &[Said], hashes: &[MessageHash]) -> Result<Known, StoreError> {
        let Self { store, scope, session, .. } = self;
        for at in (0..hashes.len()).rev().take(TAIL_MESSAGES_MAX) {
            if at == 0 && messages[0].role != Role::Assistant {
                continue;
            }
            for turn in store.turns_by_message(scope, *session, hashes[at], TAIL_CANDIDATES_MAX)? {
                let line = store.lineage(scope, turn.seq, at + 1)?;
                if line.len() == at + 1
                    && line.iter().rev().map(|turn| turn.message).eq(hashes[..=at].iter().copied())
                {
                    return Ok(Some((at, line)));
                }
            }
        }
        Ok(None)
    }

    /// Whether the session ends with the turn or with the answer to it: then the same message again is a retry or a
    /// regeneration. If the conversation has gone on since, the client said it a second time.
    fn is_near_head(&self, turn: &KnownTurn) -> bool {
        let head = self.opening.head.as_ref();
        head.is_some_and(|head| head.seq == turn.seq || head.parent == Some(turn.seq))
    }
}
