//! The search: scope + query + time → ranked passages. Reads only.

mod cache;
mod dense;
mod filter;
mod fusion;
mod lexical;
mod passage_row;
mod rank;
mod relevance;
mod request;
mod shard;
mod top;

pub(crate) use cache::ShardCache;
pub use dense::QuantizedVector;
pub use filter::Filters;
pub(crate) use filter::{metadata_tags, session_tag};
pub use passage_row::PassageRow;
pub(crate) use rank::{Ranked, Ranking, rank};
pub(crate) use request::passage_text;
pub use request::{ArmScores, Degraded, RecallRequest, Recalled, RecalledItem};
