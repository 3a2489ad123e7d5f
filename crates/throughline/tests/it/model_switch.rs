//! The change of the embedding model: the old one serves until the new one has read everything, and there is a way back.

use proptest::prelude::*;
use proptest::sample::Index;
use throughline::memory::MemoryError;
use throughline::model::Scope;
use throughline::ports::{EmbedError, Embedder as _, EmbeddingModels, RolledBack};
use throughline::recall::{Degraded, PassageRow};

use crate::support::{Concepts, World, scope, texts};

/// A memory with three turns that the model `first` has read, and the switch to `second` begun.
fn under_way() -> (World, Scope) {
    let (world, ana) = (World::new(), scope("ana"));
    world.memory.attach(Concepts::new("first")).unwrap();
    world.tell(&ana, "s", &["we bought a terrier", "the weather was fine", "taxes are due"]);
    world.memory.switch_model(Concepts::new("second")).unwrap();
    (world, ana)
}

fn serving(world: &World) -> String {
    world.memory.store().embedding_models().unwrap().serving.unwrap().model.name
}

fn waiting(world: &World) -> u64 {
    world.memory.store().unembedded_count().unwrap()
}

fn embed_all(world: &World) {
    while world.memory.backfill(2).unwrap() > 0 {}
}

/// How many vectors each row of the scope has.
fn vectors(world: &World, scope: &Scope) -> Vec<usize> {
    let mut found = Vec::new();
    let mut note = |row: throughline::ports::SearchRow| {
        found.push(PassageRow::decode(&row.body).unwrap().vectors.len());
    };
    world.memory.store().search_rows(scope, 0, &mut note).unwrap();
    found
}

/// By meaning alone, and the answer says nothing is missing.
fn assert_found_by_meaning(world: &World, scope: &Scope) {
    let recalled = world.ask(scope, "puppy");
    assert_eq!(texts(&recalled)[0], "we bought a terrier");
    assert_eq!(recalled.degraded, None);
    assert!(recalled.items[0].scores.cosine.unwrap() > 0.5);
}

#[test]
fn the_old_model_serves_until_the_new_one_has_read_everything() {
    let (world, ana) = under_way();
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 3));
    assert_found_by_meaning(&world, &ana);
    assert_eq!(world.memory.backfill(2).unwrap(), 2);
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 1));
    assert_found_by_meaning(&world, &ana);
    assert_eq!(world.memory.backfill(2).unwrap(), 1);
    assert_eq!((serving(&world), waiting(&world)), ("second".into(), 0));
    assert_found_by_meaning(&world, &ana);
    assert_eq!(vectors(&world, &ana), [2, 2, 2]);
}

#[test]
fn turns_written_meanwhile_are_read_by_both_models() {
    let (world, ana) = under_way();
    world.tell(&ana, "s", &["my sister drinks tea"]);
    assert_eq!((vectors(&world, &ana), waiting(&world)), (vec![1, 1, 1, 2], 3));
    assert_eq!(texts(&world.ask(&ana, "drink"))[0], "my sister drinks tea");
    embed_all(&world);
    assert_eq!(serving(&world), "second");
    assert_eq!(texts(&world.ask(&ana, "drink"))[0], "my sister drinks tea");
}

#[test]
fn a_new_model_that_fails_leaves_the_old_one_serving_and_costs_no_turn() {
    let (world, ana) = (World::new(), scope("ana"));
    world.memory.attach(Concepts::new("first")).unwrap();
    world.tell(&ana, "s", &["we bought a terrier"]);
    let second = Concepts::new("second");
    world.memory.switch_model(second.clone()).unwrap();
    second.fail(Some(EmbedError::Unavailable("down".into())));
    world.tell(&ana, "s", &["I live in the city"]);
    assert!(world.memory.backfill(10).is_err());
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 2));
    assert_eq!(texts(&world.ask(&ana, "berlin"))[0], "I live in the city");
    assert_found_by_meaning(&world, &ana);
    second.fail(None);
    embed_all(&world);
    assert_eq!(serving(&world), "second");
}

