//! The store as its users see it.

mod conformance;
mod crash;
mod erasure;
mod faults;
mod sharing;
mod support;
