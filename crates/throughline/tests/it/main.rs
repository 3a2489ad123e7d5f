//! The engine over the real embedded store, as a program uses it.
#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails the test")]

mod context;
mod conversations;
mod forgetting;
mod languages;
mod learning;
mod memories;
mod model_switch;
mod noise;
mod own_slots;
mod profile;
mod recall;
mod recalled_memories;
mod summaries;
mod support;
mod usage;
mod written_summaries;
