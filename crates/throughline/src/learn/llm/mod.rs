//! The extractor that asks a language model. The model proposes with exact quotes; nothing it says is believed here.
//!
//! ```text
//! batch ─▶ prompt ─▶ Llm ─▶ parse ─▶ propose
//!                     ▲       │ cannot be read: once more, with the reason
//!                     └───────┘
//! ```
//!
//! "No facts" is an answer; an answer that cannot be read is none, and after one repair it is an error. Dates are copied by
//! the model and resolved by code. Nothing here retries a provider that fails: that is the [`Llm`]'s.

mod locate;
mod parse;
mod prompt;
mod propose;
mod schema;
#[cfg(test)]
mod tests;
mod when;

use std::borrow::Cow;
use std::time::Duration;

use crate::model::{TokenPrice, Usage, UsageByStage, UsageStage};
use crate::ports::{Llm, LlmRequest};

use super::proposal::{Batch, ExtractError, Extraction, Extractor, Proposal};
use parse::Item;
use prompt::Prompt;

/// How a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmSettings {
    /// The most tokens of one prompt, instructions included: about, since every model counts with its own vocabulary.
    pub prompt_tokens_max: usize,
    /// The most tokens of one answer.
    pub answer_tokens_max: u32,
    /// The most time one answer may take, retries included.
    pub deadline: Duration,
    /// What its tokens cost; nothing, if nobody says.
    pub price: TokenPrice,
}

/// Fits local models with a context of 8,192 tokens.
impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            prompt_tokens_max: 5_000,
            answer_tokens_max: 2_048,
            deadline: Duration::from_mins(2),
            price: TokenPrice::default(),
        }
    }
}

/// What is the same in all questions about a batch.
struct Asked {
    system: String,
    schema: Cow<'static, serde_json::Value>,
}

/// An [`Extractor`] that asks a language model.
#[derive(Debug)]
pub struct LlmExtractor<L> {
    llm: L,
    settings: LlmSettings,
}

impl<L: Llm> LlmExtractor<L> {
    /// Asks this model.
    pub fn new(llm: L, settings: LlmSettings) -> Self {
        Self { llm, settings }
    }

    /// The facts of an answer to a prompt. One that cannot be read is asked for once more.
    fn ask(
        &self,
        asked: &Asked,
        prompt: &Prompt,
        usage: &mut UsageByStage,
    ) -> Result<Vec<Item>, ExtractError> {
        let reason = match self.attempt(UsageStage::Extract, asked, &prompt.user, usage)? {
            Ok(items) => return Ok(items),
            Err(reason) => reason,
        };
        let again = format!(
            "{}\n\nYour last answer could not be used: {reason}. Answer again, shorter if it was long, with one JSON object \
             {{\"facts\": […]}} and nothing else.",
            prompt.user
        );
        self.attempt(UsageStage::Repair, asked, &again, usage)?
            .map_err(|reason| ExtractError::Unusable { reason: reason.to_owned(), usage: *usage })
    }

    /// One call: what it failed with, else the facts or why there are none to be read.
    fn attempt(
        &self,
        stage: UsageStage,
        asked: &Asked,
        user: &str,
        usage: &mut UsageByStage,
    ) -> Result<Result<Vec<Item>, &'static str>, ExtractError> {
        let request = LlmRequest {
            system: &asked.system,
            user,
            schema: &asked.schema,
            answer_tokens_max: self.settings.answer_tokens_max,
            deadline: self.settings.deadline,
        };
        let answer =
            self.llm.ask(&request).map_err(|error| ExtractError::Provider { error, usage: *usage })?;
        *usage.stage_mut(stage) += Usage {
            calls: 1,
            prompt_tokens: answer.prompt_tokens,
            answer_tokens: answer.answer_tokens,
            cost_nanos: self.settings.price.cost_nanos(answer.prompt_tokens, answer.answer_tokens),
        };
        Ok(parse::parse(&answer.text))
    }
}

impl<L: Llm> Extractor for LlmExtractor<L> {
    fn name(&self) -> &str {
        self.llm.name()
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        let mut usage = UsageByStage::default();
        let mut proposals: Vec<Proposal> = Vec::new();
        let asked = Asked { system: prompt::system(batch.slots), schema: schema::schema(batch.slots) };
        for prompt in prompt::prompts(batch, &asked.system, self.settings.prompt_tokens_max) {
            let items = self.ask(&asked, &prompt, &mut usage)?;
            proposals.extend(propose::proposals(batch, &prompt, items));
        }
        Ok(Extraction { proposals, usage })
    }

    fn rests_for(&self) -> Option<Duration> {
        self.llm.rests_for()
    }
}
