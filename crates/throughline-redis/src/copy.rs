//! Being copied and being a copy: what the other modules do not read, and writing records as they were in another store.
//!
//! Whether a store is in use stands with the embedding models, which every write reads. A write that read them before they
//! changed fails at its commit once [`RedisStore::settle_writes`] has written to its scope, begins again and learns of it. Writes to what
//! belongs to no user look as well, but for them there is a moment between the look and the write.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;
use throughline::codec::{TurnBody, encode_entry, encode_receipt};
use throughline::model::{Act, Scope, SessionId, TenantId, UserKey};
use throughline::ports::{
    CopiedJob, CopiedKey, CopiedRow, CopiedTurn, Record, Restore, ScopeMark, ScopeRecord, ScopesPage,
    StoreError, StoreRecord, TenantRecord,
};

use crate::append::{self, next};
use crate::bytes::Packed;
use crate::client::Call;
use crate::commit::{Attempt, Changes, View};
use crate::error::Fault;
use crate::job_record::{JobRecord, Jobs, Turns};
use crate::journal::{
    Head, SessionRecord, session_field, session_name_field, session_record, session_turns_field, time,
};
use crate::keys::{BUCKETS, Key, Part, ScopeKeys};
use crate::places::Thing;
use crate::rows::RowRecord;
use crate::scope::Meta;
use crate::store::RedisStore;
use crate::writing::{Decision, Purpose, Writing};
use crate::{ledger, profiles, reply};

/// The field of a scope with the mark its source had.
const COPIED: &str = "copied";

/// Stands for whichever model was given up: the number is never given.
const GIVEN_UP: u16 = 0;

fn small(number: u64) -> Result<u32, Fault> {
    u32::try_from(number)
        .map_err(|_| Fault::Damaged(format!("{number} is too large for a number within a scope")))
}

impl RedisStore {
    pub(crate) fn expect_in_use(&self) -> Result<(), Fault> {
        self.models()?.expect(Purpose::Serve)
    }

    pub(crate) fn settle_writes(&self, scope: &Scope) -> Result<(), Fault> {
        if self.models()?.transit.is_none() {
            return Ok(());
        }
        let unit = self.keys.scope(scope).key(Part::Meta);
        self.client.write_unit(&self.turnstile, &unit, || {
            let meta = Meta::read(self.client.read(Call::plain("HGETALL", &unit, &[]))?)?;
            if !meta.exists() {
                return Ok(Attempt::Done(()));
            }
            self.client.commit(meta.version, Changes::of(&unit))
        })
    }

    pub(crate) fn store_record(&self) -> Result<StoreRecord, Fault> {
        let known = self.models()?;
        let counters = self.counters().map(|key| Call::plain("GET", &key, &[]));
        let [last_job, last_place] = reply::answers(Value::Array(self.client.read_all(&counters)?))?;
        let count = |value| if value == Value::Nil { Ok(0) } else { reply::number(value) };
        let mut tenants = Vec::new();
        for tenant in self.tenants()? {
            let record = self.tenant_record(tenant)?;
            if record.slot_schema.is_some() || !record.identities.is_empty() || !record.usage.is_empty() {
                tenants.push(record);
            }
        }
        Ok(StoreRecord {
            secret: self.secret()?,
            models: known.models,
            last_model: known.last,
            last_job: count(last_job)?,
            last_place: count(last_place)?,
            keys: self.api_keys()?,
            tenants,
        })
    }

    /// The last job's number, and the last scope's.
    fn counters(&self) -> [Key; 2] {
        [self.keys.global("jobs", "last"), self.keys.global("scopes", "last")]
    }

    /// By name. No list has them, since nothing else asks for all of them: the keys are gone through.
    fn tenants(&self) -> Result<BTreeSet<TenantId>, Fault> {
        let mut tenants = BTreeSet::new();
        self.each_global(|tag| {
            let name = tag.strip_prefix("tenant:").or_else(|| tag.strip_prefix("usage:"));
            if let Some(name) = name {
                tenants.insert(TenantId::new(crate::keys::unescaped(name))?);
            }
            Ok(())
        })?;
        Ok(tenants)
    }

    pub(crate) fn restore_store(&self, record: &StoreRecord) -> Result<(), Fault> {
        let StoreRecord { secret, models, last_model, last_job, last_place, keys, tenants } = record;
        self.restore_models(models, *last_model)?;
        let mut calls = vec![self.secret_call(secret)];
        for (key, last) in self.counters().iter().zip([last_job, last_place]) {
            calls.push(Call::plain("SET", key, &[last.to_string().as_bytes()]));
        }
        calls.extend(self.restore_keys_calls(keys));
        let gone = self.tenants()?.into_iter().filter(|known| tenants.iter().all(|one| one.tenant != *known));
        let nothing = |tenant| TenantRecord { tenant, slot_schema: None, identities: vec![], usage: vec![] };
        for record in tenants.iter().cloned().chain(gone.map(nothing)) {
            calls.extend(self.restore_tenant_calls(&record));
            calls.extend(self.restore_tenant_usage_calls(&record.tenant, &record.usage));
        }
        self.client.write_all(&calls).map(|_| ())
    }

