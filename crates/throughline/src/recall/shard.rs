//! A scope's search records in memory, ready to be searched exactly.
//!
//! A copy of rows that stand in the store: it can be dropped at any time and built again. It is brought up to date
//! by applying the rows that came after its revision.

use std::collections::HashMap;

use crate::model::{Revision, Role};
use crate::ports::{ModelNumber, SearchRow};
use crate::text::terms::TermHash;

use super::candidates::EXACT_TURNS_MAX;
use super::dense::QuantizedVector;
use super::late::LateIndex;
use super::lexical::LexicalIndex;
use super::passage_row::PassageRow;
use super::vectors::{LastRead, Vectors};

/// Bytes of text that a token has, about: lengths only need to be comparable.
const TOKEN_BYTES: u32 = 4;

/// What is known of a turn besides its words and vectors.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// Its number in the scope.
    pub(crate) seq: u64,
    /// Who said it, as a stored code.
    pub(crate) role: u8,
    /// When, in milliseconds.
    pub(crate) time_ms: i64,
    /// Whether it asks something.
    pub(crate) asks: bool,
    /// Its length, estimated.
    pub(crate) tokens: u32,
    /// A place in the list of the scope's sessions.
    pub(crate) session: u32,
    /// The number of its first passage, and how many follow one another from there; see [`Shard::passages_of`].
    first_passage: u32,
    passages: u32,
    /// Whose name it bears: a place in [`Shard::speakers`].
    pub(crate) speaker: Option<u32>,
    /// Hashes of metadata fields and the session.
    pub(crate) tags: Box<[u32]>,
}

/// A passage: the place of its turn and its part of the turn's text, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    pub(crate) turn: u32,
    pub(crate) bytes: (u32, u32),
}

/// The neighbours of a turn in its session, by place.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Links {
    pub(crate) before: Option<u32>,
    pub(crate) after: Option<u32>,
}

/// The search records of one scope.
pub(crate) struct Shard {
    /// Up to which row it has come.
    pub(crate) revision: Revision,
    /// The number of the newest turn it has.
    pub(crate) newest_turn: u64,
    /// Whose vectors it holds; vectors of other models are passed over.
    pub(crate) model: Option<ModelNumber>,
    /// By place: in the order in which they came here, which is not always that in which they were said.
    pub(crate) turns: Vec<Turn>,
    /// By document number, which is the place of a passage in the three indexes.
    pub(crate) passages: Vec<Passage>,
    /// Places of each session's turns in the order they were said.
    pub(crate) sessions: Vec<Vec<u32>>,
    /// By place: the places of the turns said before and after it in its session.
    pub(crate) links: Vec<Links>,
    /// Document numbers of the passages with standing statements.
    pub(crate) standing: Vec<u32>,
    /// The words of each speaker's name.
    pub(crate) speakers: Vec<Box<[TermHash]>>,
    /// Whether the assistant's turns bear names: then it is a person too.
    pub(crate) two_people: bool,
    pub(crate) lexical: LexicalIndex,
    /// None once they would take more than `vectors_bytes_max`: then they are read when they are needed.
    vectors: Option<Vectors>,
    vectors_bytes_max: usize,
    /// From so many turns on a vector index is asked, and neither vectors nor sketches are held.
    indexed_turns_min: usize,
    /// Of those that were read, the ones that are nearly always needed.
    pub(super) sample: LastRead,
    /// Of those that the vector index does not have yet.
    pub(super) tail: LastRead,
    /// The passages' vectors in one bit a component, once the shard is large: as if each were one token.
    sketches: Option<LateIndex>,
    /// By document number: the number of its row in the store.
    rows: Vec<u64>,
    places: HashMap<u64, u32>,
    documents: HashMap<(u64, u32), u32>,
    /// By session number of the store.
    session_places: HashMap<u32, u32>,
    /// Passages that do not follow their turn's others, by place of the turn.
    strays: HashMap<u32, Vec<u32>>,
    /// By document number: whether it has the model's vector.
    embedded: Vec<bool>,
    tag_bytes: usize,
}

