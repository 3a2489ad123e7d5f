//! Embedding models for Throughline: in process, or any OpenAI-compatible endpoint.
//!
//! - [`MiniLm`] runs all-MiniLM-L6-v2 in this process, on the CPU, from three files.
//! - [`ModelPackage`] says which files those are, checks them, and fetches them from a package registry.
//! - [`RemoteEmbedder`] asks an OpenAI-compatible `POST /embeddings`.
//!
//! Both embedders implement [`throughline::ports::Embedder`]. This crate reads no environment variable and decides
//! no policy: when there are no vectors it says why, and its caller goes on without.

#[cfg(test)]
mod agreement;
mod attention;
mod bert;
mod cache;
mod elementary;
mod encoder;
mod lane;
mod linear;
mod math;
mod minilm;
mod package;
mod pull;
#[cfg(test)]
mod reference;
mod remote;
mod simd;
mod text;
mod weights;
mod words;

pub use minilm::{LoadError, MiniLm};
pub use package::{ModelFile, ModelPackage, PackageError, Wheel};
pub use pull::{PullError, PullProgress};
pub use remote::{ApiKey, RemoteEmbedder, RemoteSettings};
pub use text::TEXT_BYTES_MAX;
