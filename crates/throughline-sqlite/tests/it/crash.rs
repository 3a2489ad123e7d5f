//! A process is killed while eight threads write; what it had acknowledged must be there, whole, afterwards.
//!
//! Each test starts itself again as a child that writes to a directory and tells every acknowledged write on its
//! standard output, kills it with SIGKILL at a moment drawn at random, opens the directory and looks. The short
//! form (20 kills each) runs with all tests; the long form by
//!
//! ```text
//! THROUGHLINE_CRASH_ROUNDS=500 cargo test -p throughline-sqlite --test it crash
//! ```
//!
//! (`cargo nextest` would end it after five minutes.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use throughline::model::{Receipt, ReceiptId, ReceiptSummaries, ZoneOffsets};
use throughline::ports::{Append, EmbeddedRow, FIRST_MODEL, Idempotency, ReadStore, WriteStore};
use throughline_sqlite::SqliteStore;
use throughline_sqlite::doctor::doctor;

use crate::kill::{Chance, DIRECTORY, ROUNDS_PER_DIRECTORY, kill_after, rounds, start, tell};
use crate::support::{any_file_holds, assert_sound, now, open, rows, said, scope, texts};

const WRITERS: usize = 8;

/// How much a child may acknowledge before it is killed, at most.
const ACKNOWLEDGED_MAX: u64 = 120;

/// How many turns the append number `number` has.
fn turns_of(number: usize) -> usize {
    1 + number % 4
}

/// In the child: writes until killed.
fn write_for_ever(directory: &Path) {
    let store = open(directory);
    let process = std::process::id();
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let store = &store;
            threads.spawn(move || {
                // Half of them share a conversation.
                let user = scope(&format!("user {}", writer.max(WRITERS / 2)));
                for number in 0.. {
                    let name = format!("{process}-{writer}-{number}");
                    let parts =
                        (0..turns_of(number)).map(|part| format!("{name}/{part} {}", "x".repeat(part * 900)));
                    let mut append = said("s", parts);
                    for (at, turn) in append.turns.iter_mut().enumerate() {
                        if at % 2 == 1 {
                            turn.passages[0].read_by.clear();
                        }
                    }
                    append.idempotency = Some(Idempotency { key: name.clone(), body: [0; 16] });
                    store.append(&user, append).unwrap();
                    tell(&format!("{user} {name}", user = user.user.user));
                    if number % 5 == 0 {
                        embed_some(store);
                    }
                }
            });
        }
    });
}

fn embed_some(store: &SqliteStore) {
    let waiting = store.unembedded(FIRST_MODEL, 3).unwrap();
    let rows = waiting.into_iter().map(|w| EmbeddedRow {
        scope: w.scope,
        number: w.row.number,
        body: w.row.body,
        read_by: vec![FIRST_MODEL],
    });
    store.put_embedded(rows.collect()).unwrap();
}

#[test]
fn no_acknowledged_turn_is_lost_and_none_is_half_there() {
    const TEST: &str = "crash::no_acknowledged_turn_is_lost_and_none_is_half_there";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return write_for_ever(Path::new(&directory));
    }
    let mut directory = tempfile::tempdir().unwrap();
    let mut chance = Chance::new();
    let mut acknowledged = BTreeSet::new();
    let mut acknowledged_before = 0;
    for round in 0..rounds() {
        // One directory lives through many crashes, but each look at it reads it whole.
        if round % ROUNDS_PER_DIRECTORY == ROUNDS_PER_DIRECTORY - 1 {
            directory = tempfile::tempdir().unwrap();
            acknowledged_before += std::mem::take(&mut acknowledged).len();
        }
        let told = kill_after(start(TEST, directory.path()), chance.below(ACKNOWLEDGED_MAX), Duration::ZERO);
        acknowledged.extend(told);

        let store = open(directory.path());
        let mut found = BTreeSet::new();
        for user in WRITERS / 2..WRITERS {
            let user = scope(&format!("user {user}"));
            let mut parts: BTreeMap<String, usize> = BTreeMap::new();
            let texts = texts(&store, &user);
            for text in &texts {
                let (name, part) = text.split_once(' ').unwrap().0.split_once('/').unwrap();
                assert_eq!(
                    text.len(),
                    format!("{name}/{part} ").len() + part.parse::<usize>().unwrap() * 900
                );
                *parts.entry(name.to_owned()).or_default() += 1;
            }
            for (name, count) in parts {
                let number = name.rsplit('-').next().unwrap().parse().unwrap();
                assert_eq!(count, turns_of(number), "{name} is half there in round {round}");
                found.insert(format!("{} {name}", user.user.user));
            }
            // Recallable: the search row of each turn says what the turn says.
            let mut rows = rows(&store, &user);
            rows.sort_by_key(|row| row.turn);
            let said: Vec<_> =
                rows.iter().map(|row| String::from_utf8_lossy(&row.body).into_owned()).collect();
            assert_eq!(said, texts);
        }
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        drop(store);
        assert_eq!(doctor(directory.path()).findings, [], "round {round}");
    }
    let acknowledged = acknowledged_before + acknowledged.len();
    println!("{acknowledged} acknowledged appends");
    assert!(acknowledged as u64 > rounds(), "the children got nothing done");
}

