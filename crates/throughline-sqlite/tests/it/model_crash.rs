//! A process is killed while it changes the embedding model; the next one finds a model that serves and has read
//! everything, and goes on where the switch was.
//!
//! Killed and repeated like the writes of `crash`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throughline::memory::{Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Role, SessionId};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel, EmbeddingModels};
use throughline::recall::RecallRequest;
use throughline_sqlite::doctor::doctor;

use crate::kill::{Chance, DIRECTORY, ROUNDS_PER_DIRECTORY, kill_after, rounds, start, tell};
use crate::support::{now, open, scope, texts};

/// The models take turns in this order, so that each has to read everything again when it comes.
const NAMES: [&str; 3] = ["one", "two", "three"];
const DIMENSIONS: usize = 8;

/// How much a child may tell before it is killed, at most.
const TOLD_MAX: u64 = 60;

/// Passages of one step of back-fill.
const STEP: usize = 2;

/// A text lies on one axis, on another one for each model: compared across models, the same text has nothing in common
/// with itself.
struct Axes {
    model: EmbeddingModel,
    shift: usize,
}

impl Embedder for Axes {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        let embedding = |text: &&str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            let mut vector = vec![0.0; DIMENSIONS];
            vector[(usize::from(hasher.finish().to_le_bytes()[0]) + self.shift) % DIMENSIONS] = 1.0;
            Embedding { vector, ..Embedding::default() }
        };
        Ok(texts.iter().map(embedding).collect())
    }
}

fn embedder(name: &str) -> Arc<Axes> {
    let shift = NAMES.iter().position(|known| *known == name).unwrap();
    Arc::new(Axes { model: EmbeddingModel { name: name.to_owned(), dimensions: DIMENSIONS }, shift })
}

/// The memory of a process that has all models at hand.
fn memory(directory: &Path) -> Memory {
    let memory = Memory::open(Arc::new(open(directory)), Arc::new(now), Settings::default()).unwrap();
    for name in NAMES {
        memory.keep_at_hand(embedder(name));
    }
    memory
}

fn models(memory: &Memory) -> EmbeddingModels {
    memory.store().embedding_models().unwrap()
}

fn serving(memory: &Memory) -> Option<String> {
    models(memory).serving.map(|known| known.model.name)
}

fn after(name: &str) -> &'static str {
    let at = NAMES.iter().position(|known| *known == name).unwrap();
    NAMES[(at + 1) % NAMES.len()]
}

/// In the child: writes a turn and changes the model, again and again, until killed. A switch that somebody has left
/// is gone on with first.
fn switch_for_ever(directory: &Path) {
    let memory = memory(directory);
    memory.attach(embedder(&serving(&memory).unwrap_or_else(|| NAMES[0].to_owned()))).unwrap();
    let process = std::process::id();
    for number in 0.. {
        let models = models(&memory);
        let next = models.coming.map(|coming| coming.model.name);
        let next = next.unwrap_or_else(|| after(&models.serving.unwrap().model.name).to_owned());
        memory.switch_model(embedder(&next)).unwrap();
        tell("begun");
        let text = format!("fact w{process}x{number}");
        let turn = TurnToObserve::new(Role::User, text.as_str());
        memory.observe(&scope("ann"), Observation::new(SessionId::new("s").unwrap(), vec![turn])).unwrap();
        tell(&format!("wrote {text}"));
        while memory.backfill(STEP).unwrap() > 0 {
            tell("filled");
        }
        tell(&format!("serves {next}"));
        if number % 2 == 0 {
            memory.forget_previous_model().unwrap();
        }
        while memory.tidy(STEP).unwrap() > 0 {
            tell("tidied");
        }
    }
}

/// Each turn is found by the model that serves, by its own vector of that model.
fn assert_all_is_found(memory: &Memory, said: &[String], round: u64) {
    for text in said {
        let recalled = memory.recall(&scope("ann"), &RecallRequest::new(text)).unwrap();
        assert_eq!(recalled.degraded, None, "round {round}");
        let best = recalled.items.first().unwrap_or_else(|| panic!("{text} is not found in round {round}"));
        assert_eq!(best.text(), text, "round {round}");
        assert!(best.scores.cosine.is_some_and(|cosine| cosine > 0.9), "round {round}: {:?}", best.scores);
    }
}

#[test]
fn a_switch_of_the_embedding_model_that_is_killed_is_gone_on_with_and_recall_answers_meanwhile() {
    const TEST: &str = "model_crash::a_switch_of_the_embedding_model_that_is_killed_is_gone_on_with_and_recall_answers_meanwhile";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return switch_for_ever(Path::new(&directory));
    }
    let mut directory = tempfile::tempdir().unwrap();
    let mut chance = Chance::new();
    let (mut under_way, mut completed) = (0, 0);
    for round in 0..rounds() {
        // Each look asks for everything that was ever said.
        if round % ROUNDS_PER_DIRECTORY == ROUNDS_PER_DIRECTORY - 1 {
            directory = tempfile::tempdir().unwrap();
        }
        let pause = Duration::from_micros(chance.below(3_000));
        let told = kill_after(start(TEST, directory.path()), 1 + chance.below(TOLD_MAX), pause);

        let said = texts(&open(directory.path()), &scope("ann"));
        let memory = memory(directory.path());
        for text in told.iter().filter_map(|told| told.strip_prefix("wrote ")) {
            assert!(said.iter().any(|said| said == text), "{text} is lost in round {round}");
        }
        let serves = serving(&memory).unwrap();
        if let Some(last) = told.iter().rev().find_map(|told| told.strip_prefix("serves ")) {
            completed += 1;
            assert!([last, after(last)].contains(&&*serves), "{serves} after {last} in round {round}");
        }
        assert_all_is_found(&memory, &said, round);
        let coming = models(&memory).coming;
        under_way += u32::from(coming.is_some());
        drop(memory);
        assert_eq!(doctor(directory.path()).findings, [], "round {round}");

        // Every other switch is left to the next child, which may be killed over it as well.
        if let Some(coming) = coming.filter(|_| chance.below(2) == 0) {
            let memory = self::memory(directory.path());
            while memory.backfill(STEP).unwrap() > 0 {}
            assert_eq!(serving(&memory), Some(coming.model.name), "round {round}");
            assert_eq!(memory.store().unembedded_count().unwrap(), 0, "round {round}");
            assert_all_is_found(&memory, &said, round);
            drop(memory);
            assert_eq!(doctor(directory.path()).findings, [], "round {round}");
        }
    }
    println!("{under_way} switches were under way, {completed} rounds completed some");
    assert!(under_way > 0 && completed > 0, "no kill met a switch, or none came to its end");
}
