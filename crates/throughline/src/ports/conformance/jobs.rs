//! The behaviours of learning jobs, one function each.

use super::WithStore;
use super::ledger::{claim, entries};
use super::support::{append, at, dialogue, scope, session};
use crate::model::{Scope, UserKey};
use crate::ports::{
    Append, ClaimedJob, Job, JobClaim, JobDone, JobState, LEASE_RAN_OUT, LedgerAppend, Parent, Store,
    StoreError,
};

/// Turns of a session, written at this second.
fn say(store: &dyn Store, scope: &Scope, name: &str, second: i64, texts: &[&str]) {
    append(store, scope, Append { now: at(second), ..dialogue(name, Parent::Head, texts) });
}

/// What a worker asks at this second: for ten seconds, and waiting for nobody.
fn now(second: i64) -> JobClaim {
    JobClaim {
        now: at(second),
        lease_until: at(second + 10),
        quiet_since: at(second),
        turns_max: u64::MAX,
        only: None,
    }
}

fn only(second: i64, user: &UserKey) -> JobClaim {
    JobClaim { only: Some(user.clone()), ..now(second) }
}

fn take(store: &dyn Store, claim: &JobClaim) -> Option<ClaimedJob> {
    store.claim_job(claim).expect("a claim")
}

fn taken(store: &dyn Store, claim: &JobClaim) -> ClaimedJob {
    take(store, claim).expect("a job")
}

fn done(claimed: &ClaimedJob) -> JobDone {
    JobDone { number: claimed.job.number, token: claimed.token, through: claimed.job.turns.1, dead: None }
}

/// Ends a job that found nothing.
fn end(store: &dyn Store, done: JobDone, scope: &Scope) -> Result<u64, StoreError> {
    let after = store.ledger_end(scope).expect("an end");
    store.append_ledger(scope, LedgerAppend { job: Some(done), now: at(100), ..entries(after, []) })
}

fn jobs(store: &dyn Store, scope: &Scope) -> Vec<Job> {
    store.jobs(scope.tenant(), 0, usize::MAX).expect("jobs")
}

fn states(store: &dyn Store, scope: &Scope) -> Vec<(JobState, (u64, u64))> {
    jobs(store, scope).into_iter().map(|job| (job.state, job.turns)).collect()
}

use JobState::{Dead, Retrying, Running, Waiting};

/// However many appends they came in; each session has its own, and a history that is resent adds nothing.
pub fn turns_of_a_session_wait_in_one_job(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        say(store, &ann, "s", 1, &["a", "b"]);
        say(store, &ann, "t", 2, &["c"]);
        say(store, &ann, "s", 3, &["d"]);
        say(store, &bob, "s", 4, &["e"]);
        let resent = dialogue("s", Parent::Chain(crate::model::ChainHash::ROOT), &["a", "b"]);
        append(store, &ann, resent);
        let found = jobs(store, &ann);
        let [first, second, third] = &found[..] else { panic!("{found:?}") };
        let wanted = Job {
            number: first.number,
            scope: ann.clone(),
            session: session("s"),
            turns: (1, 4),
            state: Waiting,
            attempts: 0,
            due: at(1),
            created: at(1),
            failure: None,
        };
        assert_eq!(*first, wanted);
        assert_eq!((&second.scope, &second.session, second.turns), (&ann, &session("t"), (3, 3)));
        assert_eq!((&third.scope, third.turns, third.created), (&bob, (1, 1), at(4)));
        assert_eq!(store.outbox_count(), Ok(3));
        // By number, of the tenant alone.
        let page = store.jobs(ann.tenant(), first.number, 1).expect("jobs");
        assert_eq!(page, std::slice::from_ref(second));
        assert_eq!(jobs(store, &scope("other", "ann")), []);
    });
}

