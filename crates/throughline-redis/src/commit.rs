//! Reading a unit and writing to it: every write of the store is one commit.
//!
//! A unit (a scope, a tenant, the embedding models) has a version. A writer reads what it needs in one view, decides, and
//! commits: one script makes all changes if the version is still the one that was read, else none, and the writer begins
//! again. The commit has an id that the unit remembers for a while, so that sending it again, after its answer was lost,
//! finds it done.

use std::collections::HashSet;
use std::time::Instant;

use rand::{Rng as _, RngCore as _};
use redis::Value;
use throughline::ports::StoreError;

use crate::client::{Call, Client};
use crate::error::Fault;
use crate::keys::Key;
use crate::reply;
use crate::script::{COMMIT, READ};

/// Several reads of one slot in one view.
#[derive(Default)]
pub(crate) struct View {
    keys: Vec<Key>,
    arguments: Vec<Vec<u8>>,
}

impl View {
    pub(crate) fn ask(mut self, command: &str, key: &Key, arguments: &[&[u8]]) -> Self {
        let place = place(&mut self.keys, key);
        self.arguments.extend([command.into(), place, arguments.len().to_string().into_bytes()]);
        self.arguments.extend(arguments.iter().map(|argument| argument.to_vec()));
        self
    }

    pub(crate) fn call(self) -> Call {
        Call::script(&READ, &self.keys, self.arguments)
    }
}

/// The place of a key among others, counted from 1.
fn place(keys: &mut Vec<Key>, key: &Key) -> Vec<u8> {
    let at = keys.iter().position(|known| known == key).unwrap_or_else(|| {
        keys.push(key.clone());
        keys.len() - 1
    });
    (at + 1).to_string().into_bytes()
}

/// What a commit changes.
pub(crate) struct Changes {
    /// The unit's own first.
    keys: Vec<Key>,
    operations: Vec<Vec<u8>>,
    /// The server's time in milliseconds after which the commit is too late.
    pub(crate) not_after: Option<u64>,
}

/// Bounds of idempotency keys, for [`Changes::trim`].
pub(crate) struct Bounds {
    pub(crate) newest: u64,
    pub(crate) numbers_max: u64,
    pub(crate) created_min: i64,
    pub(crate) count_max: u32,
}

impl Changes {
    pub(crate) fn of(unit: &Key) -> Self {
        Self { keys: vec![unit.clone()], operations: Vec::new(), not_after: None }
    }

    fn operation(&mut self, what: &str, key: &Key, arguments: impl IntoIterator<Item = Vec<u8>>) {
        let place = place(&mut self.keys, key);
        self.operations.extend([what.into(), place]);
        self.operations.extend(arguments);
    }

    /// Sets a field of a hash.
    pub(crate) fn set(&mut self, key: &Key, field: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.operation("set", key, [field.into(), value.into()]);
    }

    /// Adds to the end of what a field has.
    pub(crate) fn append(&mut self, key: &Key, field: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.operation("append", key, [field.into(), value.into()]);
    }

    /// Takes a field away.
    pub(crate) fn delete(&mut self, key: &Key, field: impl Into<Vec<u8>>) {
        self.operation("delete", key, [field.into()]);
    }

    /// Only if another unit has this version; to be asked before any change.
    pub(crate) fn require(&mut self, unit: &Key, version: u64) {
        self.operation("require", unit, [version.to_string().into_bytes()]);
    }

    /// Only if a copy of a profile has this change of another program's; to be asked before any change.
    pub(crate) fn marked(&mut self, copy: &Key, mark: &str) {
        self.operation("marked", copy, [mark.into()]);
    }

    /// Writes the copy of a profile, unless another program has changed it, but for the change with this mark.
    pub(crate) fn copy(&mut self, copy: &Key, document: String, mark: &str) {
        self.operation("copy", copy, [document.into_bytes(), mark.into()]);
    }

    /// Takes a key away with all that is in it.
    pub(crate) fn unlink(&mut self, key: &Key) {
        self.operation("unlink", key, []);
    }

