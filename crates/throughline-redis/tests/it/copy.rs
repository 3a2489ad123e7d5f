//! The copy of a profile that other programs read and write.

use std::sync::Arc;

use redis::TypedCommands as _;
use serde_json::{Value, json};
use throughline::memory::{Memory, ProfileChange, Settings};
use throughline::model::{Author, Profile, ProfilePatch, Scope, Timestamp};
use throughline::ports::{Clock, Store};
use throughline_redis::RedisStore;

use crate::support::{options, scope, url};

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }
}

/// A memory, and another program with the key of Ann's copy.
struct World {
    memory: Memory,
    server: redis::Connection,
    key: String,
    ann: Scope,
}

impl World {
    fn new() -> Self {
        let options = options();
        let store: Arc<dyn Store> = Arc::new(RedisStore::open(&url("redis-7"), None, &options).unwrap());
        Self {
            memory: Memory::open(store, Arc::new(Now), Settings::default()).unwrap(),
            server: redis::Client::open(url("redis-7")).unwrap().get_connection().unwrap(),
            key: format!("{}user:{{ann}}:memory", options.memory_prefix),
            ann: scope("ann"),
        }
    }

    fn copy(&mut self) -> Value {
        serde_json::from_str(&self.server.get(&self.key).unwrap().unwrap()).unwrap()
    }

    fn write(&mut self, copy: &Value) {
        self.server.set(&self.key, copy.to_string()).unwrap();
    }

    fn has_goals(&self, goals: &[&str]) {
        assert_eq!(self.memory.profile(&self.ann).unwrap().goals, goals);
    }

    fn change(&self, patch: ProfilePatch) {
        self.memory.change_profile(&self.ann, &ProfileChange::Patch(patch)).unwrap();
    }
}

fn goals(goals: &[&str]) -> ProfilePatch {
    let goals = goals.iter().map(ToString::to_string).collect();
    ProfilePatch { goals: Some(goals), ..ProfilePatch::default() }
}

#[test]
fn real_any_program_can_read_the_structured_memory() {
    let mut world = World::new();
    let own = [("mood".to_owned(), Some(json!({"today": "calm"})))].into();
    world.change(ProfilePatch { summary: Some(Some("a sailor".into())), own, ..goals(&["sail"]) });
    let wanted = json!({
        "goals": ["sail"], "preferences": [], "pastMistakes": [], "summary": "a sailor", "mood": {"today": "calm"},
        "_epoch": 1, "_changed": "2023-11-14T22:13:20Z",
    });
    assert_eq!(world.copy(), wanted);
    world.memory.erase_user(&world.ann.user).unwrap();
    assert_eq!(world.server.get(&world.key).unwrap(), None);
}

#[test]
fn real_what_another_program_writes_there_is_an_operators_edit() {
    let mut world = World::new();
    world.change(goals(&["sail", "read"]));
    let mut copy = world.copy();
    copy["goals"] = json!(["read", "ski"]);
    copy["mood"] = json!("glad");
    world.write(&copy);
    world.has_goals(&["read", "ski"]);
    let profile = world.memory.profile(&world.ann).unwrap();
    assert_eq!((profile.epoch, profile.settled), (2, 2));
    assert_eq!(profile.own["mood"], json!("glad"));
    let entries = world.memory.store().ledger(&world.ann, 0, 100).unwrap();
    assert!(entries.iter().all(|entry| entry.by == Author::Operator));
    // The copy is that of the new version, and nothing is taken over twice.
    copy["_epoch"] = json!(2);
    assert_eq!(world.copy(), copy);
    world.has_goals(&["read", "ski"]);
    assert_eq!(world.memory.store().ledger_end(&world.ann).unwrap(), entries.len() as u64);
}

/// Also where the user was never heard of.
#[test]
fn real_a_program_may_write_a_profile_before_there_is_one() {
    let mut world = World::new();
    world.write(&json!({"goals": ["sail"]}));
    world.has_goals(&["sail"]);
    assert_eq!(world.copy()["_epoch"], json!(1));
}

#[test]
fn real_neither_an_edit_nor_what_was_learned_meanwhile_is_lost() {
    let mut world = World::new();
    world.change(goals(&["sail"]));
    let mut copy = world.copy();
    copy["goals"] = json!(["sail", "ski"]);
    world.write(&copy);
    // Learning changes the profile and has not looked at the copy.
    let learned = Profile { epoch: 1, goals: vec!["sail".into(), "cook".into()], ..Profile::default() };
    world.memory.store().put_profile(&world.ann, learned, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(world.copy(), copy, "an edit that was not taken over is not written over");
    world.has_goals(&["sail", "cook", "ski"]);
    assert_eq!(world.copy()["goals"], json!(["sail", "cook", "ski"]));
    // A program that wrote its copy from an old one.
    copy["goals"] = json!(["sail", "ski", "read"]);
    world.write(&copy);
    world.has_goals(&["sail", "cook", "ski", "read"]);
}

#[test]
fn real_two_processes_take_an_edit_over_once() {
    let mut world = World::new();
    world.change(goals(&["sail"]));
    world.write(&json!({"goals": ["ski"], "_epoch": 1}));
    let store = world.memory.store();
    let edit = store.profile_edit(&world.ann).unwrap().unwrap();
    world.has_goals(&["ski"]);
    let end = store.ledger_end(&world.ann).unwrap();
    let late = throughline::ports::LedgerAppend {
        after: end,
        entries: vec![],
        profile: Some(Profile { epoch: 2, ..edit.after.clone() }),
        job: None,
        now: Timestamp::UNIX_EPOCH,
    };
    let late = store.take_over_edit(&world.ann, late, &edit);
    assert_eq!(late, Err(throughline::ports::StoreError::Conflict));
}

#[test]
fn real_what_makes_no_sense_is_left_for_its_writer_and_what_may_not_be_is_taken_back() {
    let mut world = World::new();
    world.change(goals(&["sail"]));
    world.server.set(&world.key, "not JSON").unwrap();
    world.has_goals(&["sail"]);
    world.change(goals(&["ski"]));
    assert_eq!(world.server.get(&world.key).unwrap().as_deref(), Some("not JSON"));
    // More than a profile may have.
    world.write(&json!({"summary": "x".repeat(70_000), "goals": ["ski"], "_epoch": 2}));
    world.has_goals(&["ski"]);
    assert_eq!(world.copy()["summary"], Value::Null);
    // A key of another type stands in nobody's way.
    world.server.del(&world.key).unwrap();
    world.server.lpush(&world.key, "x").unwrap();
    world.change(goals(&["read"]));
    world.has_goals(&["read"]);
}
