//! Turns made ready for the journal: cut into passages, their terms counted, their vectors made.

use std::time::{Duration, Instant};

use crate::model::{Content, MessageHash, Role, SessionId, Timestamp};
use crate::ports::{EMBED_TEXTS_MAX, EmbedError, EmbedRole, Embedder, ModelNumber, PassageDraft, TurnDraft};
use crate::recall::{PassageRow, metadata_tags, session_tag};
use crate::text::{passages, standing, terms};

/// The most text of one turn.
pub(crate) const TURN_TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The passages of one turn that are searched, from its beginning; about 200,000 characters. Whatever comes after
/// stays in the journal unsearched: a pasted archive must not crowd out what was said.
const PASSAGES_A_TURN_MAX: usize = 512;

/// A turn that is not yet in the journal.
pub(crate) struct NewTurn {
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    pub(crate) content: Content,
    pub(crate) time: Timestamp,
    pub(crate) metadata: Option<String>,
    /// Set where forgotten words were taken out of it: the hash of what was said.
    pub(crate) said: Option<MessageHash>,
}

/// Makes search rows of turns.
pub(crate) struct Indexer<'a> {
    /// The models that read the passages, with their numbers in the store: the one that serves, then the one that comes.
    pub(crate) models: Vec<(&'a dyn Embedder, ModelNumber)>,
    /// How long to wait for all of them.
    pub(crate) deadline: Duration,
}

/// A passage as it is searched: behind its speaker's name, for people ask "what did Ana say".
pub(crate) fn searched_text(name: Option<&str>, text: &str, (from, to): (u32, u32)) -> String {
    let passage = text.get(from as usize..to as usize).unwrap_or(text);
    match name {
        Some(name) => format!("{name}: {passage}"),
        None => passage.to_owned(),
    }
}

impl Indexer<'_> {
    /// Without vectors where a model is missing, late or failing: those rows get theirs by back-fill.
    pub(crate) fn drafts(&self, session: &SessionId, turns: Vec<NewTurn>) -> Vec<TurnDraft> {
        let mut rows: Vec<Vec<PassageRow>> = turns.iter().map(|turn| rows(session, turn)).collect();
        let texts: Vec<String> = turns
            .iter()
            .zip(&rows)
            .flat_map(|(turn, rows)| {
                rows.iter().map(|row| searched_text(turn.name.as_deref(), &turn.content.text, row.bytes))
            })
            .collect();
        let until = Instant::now() + self.deadline;
        for (embedder, number) in &self.models {
            let mut rows: Vec<&mut PassageRow> = rows.iter_mut().flatten().collect();
            if let Err(error) = embed(*embedder, *number, &mut rows, &texts, until) {
                tracing::warn!(%error, passages = texts.len(), "turns are kept without vectors; they are added later");
            }
        }
        turns.into_iter().zip(rows).map(|(turn, rows)| draft(turn, &rows)).collect()
    }
}

/// A few texts at a time: as long as they are not packed, the vectors of their tokens are large.
fn embed(
    embedder: &dyn Embedder,
    number: ModelNumber,
    rows: &mut [&mut PassageRow],
    texts: &[String],
    until: Instant,
) -> Result<(), EmbedError> {
    for (rows, texts) in rows.chunks_mut(EMBED_TEXTS_MAX).zip(texts.chunks(EMBED_TEXTS_MAX)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let left = until.saturating_duration_since(Instant::now());
        let embeddings = embedder.embed(EmbedRole::Passage, &texts, left)?;
        for ((row, text), embedding) in rows.iter_mut().zip(texts).zip(embeddings) {
            **row = std::mem::take(*row).with_embedding(number, text, &embedding);
        }
    }
    Ok(())
}

fn rows(session: &SessionId, turn: &NewTurn) -> Vec<PassageRow> {
    let text = &turn.content.text;
    let mut tags = turn.metadata.as_deref().map(metadata_tags).unwrap_or_default();
    tags.push(session_tag(session));
    let speaker = turn.name.as_deref().map(terms::plain_words).unwrap_or_default();
    let asks = asks(text);
    passages::split(text)
        .into_iter()
        .take(PASSAGES_A_TURN_MAX)
        .map(|range| {
            let bytes = (to_u32(range.start), to_u32(range.end));
            let terms = terms::terms(&searched_text(turn.name.as_deref(), text, bytes));
            PassageRow {
                role: turn.role.code(),
                time_ms: turn.time.as_millisecond(),
                bytes,
                terms,
                tags: tags.clone(),
                speaker: speaker.clone(),
                asks,
                standing: turn.role == Role::User && standing::has_standing(text, &text[range]),
                ..PassageRow::default()
            }
        })
        .collect()
}

/// Whether the text holds a question, by its marks alone: the next turn then answers it.
fn asks(text: &str) -> bool {
    text.contains(['?', '\u{ff1f}', '\u{61f}', '\u{37e}'])
}

fn to_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn draft(turn: NewTurn, rows: &[PassageRow]) -> TurnDraft {
    let NewTurn { role, name, content, time, metadata, said } = turn;
    let passages = rows
        .iter()
        .map(|row| PassageDraft {
            read_by: row.vectors.iter().map(|vector| vector.model).collect(),
            body: row.encode(),
        })
        .collect();
    TurnDraft { role, name, content, time, metadata, passages, said }
}
