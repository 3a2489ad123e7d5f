//! What waits, in order, bounded, through crashes and erasures.

use std::path::Path;

use tempfile::TempDir;
use throughline::journal::Said;
use throughline::model::{Content, Role, SessionId, TenantId, UserId};

use super::*;

fn spool(folder: &TempDir, bytes_max: u64) -> Spool {
    Spool::open(SpoolConfig { folder: folder.path().to_owned(), bytes_max }).unwrap()
}

fn scope(user: &str) -> Scope {
    Scope::of(TenantId::single(), UserId::new(user).unwrap())
}

fn exchange(text: &str) -> Exchange {
    Exchange {
        time: None,
        session: None,
        new_session: SessionId::new("s").unwrap(),
        messages: vec![Said { role: Role::User, name: None, content: Content::text(text) }],
        reply: None,
        outcome: None,
        zone: None,
        receipt: None,
    }
}

/// What is delivered, in order.
fn drained(spool: &Spool) -> Vec<(Scope, Exchange)> {
    std::iter::from_fn(|| {
        let first = spool.first().unwrap()?;
        spool.remove_first().unwrap();
        Some(first)
    })
    .collect()
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn what_was_put_in_comes_out_in_order_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000_000);
    let put = [("ada", "one"), ("bob", "two"), ("ada", "three")];
    for (user, text) in put {
        spool.put(&scope(user), &exchange(text)).unwrap();
    }
    assert!(spool.holds(&scope("bob")) && !spool.holds(&scope("cleo")));
    assert_eq!(spool.size().0, 3);
    assert_eq!(drained(&spool), put.map(|(user, text)| (scope(user), exchange(text))));
    assert!(!spool.holds(&scope("ada")));
    assert_eq!((spool.size(), files(folder.path()).len()), ((0, 0), 0));
}

#[test]
fn what_a_process_left_behind_is_delivered_by_the_next_before_anything_new() {
    let folder = tempfile::tempdir().unwrap();
    let before = spool(&folder, 1_000_000);
    before.put(&scope("ada"), &exchange("one")).unwrap();
    before.put(&scope("ada"), &exchange("two")).unwrap();
    before.remove_first().unwrap();
    let beside = spool(&folder, 1_000_000);
    assert!(!beside.holds(&scope("ada")), "its process is running");
    drop(before);
    let after = spool(&folder, 1_000_000);
    assert!(after.holds(&scope("ada")));
    after.put(&scope("ada"), &exchange("three")).unwrap();
    // What was delivered may come once more; the store has it already.
    let texts: Vec<_> = drained(&after).into_iter().map(|(_, exchange)| exchange).collect();
    assert_eq!(texts, ["one", "two", "three"].map(exchange));
}

#[test]
fn a_file_that_a_newer_version_wrote_is_left_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SpoolFile::create(folder.path()).unwrap();
    file.append(&[9, 1]).unwrap();
    let written = files(folder.path());
    drop(file);
    let spool = spool(&folder, 1_000_000);
    assert_eq!(drained(&spool), []);
    assert_eq!(files(folder.path()), written);
}

#[test]
fn a_full_spool_refuses_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000);
    let taken = (0..100).take_while(|_| spool.put(&scope("ada"), &exchange("again")).is_ok()).count();
    assert!((1..100).contains(&taken), "{taken}");
    assert!(matches!(spool.put(&scope("ada"), &exchange("again")), Err(SpoolError::Full(_))));
    assert!(spool.size().1 <= 1_000);
    assert_eq!(drained(&spool).len(), taken);
    spool.put(&scope("ada"), &exchange("again")).unwrap();
}

#[test]
fn an_erased_user_is_in_no_file_and_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(&folder, 1_000_000);
    for (user, text) in [("ada", "bees"), ("bob", "boats"), ("ada", "hives")] {
        spool.put(&scope(user), &exchange(text)).unwrap();
    }
    assert_eq!(spool.remove_user(&scope("ada").user).unwrap(), 2);
    let left = files(folder.path()).concat();
    let holds = |text: &str| left.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds("boats") && !holds("bees") && !holds("hives"));
    assert_eq!(drained(&spool), [(scope("bob"), exchange("boats"))]);
}
