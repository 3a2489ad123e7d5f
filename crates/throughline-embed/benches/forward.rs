//! How long a forward pass takes: a query alone, and batches at ingest; 8-bit weights beside the `f32` reference.
//!
//! `THROUGHLINE_TEST_MODEL_DIR=… cargo bench -p throughline-embed --bench forward`

#![allow(dead_code, unused_imports, reason = "of the network only the forward pass is used")]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

// The network is private to the crate: it is compiled in here once more, with its tests, which do not run.
#[path = "../src/attention.rs"]
mod attention;
#[path = "../src/bert.rs"]
mod bert;
#[path = "../src/elementary.rs"]
mod elementary;
#[path = "../src/linear.rs"]
mod linear;
#[path = "../src/reference/mod.rs"]
mod reference;
#[path = "../src/simd/mod.rs"]
mod simd;
#[path = "../src/weights.rs"]
mod weights;
#[path = "../src/words.rs"]
mod words;

/// Name of a case, and the tokens of its texts.
const CASES: [(&str, &[usize]); 3] =
    [("query_of_20", &[20]), ("short_texts", &[20; 12]), ("long_text", &[250])];

fn texts(lengths: &[usize], vocabulary: usize) -> Vec<Vec<u32>> {
    let mut random = 88_172_645_463_325_252_u64;
    let mut token = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        u32::try_from(random % vocabulary as u64).expect("a token")
    };
    lengths.iter().map(|&length| (0..length).map(|_| token()).collect()).collect()
}

fn forward(criterion: &mut Criterion) {
    let folder =
        std::env::var_os("THROUGHLINE_TEST_MODEL_DIR").expect("THROUGHLINE_TEST_MODEL_DIR names the model");
    let folder = PathBuf::from(folder);
    let file = |name| std::fs::read(folder.join(name)).expect("a file of the model");
    let config: bert::BertConfig = serde_json::from_slice(&file("config.json")).expect("a config.json");
    let weights = file("model.safetensors");
    let networks: Vec<(&str, bert::Bert)> = simd::Isa::all()
        .into_iter()
        .map(|isa| (isa.name(), bert::Bert::load_for(isa, config.clone(), &weights).expect("the weights")))
        .collect();
    let reference = reference::Bert::load(config.clone(), &weights).expect("the weights");
    for (case, lengths) in CASES {
        let texts = texts(lengths, config.vocab_size);
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut group = criterion.benchmark_group(case);
        group.throughput(Throughput::Elements(lengths.len() as u64));
        for (isa, network) in &networks {
            group.bench_function(BenchmarkId::from_parameter(isa), |bencher| {
                bencher.iter(|| network.forward(black_box(&texts)));
            });
        }
        group.bench_function("f32 reference", |bencher| {
            bencher.iter(|| reference.forward(black_box(&texts)));
        });
        group.finish();
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
