//! A scope's search records in memory, ready to be searched exactly.
//!
//! A copy of rows that stand in the store: it can be dropped at any time and built again. It is brought up to date
//! by applying the rows that came after its revision.

use std::collections::HashMap;

use crate::model::{Generation, Revision};
use crate::ports::{ModelNumber, SearchRow};

use super::dense::DenseIndex;
use super::lexical::LexicalIndex;
use super::passage_row::PassageRow;

/// What is known of a passage besides its words and its vector.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The turn's number in the scope.
    pub(crate) turn: u64,
    /// Its part of the turn's text, in bytes.
    pub(crate) bytes: (u32, u32),
    /// Who said it, as a stored code.
    pub(crate) role: u8,
    /// When, in milliseconds.
    pub(crate) time_ms: i64,
    /// Hashes of metadata fields and the session.
    pub(crate) tags: Box<[u32]>,
}

/// The search records of one scope.
pub(crate) struct Shard {
    /// Up to which row it has come.
    pub(crate) revision: Revision,
    /// Whose vectors it holds; vectors of other models are passed over.
    pub(crate) model: Option<ModelNumber>,
    /// By document number: the place of the passage in all of the shard's tables.
    pub(crate) entries: Vec<Entry>,
    pub(crate) lexical: LexicalIndex,
    pub(crate) dense: DenseIndex,
    places: HashMap<(u64, u32), u32>,
    tag_bytes: usize,
}

impl Shard {
    /// A shard without rows.
    pub(crate) fn new(generation: Generation, model: Option<ModelNumber>) -> Self {
        Self {
            revision: Revision { generation, row: 0 },
            model,
            entries: Vec::new(),
            lexical: LexicalIndex::default(),
            dense: DenseIndex::default(),
            places: HashMap::new(),
            tag_bytes: 0,
        }
    }

    /// Takes in one row. A row of a turn and passage that are here already replaces it: the only change a row
    /// ever sees is that it gets a vector, so its words stay as they are.
    pub(crate) fn apply(&mut self, row: &SearchRow) {
        debug_assert!(row.number > self.revision.row, "rows come in rising order");
        self.revision.row = row.number;
        // A row that cannot be read is passed over: the turn is still in the journal, and `doctor` reports it.
        let Ok(passage) = PassageRow::decode(&row.body) else {
            tracing::warn!(
                row = row.number,
                turn = row.turn,
                "a search row cannot be read and is passed over"
            );
            return;
        };
        let vector = passage.vector.filter(|vector| Some(vector.model) == self.model);
        if let Some(&place) = self.places.get(&(row.turn, row.passage)) {
            if let Some(vector) = vector {
                self.dense.set(place as usize, &vector);
            }
            return;
        }
        let place = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.places.insert((row.turn, row.passage), place);
        self.tag_bytes += size_of_val(passage.tags.as_slice());
        self.entries.push(Entry {
            turn: row.turn,
            bytes: passage.bytes,
            role: passage.role,
            time_ms: passage.time_ms,
            tags: passage.tags.into_boxed_slice(),
        });
        self.lexical.add(place, &passage.terms);
        self.dense.push(vector.as_ref());
    }

    /// Bytes it takes, near enough for a budget.
    pub(crate) fn heap_bytes(&self) -> usize {
        const PLACE_BYTES: usize = 2 * size_of::<((u64, u32), u32)>();
        self.entries.capacity() * size_of::<Entry>()
            + self.tag_bytes
            + self.places.len() * PLACE_BYTES
            + self.lexical.heap_bytes()
            + self.dense.heap_bytes()
    }
}
