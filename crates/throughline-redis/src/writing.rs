//! Writing to a scope: read, decide, announce, commit, tidy up.
//!
//! What is in other slots than the scope (lists, places, the index of jobs) cannot be part of its commit. It is written
//! before, so that a crash between the two leaves an entry that leads to nothing, and taken away after, so that one leaves
//! the same. lib.rs has the whole argument.

use redis::Value;
use throughline::model::Scope;
use throughline::ports::JobNumber;

use crate::client::Call;
use crate::commit::{Attempt, Changes, View};
use crate::error::Fault;
use crate::job_record::JobRecord;
use crate::keys::{Key, Part, ScopeKeys};
use crate::lists::ANNOUNCED_WRITE_MS_MAX;
use crate::models::Known;
use crate::places::Seen;
use crate::reply;
use crate::scope::Meta;
use crate::store::RedisStore;

/// A scope while somebody decides what to write to it.
pub(crate) struct Writing<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) keys: &'a ScopeKeys,
    /// Of its profile, for other programs.
    pub(crate) copy: &'a Key,
    pub(crate) meta: Meta,
    /// Whether it was there.
    pub(crate) exists: bool,
    pub(crate) models: &'a Known,
    pub(crate) changes: Changes,
    /// A learning job to be made; it gets its number when the write is announced.
    pub(crate) new_job: Option<JobRecord>,
    /// What leads to what is written, from other slots.
    pub(crate) before: Vec<Call>,
    /// What leads to what is taken away.
    pub(crate) after: Vec<Call>,
}

impl Writing<'_> {
    /// The scope as it was read, for what leads to it.
    pub(crate) fn seen(&self) -> Seen {
        let Meta { generation, version, .. } = &self.meta;
        Seen { place: self.keys.place.clone(), generation: *generation, version: version.unwrap_or(0) }
    }

    pub(crate) fn set(&mut self, part: Part, field: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.set(&self.keys.key(part), field, value);
    }

    pub(crate) fn append(&mut self, part: Part, field: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.append(&self.keys.key(part), field, value);
    }

    pub(crate) fn delete(&mut self, part: Part, field: impl Into<Vec<u8>>) {
        self.changes.delete(&self.keys.key(part), field);
    }
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Whoever the store serves.
    Serve,
    /// A copy that fills it.
    Fill,
}

/// What was decided.
pub(crate) enum Decision<T> {
    /// Write, and make the scope if it is not there.
    Write(T),
    /// All is as it should be, and the answer says so.
    Nothing(T),
    /// Nothing was asked for that could be lost.
    Read(T),
}

