//! The behaviours of the ledger, one function each.

use super::WithStore;
use super::support::{at, scope};
use crate::model::{
    Act, Author, Authority, Claim, Entry, Evidence, MemoryId, MemoryKind, Polarity, Profile, Scope, SlotKey,
    SlotTerms, Timestamp,
};
use crate::ports::{EntryDraft, LedgerAppend, Store, StoreError};

pub(super) fn memory(number: u128) -> MemoryId {
    MemoryId(uuid::Uuid::from_u128(number))
}

/// A claim with something in every field.
pub(super) fn claim(number: u128, words: &str) -> Act {
    Act::Claimed(Box::new(Claim {
        id: memory(number),
        kind: MemoryKind::Preference,
        slot: Some(SlotKey::of_user("diet")),
        value: words.to_owned(),
        text: format!("The user eats {words}"),
        polarity: Polarity::Denies,
        explicit: false,
        authority: Authority::User,
        quarantined: true,
        importance: 0.7,
        said: at(1),
        valid_from: at(2),
        valid_to: Some(at(3)),
        evidence: Some(Evidence { turn: 1, quote: words.to_owned() }),
        same_as: Vec::new(),
        terms: Some(SlotTerms { multiple: true, half_life_days: Some(30.0) }),
        replaces: Some(memory(number + 1)),
    }))
}

pub(super) fn draft(second: i64, act: Act) -> EntryDraft {
    EntryDraft { recorded: at(second), by: Author::Learning, act }
}

pub(super) fn entries(after: u64, acts: impl IntoIterator<Item = Act>) -> LedgerAppend {
    LedgerAppend {
        after,
        entries: acts.into_iter().map(|act| draft(0, act)).collect(),
        profile: None,
        job: None,
        now: at(0),
    }
}

pub(super) fn ledger(store: &dyn Store, scope: &Scope) -> Vec<Entry> {
    store.ledger(scope, 0, usize::MAX).expect("a ledger")
}

fn acts(store: &dyn Store, scope: &Scope) -> Vec<Act> {
    ledger(store, scope).into_iter().map(|entry| entry.act).collect()
}

/// Reading what was never written is no error.
pub fn a_scope_never_written_to_has_learned_nothing(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        assert_eq!(store.ledger(&scope, 0, 10), Ok(vec![]));
        assert_eq!(store.ledger_end(&scope), Ok(0));
        assert_eq!(store.memory_scope(scope.tenant(), memory(1)), Ok(None));
        assert_eq!(store.tombstones(&scope), Ok(vec![]));
        assert_eq!(store.lift_tombstone(&scope, [1; 16]), Ok(false));
        assert_eq!(store.jobs(scope.tenant(), 0, 10), Ok(vec![]));
        assert_eq!(store.replay_job(scope.tenant(), 1, at(0)), Ok(false));
        assert_eq!(store.put_back_job(1, 1, "why", at(0)), Err(StoreError::Conflict));
    });
}

/// Every act, with its author, numbered from 1 in the order of writing, read from any number on.
pub fn every_act_reads_back_as_it_was_recorded(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let all = [
            claim(1, "vegan"),
            Act::Retracted(memory(1)),
            Act::Restored(memory(2)),
            Act::Pinned(memory(3)),
            Act::Unpinned(memory(4)),
            Act::Undone(2),
            Act::Rewound(at(5)),
            Act::Forgotten,
        ];
        let authors = [Author::Learning, Author::Operator, Author::Import].into_iter().cycle();
        let drafts = || {
            let acts = all.iter().cloned().zip(authors.clone());
            (10..).zip(acts).map(|(second, (act, by))| EntryDraft { recorded: at(second), by, act })
        };
        let first = LedgerAppend { entries: drafts().take(3).collect(), ..entries(0, []) };
        assert_eq!(store.append_ledger(&scope, first), Ok(3));
        let second = LedgerAppend { entries: drafts().skip(3).collect(), ..entries(3, []) };
        assert_eq!(store.append_ledger(&scope, second), Ok(8));
        assert_eq!(store.ledger_end(&scope), Ok(8));
        let wanted: Vec<Entry> = (1..)
            .zip(drafts())
            .map(|(number, EntryDraft { recorded, by, act })| Entry { number, recorded, by, act })
            .collect();
        assert_eq!(store.ledger(&scope, 0, 100), Ok(wanted.clone()));
        assert_eq!(store.ledger(&scope, 2, 3), Ok(wanted[2..5].to_vec()));
        assert_eq!(store.ledger(&scope, 8, 3), Ok(vec![]));
        assert_eq!(store.ledger(&scope, u64::MAX, 3), Ok(vec![]));
        assert_eq!(ledger(store, &self::scope("acme", "bob")), []);
    });
}

