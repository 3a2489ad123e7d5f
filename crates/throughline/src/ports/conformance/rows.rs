//! The behaviours of search rows. They panic where the store differs.

use super::WithStore;
use super::support::{append, dialogue, draft, rows, scope};
use crate::model::Role;
use crate::ports::{Append, EmbeddedRow, FIRST_MODEL, Parent, SearchRow};

/// With what the engine needs of each: turn, passage, session, body.
pub fn search_rows_are_a_log_read_from_any_number(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let scope = scope("acme", "ann");
        let request = |name, text| Append {
            turns: vec![draft(Role::User, text, 2, &[FIRST_MODEL])],
            ..dialogue(name, Parent::Head, &[])
        };
        let appended = append(store, &scope, request("s", "a"));
        append(store, &scope, request("t", "b"));
        let row = |number, turn, passage, session, body: &str| SearchRow {
            number,
            turn,
            passage,
            session,
            body: body.into(),
        };
        let all =
            [row(1, 1, 0, 1, "a/0"), row(2, 1, 1, 1, "a/1"), row(3, 2, 0, 2, "b/0"), row(4, 2, 1, 2, "b/1")];
        assert_eq!(rows(store, &scope, 0), all);
        assert_eq!(rows(store, &scope, 3), all[3..]);
        assert_eq!(rows(store, &scope, u64::MAX), []);
        let rows_at = |numbers: &[u64]| {
            let mut found = Vec::new();
            store.search_rows_at(&scope, numbers, &mut |row| found.push(row)).expect("search rows");
            found
        };
        assert_eq!(rows_at(&[1, 2, 4]), [&all[..2], &all[3..]].concat());
        assert_eq!(rows_at(&[2, 5, u64::MAX]), all[1..2]);
        assert_eq!(rows_at(&[]), []);
        let revision = store.revision(&scope).expect("a revision").expect("a revision");
        assert_eq!((revision.generation, revision.row), (appended.generation, 4));
        assert_eq!(store.search_rows(&scope, 4, &mut |_| {}), Ok(Some(revision)));
    });
}

/// So that who read up to the old one learns of it. A row that is gone is skipped.
pub fn a_row_that_gets_its_vector_is_a_new_row_in_place_of_the_old(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let (ann, bob) = (scope("acme", "ann"), scope("acme", "bob"));
        for scope in [&ann, &bob] {
            let turns = vec![draft(Role::User, "a", 1, &[]), draft(Role::User, "b", 2, &[])];
            append(store, scope, Append { turns, ..dialogue("s", Parent::Head, &[]) });
        }
        assert_eq!(store.unembedded_count(), Ok(6));
        assert_eq!(store.unembedded(FIRST_MODEL, 4).map(|rows| rows.len()), Ok(4));
        let vector = |number| EmbeddedRow {
            scope: ann.clone(),
            number,
            body: b"vector".to_vec(),
            read_by: vec![FIRST_MODEL],
        };
        let strangers = EmbeddedRow { scope: scope("acme", "eve"), ..vector(1) };
        store.put_embedded(vec![vector(2), vector(99), strangers]).expect("a vector");
        assert_eq!(rows(store, &ann, 0).iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3, 4]);
        let replaced = SearchRow { number: 4, turn: 2, passage: 0, session: 1, body: b"vector".to_vec() };
        assert_eq!(rows(store, &ann, 3), [replaced]);
        // Doing it twice is doing it once.
        store.put_embedded(vec![vector(2)]).expect("a vector");
        assert_eq!(store.revision(&ann).map(|revision| revision.map(|revision| revision.row)), Ok(Some(4)));
        let waiting = store.unembedded(FIRST_MODEL, 10).expect("waiting rows");
        assert_eq!(waiting.len(), 5);
        let of_ann = waiting.iter().filter(|waiting| waiting.scope == ann);
        assert_eq!(of_ann.map(|waiting| waiting.row.number).collect::<Vec<_>>(), [1, 3]);
        assert!(
            waiting.iter().filter(|waiting| waiting.scope == bob).all(|waiting| waiting.row.session == 1)
        );
    });
}
