//! Reading all of a scope, in the order in which it is restored and a bounded part at a time.

use super::CopyError;
use crate::model::Scope;
use crate::ports::{ALL_DAYS, CopiedTurn, CopyStore, Record, ScopeRecord, StoreError, TurnsPage};

/// What is read at once of one kind.
const PAGE_RECORDS_MAX: usize = 256;

/// About how long a record without text of the user's is.
const SMALL_BYTES: usize = 256;

/// About how much of the memory a record takes.
pub(super) fn bytes(record: &Record) -> usize {
    SMALL_BYTES
        + match record {
            Record::Turn(CopiedTurn { turn, .. }) => {
                let json = turn.content.json.as_ref().map_or(0, String::len);
                turn.content.text.len() + json + turn.metadata.as_ref().map_or(0, String::len)
            }
            Record::Row(row) => row.row.body.len(),
            Record::Receipt(receipt) => receipt.query.len(),
            Record::Key(key) => key.key.len() + 8 * key.turns.len(),
            _ => 0,
        }
}

/// Shows every record of a scope.
pub(super) fn for_each_record(
    store: &dyn CopyStore,
    scope: &Scope,
    record: &ScopeRecord,
    sink: &mut dyn FnMut(Record) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    turns(store, scope, sink)?;
    let rows = |after| store.copied_rows(scope, after, PAGE_RECORDS_MAX);
    paged(rows, |row| row.row.number, Record::Row, sink)?;
    let entries = |after| store.ledger(scope, after, PAGE_RECORDS_MAX);
    paged(entries, |entry| entry.number, Record::Entry, sink)?;
    let newest = store.profile(scope, None).map_err(CopyError::From)?.epoch;
    for epoch in 1..=newest {
        let profile = store.profile(scope, Some(epoch)).map_err(CopyError::From)?;
        // Versions that were forgotten are not there.
        if profile.epoch == epoch {
            sink(Record::Profile(profile))?;
        }
    }
    receipts(store, scope, sink)?;
    for tombstone in store.tombstones(scope).map_err(CopyError::From)? {
        sink(Record::Tombstone(tombstone))?;
    }
    let keys = |after| store.copied_keys(scope, after, PAGE_RECORDS_MAX);
    paged(keys, |key| key.number, Record::Key, sink)?;
    for job in &record.jobs {
        sink(Record::Job(job.clone()))?;
    }
    for usage in store.user_usage(&scope.user, ALL_DAYS).map_err(CopyError::From)? {
        sink(Record::Usage(usage))?;
    }
    Ok(())
}

fn paged<T>(
    read: impl Fn(u64) -> Result<Vec<T>, StoreError>,
    number: impl Fn(&T) -> u64,
    record: impl Fn(T) -> Record,
    sink: &mut dyn FnMut(Record) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after = 0;
    loop {
        let page = read(after).map_err(CopyError::From)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = number(last);
        page.into_iter().try_for_each(|one| sink(record(one)))?;
    }
}

fn turns(
    store: &dyn CopyStore,
    scope: &Scope,
    sink: &mut dyn FnMut(Record) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut after = 0;
    loop {
        let page = TurnsPage { session: None, after, limit: PAGE_RECORDS_MAX };
        let turns = store.turns_page(scope, &page).map_err(CopyError::From)?;
        let Some(last) = turns.last() else { return Ok(()) };
        after = last.id.seq;
        // A chain covers the message: of several turns with one chain all have the same.
        let chains: Vec<_> = turns.iter().map(|turn| turn.chain).collect();
        let known = store.turns_by_chain(scope, None, &chains).map_err(CopyError::From)?;
        for (turn, known) in turns.into_iter().zip(known) {
            // None where the scope was erased meanwhile: the next pass sees that.
            let Some(known) = known else { return Ok(()) };
            sink(Record::Turn(CopiedTurn { turn, message: known.message }))?;
        }
    }
}

fn receipts(
    store: &dyn CopyStore,
    scope: &Scope,
    sink: &mut dyn FnMut(Record) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut done = Ok(());
    let mut each = |receipt| {
        if done.is_ok() {
            done = sink(Record::Receipt(receipt));
        }
    };
    store.receipts(scope, &mut each).map_err(CopyError::From)?;
    done
}