impl Shard {
    /// A shard without rows yet, of the log that has this revision. If it is large, it holds vectors only as long as they
    /// take no more than these bytes, and from so many turns on it leaves the first look at them to a vector index.
    pub(crate) fn new(
        log: Revision,
        model: Option<ModelNumber>,
        vectors_bytes_max: usize,
        indexed_turns_min: usize,
    ) -> Self {
        Self {
            revision: log.beginning(),
            newest_turn: 0,
            model,
            turns: Vec::new(),
            passages: Vec::new(),
            sessions: Vec::new(),
            links: Vec::new(),
            standing: Vec::new(),
            speakers: Vec::new(),
            two_people: false,
            lexical: LexicalIndex::default(),
            vectors: Some(Vectors::default()),
            vectors_bytes_max,
            indexed_turns_min,
            sample: LastRead::default(),
            tail: LastRead::default(),
            sketches: None,
            rows: Vec::new(),
            places: HashMap::new(),
            documents: HashMap::new(),
            session_places: HashMap::new(),
            strays: HashMap::new(),
            embedded: Vec::new(),
            tag_bytes: 0,
        }
    }

    /// The place of a turn by its number in the scope.
    pub(super) fn place(&self, turn: u64) -> Option<u32> {
        self.places.get(&turn).copied()
    }

    /// Whether a part of the turn at this place, in bytes, has a standing statement.
    pub(super) fn is_standing(&self, place: u32, (from, to): (u32, u32)) -> bool {
        self.standing.iter().any(|document| {
            let passage = self.passages[*document as usize];
            passage.turn == place && passage.bytes.0 < to && from < passage.bytes.1
        })
    }

    /// Takes in one row. A row of a turn and passage that are here already replaces it: the only change a row
    /// ever sees is that it gets vectors, so its words stay as they are.
    pub(crate) fn apply(&mut self, row: &SearchRow) {
        debug_assert!(row.number > self.revision.row, "rows come in rising order");
        self.revision.row = row.number;
        self.newest_turn = self.newest_turn.max(row.turn);
        // A row that cannot be read is passed over: the turn is still in the journal, and `doctor` reports it.
        let Ok(passage) = PassageRow::decode(&row.body) else {
            tracing::warn!(
                row = row.number,
                turn = row.turn,
                "a search row cannot be read and is passed over"
            );
            return;
        };
        let vector = self.model.and_then(|model| passage.vector(model));
        let tokens = self.model.and_then(|model| passage.tokens(model));
        let dimensions = vector.map_or(0, |vector| vector.values.len());
        if let Some(&document) = self.documents.get(&(row.turn, row.passage)) {
            let document = document as usize;
            self.rows[document] = row.number;
            // A row that gets another model's vectors brings this one's along; they never change.
            if let Some(vector) = vector.filter(|_| !self.embedded[document]) {
                self.embedded[document] = true;
                if let Some(vectors) = &mut self.vectors {
                    vectors.set(document, Some(vector), tokens);
                }
                if let Some(sketches) = &mut self.sketches {
                    sketches.set(document, &vector.sketch(), dimensions);
                }
            }
            return;
        }
        let document = place(self.passages.len());
        self.rows.push(row.number);
        self.embedded.push(vector.is_some());
        self.documents.insert((row.turn, row.passage), document);
        self.lexical.add(document, &passage.terms);
        if let Some(vectors) = &mut self.vectors {
            vectors.push(vector, tokens);
        }
        if let Some(sketches) = &mut self.sketches {
            sketches.push(vector.map(QuantizedVector::sketch).as_ref(), dimensions);
        }
        if passage.standing {
            self.standing.push(document);
        }
        let passage = self.passage(row, document, passage);
        self.passages.push(passage);
        self.slim();
    }

    /// Takes sketches of a shard that has become large, and gives up vectors that have become too large; both, where an
    /// index has them.
    fn slim(&mut self) {
        if self.turns.len() <= EXACT_TURNS_MAX {
            return;
        }
        if self.is_indexed() {
            (self.vectors, self.sketches) = (None, None);
        }
        let Some(vectors) = &self.vectors else { return };
        self.sketches.get_or_insert_with(|| vectors.sketches());
        if vectors.heap_bytes() > self.vectors_bytes_max {
            self.vectors = None;
        }
    }

    /// The vectors of all passages, if the shard holds them.
    pub(super) fn vectors(&self) -> Option<&Vectors> {
        self.vectors.as_ref()
    }

    /// Whether the first look at its vectors is the vector index's.
    pub(super) fn is_indexed(&self) -> bool {
        self.turns.len() > EXACT_TURNS_MAX && self.turns.len() >= self.indexed_turns_min
    }

    /// The document of a passage, if it is (still) here.
    pub(super) fn document(&self, turn: u64, passage: u32) -> Option<u32> {
        self.documents.get(&(turn, passage)).copied()
    }

    /// The documents with a vector whose rows came after this one.
    pub(super) fn embedded_after(&self, row: u64) -> impl Iterator<Item = u32> {
        let rows = (0..).zip(self.rows.iter().zip(&self.embedded));
        rows.filter(move |(_, (number, embedded))| **embedded && **number > row).map(|(document, _)| document)
    }