/// Whoever knows less than all must read first, and one who knows more knows what is not so.
pub fn a_ledger_somebody_else_appended_to_is_a_conflict(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        assert_eq!(store.append_ledger(&scope, entries(1, [claim(1, "a")])), Err(StoreError::Conflict));
        assert_eq!(store.revision(&scope), Ok(None));
        assert_eq!(store.append_ledger(&scope, entries(0, [claim(1, "a")])), Ok(1));
        for after in [0, 2] {
            let late = entries(after, [claim(2, "b")]);
            assert_eq!(store.append_ledger(&scope, late), Err(StoreError::Conflict));
        }
        assert_eq!(acts(store, &scope), [claim(1, "a")]);
        assert_eq!(store.append_ledger(&scope, entries(1, [claim(2, "b")])), Ok(2));
    });
}

/// Within a scope: in one append, and in one and a later one. What else is in the append is written.
pub fn a_claim_made_twice_is_one(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        let twice = entries(0, [claim(1, "a"), claim(1, "again"), claim(2, "b")]);
        assert_eq!(store.append_ledger(&ann, twice), Ok(2));
        let again = entries(2, [claim(2, "again"), Act::Pinned(memory(2)), claim(1, "again")]);
        assert_eq!(store.append_ledger(&ann, again), Ok(3));
        assert_eq!(acts(store, &ann), [claim(1, "a"), claim(2, "b"), Act::Pinned(memory(2))]);
        assert_eq!(store.append_ledger(&ann, entries(3, [claim(1, "again")])), Ok(3));
        // Another scope's is its own.
        assert_eq!(store.append_ledger(&bob, entries(0, [claim(1, "bob's")])), Ok(1));
        assert_eq!(acts(store, &bob), [claim(1, "bob's")]);
    });
}

/// So that "up to this moment" is a part of the ledger from its beginning on, though a clock was set back.
pub fn an_entry_is_never_recorded_before_the_one_before_it(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let seconds = [5, 3, 7].into_iter().zip(1..);
        let drafts = seconds.map(|(second, number)| draft(second, claim(number, "a")));
        let first = LedgerAppend { entries: drafts.collect(), ..entries(0, []) };
        assert_eq!(store.append_ledger(&scope, first), Ok(3));
        let earlier = LedgerAppend { entries: vec![draft(6, Act::Undone(1))], ..entries(3, []) };
        assert_eq!(store.append_ledger(&scope, earlier), Ok(4));
        let recorded: Vec<Timestamp> =
            ledger(store, &scope).into_iter().map(|entry| entry.recorded).collect();
        assert_eq!(recorded, [at(5), at(5), at(7), at(7)]);
    });
}

/// Never by another tenant, whose claim may have the same id.
pub fn a_memory_is_found_by_its_tenant_alone(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob, other) = (scope("acme", "ann"), scope("acme", "bob"), scope("other", "ann"));
        for (scope, numbers) in [(&other, [1, 2]), (&ann, [3, 1]), (&bob, [4, 1])] {
            let claims = numbers.map(|number| claim(number, "a"));
            store.append_ledger(scope, entries(0, claims)).expect("claims");
        }
        let found = |scope: &Scope, number| store.memory_scope(scope.tenant(), memory(number));
        assert_eq!(found(&ann, 4), Ok(Some(bob)));
        // In both scopes of the tenant: the one that was there first.
        assert_eq!(found(&ann, 1), Ok(Some(ann.clone())));
        assert_eq!(found(&other, 1), Ok(Some(other.clone())));
        assert_eq!(found(&ann, 2), Ok(None));
        assert_eq!(found(&other, 3), Ok(None));
    });
}

/// One that somebody else changed takes the entries with it.
pub fn a_profile_is_written_with_what_was_learned_or_neither_is(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let profile =
            |epoch, goal: &str| Some(Profile { epoch, goals: vec![goal.to_owned()], ..Profile::default() });
        let learned = LedgerAppend { profile: profile(0, "sail"), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&scope, learned), Ok(1));
        let stale = LedgerAppend { profile: profile(0, "ski"), ..entries(1, [claim(2, "b")]) };
        assert_eq!(store.append_ledger(&scope, stale), Err(StoreError::Conflict));
        assert_eq!(store.ledger_end(&scope), Ok(1));
        let written = store.profile(&scope, None).expect("a profile");
        assert_eq!((written.epoch, written.goals, written.changed), (1, vec!["sail".into()], Some(at(0))));
    });
}
