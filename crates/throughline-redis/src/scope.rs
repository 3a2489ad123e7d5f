//! A scope's own record: its version, its generation, and the counters its turns, rows and entries take their numbers from.

use std::collections::BTreeMap;

use rand::RngCore as _;
use redis::Value;
use throughline::model::Generation;
use throughline::ports::ModelNumber;

use crate::commit::Changes;
use crate::error::Fault;
use crate::keys::Key;
use crate::reply;

/// As the hash `meta` has it. Counters are the newest number of each, 0 before the first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    /// None if there is no such scope.
    pub(crate) version: Option<u64>,
    /// Counts the scopes of the store in the order they were made.
    pub(crate) ordinal: u64,
    pub(crate) generation: u64,
    pub(crate) turn: u64,
    pub(crate) row: u64,
    pub(crate) session: u64,
    pub(crate) redactions: u64,
    pub(crate) entry: u64,
    /// When the newest ledger entry was recorded, in milliseconds; [`i64::MIN`] before the first.
    pub(crate) recorded: i64,
    pub(crate) idempotency: u64,
    /// How many search rows there are.
    pub(crate) rows: u64,
    /// How many of them each model has read.
    pub(crate) read: BTreeMap<ModelNumber, u64>,
    /// The token under which the scope is listed as one whose rows have to be looked through.
    pub(crate) listed: Option<u64>,
    /// The newest version of the embedding models that a writer of the scope knew.
    pub(crate) models: u64,
}

impl Meta {
    /// From all fields of the hash.
    pub(crate) fn read(fields: Value) -> Result<Self, Fault> {
        let mut meta = Self { recorded: i64::MIN, ..Self::default() };
        for (field, value) in reply::pairs(fields)? {
            let field = String::from_utf8_lossy(&field).into_owned();
            let value = Value::BulkString(value);
            match field.as_str() {
                "v" => meta.version = Some(reply::number(value)?),
                "o" => meta.ordinal = reply::number(value)?,
                "g" => meta.generation = generation(value)?.map_or(0, |generation| generation.0),
                "t" => meta.turn = reply::number(value)?,
                "r" => meta.row = reply::number(value)?,
                "s" => meta.session = reply::number(value)?,
                "x" => meta.redactions = reply::number(value)?,
                "e" => meta.entry = reply::number(value)?,
                "er" => meta.recorded = reply::number(value)?,
                "i" => meta.idempotency = reply::number(value)?,
                "rn" => meta.rows = reply::number(value)?,
                "rl" => meta.listed = Some(reply::number(value)?),
                "m" => meta.models = reply::number(value)?,
                other => {
                    let model = other.strip_prefix("rd").and_then(|number| number.parse().ok());
                    if let Some(model) = model {
                        meta.read.insert(model, reply::number(value)?);
                    }
                }
            }
        }
        Ok(meta)
    }

    /// Gives a scope that is about to be made its generation.
    pub(crate) fn begin(&mut self) {
        self.generation = rand::rng().next_u64();
    }

    pub(crate) fn exists(&self) -> bool {
        self.version.is_some()
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    /// Counts a row that is added.
    pub(crate) fn count(&mut self, read_by: &[ModelNumber]) {
        self.rows += 1;
        for model in read_by {
            *self.read.entry(*model).or_default() += 1;
        }
    }

    /// Counts a row that is taken away.
    pub(crate) fn discount(&mut self, read_by: &[ModelNumber]) {
        self.rows = self.rows.saturating_sub(1);
        for model in read_by {
            let read = self.read.entry(*model).or_default();
            *read = read.saturating_sub(1);
        }
    }

    /// How many rows wait for a model's vectors.
    pub(crate) fn waiting(&self, model: ModelNumber) -> u64 {
        self.rows.saturating_sub(self.read.get(&model).copied().unwrap_or(0))
    }

    /// Whether there are rows with vectors of a model that is not one of these.
    pub(crate) fn is_outdated(&self, kept: &[ModelNumber]) -> bool {
        self.read.iter().any(|(model, read)| *read > 0 && !kept.contains(model))
    }

    /// Whether no row waits for one of these models, or has vectors of another.
    pub(crate) fn is_settled(&self, kept: &[ModelNumber]) -> bool {
        kept.iter().all(|model| self.waiting(*model) == 0) && !self.is_outdated(kept)
    }

    /// Everything but the version, by field.
    fn fields(&self) -> BTreeMap<String, String> {
        let counters = [
            ("o", self.ordinal),
            ("t", self.turn),
            ("r", self.row),
            ("s", self.session),
            ("x", self.redactions),
            ("e", self.entry),
            ("i", self.idempotency),
            ("rn", self.rows),
            ("rl", self.listed.unwrap_or(0)),
            ("m", self.models),
        ];
        let mut fields: BTreeMap<String, String> = counters
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(field, number)| (field.to_owned(), number.to_string()))
            .collect();
        fields.insert("g".into(), format!("{:016x}", self.generation));
        if self.recorded != i64::MIN {
            fields.insert("er".into(), self.recorded.to_string());
        }
        let read = self.read.iter().filter(|(_, read)| **read > 0);
        fields.extend(read.map(|(model, read)| (format!("rd{model}"), read.to_string())));
        fields
    }

    /// Writes what is different from `before`.
    pub(crate) fn save(&self, before: &Self, changes: &mut Changes, key: &Key) {
        let old = if before.exists() { before.fields() } else { BTreeMap::new() };
        let new = self.fields();
        for (field, value) in &new {
            if old.get(field) != Some(value) {
                changes.set(key, field.clone(), value.clone());
            }
        }
        for field in old.keys().filter(|field| !new.contains_key(*field)) {
            changes.delete(key, field.clone());
        }
    }
}

/// As field `g` has it: 16 hexadecimal digits.
pub(crate) fn generation(value: Value) -> Result<Option<Generation>, Fault> {
    let Some(digits) = reply::text(value)? else { return Ok(None) };
    let number = u64::from_str_radix(&digits, 16);
    number
        .map(|number| Some(Generation(number)))
        .map_err(|_| Fault::Damaged(format!("a generation is `{digits}`")))
}
