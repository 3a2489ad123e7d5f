//! The behaviours of counting requests, one function each.

use std::collections::BTreeSet;

use super::WithStore;
use super::support::tenant;
use crate::ports::Minute;

/// Each minute begins anew, and no tenant pays for another.
pub fn requests_are_counted_by_tenant_and_minute(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (acme, other) = (tenant("acme"), tenant("other"));
        let taken =
            [(&acme, 7, 3), (&acme, 7, 2), (&other, 7, 10), (&acme, 8, 4), (&acme, 8, 1), (&other, 8, 1)]
                .map(|(tenant, minute, count)| {
                    store.take_requests(tenant, Minute(minute), count).expect("a count")
                });
        assert_eq!(taken, [3, 5, 10, 4, 5, 1]);
    });
}

/// So no two servers give away the same one.
pub fn requests_taken_at_once_are_all_counted(with_store: WithStore<'_>) {
    const THREADS: u64 = 4;
    const TIMES: u64 = 10;
    with_store(&mut |store| {
        let acme = tenant("acme");
        let take = || {
            (0..TIMES).map(|_| store.take_requests(&acme, Minute(7), 5).expect("a count")).collect::<Vec<_>>()
        };
        let sums: BTreeSet<u64> = std::thread::scope(|threads| {
            let running: Vec<_> = (0..THREADS).map(|_| threads.spawn(take)).collect();
            running.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
        });
        assert_eq!(sums, (1..=THREADS * TIMES).map(|times| times * 5).collect());
    });
}
