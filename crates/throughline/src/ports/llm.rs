//! A language model that answers one prompt: what learning asks, if one is configured.

use std::time::Duration;

use thiserror::Error;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmRequest<'a> {
    /// The instructions.
    pub system: &'a str,
    /// What they are about.
    pub user: &'a str,
    /// The JSON Schema of the answer, for providers that can keep to one.
    pub schema: &'a serde_json::Value,
    /// The most tokens of the answer.
    pub answer_tokens_max: u32,
    /// The most time it may take, retries included.
    pub deadline: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmAnswer {
    /// The text, or the arguments of the tool call.
    pub text: String,
    /// Tokens of the prompt, as the provider counts them; 0 if it does not say.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub answer_tokens: u64,
    /// Whether the answer was cut off at its limit.
    pub truncated: bool,
}

/// Why nothing came back. All of them may be over later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LlmError {
    /// It cannot be reached, is too busy, or answered with an error.
    #[error("the learning model failed: {0}")]
    Failed(String),
    /// It took too long.
    #[error("the learning model did not answer within {0:?}")]
    DeadlineExceeded(Duration),
    /// It failed so often that it is left alone for a while.
    #[error("the learning model failed repeatedly and is left alone for another {0:?}")]
    CircuitOpen(Duration),
}

/// A language model. Blocks.
pub trait Llm: Send + Sync {
    /// Its name, for metrics and records.
    fn name(&self) -> &str;

    /// Asks it once; retries, where they help, are its own.
    fn ask(&self, request: &LlmRequest<'_>) -> Result<LlmAnswer, LlmError>;

    /// How long it is still left alone because it failed so often; none if it may be asked.
    fn rests_for(&self) -> Option<Duration> {
        None
    }
}
