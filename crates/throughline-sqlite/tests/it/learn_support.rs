//! What people say that something can be learned from, and what was learned of it.

use std::path::Path;
use std::time::Duration;

use throughline::memory::{MemoriesRequest, Memory, Observation, TurnToObserve};
use throughline::model::{MemoryRecord, Role, Scope, SessionId, TenantId};
use throughline::ports::{Job, TurnsPage};

use crate::kill::Chance;
use crate::support::{now, scope};

/// They speak in turn.
pub(crate) const USERS: u64 = 6;

/// Turns of a user that make a session.
pub(crate) const TURNS_A_SESSION: u64 = 7;

/// More than there are.
pub(crate) const ALL: usize = 10_000;

const PLACES: [&str; 6] = ["Paris", "Lyon", "Rome", "Oslo", "Madrid", "Vienna"];
const PETS: [&str; 4] = ["a dog named Rex", "a cat named Momo", "a dog named Bruno", "a cat named Luna"];
const LANGUAGES: [&str; 4] = ["French", "German", "Polish", "Dutch"];

/// What is said in the turn of this number: always the same. Some take back what the same user said the turn before.
fn statement(number: u64) -> String {
    match number.checked_sub(USERS).and_then(home) {
        Some(wrong) if number.is_multiple_of(5) => format!("No, I meant Geneva, not {wrong}."),
        _ => own_statement(number),
    }
}

fn own_statement(number: u64) -> String {
    let mut chance = Chance::of(number);
    let mut one_of = |all: &[&'static str]| all[usize::try_from(chance.below(all.len() as u64)).unwrap()];
    let (place, pet, language) = (one_of(&PLACES), one_of(&PETS), one_of(&LANGUAGES));
    match one_of(&["home", "move", "gone", "pet", "language", "denial", "talk"]) {
        "home" => format!("I live in {place}."),
        "move" => format!("I moved to {place}."),
        "gone" => format!("I no longer live in {place}."),
        "pet" => format!("I have {pet}."),
        "language" => format!("I speak {language}."),
        "denial" => format!("I no longer speak {language}."),
        _ => "Thanks, that helps!".to_owned(),
    }
}

/// The home that a turn states.
fn home(number: u64) -> Option<String> {
    let said = statement(number);
    let home = said.strip_prefix("I live in ").or(said.strip_prefix("I moved to "))?;
    Some(home.trim_end_matches('.').to_owned())
}

fn user(number: u64) -> Scope {
    scope(&format!("user {}", number % USERS))
}

pub(crate) fn users() -> impl Iterator<Item = Scope> {
    (0..USERS).map(user)
}

/// Says it, on a day of its own.
pub(crate) fn say(memory: &Memory, number: u64) {
    let mut turn = TurnToObserve::new(Role::User, statement(number));
    turn.time = Some(now() - Duration::from_hours(24 * (1_000 - number)));
    let session = format!("session {}", number / USERS / TURNS_A_SESSION);
    let observation = Observation::new(SessionId::new(session).unwrap(), vec![turn]);
    memory.observe(&user(number), observation).unwrap();
}

/// How many turns were said; they are said in order.
pub(crate) fn said_so_far(memory: &Memory) -> u64 {
    let page = TurnsPage { session: None, after: 0, limit: ALL };
    users().map(|user| memory.store().turns_page(&user, &page).unwrap().len() as u64).sum()
}

/// All that was learned. When it was recorded, and after what else, is another matter.
pub(crate) fn learned(memory: &Memory) -> Vec<MemoryRecord> {
    let mut all: Vec<MemoryRecord> =
        users().flat_map(|user| memory.memories(&user, &MemoriesRequest::default()).unwrap()).collect();
    all.sort_by_key(|memory| memory.id);
    for memory in &mut all {
        memory.recorded_at = now();
        memory.entries.clear();
    }
    all
}

/// Jobs that wait, and those that are kept for a replay.
pub(crate) fn unfinished(memory: &Memory) -> Vec<Job> {
    memory.store().jobs(&TenantId::single(), 0, ALL).unwrap()
}

/// The files of a store that nobody has open.
pub(crate) fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
