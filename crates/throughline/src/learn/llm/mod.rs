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
mod summary;
#[cfg(test)]
mod tests;
mod when;

use std::borrow::Cow;
use std::time::Duration;

use crate::model::{TokenPrice, Usage, UsageByStage, UsageStage};
use crate::ports::{Llm, LlmRequest};

use super::proposal::{Batch, BatchTurn, ExtractError, Extraction, Extractor, Proposal, Told};
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
struct Asked<T> {
    system: Cow<'static, str>,
    schema: Cow<'static, serde_json::Value>,
    /// The form of an answer, for who did not keep to it.
    form: &'static str,
    /// What asking counts as, and asking once more.
    stages: [UsageStage; 2],
    /// What an answer says, none if it says that there is nothing, or what is wrong with it.
    read: fn(&str) -> Result<Vec<T>, &'static str>,
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

    /// What an answer to a prompt says. One that cannot be read is asked for once more.
    fn ask<T>(
        &self,
        asked: &Asked<T>,
        prompt: &Prompt,
        usage: &mut UsageByStage,
    ) -> Result<Vec<T>, ExtractError> {
        let [first, again] = asked.stages;
        let reason = match self.attempt(first, asked, &prompt.user, usage)? {
            Ok(items) => return Ok(items),
            Err(reason) => reason,
        };
        let user = format!(
            "{}\n\nYour last answer could not be used: {reason}. Answer again, shorter if it was long, with one JSON object \
             {} and nothing else.",
            prompt.user, asked.form
        );
        self.attempt(again, asked, &user, usage)?
            .map_err(|reason| ExtractError::Unusable { reason: reason.to_owned(), usage: *usage })
    }

    /// One call: what it failed with, else what was read or why nothing can be.
    fn attempt<T>(
        &self,
        stage: UsageStage,
        asked: &Asked<T>,
        user: &str,
        usage: &mut UsageByStage,
    ) -> Result<Result<Vec<T>, &'static str>, ExtractError> {
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
        Ok((asked.read)(&answer.text))
    }
}

impl<L: Llm> Extractor for LlmExtractor<L> {
    fn name(&self) -> &str {
        self.llm.name()
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        let mut usage = UsageByStage::default();
        let mut proposals: Vec<Proposal> = Vec::new();
        let asked = Asked {
            system: prompt::system(batch.slots).into(),
            schema: schema::schema(batch.slots),
            form: r#"{"facts": […]}"#,
            stages: [UsageStage::Extract, UsageStage::Repair],
            read: parse::parse,
        };
        for prompt in prompt::prompts(batch, &asked.system, self.settings.prompt_tokens_max) {
            let items = self.ask(&asked, &prompt, &mut usage)?;
            proposals.extend(propose::proposals(batch, &prompt, items));
        }
        Ok(Extraction { proposals, usage })
    }

    fn summarise(&self, turns: &[BatchTurn]) -> Result<Told, ExtractError> {
        let mut usage = UsageByStage::default();
        let Some(prompt) = summary::prompt(turns, self.settings.prompt_tokens_max) else {
            return Ok(Told::default());
        };
        let sentences = self.ask(&summary::asked(), &prompt, &mut usage)?;
        Ok(Told { sentences: summary::told(turns, &prompt, sentences), usage })
    }

    fn rests_for(&self) -> Option<Duration> {
        self.llm.rests_for()
    }
}
