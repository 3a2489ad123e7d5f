//! The behaviours of forgetting, one function each.

use super::WithStore;
use super::ledger::{claim, entries, ledger, memory};
use super::support::{append, at, dialogue, receipt, rows, scope};
use crate::model::{Act, ChainHash, Content, Profile, Receipt, ReceiptId, Scope, Tombstone};
use crate::ports::{
    Append, FIRST_MODEL, Forget, Forgotten, JobClaim, JobDone, LedgerAppend, Parent, PassageDraft,
    RedactedTurn, Store, StoreError, TurnDraft,
};

fn tombstone(number: u8, second: i64) -> Tombstone {
    Tombstone { hash: [number; 16], words: u16::from(number), forgotten: at(second) }
}

/// Nothing, after this entry.
pub(super) fn nothing(after: u64) -> Forget {
    Forget {
        after,
        tombstones: vec![],
        entries: vec![],
        turns: vec![],
        receipts: vec![],
        profile: None,
        now: at(60),
    }
}

fn passage(body: &str) -> PassageDraft {
    PassageDraft { body: body.as_bytes().to_vec(), read_by: vec![] }
}

/// What is left of a turn: the words `left`, in so many passages.
pub(super) fn redacted(seq: u64, passages: usize) -> RedactedTurn {
    RedactedTurn {
        seq,
        name: None,
        content: Content::text("left"),
        metadata: Some("{}".into()),
        passages: vec![passage("left"); passages],
    }
}

fn receipt_ids(store: &dyn Store, scope: &Scope) -> Vec<ReceiptId> {
    let mut found = Vec::new();
    store.receipts(scope, &mut |receipt| found.push(receipt.id)).expect("receipts");
    found.sort_by_key(|id| id.0);
    found
}