/// It is ended with what was learned from it, and is no more.
pub fn a_job_is_taken_once_and_gone_when_it_is_done(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a", "b"]);
        let claimed = taken(store, &now(5));
        assert_eq!(claimed.job, Job { state: Running, ..jobs(store, &scope)[0].clone() });
        assert_eq!((claimed.job.turns, claimed.job.attempts), ((1, 2), 0));
        assert_eq!(take(store, &now(6)), None);
        assert_eq!(store.outbox_count(), Ok(1));
        let learned = LedgerAppend { job: Some(done(&claimed)), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&scope, learned.clone()), Ok(1));
        assert_eq!((jobs(store, &scope), store.outbox_count()), (vec![], Ok(0)));
        // Once more, and nothing is written.
        let again = LedgerAppend { after: 1, ..learned };
        assert_eq!(store.append_ledger(&scope, again), Err(StoreError::Conflict));
        assert_eq!(
            store.put_back_job(claimed.job.number, claimed.token, "why", at(9)),
            Err(StoreError::Conflict)
        );
        assert_eq!(store.ledger_end(&scope), Ok(1));
    });
}

/// Both by when turns were written, whenever they were said.
pub fn a_session_is_waited_for_until_it_is_quiet_or_has_much_to_say(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        say(store, &scope, "s", 20, &["b", "c"]);
        let quiet_since = |second| JobClaim { quiet_since: at(second), ..now(30) };
        assert_eq!(take(store, &quiet_since(19)), None);
        assert_eq!(take(store, &JobClaim { turns_max: 4, ..quiet_since(19) }), None);
        let many = taken(store, &JobClaim { turns_max: 3, ..quiet_since(19) });
        end(store, done(&many), &scope).expect("an end");
        say(store, &scope, "s", 40, &["d"]);
        assert_eq!(take(store, &JobClaim { quiet_since: at(39), ..now(50) }), None);
        assert!(take(store, &JobClaim { quiet_since: at(40), ..now(50) }).is_some());
    });
}

/// The oldest comes first, and one user's two sessions one after the other.
pub fn a_job_of_a_scope_waits_while_another_of_it_runs(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        say(store, &ann, "s", 1, &["a"]);
        say(store, &ann, "t", 2, &["b"]);
        say(store, &bob, "s", 3, &["c"]);
        let first = taken(store, &now(5));
        assert_eq!((&first.job.scope, first.job.session.as_str()), (&ann, "s"));
        let other = taken(store, &now(5));
        assert_eq!(other.job.scope, bob);
        assert_eq!(take(store, &now(5)), None);
        // Not even when it is asked for.
        assert_eq!(take(store, &only(5, &ann.user)), None);
        end(store, done(&first), &ann).expect("an end");
        assert_eq!(taken(store, &now(5)).job.session, session("t"));
    });
}

/// Due and quiet or not; and nobody else's.
pub fn a_users_jobs_are_taken_at_once_when_they_are_asked_for(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob, other) = (scope("acme", "ann"), scope("acme", "bob"), scope("other", "ann"));
        for scope in [&other, &bob, &ann] {
            say(store, scope, "s", 20, &["a"]);
        }
        assert_eq!(take(store, &now(5)), None);
        let claimed = taken(store, &only(5, &ann.user));
        assert_eq!(claimed.job.scope, ann);
        store.put_back_job(claimed.job.number, claimed.token, "why", at(90)).expect("put back");
        assert_eq!(taken(store, &only(5, &ann.user)).job.number, claimed.job.number);
        assert_eq!(take(store, &only(5, &ann.user)), None);
    });
}

/// They are not in the hands of the worker, who has read the others already.
pub fn turns_that_come_while_a_job_runs_make_a_new_one(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        let first = taken(store, &now(5));
        say(store, &scope, "s", 6, &["b"]);
        say(store, &scope, "s", 7, &["c"]);
        assert_eq!(states(store, &scope), [(Running, (1, 1)), (Waiting, (2, 3))]);
        // One session, however many jobs.
        assert_eq!(store.outbox_count(), Ok(1));
        end(store, done(&first), &scope).expect("an end");
        assert_eq!(states(store, &scope), [(Waiting, (2, 3))]);
        assert_eq!(taken(store, &now(8)).job.created, at(6));
    });
}

