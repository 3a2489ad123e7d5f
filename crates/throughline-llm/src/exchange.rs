//! What was learned by watching a reply pass: the assistant's side of one exchange.
//!
//! Plain data. Everything a provider may spell as it likes is an open string or optional; nothing is guessed.

use http::StatusCode;

/// How much of a reply is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// All of it.
    Complete,
    /// A beginning: the client left, the provider broke off, or it was longer than what is kept.
    Truncated,
    /// None that could be kept: an error status, an error in place of a reply or within the stream, or bytes
    /// that are no chat completion. What was seen before an error within the stream is still in the reply.
    Failed,
}

/// One reply, as far as it got. Emitted exactly once for each observed body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// How much of the reply is there.
    pub outcome: Outcome,
    /// The provider's HTTP status.
    pub status: StatusCode,
    /// What was said.
    pub reply: Reply,
    /// Why the outcome is not [`Outcome::Complete`], for people to read.
    pub failure: Option<String>,
}

/// What the assistant said in choice 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The provider's id of the completion.
    pub id: Option<String>,
    /// The model that answered, in the provider's words.
    pub model: Option<String>,
    /// The text, without reasoning.
    pub text: String,
    /// The tool calls, in the order they appeared.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended, in the provider's words; never empty.
    pub finish_reason: Option<String>,
    /// What it cost, if the provider said so.
    pub usage: Option<Usage>,
}

/// One call of a tool by the assistant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The provider's id of the call, if it gave one.
    pub id: Option<String>,
    /// The function.
    pub name: String,
    /// Its arguments: JSON as the model wrote it, which may be broken.
    pub arguments: String,
}

/// Tokens as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Those of them the provider had in its prompt cache.
    pub cached_tokens: Option<u64>,
    /// Tokens of the reply.
    pub completion_tokens: Option<u64>,
}
