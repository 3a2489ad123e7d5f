//! The store against real servers. They are named in `THROUGHLINE_TEST_REDIS_URLS`; `cargo xtask test` starts them.

mod conformance;
mod support;