/// Who was too slow writes nothing: neither entries, nor a profile, nor that it failed.
pub fn a_worker_whose_lease_ran_out_cannot_write_once_another_has_its_job(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        say(store, &scope, "t", 2, &["b"]);
        let slow = taken(store, &now(5));
        assert_eq!(take(store, &now(14)), None);
        let quick = taken(store, &now(15));
        assert_eq!(quick.job.number, slow.job.number);
        assert!(quick.token > slow.token);
        assert_eq!((quick.job.attempts, quick.job.failure.as_deref()), (1, Some(LEASE_RAN_OUT)));
        let late = LedgerAppend { job: Some(done(&slow)), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&scope, late), Err(StoreError::Conflict));
        assert_eq!(store.put_back_job(slow.job.number, slow.token, "why", at(0)), Err(StoreError::Conflict));
        assert_eq!(store.ledger_end(&scope), Ok(0));
        let learned = LedgerAppend { job: Some(done(&quick)), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&scope, learned), Ok(1));
        // And in nobody's name: a job is ended in its own scope.
        let other = taken(store, &now(16));
        assert_eq!(end(store, done(&other), &self::scope("acme", "bob")), Err(StoreError::Conflict));
        assert_eq!(end(store, done(&other), &scope), Ok(1));
    });
}

/// It counts how often, and says what went wrong. New turns do not join it.
pub fn a_job_put_back_is_not_taken_before_its_time(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        for (attempts, second) in [(1, 20), (2, 40)] {
            let claimed = taken(store, &now(second - 10));
            let put_back = store.put_back_job(claimed.job.number, claimed.token, "overloaded", at(second));
            assert_eq!(put_back, Ok(()));
            let job = jobs(store, &scope).remove(0);
            assert_eq!((job.state, job.attempts, job.due), (Retrying, attempts, at(second)));
            assert_eq!(job.failure.as_deref(), Some("overloaded"));
            assert_eq!(take(store, &now(second - 1)), None);
        }
        say(store, &scope, "s", 39, &["b"]);
        assert_eq!(states(store, &scope), [(Retrying, (1, 1)), (Waiting, (2, 2))]);
        // Quiet or not: its turns are complete.
        let claim = JobClaim { quiet_since: at(0), ..now(40) };
        assert_eq!(taken(store, &claim).job.turns, (1, 1));
    });
}

/// What is said first is learned first. Other sessions do not wait.
pub fn a_job_put_back_keeps_later_ones_of_its_session_waiting(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        let failed = taken(store, &now(5));
        store.put_back_job(failed.job.number, failed.token, "overloaded", at(20)).expect("put back");
        say(store, &scope, "s", 6, &["b"]);
        assert_eq!(take(store, &now(10)), None);
        say(store, &scope, "t", 7, &["c"]);
        let other = taken(store, &now(10));
        assert_eq!(other.job.session, session("t"));
        end(store, done(&other), &scope).expect("an end");
        let again = taken(store, &now(20));
        assert_eq!(again.job.number, failed.job.number);
        end(store, done(&again), &scope).expect("an end");
        assert_eq!(taken(store, &now(20)).job.turns, (2, 2));
    });
}

/// It runs meanwhile, and is taken over; a replay of an older one of its session does not stand in its way.
pub fn a_replay_does_not_keep_a_job_that_runs_from_being_taken_over(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a"]);
        let dead = taken(store, &now(5));
        end(store, JobDone { dead: Some("why".to_owned()), ..done(&dead) }, &scope).expect("an end");
        say(store, &scope, "s", 6, &["b"]);
        let running = taken(store, &now(10));
        assert_eq!(store.replay_job(scope.tenant(), dead.job.number, at(11)), Ok(true));
        assert_eq!(take(store, &now(12)), None);
        assert_eq!(taken(store, &now(30)).job.number, running.job.number);
    });
}

