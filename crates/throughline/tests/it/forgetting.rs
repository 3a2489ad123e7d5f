//! What a recall finds after words were taken out of the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use throughline::memory::{MemoriesRequest, Memory, NewMemory, Settings};
use throughline::model::{Content, MemoryKind, TenantId};
use throughline::ports::{Forget, RedactedTurn};
use throughline_sqlite::{SqliteOptions, SqliteStore};

use crate::support::{World, scope, texts};

#[test]
fn a_recall_over_turns_it_has_at_hand_finds_nothing_of_what_was_forgotten_since() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["the code of the safe is 4711", "my sister paints"]);
    assert_eq!(world.ask(&ana, "code of the safe").items.len(), 2);
    let forget = Forget {
        after: 0,
        tombstones: vec![],
        entries: vec![],
        turns: vec![RedactedTurn {
            seq: 1,
            name: None,
            content: Content::text("[forgotten]"),
            metadata: None,
            passages: vec![],
        }],
        receipts: vec![],
        profile: None,
        now: Timestamp::UNIX_EPOCH,
    };
    world.memory.store().forget(&ana, forget).unwrap();
    assert_eq!(texts(&world.ask(&ana, "code of the safe")), ["my sister paints"]);
}

fn note(text: &str) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Note,
        slot: None,
        value: None,
        text: text.into(),
        importance: None,
        valid_from: None,
        valid_to: None,
    }
}

#[test]
fn forgetting_goes_through_though_something_is_learned_while_it_looks_for_what_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let open = |clock| Memory::open(store.clone(), clock, Settings::default()).unwrap();
    let other = open(Arc::new(Timestamp::now));
    let ana = scope("ana");
    // Between reading the ledger and writing, forgetting asks for the time: that is when somebody else writes.
    let meddles = Arc::new(AtomicBool::new(false));
    let clock = {
        let (meddles, ana) = (meddles.clone(), ana.clone());
        move || {
            if meddles.swap(false, Ordering::Relaxed) {
                other.add_memory(&ana, note("Ana keeps a zeppelin in the barn")).unwrap();
            }
            Timestamp::now()
        }
    };
    let memory = open(Arc::new(clock));
    let id = memory.add_memory(&ana, note("keeps a zeppelin in the barn")).unwrap().id;
    meddles.store(true, Ordering::Relaxed);
    let report = memory.forget_memory(&TenantId::single(), id).unwrap().unwrap();
    assert!(!meddles.load(Ordering::Relaxed), "nobody meddled");
    assert_eq!((report.claims, report.turns), (2, 2));
    assert_eq!(memory.memories(&ana, &MemoriesRequest::default()).unwrap(), []);
}
