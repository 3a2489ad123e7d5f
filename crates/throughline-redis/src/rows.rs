//! Search rows: a log for each scope. A row's record never changes; a row is replaced by one with a higher number.

use redis::Value;
use throughline::model::{Revision, Scope};
use throughline::ports::{ModelNumber, SearchRow};

use crate::bytes::{Packed, Unpacked};
use crate::client::Call;
use crate::error::Fault;
use crate::keys::{Part, ScopeKeys};
use crate::reply;
use crate::script::ROWS;
use crate::store::RedisStore;

/// Numbers that one script goes through at most, so that it keeps nobody waiting for long. A row has some hundred bytes.
const NUMBERS_PER_READ_MAX: u64 = 1000;

/// How often a reading begins again because words were taken out of rows meanwhile.
const BEGINNINGS_MAX: u32 = 16;

/// What a row has besides its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRecord {
    pub(crate) turn: u32,
    pub(crate) passage: u32,
    pub(crate) session: u32,
    /// The models that have read it.
    pub(crate) read_by: Vec<ModelNumber>,
    pub(crate) body: Vec<u8>,
}

impl RowRecord {
    pub(crate) fn pack(&self) -> Vec<u8> {
        let Self { turn, passage, session, read_by, body } = self;
        let count = u8::try_from(read_by.len()).unwrap_or(u8::MAX);
        let head = Packed::default().u32(*turn).u32(*passage).u32(*session).u8(count);
        read_by.iter().take(count.into()).fold(head, |record, model| record.u16(*model)).bytes(body).0
    }

    pub(crate) fn read(record: &[u8]) -> Result<Self, Fault> {
        let mut read = Unpacked::new("a search row", record);
        let (turn, passage, session, count) = (read.u32()?, read.u32()?, read.u32()?, read.u8()?);
        let read_by = (0..count).map(|_| read.u16()).collect::<Result<_, _>>()?;
        Ok(Self { turn, passage, session, read_by, body: read.rest().to_vec() })
    }

    pub(crate) fn into_row(self, number: u64) -> SearchRow {
        let Self { turn, passage, session, body, .. } = self;
        SearchRow { number, turn: turn.into(), passage, session, body }
    }
}

/// Rows with their numbers, rising.
pub(crate) type Numbered = Vec<(u64, RowRecord)>;

/// One answer of `rows.lua`.
pub(crate) struct Page {
    pub(crate) revision: Revision,
    /// It goes up to this number.
    pub(crate) upto: u64,
    /// In rising order.
    pub(crate) rows: Numbered,
}

impl Page {
    /// None if there is no such scope.
    pub(crate) fn read(answer: Value) -> Result<Option<Self>, Fault> {
        let mut answer = reply::list(answer)?.into_iter();
        let Some(generation) = answer.next() else { return Ok(None) };
        let (Some(row), Some(redactions), Some(upto)) = (answer.next(), answer.next(), answer.next()) else {
            return Err(Fault::Damaged("a page of search rows has no revision".into()));
        };
        let revision = Revision {
            generation: crate::scope::generation(generation)?
                .ok_or_else(|| Fault::Damaged("a scope has no generation".into()))?,
            row: reply::number(row)?,
            redactions: reply::number(redactions)?,
        };
        let mut rows = Vec::with_capacity(answer.len() / 2);
        while let (Some(number), Some(record)) = (answer.next(), answer.next()) {
            let record = reply::bytes(record)?.unwrap_or_default();
            rows.push((reply::number(number)?, RowRecord::read(&record)?));
        }
        rows.sort_unstable_by_key(|(number, _)| *number);
        Ok(Some(Self { revision, upto: reply::number(upto)?, rows }))
    }

    pub(crate) fn is_last(&self) -> bool {
        self.upto >= self.revision.row
    }
}

impl RedisStore {
    pub(crate) fn revision(&self, scope: &Scope) -> Result<Option<Revision>, Fault> {
        let meta = self.keys.scope(scope).key(Part::Meta);
        let answer = self.client.read(Call::plain("HMGET", &meta, &[b"g", b"r", b"x"]))?;
        let [generation, row, redactions] = reply::answers(answer)?;
        let Some(generation) = crate::scope::generation(generation)? else { return Ok(None) };
        Ok(Some(Revision { generation, row: or_zero(row)?, redactions: or_zero(redactions)? }))
    }

    /// Rows after a number; none if there is no such scope.
    pub(crate) fn rows_page(&self, keys: &ScopeKeys, after: u64) -> Result<Option<Page>, Fault> {
        // No number is larger; scripts would make another one of what is.
        let after = after.min(u64::from(u32::MAX));
        let arguments = vec![after.to_string().into_bytes(), NUMBERS_PER_READ_MAX.to_string().into_bytes()];
        let call = Call::script(&ROWS, &keys.keys([Part::Meta, Part::Rows]), arguments);
        Page::read(self.client.read(call)?)
    }

    /// All rows after a number, and the revision they lead to.
    ///
    /// Pages are read at different moments. A row that was replaced between two of them comes twice, and the later one counts;
    /// where words were taken out meanwhile, reading begins again.
    pub(crate) fn all_rows(
        &self,
        keys: &ScopeKeys,
        after: u64,
    ) -> Result<Option<(Revision, Numbered)>, Fault> {
        for _ in 0..BEGINNINGS_MAX {
            let Some(mut page) = self.rows_page(keys, after)? else { return Ok(None) };
            let beginning = page.revision;
            let mut rows = std::mem::take(&mut page.rows);
            while !page.is_last() && page.revision.same_log(beginning) {
                let Some(next) = self.rows_page(keys, page.upto)? else { return Ok(None) };
                page = next;
                rows.append(&mut page.rows);
            }
            if page.revision.same_log(beginning) {
                return Ok(Some((page.revision, rows)));
            }
        }
        Err(Fault::Passing("words are being taken out of the search rows all the time; try again".into()))
    }

    pub(crate) fn search_rows(
        &self,
        scope: &Scope,
        after: u64,
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<Option<Revision>, Fault> {
        let Some((revision, rows)) = self.all_rows(&self.keys.scope(scope), after)? else { return Ok(None) };
        for (number, record) in rows {
            sink(record.into_row(number));
        }
        Ok(Some(revision))
    }

    pub(crate) fn search_rows_at(
        &self,
        scope: &Scope,
        numbers: &[u64],
        sink: &mut dyn FnMut(SearchRow),
    ) -> Result<(), Fault> {
        let rows = self.keys.scope(scope).key(Part::Rows);
        for numbers in numbers.chunks(usize::try_from(NUMBERS_PER_READ_MAX).unwrap_or(1)) {
            let fields: Vec<String> = numbers.iter().map(u64::to_string).collect();
            for (number, record) in numbers.iter().zip(self.fields(&rows, &fields)?) {
                if let Some(record) = record {
                    sink(RowRecord::read(&record)?.into_row(*number));
                }
            }
        }
        Ok(())
    }
}

/// Counters are written when they first rise.
fn or_zero(value: Value) -> Result<u64, Fault> {
    if value == Value::Nil { Ok(0) } else { reply::number(value) }
}
