//! The behaviours of counting what was spent, one function each.

use std::collections::BTreeSet;

use super::WithStore;
use super::support::{append, dialogue, scope};
use crate::model::{Day, Scope, Usage, UsageStage};
use crate::ports::{DayUsage, Parent, Store};

use UsageStage::{Extract, Repair};

/// A day of November.
pub(super) fn day(day: i8) -> Day {
    Day::constant(2023, 11, day)
}

/// No two fields alike, so that none can be taken for another.
pub(super) fn usage(calls: u64) -> Usage {
    Usage { calls, prompt_tokens: 100 * calls, answer_tokens: 10 * calls, cost_nanos: 7_000 * calls }
}

fn spent(day_of_month: i8, stage: UsageStage, calls: u64) -> DayUsage {
    DayUsage { day: day(day_of_month), stage, usage: usage(calls) }
}

fn add(store: &dyn Store, scope: &Scope, day_of_month: i8, stage: UsageStage, calls: u64) -> Usage {
    store.add_usage(&scope.user, day(day_of_month), stage, usage(calls)).expect("an addition")
}

/// Somebody of whom the store keeps something.
fn known(store: &dyn Store, tenant: &str, user: &str) -> Scope {
    let scope = scope(tenant, user);
    append(store, &scope, dialogue("s", Parent::Head, &["a"]));
    scope
}

/// Whatever agent, app or run it was spent for; each with its own sum.
pub fn usage_is_counted_by_user_stage_and_day(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob, other) =
            (known(store, "acme", "ann"), known(store, "acme", "bob"), known(store, "other", "ann"));
        for (scope, day, stage, calls) in [
            (&ann, 2, Repair, 1),
            (&ann, 2, Extract, 2),
            (&ann, 1, Extract, 3),
            (&bob, 2, Extract, 4),
            (&ann, 2, Extract, 5),
            (&other, 2, Extract, 6),
        ] {
            add(store, scope, day, stage, calls);
        }
        let all = day(1)..=day(30);
        assert_eq!(
            store.user_usage(&ann.user, all.clone()),
            Ok(vec![spent(1, Extract, 3), spent(2, Extract, 7), spent(2, Repair, 1)])
        );
        assert_eq!(
            store.tenant_usage(ann.tenant(), all.clone()),
            Ok(vec![spent(1, Extract, 3), spent(2, Extract, 11), spent(2, Repair, 1)])
        );
        assert_eq!(store.tenant_usage(other.tenant(), all), Ok(vec![spent(2, Extract, 6)]));
    });
}

/// Of all users and stages, but not of other days or tenants.
pub fn an_addition_tells_what_the_tenant_spent_on_the_day(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob, other) =
            (known(store, "acme", "ann"), known(store, "acme", "bob"), known(store, "other", "ann"));
        assert_eq!(add(store, &ann, 1, Extract, 1), usage(1));
        assert_eq!(add(store, &bob, 1, Extract, 2), usage(3));
        assert_eq!(add(store, &ann, 1, Repair, 4), usage(7));
        assert_eq!(add(store, &ann, 2, Extract, 8), usage(8));
        assert_eq!(add(store, &other, 1, Extract, 16), usage(16));
    });
}

/// Both ends belong to it.
pub fn usage_is_read_of_a_range_of_days(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = known(store, "acme", "ann");
        for day in [1, 2, 3, 5] {
            add(store, &ann, day, Extract, day.unsigned_abs().into());
        }
        for (first, last, wanted) in [(2, 3, vec![2, 3]), (4, 5, vec![5]), (4, 4, vec![]), (3, 2, vec![])] {
            let wanted: Vec<_> =
                wanted.into_iter().map(|day: u8| spent(day.cast_signed(), Extract, day.into())).collect();
            let days = || day(first)..=day(last);
            assert_eq!(store.user_usage(&ann.user, days()), Ok(wanted.clone()));
            assert_eq!(store.tenant_usage(ann.tenant(), days()), Ok(wanted));
        }
    });
}

/// So nobody gets a new budget by erasing somebody, and no name comes back with what a late worker spent.
pub fn what_was_spent_for_an_erased_user_stays_in_the_tenants_sum_alone(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, anna) = (known(store, "acme", "ann"), known(store, "acme", "anna"));
        add(store, &ann, 1, Extract, 1);
        add(store, &ann, 1, Repair, 2);
        add(store, &anna, 1, Extract, 4);
        let all = || day(1)..=day(30);
        assert_eq!(store.erase_user(&ann.user).map(|erased| erased.usages), Ok(2));
        assert_eq!(add(store, &ann, 1, Extract, 8), usage(15));
        assert_eq!(store.user_usage(&ann.user, all()), Ok(vec![]));
        assert_eq!(store.user_usage(&anna.user, all()), Ok(vec![spent(1, Extract, 4)]));
        assert_eq!(
            store.tenant_usage(ann.tenant(), all()),
            Ok(vec![spent(1, Extract, 13), spent(1, Repair, 2)])
        );
        // The user's new life begins at nothing.
        append(store, &ann, dialogue("s", Parent::Head, &["a"]));
        add(store, &ann, 1, Extract, 16);
        assert_eq!(store.user_usage(&ann.user, all()), Ok(vec![spent(1, Extract, 16)]));
    });
}

/// A budget holds by the sums they are told: each is another, and the greatest is all there is.
pub fn additions_at_once_lose_nothing_and_are_told_different_sums(with_store: WithStore<'_>) {
    const WORKERS: usize = 8;
    const ADDITIONS: usize = 10;
    with_store(&mut |store| {
        let users: Vec<_> = (0..2).map(|number| known(store, "acme", &number.to_string())).collect();
        let told = std::thread::scope(|threads| {
            let workers: Vec<_> = (0..WORKERS)
                .map(|worker| {
                    let user = &users[worker % users.len()];
                    threads.spawn(move || {
                        let add = |_| add(store, user, 1, Extract, 1).calls;
                        (0..ADDITIONS).map(add).collect::<Vec<_>>()
                    })
                })
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect::<BTreeSet<_>>()
        });
        let all = (WORKERS * ADDITIONS) as u64;
        assert_eq!(told, (1..=all).collect());
        let days = || day(1)..=day(1);
        assert_eq!(store.tenant_usage(users[0].tenant(), days()), Ok(vec![spent(1, Extract, all)]));
        for user in &users {
            let half = all / users.len() as u64;
            assert_eq!(store.user_usage(&user.user, days()), Ok(vec![spent(1, Extract, half)]));
        }
    });
}
