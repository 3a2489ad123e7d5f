//! Reads conversations from files and measures how well a ranking finds the turns that answer questions about them.
//!
//! Two uses share the loaders: `import` takes the turns of a file into memory ([`Dataset::turns`]), and the
//! evaluation asks a [`Ranker`] the file's questions ([`Dataset::conversations`], [`evaluate`]).
//!
//! ```no_run
//! use throughline_eval::{
//!     Conversation, Dataset, Question, RankedItem, Ranker, Report, RunFacts, Style, evaluate, table,
//! };
//!
//! /// Ranks the newest turn first.
//! struct Newest(Vec<RankedItem>);
//!
//! impl Ranker for Newest {
//!     type Error = std::convert::Infallible;
//!
//!     fn ingest(&mut self, conversation: &Conversation) -> Result<(), Self::Error> {
//!         let newest_first = conversation.turns.iter().rev();
//!         let item = |t: &throughline_eval::ConversationTurn| {
//!             RankedItem { turn_id: t.id.clone(), tokens: t.text.len() / 4, confidence: None }
//!         };
//!         self.0 = newest_first.map(item).collect();
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
//! let facts = RunFacts {
//!     data_set: "locomo".into(),
//!     file: "locomo.json".into(),
//!     ranking: "newest".into(),
//!     model: None,
//!     program: "example 1.0".into(),
//!     started: jiff::Timestamp::now(),
//! };
//! println!("{}", table(&Report::new(facts, evaluation), &Style::PLAIN));
//! # Ok(())
//! # }
//! ```
//!
//! Architecture invariant: this crate knows neither the engine nor a store. What judges a ranking must not share
//! code with it, and any product can be put behind [`Ranker`].

mod age;
mod agreement;
mod bootstrap;
mod compare;
mod compare_view;
mod confidence;
mod conversation;
mod curve;
mod drift;
mod error;
mod html;
mod import;
mod json;
mod jsonl;
mod leave_one_out;
mod locomo;
mod longmemeval;
mod metrics;
mod numbers;
mod own;
mod page;
mod plot;
mod records;
mod report;
mod row;
mod run;
mod saved;
mod summary;
mod table;

pub use age::AgeFigure;
pub use agreement::{
    AgreementEvaluation, AgreementFigure, AgreementFigures, AgreementReport, AgreementRow, ExactRanker,
    JsonAgreement, agreement_table, evaluate_agreement,
};
pub use bootstrap::{DRAWN_FEW, LEVEL, RESAMPLES, Resampled};
pub use compare::{Asked, Comparison, Difference, compare};
pub use compare_view::{JsonComparison, comparison_table};
pub use confidence::{
    Bin, ConfidenceEvaluation, ConfidenceFigures, ConfidenceReport, ConfidenceRow, Foreign, JsonConfidence,
    JudgedItem, Left, QuestionSet, Reliability, Threshold, confidence_html, confidence_table,
    evaluate_confidence, question_sets,
};
pub use conversation::{Conversation, ConversationTurn, Evidence, Question, Role};
pub use drift::{
    DriftFailure, DriftFigures, Expected, Fact, FailureKind, Held, HeldState, JsonDrift, Must, Order,
    Rememberer, Step, Story, StoryError, StorySession, ThemeFigures, Verdict, built_in_stories, drift_table,
    judge, read_stories,
};
pub use error::ImportError;
pub use html::html;
pub use import::{Conversations, Dataset, Format, ImportedTurn, Turns};
pub use json::JsonReport;
pub use leave_one_out::ConversationFigure;
pub use metrics::{
    CUTOFFS, Found, HEADLINE_CUTOFF, LatencySummary, NDCG_CUTOFF, RankedItem, Scores, TOKEN_BUDGETS,
};
pub use report::{Report, RunFacts};
pub use row::{Piece, Row};
pub use run::{Evaluation, Progress, RANKED_ITEMS_MAX, Ranker, RunError, evaluate};
pub use saved::{SavedError, read_saved};
pub use summary::{Figures, ScoresInterval, Summary};
pub use table::{Paint, Style, table};
