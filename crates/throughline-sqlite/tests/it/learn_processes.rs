//! Two processes learn at once from one directory and either is killed at any moment; what is learned in the end is what one
//! learns that nobody disturbs, in the order in which it was said, and nothing of it twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use throughline::memory::{LearnSettings, Learner, Memory, Outcome, Settings};
use throughline::model::{Act, Scope, Timestamp};
use throughline::ports::TurnsPage;

use crate::kill::{Chance, DIRECTORY, ROUNDS_PER_DIRECTORY, kill_after, rounds, start, tell, told_in};
use crate::learn_support::{ALL, TURNS_A_SESSION, USERS, copy, learned, said_so_far, say, unfinished, users};
use crate::support::{assert_sound, open};

/// Turns for each kill, some of each user.
const TURNS_A_ROUND: u64 = 2 * USERS;

/// How much a child may tell before it is killed, at most.
const TOLD_MAX: u64 = 6;

/// Others wait so long for the job of one who was killed; far longer than a batch takes here.
const LEASE: Duration = Duration::from_millis(200);

/// How long a child that found nothing to do waits before it looks again, and a user between turns.
const PAUSE: Duration = Duration::from_millis(5);

fn memory(directory: &Path) -> Memory {
    Memory::open(Arc::new(open(directory)), Arc::new(Timestamp::now), Settings::default()).unwrap()
}

fn learner() -> Learner {
    let settings = LearnSettings {
        quiet: Duration::ZERO,
        lease: LEASE,
        attempts_max: u32::MAX,
        ..LearnSettings::default()
    };
    Learner::new(None, settings, None)
}

/// Kills in the life of a directory.
fn kills() -> u64 {
    rounds().min(ROUNDS_PER_DIRECTORY)
}

fn turns_in_all() -> u64 {
    TURNS_A_ROUND * (kills() + 1)
}

/// In the child: learns until all has been said and learned, and tells which turns it learned from.
fn learn_to_the_end(directory: &Path) {
    let (memory, learner) = (memory(directory), learner());
    loop {
        match learner.step(&memory, None).unwrap() {
            Some(step) if step.outcome == Outcome::Lost => {}
            Some(step) => {
                assert!(matches!(step.outcome, Outcome::Learned | Outcome::Nothing), "{:?}", step.outcome);
                let job = step.job;
                tell(&format!("{}/{} {} {}", job.scope.user.user, job.session, job.turns.0, job.turns.1));
            }
            None if said_so_far(&memory) == turns_in_all() && unfinished(&memory).is_empty() => break,
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// Lets the child live as long as it has something to do. Returns all it told.
fn let_live(mut child: Child) -> Vec<String> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    told_in(&text)
}

/// Of what all children told, who was told twice to have learned from a turn. What one had done and not told yet when it was
/// killed is not among it.
fn learned_twice(told: &[String]) -> Vec<String> {
    let (mut seen, mut twice) = (BTreeSet::new(), Vec::new());
    for line in told {
        let mut words = line.rsplitn(3, ' ');
        let (last, first, session) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        // A user's turns are numbered through all sessions, which are said one after the other.
        for turn in first.parse::<u64>().unwrap()..=last.parse().unwrap() {
            if !seen.insert((session.to_owned(), turn)) {
                twice.push(format!("{turn} of {session}"));
            }
        }
    }
    twice
}

/// The numbers of the turns that claims rest on, by session, in the order in which the ledger has them.
fn order(memory: &Memory, user: &Scope) -> BTreeMap<String, Vec<u64>> {
    let page = TurnsPage { session: None, after: 0, limit: ALL };
    let turns = memory.store().turns_page(user, &page).unwrap();
    let session = |seq: u64| turns.iter().find(|turn| turn.id.seq == seq).unwrap().session.to_string();
    let mut order: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in memory.store().ledger(user, 0, ALL).unwrap() {
        if let Act::Claimed(claim) = entry.act {
            let turn = claim.evidence.unwrap().turn;
            order.entry(session(turn)).or_default().push(turn);
        }
    }
    order
}

/// One directory's life: turns are said while two children in turn learn and are killed, and the last of each live on.
#[track_caller]
fn assert_learned_as_undisturbed(test: &str, chance: &mut Chance) {
    // Both know the same users from the beginning: what is learned bears names made of when a user was first met.
    let [disturbed, undisturbed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    {
        let memory = memory(disturbed.path());
        (0..TURNS_A_ROUND).for_each(|number| say(&memory, number));
    }
    copy(disturbed.path(), undisturbed.path());

    let disturbed_memory = memory(disturbed.path());
    let chance = Mutex::new(chance);
    let told: Vec<String> = std::thread::scope(|threads| {
        let lives = |kills: u64| {
            let (chance, disturbed) = (&chance, disturbed.path());
            threads.spawn(move || {
                let mut told = Vec::new();
                for _ in 0..kills {
                    let (told_max, pause) = {
                        let mut chance = chance.lock().unwrap();
                        (chance.below(TOLD_MAX), Duration::from_micros(chance.below(2_000)))
                    };
                    told.extend(kill_after(start(test, disturbed), told_max, pause));
                }
                told.extend(let_live(start(test, disturbed)));
                told
            })
        };
        threads.spawn(|| {
            for number in TURNS_A_ROUND..turns_in_all() {
                say(&disturbed_memory, number);
                std::thread::sleep(PAUSE);
            }
        });
        let half = kills() / 2;
        [lives(half), lives(kills() - half)].into_iter().flat_map(|life| life.join().unwrap()).collect()
    });

    let alone = memory(undisturbed.path());
    (said_so_far(&alone)..turns_in_all()).for_each(|number| say(&alone, number));
    let learner = learner();
    while learner.step(&alone, None).unwrap().is_some() {}

    assert_eq!(unfinished(&disturbed_memory), []);
    assert_eq!(learned_twice(&told), [""; 0]);
    assert!(turns_in_all() > 2 * USERS * TURNS_A_SESSION, "each user should have several sessions");
    for user in users() {
        for (session, turns) in order(&disturbed_memory, &user) {
            assert!(turns.is_sorted(), "{} {session}: {turns:?}", user.user.user);
        }
    }
    let (together, alone) = (learned(&disturbed_memory), learned(&alone));
    let differ = together.iter().zip(&alone).find(|(together, alone)| together != alone);
    assert_eq!((differ, together.len()), (None, alone.len()));
    assert!(alone.len() as u64 > USERS, "there is nothing to compare: {alone:#?}");
    drop(disturbed_memory);
    assert_sound(disturbed.path());
}

#[test]
fn two_processes_of_which_either_is_killed_learn_together_what_one_does_undisturbed() {
    const TEST: &str =
        "learn_processes::two_processes_of_which_either_is_killed_learn_together_what_one_does_undisturbed";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return learn_to_the_end(Path::new(&directory));
    }
    let mut chance = Chance::new();
    for _ in (0..rounds()).step_by(usize::try_from(ROUNDS_PER_DIRECTORY).unwrap()) {
        assert_learned_as_undisturbed(TEST, &mut chance);
    }
}
