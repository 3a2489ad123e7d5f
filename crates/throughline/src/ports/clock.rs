//! The wall clock, given from outside so that the engine's answers depend on their arguments alone.

use crate::model::Timestamp;

/// Tells the time. Any `Fn() -> Timestamp` is one: pass `jiff::Timestamp::now` in a program, a fixed moment in a test.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}
