//! Processes that write, embed and learn at once: nothing that waits is overlooked, though lists are in other slots.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use throughline::model::{ChainHash, MessageHash, Role, Timestamp};
use throughline::ports::{EmbeddedRow, JobClaim, JobDone, LedgerAppend, PassageDraft, Store};
use throughline_redis::RedisStore;

use crate::support::{options, said, scope, url};

const WRITERS: usize = 4;
const TURNS: u64 = 200;

/// Writers of a user each, beside what `beside` does until they are done and it finds nothing more to do.
fn while_writing(store: &(dyn Fn() -> RedisStore + Sync), beside: &(dyn Fn(&dyn Store) -> bool + Sync)) {
    let writing = AtomicUsize::new(WRITERS);
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let writing = &writing;
            threads.spawn(move || {
                let (store, mut chain) = (store(), ChainHash::ROOT);
                let (store, user) = (&store as &dyn Store, scope(&writer.to_string()));
                for number in 0..TURNS {
                    let text = number.to_string();
                    let mut append = said(&text, chain);
                    append.turns[0].passages =
                        vec![PassageDraft { body: text.clone().into(), read_by: vec![] }];
                    store.append(&user, append).unwrap();
                    chain = chain.then(MessageHash::of(Role::User, &text));
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        for _ in 0..2 {
            let writing = &writing;
            threads.spawn(move || {
                let store = store();
                loop {
                    let written = writing.load(Ordering::SeqCst) == 0;
                    if !beside(&store) && written {
                        break;
                    }
                }
            });
        }
    });
}

#[test]
fn real_rows_that_are_written_while_others_are_embedded_are_embedded_too() {
    for name in ["redis-8", "cluster"] {
        let options = options();
        let open = || RedisStore::open(&url(name), None, &options).unwrap();
        while_writing(&open, &|store| {
            let waiting = store.unembedded(1, 100).unwrap();
            let found = !waiting.is_empty();
            let read = waiting.into_iter().map(|waiting| EmbeddedRow {
                scope: waiting.scope,
                number: waiting.row.number,
                body: b"vector".to_vec(),
                read_by: vec![1],
            });
            store.put_embedded(read.collect()).unwrap();
            found
        });
        let store = open();
        let store: &dyn Store = &store;
        assert_eq!(store.unembedded_count(), Ok(0));
        for writer in 0..WRITERS {
            let mut bodies = Vec::new();
            store.search_rows(&scope(&writer.to_string()), 0, &mut |row| bodies.push(row.body)).unwrap();
            assert_eq!(bodies.len() as u64, TURNS);
            assert!(bodies.iter().all(|body| body == b"vector"), "{name}: a row of {writer} was overlooked");
        }
    }
}

#[test]
fn real_turns_that_are_written_while_others_are_learned_from_are_learned_from_too() {
    for name in ["redis-8", "cluster"] {
        let options = options();
        let open = || RedisStore::open(&url(name), None, &options).unwrap();
        let learned: Mutex<BTreeMap<_, Vec<(u64, u64)>>> = Mutex::default();
        let at = Timestamp::from_second(1).unwrap();
        while_writing(&open, &|store| {
            let claim =
                JobClaim { now: at, lease_until: Timestamp::MAX, quiet_since: at, turns_max: 1, only: None };
            let Some(claimed) = store.claim_job(&claim).unwrap() else { return false };
            let (job, token) = (claimed.job, claimed.token);
            let done = JobDone { number: job.number, token, through: job.turns.1, dead: None };
            let after = store.ledger_end(&job.scope).unwrap();
            let append = LedgerAppend { after, entries: vec![], profile: None, job: Some(done), now: at };
            // While it is ours nobody has another one of its scope.
            learned.lock().unwrap().entry(job.scope.clone()).or_default().push(job.turns);
            store.append_ledger(&job.scope, append).unwrap();
            true
        });
        let store = open();
        let store: &dyn Store = &store;
        assert_eq!(store.outbox_count(), Ok(0));
        for writer in 0..WRITERS {
            // One after the other, each turn once.
            let mut next = 1;
            for (first, last) in &learned.lock().unwrap()[&scope(&writer.to_string())] {
                assert_eq!(*first, next, "{name}: {writer}");
                next = last + 1;
            }
            assert_eq!(next, TURNS + 1, "{name}: turns of {writer} were overlooked");
        }
    }
}
