//! The behaviours around the change of the embedding model. They panic where the store differs.

use super::WithStore;
use super::support::{append, dialogue, draft, rows, scope};
use crate::model::{Role, Scope};
use crate::ports::{
    Append, EmbeddedRow, EmbeddingModel, EmbeddingModels, FIRST_MODEL, ModelNumber, NumberedModel, Parent,
    RolledBack, Store,
};

fn model(name: &str) -> EmbeddingModel {
    EmbeddingModel { name: name.into(), dimensions: 384 }
}

fn known(number: ModelNumber, name: &str) -> NumberedModel {
    NumberedModel { number, model: model(name) }
}

fn models(
    serving: NumberedModel,
    coming: Option<NumberedModel>,
    previous: Option<NumberedModel>,
) -> EmbeddingModels {
    EmbeddingModels { serving: Some(serving), coming, previous }
}

/// A store with the model `first` and two rows that it has read.
fn two_rows(store: &dyn Store) -> Scope {
    let ann = scope("acme", "ann");
    store.claim_embedding_model(&model("first")).expect("a model");
    append(store, &ann, dialogue("s", Parent::Head, &["a", "b"]));
    ann
}

/// Rows by their numbers.
fn waiting(store: &dyn Store, model: ModelNumber) -> Vec<u64> {
    let rows = store.unembedded(model, 100).expect("waiting rows");
    rows.into_iter().map(|waiting| waiting.row.number).collect()
}

/// Lets a model read all that waits for it.
fn read_all(store: &dyn Store, model: ModelNumber) {
    let rows = store.unembedded(model, 100).expect("waiting rows").into_iter();
    let rows = rows.map(|waiting| EmbeddedRow {
        scope: waiting.scope,
        number: waiting.row.number,
        body: waiting.row.body,
        read_by: vec![model],
    });
    store.put_embedded(rows.collect()).expect("vectors");
}

/// A switch away from it is another matter.
pub fn the_first_embedding_model_serves_and_another_one_changes_nothing(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        assert_eq!(store.embedding_models(), Ok(EmbeddingModels::default()));
        // What was written before waits for the first model, whichever it will be.
        append(
            store,
            &scope("acme", "ann"),
            Append { turns: vec![draft(Role::User, "a", 1, &[])], ..dialogue("s", Parent::Head, &[]) },
        );
        assert_eq!(store.unembedded_count(), Ok(1));
        let first = models(known(FIRST_MODEL, "first"), None, None);
        assert_eq!(store.claim_embedding_model(&model("first")), Ok(first.clone()));
        assert_eq!(store.claim_embedding_model(&model("second")), Ok(first.clone()));
        assert_eq!(store.embedding_models(), Ok(first.clone()));
        assert_eq!(store.unembedded_count(), Ok(1));
        assert_eq!(store.begin_switch(&model("first")), Ok(first));
        assert_eq!(store.roll_back_switch(), Ok(RolledBack::Nothing));
        assert_eq!(store.forget_previous_model(), Ok(None));
    });
    with_store(&mut |store| {
        // Without a model there is nothing to go on with meanwhile.
        let first = models(known(FIRST_MODEL, "first"), None, None);
        assert_eq!(store.begin_switch(&model("first")), Ok(first));
    });
}

/// Turns written meanwhile wait as well, unless it has read them.
pub fn a_coming_model_serves_only_when_no_row_waits_for_it(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = two_rows(store);
        let (first, second) = (known(1, "first"), known(2, "second"));
        let under_way = models(first.clone(), Some(second.clone()), None);
        assert_eq!(store.begin_switch(&second.model), Ok(under_way.clone()));
        assert_eq!((waiting(store, 1), waiting(store, 2)), (vec![], vec![1, 2]));
        assert_eq!(store.unembedded_count(), Ok(2));
        // Beginning again goes on.
        assert_eq!(store.begin_switch(&second.model), Ok(under_way.clone()));
        assert_eq!(store.complete_switch(2), Ok(false));

        let row =
            |number| EmbeddedRow { scope: ann.clone(), number, body: b"both".to_vec(), read_by: vec![2] };
        store.put_embedded(vec![row(1), row(2)]).expect("vectors");
        let turns = vec![draft(Role::User, "c", 1, &[1]), draft(Role::User, "d", 1, &[1, 2])];
        append(store, &ann, Append { turns, ..dialogue("s", Parent::Head, &[]) });
        assert_eq!(waiting(store, 2), [5]);
        assert_eq!(store.complete_switch(2), Ok(false));
        assert_eq!(store.embedding_models(), Ok(under_way));

        read_all(store, 2);
        // Neither the model that serves nor one there is not.
        assert_eq!((store.complete_switch(1), store.complete_switch(9)), (Ok(false), Ok(false)));
        assert_eq!(store.complete_switch(2), Ok(true));
        assert_eq!(store.complete_switch(2), Ok(false));
        assert_eq!(store.embedding_models(), Ok(models(second, None, Some(first))));
        assert_eq!(store.unembedded_count(), Ok(0));
        assert_eq!(rows(store, &ann, 0).iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4, 6, 7]);
    });
}

