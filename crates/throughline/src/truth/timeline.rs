//! The history of one slot: which claim held when, and what ended it.

use crate::model::{Authority, MemoryId, MemoryState, Polarity, Timestamp};
use crate::text::terms::TermHash;

use super::slots::Cardinality;

/// What a timeline needs to know of a claim.
pub(super) struct Said {
    /// Its place in the caller's list.
    pub(super) claim: usize,
    /// The memory it would begin.
    pub(super) id: MemoryId,
    pub(super) polarity: Polarity,
    /// Normalised; empty in a denial of whatever it was.
    pub(super) value: Vec<TermHash>,
    pub(super) authority: Authority,
    pub(super) explicit: bool,
    /// When it was said.
    pub(super) time: Timestamp,
    pub(super) valid_from: Timestamp,
    pub(super) valid_to: Option<Timestamp>,
    /// Whether it takes the place of other values or stands beside them.
    pub(super) cardinality: Cardinality,
}

/// Claims that say the same one after the other: a memory.
pub(super) struct Run {
    /// Places of its claims, in the order they were said.
    pub(super) claims: Vec<usize>,
    pub(super) state: MemoryState,
    pub(super) valid_from: Timestamp,
    pub(super) valid_to: Option<Timestamp>,
    pub(super) superseded_by: Option<MemoryId>,
    id: MemoryId,
    value: Vec<TermHash>,
    authority: Authority,
    explicit: bool,
}

impl Run {
    fn new(said: &Said, state: MemoryState) -> Self {
        Self {
            claims: vec![said.claim],
            state,
            valid_from: said.valid_from,
            valid_to: said.valid_to,
            superseded_by: None,
            id: said.id,
            value: said.value.clone(),
            authority: said.authority,
            explicit: said.explicit,
        }
    }

    /// Says the same again: the word of the stronger counts from then on.
    fn reinforce(&mut self, said: &Said) {
        self.claims.push(said.claim);
        self.authority = self.authority.max(said.authority);
        self.explicit |= said.explicit;
        self.valid_from = self.valid_from.min(said.valid_from);
        self.valid_to = said.valid_to.or(self.valid_to);
    }

    /// A vague word never ends an explicit one, a weaker never a stronger.
    fn gives_way_to(&self, said: &Said) -> bool {
        said.authority >= self.authority && (said.explicit || !self.explicit)
    }

    /// Another value took its place.
    fn give_way(&mut self, winner: MemoryId, moment: Timestamp) {
        self.end(MemoryState::Superseded, moment);
        self.superseded_by = Some(winner);
    }

    /// Over since `moment`, but never before it began.
    fn end(&mut self, state: MemoryState, moment: Timestamp) {
        self.state = state;
        self.valid_to = Some(moment.max(self.valid_from));
    }
}

/// The runs of a slot, from its claims in the order they were said.
pub(super) fn timeline(claims: &[Said]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for said in claims {
        let current = |run: &&mut Run| run.state == MemoryState::Active;
        match said.polarity {
            Polarity::Denies => {
                let meant = |run: &&mut Run| match run.state {
                    MemoryState::Active => said.value.is_empty() || run.value == said.value,
                    MemoryState::Contested => run.value == said.value,
                    _ => false,
                };
                for run in runs.iter_mut().filter(meant) {
                    if said.explicit && run.gives_way_to(said) {
                        run.end(MemoryState::Retracted, said.valid_from);
                    }
                }
            }
            // It was over when it was told: history, which ends nothing.
            Polarity::Affirms if said.valid_to.is_some_and(|end| end <= said.time) => {
                match runs.iter_mut().find(|run| run.state == MemoryState::Expired && run.value == said.value)
                {
                    Some(run) => run.reinforce(said),
                    None => runs.push(Run::new(said, MemoryState::Expired)),
                }
            }
            Polarity::Affirms => {
                if let Some(run) = runs.iter_mut().filter(current).find(|run| run.value == said.value) {
                    run.reinforce(said);
                    continue;
                }
                let mut new = Run::new(said, MemoryState::Active);
                if said.cardinality == Cardinality::Single {
                    // There are several only where an own slot held several until its schema changed.
                    let stays = |run: &&Run| run.state == MemoryState::Active && !run.gives_way_to(said);
                    if let Some(winner) = runs.iter().find(stays).map(|run| run.id) {
                        new.state = MemoryState::Contested;
                        new.superseded_by = Some(winner);
                    } else {
                        runs.iter_mut()
                            .filter(current)
                            .for_each(|run| run.give_way(said.id, said.valid_from));
                    }
                }
                runs.push(new);
            }
        }
    }
    runs
}
