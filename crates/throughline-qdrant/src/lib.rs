//! An experimental vector index on Qdrant, over its REST API.
//!
//! It has never been run against a Qdrant server: its requests are checked by the models that Qdrant's own Python client has from the
//! published OpenAPI description, and its answers come from that client's local mode. docs/vectors.md says so too.

mod client;
mod vectors;
mod wire;

pub use vectors::{QdrantVectors, VECTOR_GRAPH_ROWS_MIN};
