//! The ledger: entries in the order they were recorded, read from any number on, and written only by who knows the newest.

use std::collections::HashSet;

use redis::Value;
use throughline::codec::{decode_entry, encode_entry};
use throughline::model::{Act, Entry, Scope};
use throughline::ports::{EntryDraft, LedgerAppend, ProfileEdit, StoreError};

use crate::append::next;
use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::error::Fault;
use crate::job_record::Jobs;
use crate::journal::time;
use crate::keys::Part;
use crate::places::Thing;
use crate::profiles;
use crate::reply;
use crate::store::RedisStore;
use crate::writing::{Decision, Writing};

/// Entries that are read at once.
const ENTRIES_PER_READ_MAX: u64 = 512;

/// An entry's record: when it was recorded, and its payload.
pub(crate) fn record(recorded: i64, body: &[u8]) -> Vec<u8> {
    Packed::default().i64(recorded).bytes(body).0
}

/// When it was recorded, and its payload.
pub(crate) fn parts(record: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let mut read = Unpacked::new("a ledger entry", record);
    Ok((read.i64()?, read.rest()))
}

/// Refuses whoever does not know the newest entry.
pub(crate) fn expect_end(writing: &Writing<'_>, after: u64) -> Result<(), Fault> {
    if writing.meta.entry == after { Ok(()) } else { Err(Fault::Store(StoreError::Conflict)) }
}

/// Writes an entry at the end.
pub(crate) fn push(writing: &mut Writing<'_>, draft: &EntryDraft) -> Result<(), Fault> {
    let number = next(writing.meta.entry, "entries of the ledger")?;
    writing.meta.entry = number.into();
    writing.meta.recorded = writing.meta.recorded.max(draft.recorded.as_millisecond());
    let record = record(writing.meta.recorded, &encode_entry(draft.by, &draft.act));
    writing.set(Part::Ledger, number.to_string(), record);
    Ok(())
}

impl RedisStore {
    pub(crate) fn ledger(&self, scope: &Scope, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let ledger = self.keys.scope(scope).key(Part::Ledger);
        let (mut found, mut after) = (Vec::new(), after);
        while found.len() < limit {
            let count = ENTRIES_PER_READ_MAX.min((limit - found.len()) as u64);
            let Some(last) = after.checked_add(count) else { break };
            let numbers: Vec<String> = (after + 1..=last).map(|number| number.to_string()).collect();
            let records = self.fields(&ledger, &numbers)?;
            let before = found.len();
            for (number, record) in (after + 1..).zip(records.into_iter().map_while(|record| record)) {
                let (recorded, body) = parts(&record)?;
                let (by, act) = decode_entry(body)?;
                found.push(Entry { number, recorded: time(recorded)?, by, act });
            }
            if ((found.len() - before) as u64) < count {
                break;
            }
            after = last;
        }
        Ok(found)
    }

    pub(crate) fn ledger_end(&self, scope: &Scope) -> Result<u64, Fault> {
        let meta = self.keys.scope(scope).key(Part::Meta);
        let end = self.client.read(Call::plain("HGET", &meta, &[b"e"]))?;
        if end == Value::Nil { Ok(0) } else { reply::number(end) }
    }

    /// See [`LedgerAppend`].
    pub(crate) fn append_ledger(
        &self,
        scope: &Scope,
        append: &LedgerAppend,
        edit: Option<&ProfileEdit>,
    ) -> Result<u64, Fault> {
        let claim_id = |draft: &EntryDraft| match &draft.act {
            Act::Claimed(claim) => Some(*claim.id.0.as_bytes()),
            _ => None,
        };
        let claims: Vec<[u8; 16]> = append.entries.iter().filter_map(claim_id).collect();
        self.write_scope(
            scope,
            |view, keys| {
                // Never none: a command needs a field.
                let fields: Vec<&[u8]> =
                    std::iter::once(&b""[..]).chain(claims.iter().map(|id| &id[..])).collect();
                let view = view.ask("HMGET", &keys.key(Part::Claims), &fields);
                profiles::ask_newest(view, keys).ask("HGETALL", &keys.key(Part::Jobs), &[])
            },
            |writing, answers| {
                let [known, profile, jobs] = reply::answers(Value::Array(answers))?;
                expect_end(writing, append.after)?;
                if let Some(edit) = edit {
                    writing.changes.marked(writing.copy, &edit.mark);
                }
                let known = reply::all_bytes(known)?.into_iter().skip(1);
                let mut known: HashSet<[u8; 16]> =
                    claims.iter().zip(known).filter_map(|(id, known)| known.map(|_| *id)).collect();
                for draft in &append.entries {
                    let claim = claim_id(draft);
                    if claim.is_some_and(|id| !known.insert(id)) {
                        continue;
                    }
                    push(writing, draft)?;
                    if let Some(id) = claim {
                        writing.set(Part::Claims, id, writing.meta.entry.to_string());
                        writing.before.push(self.place_call(
                            scope.tenant(),
                            Thing::Memory(id),
                            &writing.seen(),
                        ));
                    }
                }
                let newest = profiles::newest(profile)?;
                if let Some(next) = &append.profile {
                    profiles::put(writing, &newest, next, append.now, edit)?;
                } else if edit.is_some() {
                    // It changed nothing that counts, or was refused.
                    profiles::copy(writing, &newest, edit);
                }
                if let Some(done) = &append.job {
                    self.end_job(writing, Jobs::read(jobs)?, done, append.now)?;
                }
                Ok(Decision::Write(writing.meta.entry))
            },
        )
    }
}
