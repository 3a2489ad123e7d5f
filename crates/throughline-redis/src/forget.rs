//! Forgetting: taking words out of everything a scope has, in one commit. What servers keep in their own files afterwards is
//! [`crate::wipe`]'s part.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use redis::Value;
use throughline::codec::{TurnBody, decode_entry, decode_receipt, encode_entry};
use throughline::model::{Act, Author, Scope, Tombstone};
use throughline::ports::{EntryDraft, Forget, Forgotten, RedactedTurn};

use crate::append::insert_passages;
use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::error::Fault;
use crate::job_record::Jobs;
use crate::journal::{Head, time};
use crate::keys::Part;
use crate::ledger::{self, expect_end};
use crate::places::Thing;
use crate::profiles;
use crate::reply;
use crate::store::RedisStore;
use crate::writing::{Decision, Writing};

/// From the fields of the hash, in the order in which things were forgotten.
pub(crate) fn read_tombstones(fields: Value) -> Result<Vec<Tombstone>, Fault> {
    let mut tombstones = Vec::new();
    for (hash, record) in reply::pairs(fields)? {
        let hash = hash.try_into().map_err(|_| Fault::Damaged("a tombstone has no hash".into()))?;
        let mut read = Unpacked::new("a tombstone", &record);
        tombstones.push(Tombstone { hash, words: read.u16()?, forgotten: time(read.i64()?)? });
    }
    tombstones.sort_by_key(|tombstone| (tombstone.forgotten, tombstone.hash));
    Ok(tombstones)
}

/// Fields to read: never none, since a command needs one.
fn fields(wanted: &[impl AsRef<[u8]>]) -> Vec<&[u8]> {
    std::iter::once(&b""[..]).chain(wanted.iter().map(AsRef::as_ref)).collect()
}

/// The answers to [`fields`].
fn found(value: Value) -> Result<impl Iterator<Item = Option<Vec<u8>>>, Fault> {
    Ok(reply::all_bytes(value)?.into_iter().skip(1))
}

impl RedisStore {
    /// See [`Forget`].
    pub(crate) fn forget(&self, scope: &Scope, forget: &Forget) -> Result<Forgotten, Fault> {
        let numbers = |numbers: BTreeSet<u64>| numbers.into_iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let entries = numbers(forget.entries.iter().copied().collect());
        // Of a turn that comes twice the last counts.
        let turns: BTreeMap<u64, &RedactedTurn> = forget.turns.iter().map(|turn| (turn.seq, turn)).collect();
        let seqs = numbers(turns.keys().copied().collect());
        let hashes: Vec<[u8; 16]> = forget.tombstones.iter().map(|tombstone| tombstone.hash).collect();
        self.write_scope(
            scope,
            |view, keys| {
                let view = view
                    .ask("HMGET", &keys.key(Part::Tombstones), &fields(&hashes))
                    .ask("HMGET", &keys.key(Part::Ledger), &fields(&entries))
                    .ask("HMGET", &keys.key(Part::Turns), &fields(&seqs))
                    .ask("HGETALL", &keys.key(Part::Receipts), &[])
                    .ask("HGETALL", &keys.key(Part::Jobs), &[])
                    .ask("HKEYS", &keys.key(Part::Profiles), &[]);
                profiles::ask_newest(view, keys)
            },
            |writing, answers| {
                let [tombstones, ledger, records, receipts, jobs, versions, newest] =
                    reply::answers(Value::Array(answers))?;
                expect_end(writing, forget.after)?;
                put_tombstones(writing, &forget.tombstones, found(tombstones)?);
                let claims = self.forget_claims(writing, &entries, found(ledger)?)?;
                let mut redacted = Vec::new();
                for ((seq, turn), record) in turns.iter().zip(found(records)?) {
                    if let Some(record) = record {
                        redacted.push((*seq, *turn, Head::read(&record)?.0));
                    }
                }
                let passages = self.redact(writing, &redacted)?;
                let cited: HashSet<u64> = redacted.iter().map(|(seq, ..)| *seq).collect();
                let receipts = self.forget_receipts(writing, forget, &cited, receipts)?;
                let newest = profiles::newest(newest)?;
                let profiles = profiles::forget_older(writing, &newest, versions, forget)?;
                for (number, mut job) in Jobs::read(jobs)?.0 {
                    // What a job says went wrong may quote what is being forgotten.
                    if job.failure.take().is_some() {
                        writing.set(Part::Jobs, number.to_string(), job.pack());
                    }
                }
                let end = EntryDraft { recorded: forget.now, by: Author::Operator, act: Act::Forgotten };
                ledger::push(writing, &end)?;
                let turns = redacted.len() as u64;
                Ok(Decision::Write(Forgotten { claims, turns, passages, profiles, receipts }))
            },
        )
    }