impl RedisStore {
    /// See [`write_scope_as`](Self::write_scope_as).
    pub(crate) fn write_scope<T>(
        &self,
        scope: &Scope,
        ask: impl Fn(View, &ScopeKeys) -> View,
        decide: impl FnMut(&mut Writing<'_>, Vec<Value>) -> Result<Decision<T>, Fault>,
    ) -> Result<T, Fault> {
        self.write_scope_as(Purpose::Serve, scope, ask, decide)
    }

    /// `ask` adds what is to be read, in one view with the scope's record; `decide` gets the answers.
    pub(crate) fn write_scope_as<T>(
        &self,
        purpose: Purpose,
        scope: &Scope,
        ask: impl Fn(View, &ScopeKeys) -> View,
        mut decide: impl FnMut(&mut Writing<'_>, Vec<Value>) -> Result<Decision<T>, Fault>,
    ) -> Result<T, Fault> {
        let keys = self.keys.scope(scope);
        let (unit, copy) = (keys.key(Part::Meta), self.keys.memory(&keys));
        // The number of a job that was listed by an attempt which has to be repeated.
        let mut listed_job = None;
        self.client.write_unit(&self.turnstile, &unit, || {
            let view = ask(View::default().ask("HGETALL", &unit, &[]), &keys);
            let [answers, models] =
                reply::answers(Value::Array(self.client.read_all(&[view.call(), self.models_call()])?))?;
            let mut answers = reply::list(answers)?;
            let before = Meta::read(answers.remove(0))?;
            let mut models = Known::read(models)?;
            if before.models > models.version() {
                models = self.models()?;
            }
            models.expect(purpose)?;
            let mut meta = before.clone();
            if !before.exists() {
                meta.begin();
            }
            let mut writing = Writing {
                scope,
                keys: &keys,
                copy: &copy,
                meta,
                exists: before.exists(),
                models: &models,
                changes: Changes::of(&unit),
                new_job: None,
                before: Vec::new(),
                after: Vec::new(),
            };
            match decide(&mut writing, answers)? {
                Decision::Write(done) => Ok(match self.commit_scope(writing, &before, &mut listed_job)? {
                    Attempt::Done(()) => Attempt::Done(done),
                    Attempt::Again => Attempt::Again,
                }),
                // What this answer rests on may not have been acknowledged yet: a write without effect is.
                Decision::Nothing(done) if before.exists() && self.is_acknowledged => {
                    Ok(match self.client.commit(before.version, Changes::of(&unit))? {
                        Attempt::Done(()) => Attempt::Done(done),
                        Attempt::Again => Attempt::Again,
                    })
                }
                Decision::Nothing(done) | Decision::Read(done) => Ok(Attempt::Done(done)),
            }
        })
    }

    fn commit_scope(
        &self,
        mut writing: Writing<'_>,
        before: &Meta,
        listed_job: &mut Option<JobNumber>,
    ) -> Result<Attempt<()>, Fault> {
        let (keys, unit) = (writing.keys, writing.keys.key(Part::Meta));
        if !before.exists() {
            // A copy has the source's.
            let is_new = writing.meta.ordinal == 0;
            let calls = is_new.then(|| self.ordinal_call()).into_iter().chain([self.register_call(keys)]);
            let mut answers = self.client.write_all(&calls.collect::<Vec<_>>())?;
            let now = answers.pop().unwrap_or(Value::Nil);
            if let Some(ordinal) = answers.pop() {
                writing.meta.ordinal = reply::number(ordinal)?;
            }
            writing.changes.not_after = Some(reply::number::<u64>(now)? / 1000 + ANNOUNCED_WRITE_MS_MAX);
            // Read after the scope was announced: a change of the models that came before has to be known here, and one that
            // comes later lists this scope.
            if self.models()?.version() != writing.models.version() {
                return Ok(Attempt::Again);
            }
            let scopes = self.keys.user(&writing.scope.user, "scopes");
            writing.changes.set(&scopes, keys.place.clone(), writing.meta.ordinal.to_string());
        }
        writing.meta.models = writing.meta.models.max(writing.models.version());
        self.announce(&mut writing, listed_job)?;
        writing.meta.save(before, &mut writing.changes, &unit);
        let Writing { changes, after, .. } = writing;
        let attempt = self.client.commit(before.version, changes)?;
        if matches!(attempt, Attempt::Done(())) {
            self.tidy_up(&after);
        }
        Ok(attempt)
    }

    /// Writes what has to be there before the commit is.
    fn announce(&self, writing: &mut Writing<'_>, listed_job: &mut Option<JobNumber>) -> Result<(), Fault> {
        let mut calls = std::mem::take(&mut writing.before);
        let lists = writing.meta.listed.is_none() && !writing.meta.is_settled(&writing.models.kept());
        if lists {
            calls.push(self.list_scope_call(writing.keys));
        }
        if let Some(job) = &writing.new_job {
            calls.push(self.list_job_call(writing.scope, writing.keys, *listed_job, job));
        }
        if calls.is_empty() {
            return Ok(());
        }
        let mut answers = self.client.write_all(&calls)?;
        let missing = || Fault::Passing("an answer is missing".into());
        if let Some(job) = writing.new_job.take() {
            let [number, now] = reply::answers(answers.pop().ok_or_else(missing)?)?;
            let number: u64 = reply::number(number)?;
            *listed_job = Some(number);
            writing.changes.not_after = Some(reply::number::<u64>(now)? + ANNOUNCED_WRITE_MS_MAX);
            writing.set(Part::Jobs, number.to_string(), job.pack());
        }
        if lists {
            writing.meta.listed = Some(reply::number(answers.pop().ok_or_else(missing)?)?);
        }
        Ok(())
    }

    /// Takes away entries that lead to nothing any more. One that stays is taken away by whoever meets it.
    pub(crate) fn tidy_up(&self, calls: &[Call]) {
        if !calls.is_empty()
            && let Err(fault) = self.client.read_all(calls)
        {
            tracing::debug!(?fault, "entries that lead to nothing were left");
        }
    }
}
