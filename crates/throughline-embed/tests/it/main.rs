//! Whole-crate tests. Those whose name starts with `real_` need the model or a server; `cargo xtask test` sets both up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

mod alike;
mod minilm;
mod package;
mod remote;

use std::path::PathBuf;

/// The folder of the real model.
fn model_dir() -> PathBuf {
    PathBuf::from(required_env("THROUGHLINE_TEST_MODEL_DIR"))
}

fn required_env(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask test`, which sets it up"))
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum::<f32>().sqrt()
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}
