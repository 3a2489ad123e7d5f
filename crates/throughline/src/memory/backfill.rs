//! Adding vectors to passages that were written without: the model was missing, late or failing then.

use crate::journal::searched_text;
use crate::ports::{EMBED_TEXTS_MAX, EmbedError, EmbedRole, EmbeddedRow, Embedding, StoreError};
use crate::recall::PassageRow;

use super::{Attached, Memory, MemoryError};

struct Waiting {
    row: EmbeddedRow,
    passage: PassageRow,
    text: String,
}

impl Memory {
    /// Adds vectors to at most `limit` passages, and no more than [`EMBED_TEXTS_MAX`]. Returns how many no longer wait; 0 if there is nothing to do or no
    /// model. After an error the passages still wait: call again later.
    ///
    /// A passage that the model refuses for itself stops waiting without a vector, or it would keep all others from
    /// theirs; it is found by its words.
    pub fn backfill(&self, limit: usize) -> Result<usize, MemoryError> {
        let Some(attached) = self.attached() else { return Ok(0) };
        let waiting = self.waiting(limit.min(EMBED_TEXTS_MAX))?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let count = waiting.len();
        let texts: Vec<&str> = waiting.iter().map(|waiting| waiting.text.as_str()).collect();
        let rows = match self.embed(&attached, &texts) {
            Ok(embeddings) => waiting
                .into_iter()
                .zip(embeddings)
                .map(|(waiting, embedding)| with_embedding(&attached, waiting, &embedding))
                .collect(),
            Err(EmbedError::Rejected(_)) => waiting
                .into_iter()
                .map(|waiting| self.one_by_one(&attached, waiting))
                .collect::<Result<_, _>>()?,
            Err(error) => return Err(error.into()),
        };
        self.store.put_embedded(rows)?;
        Ok(count)
    }

    fn waiting(&self, limit: usize) -> Result<Vec<Waiting>, MemoryError> {
        let mut waiting = Vec::new();
        for found in self.store.unembedded(limit)? {
            let passage = PassageRow::decode(&found.row.body)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?;
            // A turn erased since is not there, and neither is its row.
            let Some(turn) = self.store.turns(&found.scope, &[found.row.turn])?.pop() else { continue };
            let text = searched_text(turn.name.as_deref(), &turn.content.text, passage.bytes);
            let row = EmbeddedRow { scope: found.scope, number: found.row.number, body: found.row.body };
            waiting.push(Waiting { row, passage, text });
        }
        Ok(waiting)
    }

    fn one_by_one(&self, attached: &Attached, waiting: Waiting) -> Result<EmbeddedRow, EmbedError> {
        match self.embed(attached, &[&waiting.text]) {
            Ok(embeddings) => {
                let embedding = embeddings.into_iter().next().unwrap_or_default();
                Ok(with_embedding(attached, waiting, &embedding))
            }
            Err(EmbedError::Rejected(why)) => {
                tracing::warn!(why, "the embedding model refuses a passage; it is found by its words alone");
                Ok(waiting.row)
            }
            Err(error) => Err(error),
        }
    }

    fn embed(&self, attached: &Attached, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        attached.embedder.embed(EmbedRole::Passage, texts, self.settings.passage_embed_deadline)
    }
}

fn with_embedding(attached: &Attached, waiting: Waiting, embedding: &Embedding) -> EmbeddedRow {
    let body = waiting.passage.with_embedding(attached.number, &waiting.text, embedding).encode();
    EmbeddedRow { body, ..waiting.row }
}
