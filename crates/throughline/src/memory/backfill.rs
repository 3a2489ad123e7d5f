//! Adding vectors to passages that were written without: the model was missing, late or failing then, or it comes in place
//! of the one that serves.

use crate::journal::searched_text;
use crate::ports::{
    EMBED_TEXTS_MAX, EmbedError, EmbedRole, EmbeddedRow, Embedding, ModelNumber, UnembeddedRow,
};
use crate::recall::PassageRow;

use super::models::AtHand;
use super::{Memory, MemoryError};

struct Waiting {
    row: EmbeddedRow,
    passage: PassageRow,
    text: String,
}

impl Memory {
    /// Adds vectors to at most `limit` passages, and no more than [`EMBED_TEXTS_MAX`]: those of the model that serves,
    /// then those of the one that comes, which serves from the moment on when no passage waits for it. Returns how
    /// many no longer wait; 0 if there is nothing to do or no model. After an error the passages still wait: call
    /// again later.
    ///
    /// A passage that the model refuses for itself stops waiting without a vector, or it would keep all others from
    /// theirs; it is found by its words. So does one whose row cannot be read.
    pub fn backfill(&self, limit: usize) -> Result<usize, MemoryError> {
        let models = self.models_at_hand()?;
        let mut failure = None;
        for model in models.reading() {
            match self.backfill_with(model, &models.kept, limit) {
                Ok(0) => {}
                Ok(count) => {
                    self.complete_switch(&models)?;
                    return Ok(count);
                }
                // One model that fails must not keep the other from its work.
                Err(error) => failure = Some(error),
            }
        }
        self.complete_switch(&models)?;
        failure.map_or(Ok(0), Err)
    }

    /// Takes vectors of models that were given up out of at most `limit` passages, which makes the store smaller and
    /// changes no answer. Returns how many it were.
    pub fn tidy(&self, limit: usize) -> Result<usize, MemoryError> {
        let outdated = self.store.outdated(limit)?;
        let count = outdated.len();
        if count > 0 {
            let kept = self.store.embedding_models()?.numbers();
            let rows = outdated.into_iter().map(|UnembeddedRow { scope, row }| {
                let tidied = PassageRow::decode(&row.body).map(|passage| passage.only(&kept).encode());
                EmbeddedRow { scope, number: row.number, body: tidied.unwrap_or(row.body), read_by: vec![] }
            });
            self.store.put_embedded(rows.collect())?;
        }
        Ok(count)
    }

    fn backfill_with(
        &self,
        model: &AtHand,
        kept: &[ModelNumber],
        limit: usize,
    ) -> Result<usize, MemoryError> {
        let (waiting, mut rows) = self.waiting(model.number, kept, limit.min(EMBED_TEXTS_MAX))?;
        if !waiting.is_empty() {
            rows.extend(self.embed_rows(model, waiting)?);
        }
        let count = rows.len();
        if count > 0 {
            self.store.put_embedded(rows)?;
        }
        Ok(count)
    }

    fn embed_rows(&self, model: &AtHand, waiting: Vec<Waiting>) -> Result<Vec<EmbeddedRow>, EmbedError> {
        let texts: Vec<&str> = waiting.iter().map(|waiting| waiting.text.as_str()).collect();
        match self.embed(model, &texts) {
            Ok(embeddings) => Ok(waiting
                .into_iter()
                .zip(embeddings)
                .map(|(waiting, embedding)| with_embedding(model, waiting, &embedding))
                .collect()),
            Err(EmbedError::Rejected(_)) => {
                waiting.into_iter().map(|waiting| self.one_by_one(model, waiting)).collect()
            }
            Err(error) => Err(error),
        }
    }

    /// The passages that wait for this model, and beside them rows that cannot be read, which must not wait for ever.
    fn waiting(
        &self,
        model: ModelNumber,
        kept: &[ModelNumber],
        limit: usize,
    ) -> Result<(Vec<Waiting>, Vec<EmbeddedRow>), MemoryError> {
        let (mut waiting, mut unreadable) = (Vec::new(), Vec::new());
        for found in self.store.unembedded(model, limit)? {
            let row = EmbeddedRow {
                scope: found.scope,
                number: found.row.number,
                body: found.row.body,
                read_by: vec![model],
            };
            let passage = match PassageRow::decode(&row.body) {
                Ok(passage) => passage.only(kept),
                Err(error) => {
                    tracing::warn!(%error, row = row.number, "a search row gets no vector");
                    unreadable.push(row);
                    continue;
                }
            };
            // A turn erased since is not there, and neither is its row.
            let Some(turn) = self.store.turns(&row.scope, &[found.row.turn])?.pop() else { continue };
            let text = searched_text(turn.name.as_deref(), &turn.content.text, passage.bytes);
            waiting.push(Waiting { row, passage, text });
        }
        Ok((waiting, unreadable))
    }

    fn one_by_one(&self, model: &AtHand, waiting: Waiting) -> Result<EmbeddedRow, EmbedError> {
        match self.embed(model, &[&waiting.text]) {
            Ok(embeddings) => {
                let embedding = embeddings.into_iter().next().unwrap_or_default();
                Ok(with_embedding(model, waiting, &embedding))
            }
            Err(EmbedError::Rejected(why)) => {
                tracing::warn!(why, "the embedding model refuses a passage; it is found by its words alone");
                Ok(EmbeddedRow { body: waiting.passage.encode(), ..waiting.row })
            }
            Err(error) => Err(error),
        }
    }

    fn embed(&self, model: &AtHand, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        model.embedder.embed(EmbedRole::Passage, texts, self.settings.passage_embed_deadline)
    }
}

fn with_embedding(model: &AtHand, waiting: Waiting, embedding: &Embedding) -> EmbeddedRow {
    let body = waiting.passage.with_embedding(model.number, &waiting.text, embedding).encode();
    EmbeddedRow { body, ..waiting.row }
}