/// Its number is not given again, and what waits for the model that serves goes on waiting.
pub fn a_switch_under_way_is_called_off_by_a_rollback(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = two_rows(store);
        store.begin_switch(&model("second")).expect("a switch");
        append(
            store,
            &ann,
            Append { turns: vec![draft(Role::User, "c", 1, &[2])], ..dialogue("s", Parent::Head, &[]) },
        );
        assert_eq!(store.roll_back_switch(), Ok(RolledBack::Cancelled(known(2, "second"))));
        assert_eq!(store.embedding_models(), Ok(models(known(1, "first"), None, None)));
        assert_eq!((waiting(store, 1), waiting(store, 2)), (vec![3], vec![]));
        assert_eq!(store.complete_switch(2), Ok(false));
        assert_eq!(store.outdated(10).map(|rows| rows.len()), Ok(1));
        let again = models(known(1, "first"), Some(known(3, "second")), None);
        assert_eq!(store.begin_switch(&model("second")), Ok(again));
        assert_eq!(waiting(store, 3), [1, 2, 3]);
    });
}

/// And back again.
pub fn a_rollback_returns_to_the_previous_model_and_only_what_it_never_read_waits(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = two_rows(store);
        let (first, second) = (known(1, "first"), known(2, "second"));
        store.begin_switch(&second.model).expect("a switch");
        read_all(store, 2);
        assert_eq!(store.complete_switch(2), Ok(true));
        append(
            store,
            &ann,
            Append { turns: vec![draft(Role::User, "c", 1, &[2])], ..dialogue("s", Parent::Head, &[]) },
        );
        assert_eq!(store.unembedded_count(), Ok(0));

        assert_eq!(store.roll_back_switch(), Ok(RolledBack::Restored(first.clone())));
        assert_eq!(store.embedding_models(), Ok(models(first.clone(), None, Some(second.clone()))));
        assert_eq!(waiting(store, 1), [5]);
        assert_eq!(store.roll_back_switch(), Ok(RolledBack::Restored(second.clone())));
        assert_eq!(store.unembedded_count(), Ok(0));
        // A switch to the previous model has only the rest to do.
        let back = models(second, Some(first.clone()), None);
        assert_eq!(store.begin_switch(&first.model), Ok(back));
        assert_eq!((store.unembedded_count(), store.complete_switch(1)), (Ok(1), Ok(false)));
        read_all(store, 1);
        assert_eq!(store.complete_switch(1), Ok(true));
    });
}

/// Whether that was to come or had served.
pub fn a_switch_to_another_model_gives_up_the_one_beside(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        two_rows(store);
        store.begin_switch(&model("second")).expect("a switch");
        let third = models(known(1, "first"), Some(known(3, "third")), None);
        assert_eq!(store.begin_switch(&model("third")), Ok(third));
        assert_eq!((waiting(store, 2), waiting(store, 3)), (vec![], vec![1, 2]));
        read_all(store, 3);
        assert_eq!(store.complete_switch(3), Ok(true));
        let fourth = models(known(3, "third"), Some(known(4, "fourth")), None);
        assert_eq!(store.begin_switch(&model("fourth")), Ok(fourth));
        assert_eq!(store.outdated(10).map(|rows| rows.len()), Ok(2));
        // The one that serves is wanted after all.
        assert_eq!(store.begin_switch(&model("third")), Ok(models(known(3, "third"), None, None)));
    });
}

/// A row that is written anew is tidy, and waits for whom it waited before.
pub fn a_forgotten_model_leaves_rows_to_be_tidied(with_store: WithStore<'_>) {
    with_store(&mut |store| {
        let ann = two_rows(store);
        store.begin_switch(&model("second")).expect("a switch");
        read_all(store, 2);
        assert_eq!(store.complete_switch(2), Ok(true));
        append(
            store,
            &ann,
            Append { turns: vec![draft(Role::User, "c", 1, &[])], ..dialogue("s", Parent::Head, &[]) },
        );
        assert_eq!(store.outdated(10), Ok(vec![]));
        assert_eq!(store.forget_previous_model(), Ok(Some(known(1, "first"))));
        assert_eq!(store.embedding_models(), Ok(models(known(2, "second"), None, None)));
        assert_eq!(waiting(store, 1), [0_u64; 0]);

        // The new turn has no vector of it.
        let outdated = store.outdated(10).expect("rows");
        assert_eq!(outdated.iter().map(|outdated| outdated.row.number).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(store.outdated(1).map(|rows| rows.len()), Ok(1));
        let tidied = outdated.into_iter().map(|outdated| EmbeddedRow {
            scope: outdated.scope,
            number: outdated.row.number,
            body: b"tidy".to_vec(),
            read_by: vec![],
        });
        store.put_embedded(tidied.collect()).expect("rows");
        assert_eq!(store.outdated(10), Ok(vec![]));
        assert_eq!(waiting(store, 2), [5]);
        assert_eq!(store.roll_back_switch(), Ok(RolledBack::Nothing));
    });
}
