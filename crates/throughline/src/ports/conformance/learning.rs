//! The comparison's part about learning: random appends to the ledger, jobs taken and ended, things forgotten.

use proptest::collection::vec;
use proptest::prelude::*;

use super::ModelStore;
use super::comparison::{same, scopes};
use super::forgetting::{nothing, redacted};
use super::ledger::{claim, entries, memory};
use super::support::receipt;
use crate::model::{Act, Profile, Scope, Timestamp, Tombstone};
use crate::ports::{
    Forget, JobClaim, JobDone, JobStore as _, LedgerAppend, LedgerStore as _, ReadStore as _, RedactedTurn,
    Store,
};

/// Claims, tombstones and turns are of so few that they meet often.
const FEW: u8 = 5;

/// Which job, chosen before it is known which there are, and a token that may be its newest.
#[derive(Debug, Clone)]
pub(super) struct Held {
    job: prop::sample::Index,
    token: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Learning {
    Append {
        scope: usize,
        /// Whether somebody else appended first.
        late: bool,
        claims: Vec<u8>,
        goal: Option<u8>,
        /// A job, how many of its turns were learned from, and whether it is dead.
        job: Option<(Held, u64, bool)>,
    },
    Claim {
        now: i8,
        lease: i8,
        quiet_since: i8,
        turns_max: u64,
        only: Option<usize>,
    },
    PutBack {
        held: Held,
        due: i8,
    },
    Replay {
        scope: usize,
        job: prop::sample::Index,
    },
    Forget {
        scope: usize,
        late: bool,
        tombstones: Vec<u8>,
        entries: Vec<u8>,
        /// Turns, and how many passages are left of each.
        turns: Vec<(u8, usize)>,
        receipt: Option<u8>,
        goal: Option<u8>,
    },
    Lift {
        scope: usize,
        tombstone: u8,
    },
}

pub(super) fn learning() -> impl Strategy<Value = Learning> {
    let scope = || 0..4_usize;
    let few = || 1..=FEW;
    let held = || (any::<prop::sample::Index>(), 1..4_u64).prop_map(|(job, token)| Held { job, token });
    let late = || prop::bool::weighted(0.1);
    let goal = || prop::option::weighted(0.3, 0..3_u8);
    let job = prop::option::weighted(0.7, (held(), 0..4_u64, any::<bool>()));
    let append = (scope(), late(), vec(few(), 0..4), goal(), job)
        .prop_map(|(scope, late, claims, goal, job)| Learning::Append { scope, late, claims, goal, job });
    let only = prop::option::weighted(0.4, scope());
    // Moments before and after those at which turns are written.
    let take = (0..60_i8, 0..10_i8, 0..60_i8, 1..4_u64, only).prop_map(
        |(now, lease, quiet_since, turns_max, only)| Learning::Claim {
            now,
            lease,
            quiet_since,
            turns_max,
            only,
        },
    );
    let forget =
        (
            (scope(), late(), vec(few(), 0..2), vec(few(), 0..3)),
            (vec((few(), 0..3_usize), 0..3), prop::option::of(few()), goal()),
        )
            .prop_map(|((scope, late, tombstones, entries), (turns, receipt, goal))| {
                Learning::Forget { scope, late, tombstones, entries, turns, receipt, goal }
            });
    prop_oneof![
        6 => append,
        6 => take,
        2 => (held(), 0..60_i8).prop_map(|(held, due)| Learning::PutBack { held, due }),
        1 => (scope(), any::<prop::sample::Index>())
            .prop_map(|(scope, job)| Learning::Replay { scope, job }),
        2 => forget,
        1 => (scope(), few()).prop_map(|(scope, tombstone)| Learning::Lift { scope, tombstone }),
    ]
}

/// The number of a job of the tenant of this scope, and the last of its first turns; that of none if there is none.
fn job_of(model: &ModelStore, scope: &Scope, job: prop::sample::Index, turns: u64) -> (u64, u64) {
    let jobs = model.jobs(scope.tenant(), 0, usize::MAX).unwrap_or_default();
    // Those of the scope itself rather than of another: else hardly any would be ended.
    let own: Vec<_> = jobs.iter().filter(|job| job.scope == *scope).collect();
    if own.is_empty() {
        return jobs.first().map_or((99, 0), |job| (job.number, job.turns.1));
    }
    let job = job.get(&own);
    (job.number, job.turns.0 + turns)
}

fn profile(model: &ModelStore, scope: &Scope, goal: Option<u8>) -> Option<Profile> {
    let epoch = model.profile(scope, None).map_or(0, |profile| profile.epoch);
    goal.map(|goal| Profile { epoch, goals: vec![goal.to_string()], ..Profile::default() })
}

fn after(model: &ModelStore, scope: &Scope, late: bool) -> u64 {
    let end = model.ledger_end(scope).unwrap_or(0);
    if late { end + 1 } else { end }
}

fn second(second: i8) -> Timestamp {
    super::support::at(second.into())
}

/// Does it, and tells what the answer was.
pub(super) fn perform(to: &dyn Store, model: &ModelStore, now: Timestamp, learning: &Learning) -> String {
    let scopes = scopes();
    match learning {
        Learning::Append { scope, late, claims, goal, job } => {
            let scope = &scopes[*scope];
            let acts = claims.iter().map(|number| match number {
                1 => Act::Pinned(memory(1)),
                number => claim((*number).into(), "a"),
            });
            let job = job.as_ref().map(|(held, turns, dead)| {
                let (number, through) = job_of(model, scope, held.job, *turns);
                JobDone { number, token: held.token, through, dead: dead.then(|| "dead".to_owned()) }
            });
            let profile = profile(model, scope, *goal);
            let append = LedgerAppend { profile, job, now, ..entries(after(model, scope, *late), acts) };
            format!("{:?}", to.append_ledger(scope, append))
        }
        Learning::Claim { now, lease, quiet_since, turns_max, only } => {
            let claim = JobClaim {
                now: second(*now),
                lease_until: second(now.saturating_add(*lease)),
                quiet_since: second(*quiet_since),
                turns_max: *turns_max,
                only: only.map(|scope| scopes[scope].user.clone()),
            };
            format!("{:?}", to.claim_job(&claim))
        }
        Learning::PutBack { held, due } => {
            let (number, _) = job_of(model, &scopes[0], held.job, 0);
            format!("{:?}", to.put_back_job(number, held.token, "why", second(*due)))
        }
        Learning::Replay { scope, job } => {
            let (number, _) = job_of(model, &scopes[*scope], *job, 0);
            format!("{:?}", to.replay_job(scopes[*scope].tenant(), number, now))
        }
        Learning::Forget { scope, late, tombstones, entries, turns, receipt: named, goal } => {
            let scope = &scopes[*scope];
            let tombstone = |number: &u8| Tombstone { hash: [*number; 16], words: 1, forgotten: now };
            let redact = |(turn, passages): &(u8, usize)| RedactedTurn {
                name: Some(now.to_string()),
                ..redacted((*turn).into(), *passages)
            };
            let forget = Forget {
                tombstones: tombstones.iter().map(tombstone).collect(),
                entries: entries.iter().map(|entry| (*entry).into()).collect(),
                turns: turns.iter().map(redact).collect(),
                receipts: named.iter().map(|number| receipt((*number).into(), "q").id).collect(),
                profile: profile(model, scope, *goal),
                now,
                ..nothing(after(model, scope, *late))
            };
            format!("{:?}", to.forget(scope, forget))
        }
        Learning::Lift { scope, tombstone } => {
            format!("{:?}", to.lift_tombstone(&scopes[*scope], [*tombstone; 16]))
        }
    }
}

/// What was learned of a scope, forgotten and is still to be learned from.
pub(super) fn same_learned(store: &dyn Store, model: &dyn Store, scope: &Scope) {
    same(store, model, |s| s.ledger_end(scope));
    for (after, limit) in [(0, usize::MAX), (1, 2), (3, 1)] {
        same(store, model, |s| s.ledger(scope, after, limit));
        same(store, model, |s| s.jobs(scope.tenant(), after, limit));
    }
    for number in 1..=FEW {
        same(store, model, |s| s.memory_scope(scope.tenant(), memory(number.into())));
    }
    same(store, model, |s| s.tombstones(scope));
    same(store, model, |s| {
        let mut receipts = Vec::new();
        s.receipts(scope, &mut |receipt| receipts.push(receipt))?;
        receipts.sort_by_key(|receipt| receipt.id.0);
        Ok(receipts)
    });
}
