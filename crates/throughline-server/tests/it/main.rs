//! The server over real sockets, with a real store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod api;
mod proxy;
