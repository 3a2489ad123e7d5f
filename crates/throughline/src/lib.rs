//! The Throughline engine: recall, context, learning and forgetting over ports.
//!
//! Synchronous, and knows no HTTP, no SQL, no environment variable and no wall clock.

pub mod codec;
pub mod context;
pub mod journal;
pub mod memory;
pub mod model;
pub mod ports;
pub mod recall;
pub mod text;