/// A worker may take a part of them: the others wait, with those that came meanwhile.
pub fn turns_after_the_last_one_learned_from_wait_again(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a", "b"]);
        say(store, &scope, "t", 2, &["c"]);
        say(store, &scope, "s", 3, &["d", "e"]);
        let claimed = taken(store, &now(5));
        assert_eq!(claimed.job.turns, (1, 5));
        end(store, JobDone { through: 2, ..done(&claimed) }, &scope).expect("an end");
        // Turn 3 is another session's.
        assert_eq!(states(store, &scope), [(Waiting, (3, 3)), (Waiting, (4, 5))]);
        let rest = jobs(store, &scope).remove(1);
        assert_eq!((rest.session, rest.created, rest.due), (session("s"), at(3), at(100)));

        let claimed = taken(store, &only(5, &scope.user));
        end(store, done(&claimed), &scope).expect("an end");
        let claimed = taken(store, &only(5, &scope.user));
        say(store, &scope, "s", 6, &["f"]);
        end(store, JobDone { through: 4, ..done(&claimed) }, &scope).expect("an end");
        assert_eq!(states(store, &scope), [(Waiting, (5, 6))]);
        let claim = JobClaim { quiet_since: at(0), turns_max: 2, ..now(100) };
        assert_eq!(taken(store, &claim).job.created, at(3));
    });
}

/// What was learned from it stays, and so does it, until somebody asks for it again.
pub fn a_dead_job_is_kept_for_a_replay(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        say(store, &scope, "s", 1, &["a", "b", "c"]);
        let claimed = taken(store, &now(5));
        store.put_back_job(claimed.job.number, claimed.token, "overloaded", at(5)).expect("put back");
        let claimed = taken(store, &now(5));
        let dead = JobDone { dead: Some("no JSON".into()), through: 2, ..done(&claimed) };
        let learned = LedgerAppend { job: Some(dead), ..entries(0, [claim(1, "a")]) };
        assert_eq!(store.append_ledger(&scope, learned), Ok(1));
        assert_eq!(states(store, &scope), [(Dead, (1, 2)), (Waiting, (3, 3))]);
        let number = claimed.job.number;
        let job = jobs(store, &scope).remove(0);
        assert_eq!((job.number, job.failure.as_deref()), (number, Some("no JSON")));
        let rest = taken(store, &only(6, &scope.user));
        end(store, done(&rest), &scope).expect("an end");
        assert_eq!((take(store, &only(6, &scope.user)), store.outbox_count()), (None, Ok(0)));

        assert_eq!(store.replay_job(&self::scope("other", "ann").user.tenant, number, at(7)), Ok(false));
        assert_eq!(store.replay_job(scope.tenant(), number, at(7)), Ok(true));
        assert_eq!(store.replay_job(scope.tenant(), number, at(7)), Ok(false));
        let job = jobs(store, &scope).remove(0);
        assert_eq!((job.state, job.attempts, job.due), (Retrying, 0, at(7)));
        assert_eq!(store.outbox_count(), Ok(1));
        assert_eq!(take(store, &now(6)), None);
        let replayed = taken(store, &now(7));
        assert_eq!((replayed.job.number, replayed.job.turns), (number, (1, 2)));
        assert_eq!(end(store, done(&replayed), &scope), Ok(1));
        assert_eq!(jobs(store, &scope), []);
    });
}

/// Eight workers, four scopes, three sessions each: every job is done once, and no scope is in two hands.
pub fn workers_at_once_never_have_two_jobs_of_a_scope(with_store: WithStore<'_>) {
    const WORKERS: usize = 8;
    with_store(&mut |store| {
        let scopes: Vec<Scope> = (0..4).map(|user| scope("acme", &format!("user {user}"))).collect();
        for scope in &scopes {
            for name in ["s", "t", "u"] {
                say(store, scope, name, 1, &["a", "b"]);
            }
        }
        std::thread::scope(|threads| {
            for _ in 0..WORKERS {
                threads.spawn(|| {
                    while store.outbox_count().expect("a count") > 0 {
                        let Some(claimed) = take(store, &now(5)) else { continue };
                        let ClaimedJob { job, .. } = &claimed;
                        // Nobody else appends to this ledger meanwhile, so this is never a conflict.
                        let after = store.ledger_end(&job.scope).expect("an end");
                        let acts = [claim(job.number.into(), "a")];
                        let learned = LedgerAppend { job: Some(done(&claimed)), ..entries(after, acts) };
                        store.append_ledger(&job.scope, learned).expect("the only worker of its scope");
                    }
                });
            }
        });
        for scope in &scopes {
            assert_eq!(store.ledger_end(scope), Ok(3));
        }
        assert_eq!(jobs(store, &scopes[0]), []);
    });
}