    /// After a bucket and a token in it.
    pub(crate) fn scopes(&self, after: Option<&str>, limit: usize) -> Result<ScopesPage, Fault> {
        let (mut bucket, mut token) = match after.and_then(|after| after.split_once(':')) {
            Some((bucket, token)) => (bucket.parse().unwrap_or(0), token.to_owned()),
            None => (0, "0".to_owned()),
        };
        while bucket < BUCKETS {
            let listed = self.listed_scopes(bucket, &token, limit)?;
            let Some((_, last)) = listed.last() else {
                (bucket, token) = (bucket + 1, "0".to_owned());
                continue;
            };
            let next = Some(format!("{bucket}:{last}"));
            let found: Vec<(Scope, ScopeKeys)> =
                listed.iter().map(|(place, _)| self.keys.scope_at(place)).collect::<Result<_, _>>()?;
            let exists =
                |(_, keys): &(Scope, ScopeKeys)| Call::plain("HEXISTS", &keys.key(Part::Meta), &[b"v"]);
            let exists = self.client.read_all(&found.iter().map(exists).collect::<Vec<_>>())?;
            // One that was announced may not be there yet.
            let there = found.into_iter().zip(exists).filter(|(_, exists)| *exists == Value::Int(1));
            return Ok(ScopesPage { scopes: there.map(|((scope, _), _)| scope).collect(), next });
        }
        Ok(ScopesPage { scopes: Vec::new(), next: None })
    }

    pub(crate) fn scope_record(&self, scope: &Scope) -> Result<Option<ScopeRecord>, Fault> {
        let keys = self.keys.scope(scope);
        let view = View::default()
            .ask("HGETALL", &keys.key(Part::Meta), &[])
            .ask("HGETALL", &keys.key(Part::Jobs), &[])
            .ask("HLEN", &keys.key(Part::Receipts), &[]);
        let [meta, jobs, receipts] = reply::answers(self.client.read(view.call())?)?;
        let meta = Meta::read(meta)?;
        if !meta.exists() {
            return Ok(None);
        }
        let job = |(number, record): (u64, JobRecord)| {
            Ok(CopiedJob {
                job: record.job(number, scope)?,
                count: record.turns.count.into(),
                newest: time(record.turns.newest)?,
                lease_until: time(record.lease_until)?,
                token: record.token,
            })
        };
        Ok(Some(ScopeRecord {
            place: meta.ordinal,
            generation: meta.generation(),
            last_turn: meta.turn,
            last_row: meta.row,
            last_session: meta.session,
            last_entry: meta.entry,
            last_key: meta.idempotency,
            redactions: meta.redactions,
            receipts: reply::number(receipts)?,
            jobs: Jobs::read(jobs)?.0.into_iter().map(job).collect::<Result<_, Fault>>()?,
        }))
    }

