//! What a recall finds after words were taken out of the store.

use throughline::model::Content;
use throughline::ports::{Forget, RedactedTurn};

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
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    world.memory.store().forget(&ana, forget).unwrap();
    assert_eq!(texts(&world.ask(&ana, "code of the safe")), ["my sister paints"]);
}
