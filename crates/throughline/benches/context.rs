//! How long the context of a chat takes, embedding excluded: everything between a request and what is added to it, for a user who has
//! said so much, in an embedded store.
//!
//! `cargo bench -p throughline --bench context`.

#![expect(clippy::print_stdout, reason = "it is what a bench is for")]

mod scripted;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use throughline::memory::{ContextRequest, Memory};

const TURNS: [usize; 2] = [1_000, 20_000];
/// The default of the server.
const CACHE_BYTES: usize = 512 << 20;
/// Contexts whose percentiles are told.
const SAMPLES: usize = 2_000;

fn took(memory: &Memory, question: &str) -> Duration {
    let begin = Instant::now();
    let context = memory.context(&scripted::scope(), &ContextRequest::asking(black_box(question)));
    let (took, timings) = (begin.elapsed(), context.expect("a context").receipt.timings);
    // What lies in no stage counts as well.
    let stages: Duration = timings.iter().map(|timing| timing.took).sum();
    took.saturating_sub(stages.saturating_sub(scripted::without_embedding(&timings)))
}

fn context(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("context, embedding excluded");
    for turns in TURNS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = scripted::memory(folder.path(), CACHE_BYTES);
        scripted::observe(&memory, &scripted::turns().take(turns).collect::<Vec<_>>());
        // Always another one: what was found for one of them is only partly what the next one finds.
        let mut questions = scripted::questions();
        let mut one = || took(&memory, &questions.next().expect("it never ends"));
        group.bench_function(BenchmarkId::from_parameter(turns), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| one()).sum());
        });
        let mut samples: Vec<Duration> = (0..SAMPLES).map(|_| one()).collect();
        samples.sort_unstable();
        println!("{turns} turns: p50 {:?}, p99 {:?}", samples[SAMPLES / 2], samples[SAMPLES * 99 / 100]);
    }
    group.finish();
}

criterion_group!(benches, context);
criterion_main!(benches);
