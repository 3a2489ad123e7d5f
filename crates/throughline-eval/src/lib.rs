//! Reads conversations from files and measures how well a ranking finds the turns that answer questions about them.
//!
//! Two uses share the loaders: `import` takes the turns of a file into memory ([`Dataset::turns`]), and the
//! evaluation asks a [`Ranker`] the file's questions ([`Dataset::conversations`], [`evaluate`]).
//!
//! ```no_run
//! use throughline_eval::{Conversation, Dataset, Question, RankedItem, Ranker, Style, evaluate, table};
//!
//! /// Ranks the newest turn first.
//! struct Newest(Vec<RankedItem>);
//!
//! impl Ranker for Newest {
//!     type Error = std::convert::Infallible;
//!
//!     fn ingest(&mut self, conversation: &Conversation) -> Result<(), Self::Error> {
//!         let newest_first = conversation.turns.iter().rev();
//!         self.0 = newest_first.map(|t| RankedItem { turn_id: t.id.clone(), tokens: t.text.len() / 4 }).collect();
//!         Ok(())
//!     }
//!
//!     fn rank(&mut self, _: &Question, limit: usize) -> Result<Vec<RankedItem>, Self::Error> {
//!         Ok(self.0.iter().take(limit).cloned().collect())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let questions = Dataset::open("locomo.json")?.conversations()?;
//! let evaluation = evaluate(questions, &mut Newest(Vec::new()), &mut |_| {})?;
//! println!("{}", table(&evaluation, &Style::PLAIN));
//! # Ok(())
//! # }
//! ```
//!
//! Architecture invariant: this crate knows neither the engine nor a store. What judges a ranking must not share
//! code with it, and any product can be put behind [`Ranker`].

mod conversation;
mod error;
mod import;
mod jsonl;
mod locomo;
mod longmemeval;
mod metrics;
mod own;
mod records;
mod report;
mod run;

pub use conversation::{Conversation, ConversationTurn, Evidence, Question, Role};
pub use error::ImportError;
pub use import::{Conversations, Dataset, Format, ImportedTurn, Turns};
pub use metrics::{CUTOFFS, LatencySummary, NDCG_CUTOFF, RankedItem, Scores, Summary, TOKEN_BUDGETS};
pub use report::{JsonReport, Paint, Style, table};
pub use run::{Evaluation, Progress, RANKED_ITEMS_MAX, Ranker, RunError, evaluate};
