//! Writers that go on whatever happens, and remember what was acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use throughline::model::{ChainHash, MessageHash, Role};
use throughline::ports::{Store, StoreError, TurnsPage};
use throughline_redis::RedisStore;

use crate::support::{said, scope};

const WRITERS: usize = 8;

/// What a load came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: u64,
    /// Calls that failed; each was repeated until it did not.
    pub(crate) errors: u64,
    /// The longest that a writer waited for an acknowledgement.
    pub(crate) longest: Duration,
}

/// Writers of a user each say one turn after the other, through one of the stores each, until `disturb` returns and each has
/// been acknowledged once more. Then everything that was acknowledged must be there, once, with all that belongs to it.
pub(crate) fn loses_nothing(stores: &[RedisStore], disturb: impl FnOnce(&dyn Fn(u64))) -> Outcome {
    let (over, acknowledged, errors) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let counts = std::thread::scope(|threads| {
        let write = |writer: usize| {
            let (store, over, acknowledged, errors) =
                (&stores[writer % stores.len()], &over, &acknowledged, &errors);
            move || {
                let (mut chain, mut longest, mut number) = (ChainHash::ROOT, Duration::ZERO, 0);
                loop {
                    let last = over.load(Ordering::Relaxed);
                    let text = number.to_string();
                    let began = Instant::now();
                    // A write whose fate is not known is repeated: that must not make two of it.
                    while let Err(error) = (store as &dyn Store).append(&user(writer), said(&text, chain)) {
                        // The turn before was acknowledged.
                        assert_ne!(error, StoreError::Conflict, "writer {writer} lost turn {number}");
                        errors.fetch_add(1, Ordering::Relaxed);
                        println!("writer {writer}: {error}");
                    }
                    longest = longest.max(began.elapsed());
                    chain = chain.then(MessageHash::of(Role::User, &text));
                    number += 1;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    if last {
                        return (number, longest);
                    }
                }
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| threads.spawn(write(writer))).collect();
        let wait_for = |more: u64| {
            let wanted = acknowledged.load(Ordering::Relaxed) + more;
            while acknowledged.load(Ordering::Relaxed) < wanted {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        disturb(&wait_for);
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    for (writer, (count, _)) in counts.iter().enumerate() {
        holds(&stores[0], writer, *count);
    }
    let outcome = Outcome {
        acknowledged: counts.iter().map(|(count, _)| count).sum(),
        errors: errors.into_inner(),
        longest: counts.iter().map(|(_, longest)| *longest).max().unwrap_or_default(),
    };
    let Outcome { acknowledged, errors, longest } = &outcome;
    println!("{acknowledged} writes acknowledged, {errors} errors, {longest:?} the longest wait");
    outcome
}

fn user(writer: usize) -> throughline::model::Scope {
    scope(&format!("writer {writer}"))
}

/// The writer's turns are there, each once and in order, with a row each and one job for all.
fn holds(store: &RedisStore, writer: usize, count: u64) {
    let (store, scope) = (store as &dyn Store, user(writer));
    let page = TurnsPage { session: None, after: 0, limit: usize::MAX };
    let texts: Vec<String> =
        store.turns_page(&scope, &page).unwrap().into_iter().map(|turn| turn.content.text).collect();
    let wanted: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    assert_eq!(texts, wanted, "writer {writer}");
    let mut rows = Vec::new();
    store.search_rows(&scope, 0, &mut |row| rows.push(row.turn)).unwrap();
    assert_eq!(rows, (1..=count).collect::<Vec<_>>(), "writer {writer}");
    let jobs = store.jobs(scope.tenant(), 0, usize::MAX).unwrap();
    let own: Vec<_> = jobs.iter().filter(|job| job.scope == scope).map(|job| job.turns).collect();
    assert_eq!(own, [(1, count)], "writer {writer}");
}
