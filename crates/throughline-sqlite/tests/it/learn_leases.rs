//! Several workers on one directory, some of whom are held up until their lease has run out: nothing is learned twice, no turn
//! is lost, and a worker who comes back too late writes nothing.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use throughline::learn::{Batch, ExtractError, Extraction, Extractor, LocalExtractor};
use throughline::memory::{
    Extractors, LearnSettings, Learned, Learner, Memory, Observation, Outcome, Settings, TurnToObserve,
};
use throughline::model::{Role, SessionId, Timestamp};

use crate::learn_support::{USERS, copy, learned, said_so_far, say, unfinished};
use crate::support::{assert_sound, now, open, scope};

const TURNS: u64 = 90;
const WORKERS: usize = 4;

/// A clock that is set by hand, one for all workers.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn wait(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    fn memory(&self, directory: &Path) -> Memory {
        let seconds = self.0.clone();
        let clock = move || -> Timestamp { now() + Duration::from_secs(seconds.load(Ordering::Relaxed)) };
        Memory::open(Arc::new(open(directory)), Arc::new(clock), Settings::default()).unwrap()
    }
}

fn settings() -> LearnSettings {
    LearnSettings { quiet: Duration::ZERO, ..LearnSettings::default() }
}

/// Tells that it was given a batch, and answers when it is told to.
struct HeldUp {
    reached: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Extractor for HeldUp {
    fn name(&self) -> &'static str {
        "held up"
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        self.reached.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        LocalExtractor.extract(batch)
    }
}

fn local() -> Learner {
    Learner::new(None, settings(), None)
}

fn tell(memory: &Memory, session: &str, text: &str) {
    let turn = TurnToObserve::new(Role::User, text);
    let observation = Observation::new(SessionId::new(session).unwrap(), vec![turn]);
    memory.observe(&scope("user 0"), observation).unwrap();
}

fn values(memory: &Memory) -> Vec<String> {
    let mut values: Vec<String> = learned(memory).into_iter().map(|memory| memory.value).collect();
    values.sort();
    values
}

/// A worker who has a job and goes on when it is told to.
struct Held<'scope> {
    go_on: Sender<()>,
    worker: ScopedJoinHandle<'scope, Learned>,
}

impl<'scope> Held<'scope> {
    /// Takes a job, which must be there.
    fn up(threads: &'scope Scope<'scope, '_>, memory: &'scope Memory) -> Self {
        let ((reached, arrival), (go_on, told)) = (channel(), channel());
        let extractor = HeldUp { reached, go_on: Mutex::new(told) };
        let learner = Learner::new(Some(Arc::new(extractor)), settings(), None);
        let worker = threads.spawn(move || learner.step(memory, None).unwrap().unwrap());
        arrival.recv().unwrap();
        Self { go_on, worker }
    }

    /// How it ends.
    fn go_on(self) -> Outcome {
        self.go_on.send(()).unwrap();
        self.worker.join().unwrap().outcome
    }
}

#[test]
fn who_is_held_up_beyond_the_lease_writes_nothing_once_another_has_taken_over() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let (one, other) = (clock.memory(directory.path()), clock.memory(directory.path()));
    tell(&one, "monday", "I live in Paris.");
    tell(&one, "tuesday", "I have a dog named Rex.");
    std::thread::scope(|threads| {
        let slow = Held::up(threads, &one);
        assert_eq!(local().step(&other, None).unwrap(), None, "one at a time of a scope");
        clock.wait(settings().lease);
        let taken_over = local().step(&other, None).unwrap().unwrap();
        assert_eq!((taken_over.outcome, taken_over.job.attempts), (Outcome::Learned, 1));
        assert_eq!(values(&other), ["Paris"]);
        // Said and learned while the first is still at it.
        tell(&other, "monday", "I moved to Lyon.");
        while local().step(&other, None).unwrap().is_some() {}
        assert_eq!(slow.go_on(), Outcome::Lost);
    });
    assert_eq!(values(&one), ["Lyon", "Paris", "Rex", "dog"]);
    assert_eq!(learned(&one), learned(&other));
    assert_eq!(unfinished(&one), []);
}

