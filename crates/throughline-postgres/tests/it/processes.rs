//! Several processes on one database: each store here has connections of its own, and that is all a process has.

use throughline::ports::{
    JobClaim, JobDone, JobStore as _, LedgerAppend, LedgerStore as _, ReadStore as _, StoreError,
    WriteStore as _,
};

use crate::database::{PGBOUNCER, POSTGRES};
use crate::support::{at, said, scope, told};

#[test]
fn real_what_one_process_was_told_the_other_finds_at_once_and_both_write_one_line() {
    for server in [POSTGRES, PGBOUNCER] {
        let database = server.database();
        let (one, other) = (database.open(), database.open());
        let ann = scope("ann");
        std::thread::scope(|threads| {
            for writer in 0..4 {
                let (store, beside) = if writer % 2 == 0 { (&one, &other) } else { (&other, &one) };
                let ann = &ann;
                threads.spawn(move || {
                    for number in 0..15 {
                        let appended = store.append(ann, said(&format!("{writer}: {number}"))).unwrap();
                        let row = beside.revision(ann).unwrap().unwrap().row;
                        assert!(row >= appended.turns[0].seq);
                    }
                });
            }
        });
        assert_eq!(told(&other, &ann).len(), 60);
    }
}

#[test]
fn real_a_worker_that_wakes_up_in_one_process_cannot_write_after_another_took_its_job() {
    let database = POSTGRES.database();
    let (slow, quick) = (database.open(), database.open());
    let ann = scope("ann");
    slow.append(&ann, said("one")).unwrap();
    let claim = |second| JobClaim {
        now: at(second),
        lease_until: at(second + 10),
        quiet_since: at(second),
        turns_max: 1,
        only: None,
    };
    let late = slow.claim_job(&claim(5)).unwrap().unwrap();
    assert_eq!(quick.claim_job(&claim(6)).unwrap(), None);
    let taken = quick.claim_job(&claim(15)).unwrap().unwrap();
    let done = |claimed: &throughline::ports::ClaimedJob| LedgerAppend {
        after: 0,
        entries: vec![],
        profile: None,
        job: Some(JobDone { number: claimed.job.number, token: claimed.token, through: 1, dead: None }),
        now: at(16),
    };
    assert_eq!(slow.append_ledger(&ann, done(&late)), Err(StoreError::Conflict));
    assert_eq!(quick.append_ledger(&ann, done(&taken)), Ok(0));
    assert_eq!(slow.outbox_count(), Ok(0));
}