/// A scope with the word `secret` in three turns, two claims, two versions of the profile, a receipt's query and a job's
/// failure, beside things without it.
fn with_secrets(store: &dyn Store) -> Scope {
    let scope = scope("acme", "ann");
    let mut said = dialogue("s", Parent::Head, &["secret one", "fine", "secret two"]);
    said.turns[0] = TurnDraft {
        name: Some("secret".into()),
        content: Content { text: "secret one".into(), json: Some(r#"["secret"]"#.into()) },
        metadata: Some(r#"{"secret":1}"#.into()),
        passages: vec![passage("secret a"), passage("secret b"), passage("secret c")],
        ..said.turns[0].clone()
    };
    append(store, &scope, said);
    // These cite turn 1.
    for (number, query) in [(1, "cites"), (2, "harmless")] {
        let items = if number == 1 { receipt(1, query).items } else { vec![] };
        store.put_receipt(&scope, Receipt { items, ..receipt(number, query) }).expect("a receipt");
    }
    store.put_receipt(&scope, Receipt { items: vec![], ..receipt(3, "secret?") }).expect("a receipt");
    let profile = |epoch, goal: &str| Profile { epoch, goals: vec![goal.into()], ..Profile::default() };
    for (epoch, goal) in [(0, "secret"), (1, "secret still")] {
        store.put_profile(&scope, profile(epoch, goal), at(0)).expect("a profile");
    }
    let claim_job =
        JobClaim { now: at(20), lease_until: at(30), quiet_since: at(20), turns_max: 1, only: None };
    let claimed = store.claim_job(&claim_job).expect("a claim").expect("a job");
    let (number, token) = (claimed.job.number, claimed.token);
    let dead = JobDone { number, token, through: 3, dead: Some("`secret` is no JSON".into()) };
    let acts = [claim(1, "secret"), claim(2, "fine"), Act::Pinned(memory(1)), claim(3, "secret")];
    let learned = LedgerAppend { job: Some(dead), ..entries(0, acts) };
    assert_eq!(store.append_ledger(&scope, learned), Ok(4));
    scope
}

/// Whatever holds it; what does not stays, and so do numbers, places and times.
pub fn forgetting_takes_the_words_out_of_everything(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = with_secrets(store);
        let before = store.turns(&scope, &[1, 2, 3]).expect("turns");
        let known_before = store.lineage(&scope, 3, 10).expect("a lineage");
        let profile = Profile { epoch: 2, goals: vec!["sail".into()], ..Profile::default() };
        let forget = Forget {
            tombstones: vec![tombstone(1, 60)],
            entries: vec![1, 3, 4, 99],
            turns: vec![redacted(1, 1), redacted(3, 0), redacted(99, 1)],
            receipts: vec![receipt(3, "").id],
            profile: Some(profile.clone()),
            ..nothing(4)
        };
        let gone = Forgotten { claims: 2, turns: 2, passages: 4, profiles: 2, receipts: 2 };
        assert_eq!(store.forget(&scope, forget), Ok(gone));

        let acts: Vec<Act> = ledger(store, &scope).into_iter().map(|entry| entry.act).collect();
        let pinned = Act::Pinned(memory(1));
        assert_eq!(acts, [Act::Forgotten, claim(2, "fine"), pinned, Act::Forgotten, Act::Forgotten]);
        assert_eq!(store.memory_scope(scope.tenant(), memory(1)), Ok(None));
        assert_eq!(store.memory_scope(scope.tenant(), memory(2)), Ok(Some(scope.clone())));

        let mut wanted = before;
        for at in [0, 2] {
            wanted[at].name = None;
            wanted[at].content = Content::text("left");
            wanted[at].metadata = Some("{}".into());
        }
        assert_eq!(store.turns(&scope, &[1, 2, 3]), Ok(wanted));
        assert_eq!(store.lineage(&scope, 3, 10), Ok(known_before));
        let left: Vec<_> = rows(store, &scope, 0).into_iter().map(|row| (row.turn, row.body)).collect();
        assert_eq!(left, [(2, b"fine/0".to_vec()), (1, b"left".to_vec())]);
        let waiting = store.unembedded(FIRST_MODEL, 10).expect("waiting rows");
        assert_eq!(waiting.iter().map(|waiting| waiting.row.turn).collect::<Vec<_>>(), [1]);

        for epoch in [1, 2] {
            assert_eq!(store.profile(&scope, Some(epoch)), Ok(Profile::default()));
        }
        let left = Profile { epoch: 3, changed: Some(at(60)), ..profile };
        assert_eq!(store.profile(&scope, None), Ok(left));
        assert_eq!(receipt_ids(store, &scope), [receipt(2, "").id]);
        let failures: Vec<_> = store.jobs(scope.tenant(), 0, 10).expect("jobs");
        assert_eq!(failures.into_iter().map(|job| job.failure).collect::<Vec<_>>(), [None]);
    });
}

/// A history that holds the words still is known by its chain, and adds nothing.
pub fn a_client_that_resends_a_forgotten_turn_does_not_bring_it_back(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let history = dialogue("s", Parent::Chain(ChainHash::ROOT), &["secret", "ok"]);
        append(store, &scope, history.clone());
        let forget = Forget { turns: vec![redacted(1, 1)], ..nothing(0) };
        store.forget(&scope, forget).expect("forgotten");
        let again = append(store, &scope, history);
        assert!(again.turns.iter().all(|turn| turn.known), "{again:?}");
        let texts: Vec<_> = store.turns(&scope, &[1, 2, 3]).expect("turns");
        let texts: Vec<_> = texts.into_iter().map(|turn| turn.content.text).collect();
        assert_eq!(texts, ["left", "ok"]);
    });
}

/// Another process may hold the old rows: the revision tells it, and that only then. Numbers go on rising.
pub fn copies_of_search_rows_learn_that_words_were_taken_out(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        append(store, &scope, dialogue("s", Parent::Head, &["a", "secret"]));
        let revision = || store.revision(&scope).expect("a revision").expect("a revision");
        let before = revision();
        let end = store.forget(&scope, nothing(0)).and_then(|_| store.ledger_end(&scope));
        assert_eq!((end, revision()), (Ok(1), before));
        store.forget(&scope, Forget { turns: vec![redacted(2, 0)], ..nothing(1) }).expect("forgotten");
        let after = revision();
        assert!(!after.same_log(before));
        assert_eq!((after.generation, after.row), (before.generation, before.row));
        append(store, &scope, dialogue("s", Parent::Head, &["b"]));
        assert_eq!(rows(store, &scope, 0).iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3]);
        assert!(revision().same_log(after));
        assert_eq!(store.search_rows(&scope, 0, &mut |_| {}), Ok(Some(revision())));
    });
}