    pub(crate) fn copied_rows(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<CopiedRow>, Fault> {
        let (keys, kept) = (self.keys.scope(scope), self.models()?.kept());
        let copied = |(number, record): (u64, RowRecord)| CopiedRow {
            read_by: kept.iter().copied().filter(|model| record.read_by.contains(model)).collect(),
            is_outdated: record.read_by.iter().any(|model| !kept.contains(model)),
            row: record.into_row(number),
        };
        let mut after = after;
        while let Some(page) = self.rows_page(&keys, after)? {
            if !page.rows.is_empty() || page.is_last() {
                return Ok(page.rows.into_iter().take(limit).map(copied).collect());
            }
            after = page.upto;
        }
        Ok(Vec::new())
    }

    pub(crate) fn copied_keys(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<CopiedKey>, Fault> {
        let keys = self.keys.scope(scope);
        let kept = keys.key(Part::Idempotency);
        let view =
            View::default().ask("HGET", &keys.key(Part::Meta), &[b"i"]).ask("HGET", &kept, &[b"first"]);
        let [last, first] = reply::answers(self.client.read(view.call())?)?;
        let or_one = |value| if value == Value::Nil { Ok(1) } else { reply::number::<u64>(value) };
        let last = if last == Value::Nil { 0 } else { reply::number::<u64>(last)? };
        let numbers: Vec<u64> = ((after + 1).max(or_one(first)?)..=last).take(limit).collect();
        let names =
            self.fields(&kept, &numbers.iter().map(|number| format!("#{number}")).collect::<Vec<_>>())?;
        let of_keys: Vec<(u64, String)> = numbers
            .into_iter()
            .zip(names)
            .filter_map(|(number, name)| Some((number, String::from_utf8_lossy(&name?).into_owned())))
            .collect();
        let records =
            self.fields(&kept, &of_keys.iter().map(|(_, key)| append::key_field(key)).collect::<Vec<_>>())?;
        let mut found = Vec::with_capacity(of_keys.len());
        for ((number, key), record) in of_keys.into_iter().zip(records) {
            let Some(record) = record else { continue };
            let (created, body, turns) = append::read_key(&record)?;
            found.push(CopiedKey { number, key, body, turns, created: time(created)? });
        }
        Ok(found)
    }

    pub(crate) fn restored(&self, scope: &Scope) -> Result<Option<ScopeMark>, Fault> {
        let meta = self.keys.scope(scope).key(Part::Meta);
        let mark = reply::bytes(self.client.read(Call::plain("HGET", &meta, &[COPIED.as_bytes()]))?)?;
        Ok(mark.and_then(|mark| mark.try_into().ok()))
    }

    pub(crate) fn drop_user(&self, user: &UserKey) -> Result<(), Fault> {
        self.erase_user_as(user, Purpose::Fill)?;
        self.wipe()
    }

    /// See [`Restore`].
    pub(crate) fn restore(&self, scope: &Scope, restore: &Restore) -> Result<(), Fault> {
        if restore.begin.is_some() {
            self.erase_scope(scope)?;
        }
        let sessions: BTreeSet<&SessionId> = restore
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Turn(turn) => Some(&turn.turn.session),
                _ => None,
            })
            .collect();
        self.write_scope_as(
            Purpose::Fill,
            scope,
            |view, keys| {
                let fields: Vec<String> = sessions.iter().map(|name| session_field(name)).collect();
                // Never none: a command needs a field.
                let fields: Vec<&[u8]> =
                    std::iter::once(&b""[..]).chain(fields.iter().map(String::as_bytes)).collect();
                let view = view.ask("HMGET", &keys.key(Part::Sessions), &fields);
                profiles::ask_newest(view, keys).ask("HGET", &keys.key(Part::Idempotency), &[b"first"])
            },
            |writing, answers| {
                let [known, newest, first] = reply::answers(Value::Array(answers))?;
                match &restore.begin {
                    Some(record) => begin(writing, record)?,
                    // Others of this copy made it; if it is gone, this begins again.
                    None if !writing.exists => return Err(Fault::Store(StoreError::Conflict)),
                    None => {}
                }
                let mut state = Restoring {
                    sessions: BTreeMap::new(),
                    newest: profiles::newest(newest)?,
                    has_keys: first != Value::Nil,
                };
                for (name, record) in sessions.iter().zip(reply::list(known)?.into_iter().skip(1)) {
                    if let Some(record) = session_record(record)? {
                        state.sessions.insert((*name).clone(), record);
                    }
                }
                let before = state.newest.epoch;
                for record in &restore.records {
                    self.restore_record(writing, &mut state, record)?;
                }
                for (name, session) in &state.sessions {
                    writing.set(Part::Sessions, session_field(name), session.pack());
                }
                if state.newest.epoch > before {
                    profiles::copy(writing, &state.newest, None);
                }
                if let Some(mark) = restore.mark {
                    writing.set(Part::Meta, COPIED, mark);
                }
                Ok(Decision::Write(()))
            },
        )
    }

    fn restore_record(
        &self,
        writing: &mut Writing<'_>,
        state: &mut Restoring,
        record: &Record,
    ) -> Result<(), Fault> {
        match record {
            Record::Turn(turn) => restore_turn(writing, state, turn)?,
            Record::Row(CopiedRow { row, read_by, is_outdated }) => {
                let read_by = read_by.iter().copied().chain(is_outdated.then_some(GIVEN_UP)).collect();
                let (turn, body) = (small(row.turn)?, row.body.clone());
                let record = RowRecord { turn, passage: row.passage, session: row.session, read_by, body };
                writing.meta.count(&record.read_by);
                writing.set(Part::Rows, row.number.to_string(), record.pack());
            }
            Record::Entry(entry) => {
                let recorded = entry.recorded.as_millisecond();
                writing.meta.recorded = writing.meta.recorded.max(recorded);
                let record = ledger::record(recorded, &encode_entry(entry.by, &entry.act));
                writing.set(Part::Ledger, entry.number.to_string(), record);
                if let Act::Claimed(claim) = &entry.act {
                    let id = *claim.id.0.as_bytes();
                    writing.set(Part::Claims, id, entry.number.to_string());
                    self.place(writing, Thing::Memory(id));
                }
            }
            Record::Profile(profile) => {
                profiles::replace(writing, &state.newest, profile);
                state.newest = profile.clone();
            }
            Record::Receipt(receipt) => {
                let id = *receipt.id.0.as_bytes();
                writing.set(Part::Receipts, id, encode_receipt(receipt));
                self.place(writing, Thing::Receipt(id));
            }
            Record::Tombstone(tombstone) => {
                writing.set(Part::Tombstones, tombstone.hash, crate::forget::pack(tombstone));
            }
            Record::Key(CopiedKey { number, key, body, turns, created }) => {
                if !std::mem::replace(&mut state.has_keys, true) {
                    writing.set(Part::Idempotency, "first", number.to_string());
                }
                let record = append::pack_key(created.as_millisecond(), body, turns);
                writing.set(Part::Idempotency, append::key_field(key), record);
                writing.set(Part::Idempotency, format!("#{number}"), key.as_str());
            }
            Record::Job(job) => self.restore_job(writing, job)?,
            Record::Usage(count) => {
                let key = self.usage_key(&writing.scope.user);
                for (field, number) in crate::usage::counted(count) {
                    writing.changes.set(&key, field, number.to_string());
                }
            }
        }
        Ok(())
    }

