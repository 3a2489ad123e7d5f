//! After something was forgotten no file of the store holds its words, while the store is open and in use, and what else
//! the user said is all there.

use std::fmt::Write as _;

use throughline::model::{
    Content, Profile, Receipt, ReceiptId, ReceiptSummaries, Scope, Tombstone, ZoneOffsets,
};
use throughline::ports::{
    Append, Forget, JobClaim, JobDone, JobStore as _, LedgerAppend, LedgerStore as _, PassageDraft,
    ReadStore as _, RedactedTurn, WriteStore as _,
};
use throughline_sqlite::SqliteStore;

use crate::support::{any_file_holds, assert_sound, learned, now, open, said, scope, texts};

const USERS: usize = 12;
const ROUNDS: usize = 8;

/// The round whose words are forgotten.
const SECRET: usize = 5;

fn user(number: usize) -> Scope {
    scope(&format!("user {number}"))
}

/// Something that nothing else contains.
fn marker(user: usize, round: usize) -> String {
    format!(
        "marker-{user:02}-{round:02}-{:016x}-",
        (user * 100 + round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    )
}

/// From a few bytes to several pages, so that rows of all sizes lie beside and over one another.
fn long(user: usize, round: usize) -> String {
    let mut text = marker(user, round);
    for word in 0..(user * 7 + round * 13) % 60 * (1 + round % 3 * 8) {
        write!(text, " {}{word}", marker(user, round)).unwrap();
    }
    text
}

fn receipt(user: usize, round: usize) -> Receipt {
    Receipt {
        zone: ZoneOffsets::utc(),
        id: ReceiptId(uuid::Uuid::from_u128((user * 100 + round) as u128)),
        session: None,
        time: now(),
        query: long(user, round),
        identity: None,
        identity_hash: None,
        profile_epoch: 0,
        budget_tokens: 1,
        used_tokens: 1,
        sections: vec![],
        items: vec![],
        summaries: ReceiptSummaries::default(),
        context_hash: String::new(),
        degraded: None,
        timings: vec![],
    }
}

/// A turn with name, JSON, metadata and a passage, a receipt, a claim, a version of the profile and a dead job, all with the
/// round's marker.
fn write(store: &SqliteStore, number: usize, round: usize) {
    let scope = user(number);
    let mut append = Append { receipt: Some(receipt(number, round)), ..said("s", [long(number, round)]) };
    append.turns[0].name = Some(marker(number, round));
    append.turns[0].metadata = Some(format!(r#"{{"m":"{}"}}"#, marker(number, round)));
    append.turns[0].content.json = Some(format!(r#"["{}"]"#, long(number, round)));
    store.append(&scope, append).unwrap();

    let asked = JobClaim {
        now: now(),
        lease_until: now(),
        quiet_since: now(),
        turns_max: 1,
        only: Some(scope.user.clone()),
    };
    let claimed = store.claim_job(&asked).unwrap().unwrap();
    let dead = JobDone {
        number: claimed.job.number,
        token: claimed.token,
        through: u64::MAX,
        dead: Some(long(number, round)),
    };
    let before = store.profile(&scope, None).unwrap();
    let profile = Profile { summary: Some(long(number, round)), ..before };
    let entry = learned(round as u64, [((number * 100 + round) as u128, long(number, round))]);
    let learned = LedgerAppend { job: Some(dead), profile: Some(profile), ..entry };
    store.append_ledger(&scope, learned).unwrap();
}

/// What the engine would ask for, to forget the secret round.
fn forget(store: &SqliteStore, number: usize) -> Forget {
    let turn = SECRET as u64 + 1;
    Forget {
        after: store.ledger_end(&user(number)).unwrap(),
        tombstones: vec![Tombstone { hash: [1; 16], words: 1, forgotten: now() }],
        entries: vec![turn],
        turns: vec![RedactedTurn {
            seq: turn,
            name: None,
            content: Content::text("[forgotten]"),
            metadata: None,
            passages: vec![PassageDraft { body: b"[forgotten]".to_vec(), read_by: vec![] }],
        }],
        receipts: vec![receipt(number, SECRET).id],
        profile: None,
        now: now(),
    }
}

#[test]
fn forgotten_words_are_in_no_file_of_a_store_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    for round in 0..ROUNDS {
        for number in 0..USERS {
            write(&store, number, round);
        }
    }
    for number in (0..USERS).map(|n| n * 5 % USERS).take(USERS / 2) {
        let secret = marker(number, SECRET);
        assert!(any_file_holds(directory.path(), &secret));
        let forgotten = store.forget(&user(number), forget(&store, number)).unwrap();
        assert_eq!((forgotten.claims, forgotten.turns, forgotten.receipts), (1, 1, 1));
        assert!(!any_file_holds(directory.path(), &secret), "user {number}");
        let kept = texts(&store, &user(number));
        for (round, text) in kept.iter().enumerate() {
            let wanted = if round == SECRET { "[forgotten]".to_owned() } else { long(number, round) };
            assert!(*text == wanted, "user {number}, round {round}");
        }
        let other = (number + 1) % USERS;
        store.append(&user(other), said("t", [long(other, texts(&store, &user(other)).len())])).unwrap();
    }
    assert_sound(directory.path());
}