/// Neither who learned from what was there before, nor who looked for the words before more was learned.
pub fn who_did_not_know_of_the_other_comes_too_late(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        store.append_ledger(&scope, entries(0, [claim(1, "secret")])).expect("a claim");
        let forget = Forget { tombstones: vec![tombstone(1, 1)], entries: vec![1], ..nothing(0) };
        assert_eq!(store.forget(&scope, forget.clone()), Err(StoreError::Conflict));
        assert_eq!((store.tombstones(&scope), store.ledger_end(&scope)), (Ok(vec![]), Ok(1)));
        store.forget(&scope, Forget { after: 1, ..forget.clone() }).expect("forgotten");
        assert_eq!(
            store.append_ledger(&scope, entries(1, [claim(2, "secret again")])),
            Err(StoreError::Conflict)
        );
        let stale = Some(Profile { epoch: 7, goals: vec!["a".into()], ..Profile::default() });
        let stale = Forget { after: 2, tombstones: vec![tombstone(2, 2)], profile: stale, ..forget };
        assert_eq!(store.forget(&scope, stale), Err(StoreError::Conflict));
        assert_eq!(store.tombstones(&scope), Ok(vec![tombstone(1, 1)]));
    });
}

/// In the order they were set, each once, in its own scope alone; also where nothing was written before.
pub fn a_tombstone_stays_until_it_is_lifted(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        let set = |after, tombstones: &[Tombstone]| {
            let forget = Forget { tombstones: tombstones.to_vec(), ..nothing(after) };
            store.forget(&ann, forget).expect("forgotten")
        };
        assert_eq!(set(0, &[tombstone(2, 5), tombstone(1, 7)]), Forgotten::default());
        set(1, &[tombstone(2, 9), tombstone(3, 6)]);
        assert_eq!(store.tombstones(&ann), Ok(vec![tombstone(2, 5), tombstone(3, 6), tombstone(1, 7)]));
        assert_eq!(store.tombstones(&bob), Ok(vec![]));
        assert_eq!(store.lift_tombstone(&bob, [2; 16]), Ok(false));
        assert_eq!(store.lift_tombstone(&ann, [2; 16]), Ok(true));
        assert_eq!(store.lift_tombstone(&ann, [2; 16]), Ok(false));
        assert_eq!(store.tombstones(&ann), Ok(vec![tombstone(3, 6), tombstone(1, 7)]));
    });
}

/// And a worker that had a job of the user ends nothing any more.
pub fn an_erased_user_leaves_nothing_learned_and_nothing_to_learn(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        for (scope, number) in [(&ann, 1), (&bob, 2)] {
            let acts = [claim(number, "a"), claim(number + 10, "b"), Act::Pinned(memory(number))];
            store.append_ledger(scope, entries(0, acts)).expect("claims");
            let forget = Forget { tombstones: vec![tombstone(1, 1)], entries: vec![1], ..nothing(3) };
            store.forget(scope, forget).expect("forgotten");
            append(store, scope, Append { now: at(1), ..dialogue("s", Parent::Head, &["a"]) });
        }
        let asked = JobClaim {
            now: at(5),
            lease_until: at(50),
            quiet_since: at(5),
            turns_max: 1,
            only: Some(ann.user.clone()),
        };
        let claimed = store.claim_job(&asked).expect("a claim").expect("a job");
        append(store, &ann, dialogue("s", Parent::Head, &["b"]));
        let erased = store.erase_user(&ann.user).expect("an erasure");
        assert_eq!((erased.claims, erased.jobs), (1, 2));
        assert_eq!((store.ledger_end(&ann), store.tombstones(&ann)), (Ok(0), Ok(vec![])));
        assert_eq!(store.memory_scope(ann.tenant(), memory(11)), Ok(None));
        let left = store.jobs(ann.tenant(), 0, 10).expect("jobs");
        assert_eq!(left.iter().map(|job| &job.scope).collect::<Vec<_>>(), [&bob]);
        assert_eq!((store.ledger_end(&bob), store.tombstones(&bob)), (Ok(4), Ok(vec![tombstone(1, 1)])));

        let done = JobDone { number: claimed.job.number, token: claimed.token, through: 1, dead: None };
        let late = LedgerAppend { job: Some(done), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&ann, late), Err(StoreError::Conflict));
        assert_eq!(store.revision(&ann), Ok(None));
        // The user's new life gets numbers that nobody had.
        append(store, &ann, dialogue("s", Parent::Head, &["c"]));
        let jobs = store.jobs(ann.tenant(), 0, 10).expect("jobs");
        let new = jobs.iter().find(|job| job.scope == ann).expect("a job");
        assert!(new.number > claimed.job.number + 1);
    });
}