#[test]
fn an_old_model_that_fails_does_not_keep_the_new_one_from_taking_over() {
    let (world, ana) = (World::new(), scope("ana"));
    let first = Concepts::new("first");
    world.memory.attach(first.clone()).unwrap();
    first.fail(Some(EmbedError::Unavailable("down".into())));
    world.tell(&ana, "s", &["we bought a terrier"]);
    world.memory.switch_model(Concepts::new("second")).unwrap();
    assert_eq!(world.memory.backfill(10).unwrap(), 1);
    assert_eq!(serving(&world), "second");
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn a_restart_goes_on_where_the_switch_was() {
    let (world, ana) = under_way();
    assert_eq!(world.memory.backfill(2).unwrap(), 2);
    let world = world.restarted();
    // Both may be attached, in any order; no other.
    world.memory.attach(Concepts::new("second")).unwrap();
    assert!(matches!(world.memory.attach(Concepts::new("third")), Err(MemoryError::ModelMismatch { .. })));
    let words_alone = world.ask(&ana, "terrier");
    assert_eq!(words_alone.degraded, Some(Degraded::OtherModelServes));
    assert_eq!(texts(&words_alone)[0], "we bought a terrier");
    world.memory.attach(Concepts::new("first")).unwrap();
    assert_found_by_meaning(&world, &ana);
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 1));
    embed_all(&world);
    assert_eq!(serving(&world), "second");
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn a_restart_with_the_new_model_alone_recalls_by_words_until_it_takes_over() {
    let (world, ana) = under_way();
    let world = world.restarted();
    world.memory.switch_model(Concepts::new("second")).unwrap();
    world.tell(&ana, "s", &["I live in the city"]);
    assert_eq!(world.ask(&ana, "berlin").degraded, Some(Degraded::OtherModelServes));
    embed_all(&world);
    assert_eq!(serving(&world), "second");
    assert_found_by_meaning(&world, &ana);
    assert_eq!(texts(&world.ask(&ana, "berlin"))[0], "I live in the city");
}

