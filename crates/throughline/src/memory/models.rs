//! Which embedding models read and which one answers: what the store says, and what this process has at hand.
//!
//! The store decides, and is asked at every use: any process may begin, complete or take back a switch. A process only
//! brings embedders. What it has none for is left to others: it then recalls by words, or leaves passages waiting.

use std::sync::{Arc, PoisonError};

use crate::ports::{Embedder, EmbeddingModel, EmbeddingModels, ModelNumber, NumberedModel, RolledBack};

use super::{Memory, MemoryError};

/// A model of the store that this process has an embedder for.
#[derive(Clone)]
pub(super) struct AtHand {
    pub(super) embedder: Arc<dyn Embedder>,
    pub(super) number: ModelNumber,
}

/// The models of the store, as far as this process can use them.
#[derive(Default)]
pub(super) struct ModelsAtHand {
    pub(super) serving: Option<AtHand>,
    pub(super) coming: Option<AtHand>,
    /// The model that serves, if it is not at hand while others are.
    pub(super) other_serves: Option<EmbeddingModel>,
    /// The numbers of all models whose vectors are kept.
    pub(super) kept: Vec<ModelNumber>,
}

impl ModelsAtHand {
    /// Those that read what is written: the one that serves first, for somebody may ask for it next.
    pub(super) fn reading(&self) -> impl Iterator<Item = &AtHand> {
        self.serving.iter().chain(&self.coming)
    }
}

impl Memory {
    /// Uses a model from now on. The first model ever attached to a store serves; later the one that serves or the one
    /// that is coming can be attached. Any other is refused with [`MemoryError::ModelMismatch`], so that nobody changes
    /// a store's model by accident: see [`switch_model`](Self::switch_model).
    pub fn attach(&self, embedder: Arc<dyn Embedder>) -> Result<(), MemoryError> {
        let EmbeddingModels { serving, coming, .. } = self.store.claim_embedding_model(embedder.model())?;
        let known = serving.iter().chain(&coming).any(|known| known.model == *embedder.model());
        if let Some(NumberedModel { model: store, .. }) = serving.filter(|_| !known) {
            return Err(MemoryError::ModelMismatch { store, configured: embedder.model().clone() });
        }
        self.keep_at_hand(embedder);
        Ok(())
    }

    /// Keeps an embedder at hand, and the store as it is: it is used whenever its model serves or comes. So the model
    /// that a switch leaves goes on until the switch is complete, and is there for a rollback.
    pub fn keep_at_hand(&self, embedder: Arc<dyn Embedder>) {
        let mut embedders = self.embedders.write().unwrap_or_else(PoisonError::into_inner);
        embedders.retain(|known| known.model() != embedder.model());
        embedders.push(embedder);
    }

    /// Begins the switch to another model. Every passage waits for its vector, which [`backfill`](Self::backfill) makes;
    /// meanwhile the model that serves answers, and turns that are written get vectors of both. When no passage waits
    /// any more the new model serves, in all processes. A memory without passages switches at once.
    ///
    /// Beginning again goes on with it. The vectors of the model before stay for
    /// [`roll_back_model`](Self::roll_back_model) until the next switch begins or they are
    /// [forgotten](Self::forget_previous_model).
    pub fn switch_model(&self, embedder: Arc<dyn Embedder>) -> Result<EmbeddingModels, MemoryError> {
        self.store.begin_switch(embedder.model())?;
        self.keep_at_hand(embedder);
        self.complete_switch(&self.models_at_hand()?)?;
        Ok(self.store.embedding_models()?)
    }

    /// Calls the switch that is under way off; if none is, the model before serves again at once. Passages that were
    /// written since and that it has not read wait for their vectors and are found by their words.
    pub fn roll_back_model(&self) -> Result<RolledBack, MemoryError> {
        Ok(self.store.roll_back_switch()?)
    }

    /// Gives up the model before: there is nothing to roll back to, and [`tidy`](Self::tidy) takes its vectors away.
    /// Returns which it was.
    pub fn forget_previous_model(&self) -> Result<Option<EmbeddingModel>, MemoryError> {
        Ok(self.store.forget_previous_model()?.map(|known| known.model))
    }

    /// The embedder of the model that serves, if this process has it. Asks the store.
    pub fn embedder(&self) -> Result<Option<Arc<dyn Embedder>>, MemoryError> {
        Ok(self.models_at_hand()?.serving.map(|serving| serving.embedder))
    }

    /// The model that serves, if this process has embedders and none of it: recall goes by words alone until it is
    /// [kept at hand](Self::keep_at_hand). Asks the store.
    pub fn other_model_serving(&self) -> Result<Option<EmbeddingModel>, MemoryError> {
        Ok(self.models_at_hand()?.other_serves)
    }

    /// The embedder of this name, if this process has it; whether its model serves or not.
    pub fn embedder_named(&self, name: &str) -> Option<Arc<dyn Embedder>> {
        let embedders = self.embedders.read().unwrap_or_else(PoisonError::into_inner);
        embedders.iter().find(|embedder| embedder.model().name == name).cloned()
    }

    /// Whether an embedder of this model is at hand.
    pub fn has_at_hand(&self, model: &EmbeddingModel) -> bool {
        self.at_hand(model).is_some()
    }

    fn at_hand(&self, model: &EmbeddingModel) -> Option<Arc<dyn Embedder>> {
        let embedders = self.embedders.read().unwrap_or_else(PoisonError::into_inner);
        embedders.iter().find(|embedder| embedder.model() == model).cloned()
    }

    fn has_embedders(&self) -> bool {
        !self.embedders.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The store is not asked where no embedder is at hand.
    pub(super) fn models_at_hand(&self) -> Result<ModelsAtHand, MemoryError> {
        let models =
            if self.has_embedders() { self.store.embedding_models()? } else { EmbeddingModels::default() };
        Ok(self.at_hand_of(models))
    }

    /// What of the store's models is at hand.
    pub(super) fn at_hand_of(&self, models: EmbeddingModels) -> ModelsAtHand {
        if !self.has_embedders() {
            return ModelsAtHand::default();
        }
        let kept = models.numbers();
        let find = |known: Option<NumberedModel>| {
            let NumberedModel { number, model } = known?;
            Some(AtHand { embedder: self.at_hand(&model)?, number })
        };
        let serving = find(models.serving.clone());
        let other_serves = models.serving.filter(|_| serving.is_none()).map(|known| known.model);
        ModelsAtHand { serving, coming: find(models.coming), other_serves, kept }
    }

    /// Lets the coming model serve if no passage waits for it. A process that has no embedder for it leaves that to
    /// one that has.
    pub(super) fn complete_switch(&self, models: &ModelsAtHand) -> Result<(), MemoryError> {
        let Some(coming) = &models.coming else { return Ok(()) };
        // A read before the write: this is asked after every step.
        if self.store.unembedded(coming.number, 1)?.is_empty() && self.store.complete_switch(coming.number)? {
            tracing::info!(
                model = coming.embedder.model().name,
                "the switch of the embedding model is complete"
            );
        }
        Ok(())
    }
}