    /// The number of the row of a document.
    pub(super) fn row_of(&self, document: u32) -> u64 {
        self.rows[document as usize]
    }

    /// The sketches of all vectors, if the shard is large.
    pub(crate) fn sketches(&self) -> Option<&LateIndex> {
        self.sketches.as_ref()
    }

    /// Calls `sink` with the numbers of the passages of the turn at `place`.
    pub(crate) fn passages_of(&self, place: u32, mut sink: impl FnMut(u32)) {
        let turn = &self.turns[place as usize];
        (turn.first_passage..turn.first_passage + turn.passages).for_each(&mut sink);
        if !self.strays.is_empty() {
            self.strays.get(&place).into_iter().flatten().copied().for_each(sink);
        }
    }

    /// The turns around the one at `place` in its session: before, after, before that, after that.
    pub(crate) fn around(&self, place: u32) -> [Option<u32>; 4] {
        let Links { before, after } = self.links[place as usize];
        let before_that = before.and_then(|before| self.links[before as usize].before);
        let after_that = after.and_then(|after| self.links[after as usize].after);
        [before, after, before_that, after_that]
    }

    /// The passage at its turn, which is added with its first passage.
    fn passage(&mut self, row: &SearchRow, document: u32, passage: PassageRow) -> Passage {
        let tokens = (passage.bytes.1 - passage.bytes.0).div_ceil(TOKEN_BYTES);
        if let Some(&turn) = self.places.get(&row.turn) {
            let known = &mut self.turns[turn as usize];
            known.tokens += tokens;
            if known.first_passage + known.passages == document {
                known.passages += 1;
            } else {
                // Its passages got their vectors at different times, and other rows came in between.
                self.strays.entry(turn).or_default().push(document);
            }
            return Passage { turn, bytes: passage.bytes };
        }
        let turn = place(self.turns.len());
        self.places.insert(row.turn, turn);
        let session_place = *self.session_places.entry(row.session).or_insert_with(|| {
            self.sessions.push(Vec::new());
            place(self.sessions.len() - 1)
        });
        let session = &mut self.sessions[session_place as usize];
        let at = session.partition_point(|place| self.turns[*place as usize].seq < row.turn);
        session.insert(at, turn);
        let links =
            Links { before: at.checked_sub(1).map(|at| session[at]), after: session.get(at + 1).copied() };
        if let Some(before) = links.before {
            self.links[before as usize].after = Some(turn);
        }
        if let Some(after) = links.after {
            self.links[after as usize].before = Some(turn);
        }
        self.links.push(links);
        self.tag_bytes += size_of_val(passage.tags.as_slice());
        let speaker = self.speaker(passage.speaker);
        self.two_people |= passage.role == Role::Assistant.code() && speaker.is_some();
        self.turns.push(Turn {
            seq: row.turn,
            session: session_place,
            first_passage: document,
            passages: 1,
            role: passage.role,
            time_ms: passage.time_ms,
            asks: passage.asks,
            tokens,
            speaker,
            tags: passage.tags.into_boxed_slice(),
        });
        Passage { turn, bytes: passage.bytes }
    }

    fn speaker(&mut self, name: Vec<TermHash>) -> Option<u32> {
        if name.is_empty() {
            return None;
        }
        let known = self.speakers.iter().position(|known| **known == name[..]);
        Some(place(known.unwrap_or_else(|| {
            self.speakers.push(name.into_boxed_slice());
            self.speakers.len() - 1
        })))
    }

    /// Bytes it takes, near enough for a budget.
    pub(crate) fn heap_bytes(&self) -> usize {
        const PLACE_BYTES: usize = 2 * size_of::<(u64, u32)>();
        const DOCUMENT_BYTES: usize = 2 * size_of::<((u64, u32), u32)>();
        self.turns.capacity() * size_of::<Turn>()
            + self.passages.capacity() * size_of::<Passage>()
            + self.links.capacity() * size_of::<Links>()
            + self.embedded.capacity()
            + self.standing.capacity() * size_of::<u32>()
            + self.tag_bytes
            + self.places.len() * PLACE_BYTES
            + self.documents.len() * DOCUMENT_BYTES
            + self.sessions.iter().map(|session| session.capacity() * size_of::<u32>()).sum::<usize>()
            + self.lexical.heap_bytes()
            + self.rows.capacity() * size_of::<u64>()
            + self.vectors.as_ref().map_or(0, Vectors::heap_bytes)
            + self.sample.heap_bytes()
            + self.tail.heap_bytes()
            + self.sketches.as_ref().map_or(0, LateIndex::heap_bytes)
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
