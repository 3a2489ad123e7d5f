//! The search: scope + query + time → ranked passages. Reads only.

mod answer;
mod arms;
mod cache;
mod candidates;
mod confidence;
mod date;
mod dense;
mod filter;
mod fusion;
mod hits;
mod late;
mod learned;
mod lexical;
mod nearest;
mod passage_row;
mod query;
mod rank;
mod request;
mod role;
mod selection;
mod session;
mod shard;
mod speaker;
mod standing;
mod structure;
mod top;
mod turns;
mod vectors;
mod wanted;
mod weights;
mod window;

pub(crate) use cache::ShardCache;
pub use dense::QuantizedVector;
pub use filter::Filters;
pub(crate) use filter::{metadata_tags, session_tag};
pub use late::TokenSketch;
pub(crate) use learned::{Learned, Lesson};
pub(crate) use nearest::{IndexedScope, Seen};
pub use passage_row::PassageRow;
pub(crate) use query::Query;
pub(crate) use rank::{Found, Ranked, Ranking, rank};
pub(crate) use request::passage_text;
pub use request::{
    Degraded, ItemMemory, Priors, RankingKind, RecallRequest, Recalled, RecalledItem, Scores, StandingItem,
};
pub(crate) use standing::Standing;
pub(crate) use turns::TurnCache;
