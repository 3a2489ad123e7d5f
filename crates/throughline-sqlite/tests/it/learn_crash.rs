//! A process is killed while it learns; what is learned in the end is what it would have been without.
//!
//! Killed and repeated like the writes of `crash`: at moments drawn at random, while turns are written, and at each stage of a
//! job in turn, by a clock or an extractor that ends the process at a call of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throughline::learn::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, LocalExtractor, Told, ToldSentence,
};
use throughline::memory::{LearnSettings, Learner, Memory, Outcome, Settings};
use throughline::model::{MemoryKind, MemoryRecord, Timestamp};
use throughline_sqlite::doctor::doctor;

use crate::kill::{Chance, DIRECTORY, ROUNDS_PER_DIRECTORY, kill_after, rounds, start, tell};
use crate::learn_support::{USERS, copy, learned, said_so_far, say, unfinished};
use crate::support::{again, now, open};

/// Turns that are said in the life of a directory.
const TURNS: u64 = 500;

/// How much a child may tell before it is killed, at most.
const TOLD_MAX: u64 = 40;

/// At which call of its clock, or of its extractor, a child ends.
const FATAL_CALL: &str = "THROUGHLINE_TEST_FATAL_CALL";

/// Turns of a user in which a summary is written.
const TURNS_A_SUMMARY: u64 = 12;

/// A session is learned from at once, and a job that somebody was killed over is taken over at once. However often that
/// happens, it is tried again.
fn settings() -> LearnSettings {
    LearnSettings {
        quiet: Duration::ZERO,
        lease: Duration::ZERO,
        attempts_max: u32::MAX,
        ..LearnSettings::default()
    }
}

fn memory(directory: &Path) -> Memory {
    Memory::open(Arc::new(open(directory)), Arc::new(now), Settings::default()).unwrap()
}

fn learn(memory: &Memory) {
    learn_with(memory, None);
}

fn learn_with(memory: &Memory, model: Option<Arc<dyn Extractor>>) {
    let learner = Learner::new(model, settings(), None);
    while let Some(step) = learner.step(memory, None).unwrap() {
        assert!(matches!(step.outcome, Outcome::Learned | Outcome::Nothing), "{:?}", step.outcome);
    }
}

fn say_the_rest(memory: &Memory) {
    (said_so_far(memory)..TURNS).for_each(|number| say(memory, number));
}

/// A directory with the first turns of all users, and another one that is the same: their turns have the same names for ever.
fn twins() -> [tempfile::TempDir; 2] {
    twins_of(USERS)
}

/// The same with so many turns.
fn twins_of(turns: u64) -> [tempfile::TempDir; 2] {
    let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let memory = memory(one.path());
    (0..turns).for_each(|number| say(&memory, number));
    drop(memory);
    copy(one.path(), other.path());
    [one, other]
}

/// Says where they part: all of it would be too much to read.
#[track_caller]
fn assert_same(found: &[MemoryRecord], wanted: &[MemoryRecord], when: &str) {
    let differ = found.iter().zip(wanted).find(|(found, wanted)| found != wanted);
    assert_eq!(differ, None, "{when}");
    assert_eq!(found.len(), wanted.len(), "{when}");
}

/// In the child: one thread says what is still to be said, the other learns, until killed or all is learned.
fn say_and_learn(directory: &Path) {
    let memory = memory(directory);
    let learner = Learner::new(None, settings(), None);
    std::thread::scope(|threads| {
        let saying = threads.spawn(|| {
            for number in said_so_far(&memory)..TURNS {
                say(&memory, number);
                tell("said");
            }
        });
        loop {
            let all_is_said = saying.is_finished();
            match learner.step(&memory, None).unwrap() {
                Some(step) => tell(if step.job.attempts > 0 { "taken over" } else { "learned" }),
                None if all_is_said => break,
                None => {}
            }
        }
    });
}

#[test]
fn whoever_is_killed_while_learning_has_learned_in_the_end_what_others_have() {
    const TEST: &str =
        "learn_crash::whoever_is_killed_while_learning_has_learned_in_the_end_what_others_have";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return say_and_learn(Path::new(&directory));
    }
    let mut chance = Chance::new();
    let mut taken_over = 0;
    for first in (0..rounds()).step_by(usize::try_from(ROUNDS_PER_DIRECTORY).unwrap()) {
        let [killed, undisturbed] = twins();
        for round in first..rounds().min(first + ROUNDS_PER_DIRECTORY) {
            let pause = Duration::from_micros(chance.below(2_000));
            let told = kill_after(start(TEST, killed.path()), 1 + chance.below(TOLD_MAX), pause);
            taken_over += told.iter().filter(|told| *told == "taken over").count();
            assert_eq!(doctor(killed.path()).findings, [], "round {round}");
        }
        let [killed, undisturbed] = [&killed, &undisturbed].map(|directory| {
            let memory = memory(directory.path());
            say_the_rest(&memory);
            learn(&memory);
            assert_eq!(unfinished(&memory), []);
            learned(&memory)
        });
        assert_same(&killed, &undisturbed, "killed");
        assert!(undisturbed.len() > 10, "there is nothing to compare: {undisturbed:#?}");
    }
    println!("{taken_over} jobs were taken over from the dead");
}

