//! The store as its users see it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests: a panic is the report, output is shown on failure"
)]

mod conformance;
mod crash;
mod erasure;
mod faults;
mod forgetting;
mod kill;
mod learn_crash;
mod learn_leases;
mod learn_processes;
mod learn_support;
mod model_crash;
mod sharing;
mod support;
