//! How long a recall takes, embedding excluded: all arms on, over a scope of so many turns in an embedded store.
//!
//! `cargo bench -p throughline --bench recall`; scopes of other sizes: `THROUGHLINE_BENCH_TURNS=1000000 cargo bench …`.

#![expect(clippy::print_stdout, reason = "it is what a bench is for")]

mod scripted;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use throughline::memory::NewMemory;
use throughline::model::MemoryKind;
use throughline::recall::RecallRequest;

const TURNS: [usize; 2] = [1_000, 20_000];
/// Memories of a user of whom something was learned.
const MEMORIES: usize = 200;
const QUESTIONS: usize = 64;
/// The default of the server.
const CACHE_BYTES: usize = 512 << 20;

fn recall(criterion: &mut Criterion) {
    let asked = std::env::var("THROUGHLINE_BENCH_TURNS").ok().and_then(|turns| turns.parse().ok());
    let sizes: Vec<usize> = asked.map_or_else(|| TURNS.to_vec(), |turns| vec![turns]);
    let mut group = criterion.benchmark_group("recall of 10, embedding excluded");
    for turns in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = scripted::memory(folder.path(), CACHE_BYTES);
        scripted::observe(&memory, &scripted::turns().take(turns).collect::<Vec<_>>());
        let (scope, questions) = (scripted::scope(), scripted::questions().take(QUESTIONS));
        let questions: Vec<String> = questions.collect();
        for memories in [0, MEMORIES] {
            for number in 0..memories {
                memory.add_memory(&scope, note(number)).expect("a memory");
            }
            let mut next = 0;
            group.bench_function(BenchmarkId::new(format!("{memories} memories"), turns), |bencher| {
                bencher.iter_custom(|rounds| {
                    let mut took = Duration::ZERO;
                    for _ in 0..rounds {
                        let request = RecallRequest::new(&questions[next % QUESTIONS]);
                        let recalled = memory.recall(&scope, black_box(&request)).expect("a recall");
                        took += scripted::without_embedding(&recalled.timings);
                        next += 1;
                    }
                    took
                });
            });
        }
        println!("{turns} turns: {} bytes of search data in memory", memory.shard_bytes());
    }
    group.finish();
}

fn note(number: usize) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Note,
        slot: None,
        value: None,
        text: format!("The user keeps number {number} in mind"),
        importance: None,
        valid_from: None,
        valid_to: None,
    }
}

criterion_group!(benches, recall);
criterion_main!(benches);
