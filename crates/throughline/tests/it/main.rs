//! The engine over the real embedded store, as a program uses it.

mod context;
mod conversations;
mod profile;
mod recall;
mod support;