    /// Returns how many claims there were.
    fn forget_claims(
        &self,
        writing: &mut Writing<'_>,
        entries: &[String],
        records: impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<u64, Fault> {
        let mut claims = 0;
        for (number, record) in entries.iter().zip(records) {
            let Some(record) = record else { continue };
            let (recorded, body) = ledger::parts(&record)?;
            let (by, Act::Claimed(claim)) = decode_entry(body)? else { continue };
            let body = encode_entry(by, &Act::Forgotten);
            writing.set(Part::Ledger, number.as_str(), ledger::record(recorded, &body));
            let id = *claim.id.0.as_bytes();
            writing.delete(Part::Claims, id);
            let call = self.unplace_call(writing.scope.tenant(), Thing::Memory(id), &writing.seen());
            writing.after.push(call);
            claims += 1;
        }
        Ok(claims)
    }

    /// Writes what is left of the turns, and the new search rows at the end of the scope's log. Returns how many old ones went.
    ///
    /// No index leads from a turn to its rows, since nothing else looks for them: the scope's are gone through once.
    fn redact(&self, writing: &mut Writing<'_>, turns: &[(u64, &RedactedTurn, Head)]) -> Result<u64, Fault> {
        if turns.is_empty() {
            return Ok(0);
        }
        let mut passages = 0;
        let rows = self.all_rows(writing.keys, 0)?.map(|(_, rows)| rows).unwrap_or_default();
        let of_turns: HashSet<u64> = turns.iter().map(|(seq, ..)| *seq).collect();
        for (number, row) in rows.iter().filter(|(_, row)| of_turns.contains(&row.turn.into())) {
            writing.meta.discount(&row.read_by);
            writing.delete(Part::Rows, number.to_string());
            passages += 1;
        }
        for (seq, turn, head) in turns {
            let RedactedTurn { name, content, metadata, passages, .. } = turn;
            let body = TurnBody { name: name.clone(), content: content.clone(), metadata: metadata.clone() };
            writing.set(Part::Turns, seq.to_string(), head.with_body(body));
            // It was read, so its number is one of those that are given.
            insert_passages(writing, u32::try_from(*seq).unwrap_or(u32::MAX), head.session, passages)?;
        }
        writing.meta.redactions += 1;
        Ok(passages)
    }

    /// Takes away the named receipts and those that cite a redacted turn.
    fn forget_receipts(
        &self,
        writing: &mut Writing<'_>,
        forget: &Forget,
        redacted: &HashSet<u64>,
        receipts: Value,
    ) -> Result<u64, Fault> {
        let mut gone = 0;
        for (_, body) in reply::pairs(receipts)? {
            let receipt = decode_receipt(&body)?;
            let cites = receipt.items.iter().any(|item| redacted.contains(&item.turn));
            if cites || forget.receipts.contains(&receipt.id) {
                let id = *receipt.id.0.as_bytes();
                writing.delete(Part::Receipts, id);
                let call = self.unplace_call(writing.scope.tenant(), Thing::Receipt(id), &writing.seen());
                writing.after.push(call);
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// In the order in which they were set.
    pub(crate) fn tombstones(&self, scope: &Scope) -> Result<Vec<Tombstone>, Fault> {
        let key = self.keys.scope(scope).key(Part::Tombstones);
        read_tombstones(self.client.read(Call::plain("HGETALL", &key, &[]))?)
    }

    /// False if there is none of this hash.
    pub(crate) fn lift_tombstone(&self, scope: &Scope, hash: [u8; 16]) -> Result<bool, Fault> {
        self.write_scope(
            scope,
            |view, keys| view.ask("HEXISTS", &keys.key(Part::Tombstones), &[&hash]),
            |writing, answers| {
                let [known] = reply::answers(Value::Array(answers))?;
                if reply::number::<u64>(known)? == 0 {
                    return Ok(Decision::Nothing(false));
                }
                writing.delete(Part::Tombstones, hash);
                Ok(Decision::Write(true))
            },
        )
    }
}

pub(crate) fn pack(tombstone: &Tombstone) -> Vec<u8> {
    Packed::default().u16(tombstone.words).i64(tombstone.forgotten.as_millisecond()).0
}

/// One that is there already stays as it is.
fn put_tombstones(
    writing: &mut Writing<'_>,
    tombstones: &[Tombstone],
    known: impl Iterator<Item = Option<Vec<u8>>>,
) {
    let mut set = HashSet::new();
    for (tombstone, known) in tombstones.iter().zip(known) {
        if known.is_none() && set.insert(tombstone.hash) {
            writing.set(Part::Tombstones, tombstone.hash, pack(tombstone));
        }
    }
}