#[test]
fn who_comes_back_while_another_is_at_the_job_cannot_end_it() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let (one, other) = (clock.memory(directory.path()), clock.memory(directory.path()));
    tell(&one, "monday", "I live in Paris.");
    std::thread::scope(|threads| {
        let slow = Held::up(threads, &one);
        clock.wait(settings().lease);
        let quick = Held::up(threads, &other);
        assert_eq!(slow.go_on(), Outcome::Lost);
        assert_eq!((values(&one), unfinished(&one).len()), (vec![], 1));
        assert_eq!(quick.go_on(), Outcome::Learned);
    });
    assert_eq!((values(&one), unfinished(&one)), (vec!["Paris".to_owned()], vec![]));
}

#[test]
fn who_is_held_up_beyond_the_lease_ends_the_job_if_nobody_took_it_over() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let memory = clock.memory(directory.path());
    tell(&memory, "monday", "I live in Paris.");
    std::thread::scope(|threads| {
        let slow = Held::up(threads, &memory);
        clock.wait(settings().lease * 2);
        assert_eq!(slow.go_on(), Outcome::Learned);
    });
    assert_eq!((values(&memory), unfinished(&memory)), (vec!["Paris".to_owned()], vec![]));
}

#[test]
fn a_job_over_which_every_worker_dies_is_given_up_and_can_be_replayed() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let memory = clock.memory(directory.path());
    tell(&memory, "monday", "I live in Paris.");
    let mut tries = 0;
    // Who panics over a job leaves it as it is, as who is killed does.
    let dead = loop {
        let step = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Memory::learn_next(
                &memory,
                &|_| Ok(Extractors { model: None, local: &Deadly }),
                &settings(),
                None,
            )
        }));
        match step {
            Err(_) => tries += 1,
            Ok(learned) => break learned.unwrap().unwrap(),
        }
        clock.wait(settings().lease);
        assert!(tries < 100, "it is tried for ever");
    };
    assert!(tries >= settings().attempts_max, "{tries}");
    assert!(matches!(dead.outcome, Outcome::Degraded { .. }), "{:?}", dead.outcome);
    let job = unfinished(&memory).remove(0);
    let (store, tenant) = (memory.store(), job.scope.tenant().clone());
    assert!(store.replay_job(&tenant, job.number, memory.now()).unwrap());
    local().step(&memory, None).unwrap().unwrap();
    assert_eq!((values(&memory), unfinished(&memory)), (vec!["Paris".to_owned()], vec![]));
}

/// Ends whoever calls it.
struct Deadly;

impl Extractor for Deadly {
    fn name(&self) -> &'static str {
        "deadly"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        panic!("this batch is deadly")
    }
}

/// Each worker's lease is over at once, so that they take each other's jobs over all the time.
#[test]
fn workers_who_take_each_others_jobs_over_learn_together_what_one_does_alone() {
    let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let clock = Clock::default();
    let memory = clock.memory(one.path());
    (0..TURNS).for_each(|number| say(&memory, number));
    drop(memory);
    copy(one.path(), other.path());
    let alone = clock.memory(other.path());
    while local().step(&alone, None).unwrap().is_some() {}

    let settings = LearnSettings { lease: Duration::ZERO, attempts_max: u32::MAX, ..settings() };
    std::thread::scope(|threads| {
        for _ in 0..WORKERS {
            threads.spawn(|| {
                let (memory, learner) = (clock.memory(one.path()), Learner::new(None, settings, None));
                while learner.step(&memory, None).unwrap().is_some() {}
            });
        }
    });
    let together = clock.memory(one.path());
    assert_eq!(said_so_far(&together), TURNS);
    assert!(learned(&together).len() as u64 > USERS);
    assert!(learned(&together) == learned(&alone), "they learned something else together");
    assert_eq!(unfinished(&together), []);
    drop(together);
    assert_sound(one.path());
}
