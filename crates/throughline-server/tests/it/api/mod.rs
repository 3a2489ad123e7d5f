//! The native API as a client sees it.

mod bad_input;
mod contexts;
mod isolation;
mod keys;
mod learning;
mod limits;
mod memories;
mod outage;
mod profiles;
mod recalls;
mod server;
mod summaries;
mod turns;
mod usage;
mod world;