/// In the child: makes stores until killed.
fn make_for_ever(directory: &Path) {
    for number in 0.. {
        let directory = directory.join(number.to_string());
        let store = open(&directory);
        tell(&number.to_string());
        store.append(&scope("ann"), said("s", ["a"])).unwrap();
        tell(&number.to_string());
    }
}

#[test]
fn a_store_killed_while_it_is_made_is_made_by_the_next_one_who_opens_it() {
    const TEST: &str = "crash::a_store_killed_while_it_is_made_is_made_by_the_next_one_who_opens_it";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return make_for_ever(Path::new(&directory));
    }
    let mut chance = Chance::new();
    for round in 0..rounds() {
        let directory = tempfile::tempdir().unwrap();
        let child = start(TEST, directory.path());
        // After an acknowledgement the next store is being made: some moment of that is the one.
        let told = chance.below(6);
        let pause = Duration::from_micros(chance.below(8_000));
        let told = kill_after(child, told, pause);
        for store in std::fs::read_dir(directory.path()).unwrap() {
            let store = store.unwrap().path();
            let name = store.file_name().unwrap().to_str().unwrap().to_owned();
            let opened = open(&store);
            let acknowledged = told.iter().filter(|told| **told == name).count();
            let kept = texts(&opened, &scope("ann")).len();
            assert!(kept + 1 >= acknowledged, "round {round}, store {name}");
            opened.append(&scope("ann"), said("s", ["b"])).unwrap();
            assert_sound(&store);
        }
    }
}

fn receipt(number: usize) -> Receipt {
    Receipt {
        id: ReceiptId(uuid::Uuid::from_u128(number as u128)),
        session: None,
        time: now(),
        zone: ZoneOffsets::utc(),
        query: format!("query of erased {}", number % 4),
        identity: None,
        identity_hash: None,
        profile_epoch: 0,
        budget_tokens: 0,
        used_tokens: 0,
        sections: vec![],
        items: vec![],
        summaries: ReceiptSummaries::default(),
        context_hash: String::new(),
        degraded: None,
        timings: vec![],
    }
}

/// In the child: four users are written to and erased in turn, among others who stay, until killed.
fn erase_for_ever(directory: &Path) {
    let store = open(directory);
    let process = std::process::id() as usize;
    for number in 0.. {
        let user = scope(&format!("erased {}", number % 4));
        let parts = (0..8)
            .map(|part| format!("words of erased {} {number} {part} {}", number % 4, "x".repeat(part * 700)));
        tell(&format!("append to {}", user.user.user));
        let append = Append { receipt: Some(receipt(process * 100_000 + number)), ..said("s", parts) };
        store.append(&user, append).unwrap();
        store
            .append(&scope("stays"), said("s", [format!("{number} {}", "x".repeat(number % 9 * 300))]))
            .unwrap();
        tell("kept");
        if number % 3 == 2 {
            let user = scope(&format!("erased {}", (number + 2) % 4));
            tell(&format!("erase {}", user.user.user));
            store.erase_user(&user.user).unwrap();
        }
    }
}

#[test]
fn an_erasure_that_is_killed_has_happened_whole_or_not_at_all() {
    const TEST: &str = "crash::an_erasure_that_is_killed_has_happened_whole_or_not_at_all";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return erase_for_ever(Path::new(&directory));
    }
    let mut chance = Chance::new();
    for round in 0..rounds() {
        let directory = tempfile::tempdir().unwrap();
        let child = start(TEST, directory.path());
        let pause = Duration::from_micros(chance.below(4_000));
        let told = kill_after(child, 3 + chance.below(60), pause);
        // Opening finishes what was begun.
        let store = open(directory.path());
        for user in (0..4).map(|user| format!("erased {user}")) {
            if store.revision(&scope(&user)).unwrap().is_none() {
                // An append that was killed and never happened may have left its words in the log: it is no trace
                // of the erasure before it, and its caller was told nothing.
                let last = told.iter().rfind(|told| told.ends_with(&user));
                if last == Some(&format!("erase {user}")) {
                    assert!(
                        !any_file_holds(directory.path(), &user),
                        "traces of {user} in round {round}: {told:?}"
                    );
                }
            } else {
                let texts = texts(&store, &scope(&user));
                assert!(
                    !texts.is_empty() && texts.len().is_multiple_of(8),
                    "half of {user} in round {round}: {told:?}"
                );
            }
        }
        let kept = told.iter().filter(|told| *told == "kept").count();
        assert!(texts(&store, &scope("stays")).len() >= kept);
        drop(store);
        assert_eq!(doctor(directory.path()).findings, [], "round {round}");
    }
}
