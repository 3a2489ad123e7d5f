//! Vectors that come later: which rows wait for one, and putting it in. Which models there are is [`crate::models`]'s part.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use redis::Value;
use throughline::model::{Generation, Scope};
use throughline::ports::{EmbeddedRow, ModelNumber, UnembeddedRow};

use crate::append::insert_row;
use crate::error::Fault;
use crate::keys::{Part, ScopeKeys};
use crate::reply;
use crate::rows::RowRecord;
use crate::store::RedisStore;
use crate::writing::Decision;

/// Scopes whose beginnings are remembered as done with.
const CURSORS_MAX: usize = 10_000;

/// Rows of one scope that one commit replaces at most.
const ROWS_PER_COMMIT_MAX: usize = 256;

/// Which rows are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// Those that wait for this model.
    By(ModelNumber),
    /// Those with vectors of models given up, as the models were in this version of them.
    Outdated(u64),
}

/// Up to which number of a scope no row is wanted. A row never changes, so that stays so.
#[derive(Default)]
pub(crate) struct Cursors(Mutex<HashMap<(String, u64, Wanted), u64>>);

impl Cursors {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(String, u64, Wanted), u64>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn after(&self, keys: &ScopeKeys, generation: Generation, wanted: Wanted) -> u64 {
        self.known().get(&(keys.place.clone(), generation.0, wanted)).copied().unwrap_or(0)
    }

    fn set(&self, keys: &ScopeKeys, generation: Generation, wanted: Wanted, number: u64) {
        let mut known = self.known();
        if known.len() >= CURSORS_MAX {
            known.clear();
        }
        known.insert((keys.place.clone(), generation.0, wanted), number);
    }
}

impl RedisStore {
    pub(crate) fn unembedded(&self, model: ModelNumber, limit: usize) -> Result<Vec<UnembeddedRow>, Fault> {
        let mut found = Vec::new();
        if limit == 0 || !self.models_listed()?.kept().contains(&model) {
            return Ok(found);
        }
        self.look_through(|scope, keys, meta, _| {
            if meta.waiting(model) > 0 {
                let (wanted, generation) = (Wanted::By(model), meta.generation());
                self.find_rows(scope, keys, generation, wanted, limit, &mut found, |row| {
                    !row.read_by.contains(&model)
                })?;
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    pub(crate) fn outdated(&self, limit: usize) -> Result<Vec<UnembeddedRow>, Fault> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.models_listed()?;
        self.look_through(|scope, keys, meta, models| {
            let kept = models.kept();
            if meta.is_outdated(&kept) {
                let (wanted, generation) = (Wanted::Outdated(models.version()), meta.generation());
                self.find_rows(scope, keys, generation, wanted, limit, &mut found, |row| {
                    row.read_by.iter().any(|model| !kept.contains(model))
                })?;
            }
            Ok(found.len() < limit)
        })?;
        Ok(found)
    }

    pub(crate) fn unembedded_count(&self) -> Result<u64, Fault> {
        let awaited = self.models_listed()?.models.awaited();
        let mut count = 0;
        self.look_through(|_, _, meta, _| {
            count += meta.waiting(awaited);
            Ok(true)
        })?;
        Ok(count)
    }

    /// Adds the wanted rows of a scope, oldest first, until there are `limit`.
    #[expect(clippy::too_many_arguments, reason = "one place to look through, one way to do it")]
    fn find_rows(
        &self,
        scope: &Scope,
        keys: &ScopeKeys,
        generation: Generation,
        wanted: Wanted,
        limit: usize,
        found: &mut Vec<UnembeddedRow>,
        is_wanted: impl Fn(&RowRecord) -> bool,
    ) -> Result<(), Fault> {
        let before = found.len();
        let mut after = self.cursors.after(keys, generation, wanted);
        let mut gone_through = after;
        while let Some(page) =
            self.rows_page(keys, after)?.filter(|page| page.revision.generation == generation)
        {
            let is_last = page.is_last();
            after = page.upto;
            for (number, row) in page.rows {
                if is_wanted(&row) {
                    if found.len() == limit {
                        break;
                    }
                    found.push(UnembeddedRow { scope: scope.clone(), row: row.into_row(number) });
                }
                if found.len() == before {
                    gone_through = number;
                }
            }
            if found.len() == before {
                gone_through = gone_through.max(after);
            }
            if is_last || found.len() == limit {
                break;
            }
        }
        self.cursors.set(keys, generation, wanted, gone_through);
        Ok(())
    }

    /// Replaces each row by a new one at the end of its scope's log, so that every copy of the log learns of it.
    pub(crate) fn put_embedded(&self, rows: Vec<EmbeddedRow>) -> Result<(), Fault> {
        let mut of_scopes: BTreeMap<Scope, Vec<EmbeddedRow>> = BTreeMap::new();
        for row in rows {
            of_scopes.entry(row.scope.clone()).or_default().push(row);
        }
        for (scope, rows) in of_scopes {
            for rows in rows.chunks(ROWS_PER_COMMIT_MAX) {
                self.replace_rows(&scope, rows)?;
            }
        }
        Ok(())
    }

    fn replace_rows(&self, scope: &Scope, rows: &[EmbeddedRow]) -> Result<(), Fault> {
        let numbers: Vec<String> = rows.iter().map(|row| row.number.to_string()).collect();
        let fields: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        self.write_scope(
            scope,
            |view, keys| view.ask("HMGET", &keys.key(Part::Rows), &fields),
            |writing, answers| {
                let [known] = reply::answers(Value::Array(answers))?;
                let kept = writing.models.kept();
                let mut replaced = std::collections::HashSet::new();
                for (row, record) in rows.iter().zip(reply::all_bytes(known)?) {
                    // One that comes twice is there for the first of them only.
                    let Some(record) = record.filter(|_| replaced.insert(row.number)) else { continue };
                    let mut record = RowRecord::read(&record)?;
                    writing.meta.discount(&record.read_by);
                    writing.delete(Part::Rows, row.number.to_string());
                    let has_read =
                        |model: &ModelNumber| record.read_by.contains(model) || row.read_by.contains(model);
                    record.read_by = kept.iter().copied().filter(has_read).collect();
                    record.body.clone_from(&row.body);
                    insert_row(writing, &record)?;
                }
                Ok(if replaced.is_empty() { Decision::Nothing(()) } else { Decision::Write(()) })
            },
        )
    }
}
