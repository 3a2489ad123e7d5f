//! More at once than one script can pass on, or one page holds.

use throughline::model::{ChainHash, Content};
use throughline::ports::{Append, Forget, RedactedTurn, Store, TurnDraft, TurnsPage};

use crate::support::{open, said, scope};

const TURNS: u64 = 9_000;

#[test]
fn real_thousands_of_turns_are_written_and_forgotten_in_one_step() {
    for name in ["redis-7", "valkey"] {
        let store = open(name);
        let (store, ann) = (&store as &dyn Store, scope("ann"));
        let one = said("x", ChainHash::ROOT);
        let turn =
            |number: u64| TurnDraft { content: Content::text(number.to_string()), ..one.turns[0].clone() };
        let all = Append { turns: (1..=TURNS).map(turn).collect(), ..one.clone() };
        let appended = store.append(&ann, all.clone()).unwrap();
        assert_eq!(
            appended.turns.iter().map(|turn| turn.seq).collect::<Vec<_>>(),
            (1..=TURNS).collect::<Vec<_>>()
        );
        assert!(store.append(&ann, all).unwrap().turns.iter().all(|turn| turn.known));
        for session in [None, Some(one.session.clone())] {
            let page = TurnsPage { session, after: 0, limit: usize::MAX };
            assert_eq!(store.turns_page(&ann, &page).unwrap().len() as u64, TURNS);
        }
        assert_eq!(store.lineage(&ann, TURNS, usize::MAX).unwrap().len() as u64, TURNS);
        let mut rows = 0;
        store.search_rows(&ann, 0, &mut |_| rows += 1).unwrap();
        assert_eq!(rows, TURNS);

        let left = |seq| RedactedTurn {
            seq,
            name: None,
            content: Content::text("left"),
            metadata: None,
            passages: vec![],
        };
        let forget = Forget {
            after: 0,
            tombstones: vec![],
            entries: vec![],
            turns: (1..=TURNS).map(left).collect(),
            receipts: vec![],
            profile: None,
            now: one.now,
        };
        let forgotten = store.forget(&ann, forget).unwrap();
        assert_eq!((forgotten.turns, forgotten.passages), (TURNS, TURNS));
        assert_eq!(store.turns(&ann, &[TURNS]).unwrap()[0].content, Content::text("left"));
        assert_eq!(store.erase_user(&ann.user).unwrap().turns, TURNS);
    }
}