/// Ends the process at its call of this number.
#[derive(Default)]
struct Countdown(AtomicU64);

impl Countdown {
    fn call(&self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}

/// Counts before it extracts and after.
struct Fatal(Countdown);

impl Extractor for Fatal {
    fn name(&self) -> &'static str {
        "fatal"
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        self.0.call();
        let extraction = LocalExtractor.extract(batch);
        self.0.call();
        extraction
    }

    /// In the user's own words.
    fn summarise(&self, turns: &[BatchTurn]) -> Result<Told, ExtractError> {
        self.0.call();
        let sentence = |turn: &BatchTurn| ToldSentence { text: turn.text.clone(), turns: vec![turn.seq] };
        let told = Told { sentences: turns.iter().map(sentence).collect(), ..Told::default() };
        self.0.call();
        Ok(told)
    }
}

/// In the child: learns all there is, if it lives so long. The clock is asked at each stage: before a job is taken, before
/// what is known is read, after the verification, after the commit.
fn learn_until(directory: &Path, fatal_call: &str) {
    let (clock_call, extractor_call) = match fatal_call.split_once(' ').unwrap() {
        ("clock", call) => (call.parse().unwrap(), 0),
        (_, call) => (0, call.parse().unwrap()),
    };
    let countdown = Countdown(AtomicU64::new(clock_call));
    let clock = move || -> Timestamp {
        countdown.call();
        now()
    };
    let memory = Memory::open(Arc::new(open(directory)), Arc::new(clock), Settings::default()).unwrap();
    let extractor = Fatal(Countdown(AtomicU64::new(extractor_call)));
    let learner = Learner::new(Some(Arc::new(extractor)), settings(), None);
    while learner.step(&memory, None).unwrap().is_some() {}
}

#[test]
fn a_kill_at_any_stage_of_learning_changes_nothing_about_what_is_learned() {
    const TEST: &str = "learn_crash::a_kill_at_any_stage_of_learning_changes_nothing_about_what_is_learned";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return learn_until(Path::new(&directory), &std::env::var(FATAL_CALL).unwrap());
    }
    let [before, undisturbed] = twins();
    let undisturbed = memory(undisturbed.path());
    learn(&undisturbed);
    let undisturbed = learned(&undisturbed);
    assert!(!undisturbed.is_empty());
    for who in ["clock", "extractor"] {
        let mut kills = 0;
        for call in 1.. {
            let directory = tempfile::tempdir().unwrap();
            copy(before.path(), directory.path());
            let mut child = again(TEST, DIRECTORY, directory.path());
            let status = child.env(FATAL_CALL, format!("{who} {call}")).output().unwrap().status;
            assert_eq!(doctor(directory.path()).findings, [], "{who} {call}");
            let memory = memory(directory.path());
            learn(&memory);
            assert_same(&learned(&memory), &undisturbed, &format!("{who} {call}"));
            assert_eq!(unfinished(&memory), [], "{who} {call}");
            if status.success() {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 2 * USERS, "{who}: killed at {kills} calls only");
    }
}

#[test]
fn a_kill_before_or_after_a_summary_is_written_changes_nothing_about_what_is_told() {
    const TEST: &str =
        "learn_crash::a_kill_before_or_after_a_summary_is_written_changes_nothing_about_what_is_told";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return learn_until(Path::new(&directory), &std::env::var(FATAL_CALL).unwrap());
    }
    let immortal = || -> Option<Arc<dyn Extractor>> { Some(Arc::new(Fatal(Countdown::default()))) };
    // Enough for each user's second conversation to be told in short.
    let [before, undisturbed] = twins_of(USERS * TURNS_A_SUMMARY);
    let undisturbed = memory(undisturbed.path());
    learn_with(&undisturbed, immortal());
    let undisturbed = learned(&undisturbed);
    let summaries = undisturbed.iter().filter(|memory| memory.kind == MemoryKind::Summary).count();
    assert!(summaries > 0, "{undisturbed:#?}");
    // Two calls for each first conversation; then for each second one two more, and two around its summary.
    let (first, all) = (2 * USERS, 6 * USERS);
    for call in (first + 1..=first + 4).chain([all, all + 1]) {
        let directory = tempfile::tempdir().unwrap();
        copy(before.path(), directory.path());
        let mut child = again(TEST, DIRECTORY, directory.path());
        let status = child.env(FATAL_CALL, format!("extractor {call}")).output().unwrap().status;
        assert_eq!(status.success(), call > all, "extractor {call}");
        let memory = memory(directory.path());
        learn_with(&memory, immortal());
        assert_same(&learned(&memory), &undisturbed, &format!("extractor {call}"));
        assert_eq!(unfinished(&memory), [], "extractor {call}");
    }
}