    /// Lets go of idempotency keys beyond their bounds.
    pub(crate) fn trim(&mut self, key: &Key, bounds: &Bounds) {
        let Bounds { newest, numbers_max, created_min, count_max } = bounds;
        let arguments =
            [newest.to_string(), numbers_max.to_string(), created_min.to_string(), count_max.to_string()];
        self.operation("trim", key, arguments.map(String::into_bytes));
    }
}

/// The writers of this process that have something in hand, each its unit: they need not meet in a commit.
#[derive(Default)]
pub(crate) struct Turnstile {
    busy: std::sync::Mutex<HashSet<String>>,
    freed: std::sync::Condvar,
}

/// While it is held, nobody else of this process writes to the unit.
pub(crate) struct Entered<'a> {
    turnstile: &'a Turnstile,
    unit: Option<String>,
}

impl Turnstile {
    /// Waits for its turn, but not beyond `deadline`: the commit is right without it as well.
    pub(crate) fn enter(&self, unit: &Key, deadline: Instant) -> Entered<'_> {
        let busy = self.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wait_max = deadline.saturating_duration_since(Instant::now());
        let (mut busy, waited) = self
            .freed
            .wait_timeout_while(busy, wait_max, |busy| busy.contains(&unit.name))
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = !waited.timed_out() || !busy.contains(&unit.name);
        if own {
            busy.insert(unit.name.clone());
        }
        Entered { turnstile: self, unit: own.then(|| unit.name.clone()) }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(unit) = self.unit.take() {
            let mut busy = self.turnstile.busy.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            busy.remove(&unit);
            drop(busy);
            self.turnstile.freed.notify_all();
        }
    }
}

/// What one attempt to write came to.
pub(crate) enum Attempt<T> {
    /// All of it is written.
    Done(T),
    /// Somebody else wrote first.
    Again,
}

impl Client {
    /// Makes all of the changes, or none.
    pub(crate) fn commit(&self, version: Option<u64>, changes: Changes) -> Result<Attempt<()>, Fault> {
        let Changes { keys, operations, not_after } = changes;
        let digits = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let mut arguments: Vec<Vec<u8>> = vec![digits(version).into_bytes()];
        arguments.push(rand::rng().next_u64().to_le_bytes().to_vec());
        arguments.push(digits(not_after).into_bytes());
        arguments.extend(operations);
        match reply::number::<i64>(self.write(Call::script(&COMMIT, &keys, arguments))?)? {
            1 => Ok(Attempt::Done(())),
            -2 => Err(Fault::Store(StoreError::Conflict)),
            // What was listed for this write may be taken for left over by now: it begins anew.
            _ => Ok(Attempt::Again),
        }
    }

    /// Attempts until one is done, one at a time of this process.
    pub(crate) fn write_unit<T>(
        &self,
        turnstile: &Turnstile,
        unit: &Key,
        mut attempt: impl FnMut() -> Result<Attempt<T>, Fault>,
    ) -> Result<T, Fault> {
        let deadline = Instant::now() + self.call_wait_max;
        let _entered = turnstile.enter(unit, deadline);
        loop {
            if let Attempt::Done(done) = attempt()? {
                return Ok(done);
            }
            if Instant::now() > deadline {
                return Err(Fault::Store(StoreError::Unavailable(format!(
                    "others keep writing to {}; try again",
                    unit.name
                ))));
            }
            std::thread::sleep(std::time::Duration::from_micros(rand::rng().random_range(200..4_000)));
        }
    }
}

/// The version of a unit from the fields of its hash.
pub(crate) fn version(fields: &[(Vec<u8>, Vec<u8>)]) -> Result<Option<u64>, Fault> {
    let found = fields.iter().find(|(field, _)| field == b"v");
    found.map(|(_, value)| reply::number(Value::BulkString(value.clone()))).transpose()
}

/// A field of a hash that was read whole.
pub(crate) fn field<'a>(fields: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(field, _)| field == name.as_bytes()).map(|(_, value)| &value[..])
}
