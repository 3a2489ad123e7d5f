//! The store against real servers. `cargo xtask test` installs and starts them.

mod answers;
mod conformance;
mod durability;
mod failover;
mod load;
mod migration;
mod servers;
mod support;
