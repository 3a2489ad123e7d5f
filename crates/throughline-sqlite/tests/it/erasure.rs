//! After an erasure no file of the store holds a byte of the user, while the store is still open and in use.
//!
//! Many users write in turn, so that their rows share pages, and pages split and merge, which is what leaves stray
//! copies behind. Every field carries a marker of its user; afterwards all files are searched for it.

use std::fmt::Write as _;

use throughline::model::{
    AgentId, Profile, Receipt, ReceiptId, ReceiptSummaries, Scope, Section, SectionUse, Usage, UsageStage,
    ZoneOffsets,
};
use throughline::ports::{Append, Idempotency, Parent, ReadStore, UsageStore, WriteStore, usage_day};
use throughline_sqlite::SqliteStore;

use crate::support::{any_file_holds, assert_sound, now, open, said, scope, texts};

const USERS: usize = 24;
const ROUNDS: usize = 12;

/// Something no other user's data contains, and that no chance produces.
fn marker(user: usize) -> String {
    format!("marker-{user:02}-{:016x}-", (user as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn scopes(user: usize) -> [Scope; 2] {
    let plain = scope(&format!("{}user", marker(user)));
    let agent = Scope { agent: AgentId::new(format!("{}agent", marker(user))).ok(), ..plain.clone() };
    [plain, agent]
}

/// From a few bytes to several pages, so that rows of all sizes lie beside and over one another.
fn long(user: usize, round: usize) -> String {
    let mut text = String::new();
    for word in 0..(user * 7 + round * 13) % 60 * (1 + round % 3 * 8) {
        write!(text, "{}{word} ", marker(user)).unwrap();
    }
    text + &marker(user)
}

fn receipt(user: usize, round: usize) -> Receipt {
    // Ids of all users mixed, as random ones are.
    let id =
        uuid::Uuid::from_u128(((user * 7919 + round * 104_729) as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    Receipt {
        id: ReceiptId(id),
        session: said(&format!("{}s", marker(user)), [""; 0]).session.into(),
        time: now(),
        zone: ZoneOffsets::utc(),
        query: long(user, round),
        identity: None,
        identity_hash: None,
        profile_epoch: 0,
        budget_tokens: 1,
        used_tokens: 1,
        sections: vec![SectionUse { section: Section::Recalled, budget_tokens: 1, used_tokens: 1 }],
        items: vec![],
        summaries: ReceiptSummaries::default(),
        context_hash: marker(user),
        degraded: None,
        timings: vec![],
    }
}

fn write(store: &SqliteStore, user: usize, round: usize) {
    for scope in scopes(user) {
        let mut append =
            said(&format!("{}session {}", marker(user), round % 5), [long(user, round), marker(user)]);
        for turn in &mut append.turns {
            turn.name = Some(format!("{}name", marker(user)));
            turn.metadata = Some(format!(r#"{{"m":"{}"}}"#, marker(user)));
            turn.content.json = Some(format!(r#"["{}{round}"]"#, marker(user)));
            if !round.is_multiple_of(2) {
                turn.passages[0].read_by.clear();
            }
        }
        append.idempotency = Some(Idempotency { key: format!("{}{round}", marker(user)), body: [1; 16] });
        append.receipt = scope.agent.is_none().then(|| receipt(user, round));
        store.append(&scope, append).unwrap();

        let spent = Usage { calls: 1, ..Usage::default() };
        store.add_usage(&scope.user, usage_day(now()), UsageStage::Extract, spent).unwrap();

        let before = store.profile(&scope, None).unwrap();
        let profile = Profile { summary: Some(long(user, round + 1)), ..before };
        store.put_profile(&scope, profile, now()).unwrap();
    }
}

#[test]
fn an_erased_user_is_in_no_file_of_a_store_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for round in 0..ROUNDS {
        for user in 0..USERS {
            write(&store, user, round);
        }
    }
    // Erased in an order that leaves neighbours on either side, written to in between.
    for (count, user) in (0..USERS).map(|n| n * 7 % USERS).take(USERS / 2).enumerate() {
        assert!(any_file_holds(directory.path(), &marker(user)));
        let erased = store.erase_user(&scopes(user)[0].user).unwrap();
        assert_eq!(erased.scopes, 2);
        assert!(!any_file_holds(directory.path(), &marker(user)), "user {user}, the erasure number {count}");
        write(&store, (user + 1) % USERS, ROUNDS + count);
    }
    assert_sound(directory.path());
}

#[test]
fn an_erasure_waits_for_a_reader_that_still_looks_and_then_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    write(&store, 1, 0);
    write(&store, 2, 0);
    let [plain, _] = scopes(1);
    std::thread::scope(|threads| {
        let mut erasing = None;
        store
            .search_rows(&plain, 0, &mut |_| {
                // While this read lasts, the log holds the user's rows for it.
                erasing.get_or_insert_with(|| threads.spawn(|| store.erase_user(&plain.user)));
            })
            .unwrap();
        erasing.unwrap().join().unwrap().unwrap();
    });
    assert!(!any_file_holds(directory.path(), &marker(1)));
    assert!(any_file_holds(directory.path(), &marker(2)));
}

#[test]
fn erasures_and_writes_at_once_disturb_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    std::thread::scope(|threads| {
        for user in 0..8 {
            let store = &store;
            threads.spawn(move || {
                for round in 0..6 {
                    write(store, user, round);
                    if user % 2 == 0 && round == 3 {
                        store.erase_user(&scopes(user)[0].user).unwrap();
                    }
                }
            });
        }
    });
    for user in 0..8 {
        let turns = if user % 2 == 0 { 4 } else { 12 };
        assert_eq!(texts(&store, &scopes(user)[0]).len(), turns);
    }
    assert_sound(directory.path());
}

#[test]
fn a_scope_that_is_made_again_after_an_erasure_is_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let ann = scope("ann");
    let first = store.append(&ann, said("s", ["a"])).unwrap();
    store.erase_user(&ann.user).unwrap();
    let again = store.append(&ann, Append { parent: Parent::Head, ..said("s", ["a"]) }).unwrap();
    assert_ne!(first.generation, again.generation);
    assert_eq!(again.turns[0].seq, 1);
}