    fn place(&self, writing: &mut Writing<'_>, thing: Thing) {
        let call = self.place_call(writing.scope.tenant(), thing, &writing.seen());
        writing.before.push(call);
    }

    fn restore_job(&self, writing: &mut Writing<'_>, copied: &CopiedJob) -> Result<(), Fault> {
        let CopiedJob { job, count, newest, lease_until, token } = copied;
        let record = JobRecord {
            session: job.session.clone(),
            turns: Turns {
                first: small(job.turns.0)?,
                last: small(job.turns.1)?,
                count: small(*count)?,
                created: job.created.as_millisecond(),
                newest: newest.as_millisecond(),
            },
            state: job.state,
            attempts: job.attempts,
            due: job.due.as_millisecond(),
            lease_until: lease_until.as_millisecond(),
            token: *token,
            failure: job.failure.clone(),
        };
        writing.set(Part::Jobs, job.number.to_string(), record.pack());
        writing.before.extend(self.list_restored_job_calls(writing.scope, writing.keys, job.number, &record));
        Ok(())
    }
}

/// What a step of restoring has to know of those before.
struct Restoring {
    sessions: BTreeMap<SessionId, SessionRecord>,
    newest: throughline::model::Profile,
    has_keys: bool,
}

/// Sessions and the time of the ledger's newest entry come with what is restored.
fn begin(writing: &mut Writing<'_>, record: &ScopeRecord) -> Result<(), Fault> {
    if writing.exists {
        // Another copy was quicker.
        return Err(Fault::Store(StoreError::Conflict));
    }
    let meta = &mut writing.meta;
    meta.ordinal = record.place;
    meta.generation = record.generation.0;
    meta.turn = record.last_turn;
    meta.row = record.last_row;
    meta.entry = record.last_entry;
    meta.idempotency = record.last_key;
    meta.redactions = record.redactions;
    Ok(())
}

fn restore_turn(writing: &mut Writing<'_>, state: &mut Restoring, copied: &CopiedTurn) -> Result<(), Fault> {
    let CopiedTurn { turn, message } = copied;
    let (seq, at) = (small(turn.id.seq)?, turn.time.as_millisecond());
    if !state.sessions.contains_key(&turn.session) {
        // Sessions are numbered in the order of their first turns.
        let number = next(writing.meta.session, "sessions")?;
        writing.meta.session = number.into();
        writing.set(Part::Sessions, session_name_field(number), turn.session.as_str());
        let (first, newest) = (seq, seq);
        let session =
            SessionRecord { number, turns: 0, first, newest, earliest: at, latest: at, chain: turn.chain };
        state.sessions.insert(turn.session.clone(), session);
    }
    let Some(session) = state.sessions.get_mut(&turn.session) else { return Ok(()) };
    let head = Head {
        session: session.number,
        parent: turn.parent.map_or(Ok(0), small)?,
        role: turn.role,
        time: at,
        recorded: turn.recorded.as_millisecond(),
        chain: turn.chain,
        message: *message,
    };
    let body =
        TurnBody { name: turn.name.clone(), content: turn.content.clone(), metadata: turn.metadata.clone() };
    writing.set(Part::Turns, seq.to_string(), head.with_body(body));
    writing.append(Part::Chains, turn.chain.0, Packed::default().u32(session.number).u32(seq).0);
    writing.append(Part::Messages, message.0, seq.to_le_bytes());
    let list = session_turns_field(session.number, session.turns);
    writing.append(Part::Sessions, list, seq.to_le_bytes());
    session.turns += 1;
    session.newest = seq;
    session.earliest = session.earliest.min(at);
    session.latest = session.latest.max(at);
    session.chain = turn.chain;
    Ok(())
}