#[test]
fn a_process_without_the_new_model_leaves_the_switch_to_others() {
    let (world, ana) = under_way();
    embed_all(&world);
    let world = world.restarted();
    assert_eq!(serving(&world), "second");
    // What served before lies ready, and is not in use.
    world.memory.keep_at_hand(Concepts::new("first"));
    assert_eq!(world.ask(&ana, "terrier").degraded, Some(Degraded::OtherModelServes));
    assert_eq!(world.memory.roll_back_model().unwrap().restored(), "first");
    assert_found_by_meaning(&world, &ana);
    world.memory.switch_model(Concepts::new("third")).unwrap();
    let world = world.restarted();
    world.memory.attach(Concepts::new("first")).unwrap();
    assert_eq!((world.memory.backfill(10).unwrap(), waiting(&world)), (0, 3));
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn a_switch_under_way_can_be_called_off_and_begun_again() {
    let (world, ana) = under_way();
    assert_eq!(world.memory.backfill(2).unwrap(), 2);
    assert_eq!(world.memory.roll_back_model().unwrap().cancelled(), "second");
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 0));
    assert_found_by_meaning(&world, &ana);
    assert_eq!(world.memory.backfill(2).unwrap(), 0);
    world.memory.switch_model(Concepts::new("second")).unwrap();
    assert_eq!(waiting(&world), 3);
    embed_all(&world);
    assert_eq!(serving(&world), "second");
    assert_eq!(vectors(&world, &ana), [2, 2, 2], "what the first attempt left is gone");
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn a_complete_switch_is_rolled_back_at_once_and_forward_again() {
    let (world, ana) = under_way();
    embed_all(&world);
    world.tell(&ana, "s", &["I live in the city"]);
    assert_eq!(world.memory.roll_back_model().unwrap().restored(), "first");
    assert_eq!((serving(&world), waiting(&world)), ("first".into(), 1));
    assert_found_by_meaning(&world, &ana);
    // What the first model never read is found by its words until it has.
    assert_eq!(world.ask(&ana, "city").items[0].scores.cosine, None);
    embed_all(&world);
    assert_eq!(texts(&world.ask(&ana, "berlin"))[0], "I live in the city");
    assert_eq!(world.memory.roll_back_model().unwrap().restored(), "second");
    assert_eq!((serving(&world), waiting(&world)), ("second".into(), 0));
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn a_forgotten_model_leaves_nothing_to_roll_back_to_and_no_vector() {
    let (world, ana) = under_way();
    embed_all(&world);
    assert_eq!(world.memory.forget_previous_model().unwrap().unwrap().name, "first");
    assert_eq!(world.memory.roll_back_model().unwrap(), RolledBack::Nothing);
    assert_eq!(world.memory.tidy(2).unwrap(), 2);
    assert_eq!(world.memory.tidy(2).unwrap(), 1);
    assert_eq!(world.memory.tidy(2).unwrap(), 0);
    assert_eq!(vectors(&world, &ana), [1, 1, 1]);
    assert_found_by_meaning(&world, &ana);
}

#[test]
fn an_empty_memory_switches_at_once() {
    let world = World::new();
    world.memory.attach(Concepts::new("first")).unwrap();
    let models = world.memory.switch_model(Concepts::new("second")).unwrap();
    let EmbeddingModels { serving, coming, previous } = models;
    assert_eq!(serving.unwrap().model.name, "second");
    assert_eq!((coming, previous.unwrap().model.name), (None, "first".into()));
}

/// What may happen to a memory between two questions.
#[derive(Debug, Clone)]
enum Step {
    Tell,
    Switch(Index),
    Embed,
    RollBack,
    Forget,
    Restart,
    /// The model fails from now on, or works again.
    Fail(Index),
}

const NAMES: [&str; 3] = ["first", "second", "third"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Tell),
        3 => any::<Index>().prop_map(Step::Switch),
        6 => Just(Step::Embed),
        2 => Just(Step::RollBack),
        1 => Just(Step::Forget),
        1 => Just(Step::Restart),
        1 => any::<Index>().prop_map(Step::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is begun, broken off and taken back: everything is found, by words at the least; vectors are those of
    /// the model that asks; and when all models work and nothing waits, meaning finds it too.
    #[test]
    fn nothing_is_lost_on_any_way_between_models(steps in prop::collection::vec(step(), 1..24)) {
        let models = NAMES.map(Concepts::new);
        let mut failing = [false; NAMES.len()];
        let (mut world, ana) = (World::new(), scope("ana"));
        world.memory.attach(models[0].clone()).unwrap();
        world.tell(&ana, "s", &["we bought a terrier", "the weather was fine"]);
        let mut told = 2;
        for step in &steps {
            match step {
                Step::Tell => {
                    world.tell(&ana, "s", &[&format!("number {told} of the weather reports")]);
                    told += 1;
                }
                Step::Switch(index) => {
                    world.memory.switch_model(index.get(&models).clone()).unwrap();
                }
                Step::Embed => { let _ = world.memory.backfill(1); }
                Step::RollBack => { world.memory.roll_back_model().unwrap(); }
                Step::Forget => { world.memory.forget_previous_model().unwrap(); }
                Step::Restart => {
                    world = world.restarted();
                    for model in &models {
                        world.memory.keep_at_hand(model.clone());
                    }
                }
                Step::Fail(index) => {
                    let at = index.index(NAMES.len());
                    failing[at] = !failing[at];
                    models[at].fail(failing[at].then(|| EmbedError::Unavailable("down".into())));
                }
            }
            let recalled = world.ask(&ana, "terrier");
            prop_assert_eq!(texts(&recalled)[0], "we bought a terrier");
            prop_assert!(vectors(&world, &ana).iter().all(|count| *count <= 2));
            let now = world.memory.store().embedding_models().unwrap();
            let serving = now.serving.unwrap().model;
            let works = models.iter().zip(failing).any(|(model, fails)| *model.model() == serving && !fails);
            prop_assert_eq!(recalled.degraded.is_none(), works);
        }
        for model in &models {
            model.fail(None);
        }
        embed_all(&world);
        while world.memory.tidy(3).unwrap() > 0 {}
        let now = world.memory.store().embedding_models().unwrap();
        prop_assert!(now.coming.is_none());
        prop_assert_eq!(waiting(&world), 0);
        prop_assert!(now.previous.is_some() || vectors(&world, &ana).iter().all(|count| *count == 1));
        assert_found_by_meaning(&world, &ana);
        prop_assert_eq!(vectors(&world, &ana).len(), told);
    }
}

/// Short ways to say what a rollback is expected to have done.
trait Outcome {
    fn restored(self) -> String;
    fn cancelled(self) -> String;
}

impl Outcome for RolledBack {
    fn restored(self) -> String {
        let Self::Restored(known) = self else { panic!("{self:?}") };
        known.model.name
    }

    fn cancelled(self) -> String {
        let Self::Cancelled(known) = self else { panic!("{self:?}") };
        known.model.name
    }
}
