//! What a recall finds.

use throughline::memory::{MemoryError, Observation, TurnToObserve};
use throughline::model::Role;
use throughline::ports::EmbedError;
use throughline::recall::{Degraded, Filters, RecallRequest};

use crate::support::{Concepts, World, scope, session, texts};

#[test]
fn an_acknowledged_turn_is_found_at_once_and_after_a_restart() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["I moved to Berlin in May", "my sister paints"]);
    assert_eq!(texts(&world.ask(&ana, "who moved to Berlin?"))[0], "I moved to Berlin in May");
    let world = world.restarted();
    assert_eq!(texts(&world.ask(&ana, "who moved to Berlin?"))[0], "I moved to Berlin in May");
}

#[test]
fn nobody_finds_what_another_user_or_agent_was_told() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["the code of the safe is 4711"]);
    assert!(world.ask(&scope("bob"), "code of the safe").items.is_empty());
    let mut agent = ana.clone();
    agent.agent = Some(throughline::model::AgentId::new("planner").unwrap());
    assert!(world.ask(&agent, "code of the safe").items.is_empty());
}

#[test]
fn meaning_finds_what_has_no_word_in_common() {
    let (world, ana) = (World::new(), scope("ana"));
    world.memory.attach(Concepts::new("concepts")).unwrap();
    world.tell(&ana, "s", &["we bought a terrier", "the weather was fine", "taxes are due"]);
    let recalled = world.ask(&ana, "puppy");
    assert_eq!(texts(&recalled)[0], "we bought a terrier");
    assert!(recalled.items[0].is_relevant() && !recalled.items[1].is_relevant());
    assert_eq!(recalled.degraded, None);
}

#[test]
fn without_a_model_words_alone_rank_and_the_answer_says_so() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["we bought a terrier"]);
    assert_eq!(world.ask(&ana, "terrier").degraded, Some(Degraded::NoModel));
}

#[test]
fn a_failing_model_costs_neither_the_turn_nor_the_answer_and_vectors_come_later() {
    let (world, ana) = (World::new(), scope("ana"));
    let model = Concepts::new("concepts");
    world.memory.attach(model.clone()).unwrap();
    model.fail(Some(EmbedError::Unavailable("down".into())));
    world.tell(&ana, "s", &["we bought a terrier", "the weather was fine"]);
    let recalled = world.ask(&ana, "terrier");
    assert_eq!(recalled.degraded, Some(Degraded::ModelFailed));
    assert_eq!(texts(&recalled)[0], "we bought a terrier");
    assert!(world.memory.backfill(10).is_err());

    model.fail(None);
    assert_eq!(world.memory.backfill(10).unwrap(), 2);
    assert_eq!(world.memory.backfill(10).unwrap(), 0);
    assert_eq!(texts(&world.ask(&ana, "puppy"))[0], "we bought a terrier");
}

#[test]
fn a_text_the_model_refuses_is_found_by_its_words_and_does_not_stop_the_others() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["we bought a terrier"]);
    let model = Concepts::new("concepts");
    world.memory.attach(model.clone()).unwrap();
    model.fail(Some(EmbedError::Rejected("too odd".into())));
    assert_eq!(world.memory.backfill(10).unwrap(), 1);
    assert_eq!(world.memory.store().unembedded_count().unwrap(), 0);
    assert_eq!(texts(&world.ask(&ana, "terrier")), ["we bought a terrier"]);
}

#[test]
fn a_model_that_is_not_the_stores_is_refused_by_name() {
    let world = World::new();
    world.memory.attach(Concepts::new("first")).unwrap();
    let world = world.restarted();
    let error = world.memory.attach(Concepts::new("second")).unwrap_err();
    assert!(matches!(error, MemoryError::ModelMismatch { .. }));
    assert!(error.to_string().contains("first") && error.to_string().contains("second"));
}

#[test]
fn filters_are_exact() {
    let (world, ana) = (World::new(), scope("ana"));
    let turn = |text: &str, role, project: Option<&str>| TurnToObserve {
        metadata: project.map(|project| format!(r#"{{"project":"{project}","n":1}}"#)),
        ..TurnToObserve::new(role, text)
    };
    let turns = vec![
        turn("the launch is in May", Role::User, Some("atlas")),
        turn("the launch is in June", Role::Assistant, Some("atlas")),
        turn("the launch is in July", Role::User, Some("borealis")),
        turn("the launch is in August", Role::User, None),
    ];
    world.memory.observe(&ana, Observation { session: session("a"), turns, idempotency_key: None }).unwrap();
    world.tell(&ana, "b", &["the launch is in September"]);

    let find = |filters: Filters| {
        let request = RecallRequest { filters, ..RecallRequest::new("when is the launch") };
        let mut found = texts(&world.memory.recall(&ana, &request).unwrap())
            .iter()
            .map(|text| text.rsplit(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>();
        found.sort();
        found
    };
    let metadata = serde_json::json!({ "project": "atlas" }).as_object().unwrap().clone();
    assert_eq!(find(Filters { metadata: metadata.clone(), ..Filters::default() }), ["June", "May"]);
    assert_eq!(find(Filters { metadata, roles: vec![Role::User], ..Filters::default() }), ["May"]);
    assert_eq!(find(Filters { sessions: vec![session("b")], ..Filters::default() }), ["September"]);
    assert_eq!(
        find(Filters { from: Some(jiff::Timestamp::MAX), ..Filters::default() }),
        Vec::<String>::new()
    );
}

#[test]
fn a_budget_leaves_out_what_no_longer_fits() {
    let (world, ana) = (World::new(), scope("ana"));
    let long = "tea ".repeat(60);
    world.tell(&ana, "s", &[&long, "I drink tea", "no tea after six"]);
    let request = RecallRequest { budget_tokens: Some(20), ..RecallRequest::new("tea") };
    let recalled = world.memory.recall(&ana, &request).unwrap();
    assert_eq!(recalled.items.len(), 2);
    assert!(recalled.items.iter().all(|item| item.text().len() < 20));
}

#[test]
fn a_long_message_is_found_by_the_passage_that_answers() {
    let (world, ana) = (World::new(), scope("ana"));
    let long = format!(
        "{}\n\nThe spare key lies under the blue flower pot.\n\n{}",
        "The garden needs water every day in summer. ".repeat(30),
        "The roof was mended by the neighbour last autumn. ".repeat(30)
    );
    world.tell(&ana, "s", &[&long]);
    let recalled = world.ask(&ana, "where is the spare key");
    assert_eq!(recalled.items.len(), 1, "the rest of the turn does not answer");
    assert!(recalled.items[0].text().contains("blue flower pot"));
    assert!(recalled.items[0].text().len() < 1_000);
}

/// What was said of the key in a long message, with as much else between two paragraphs as makes them passages apart.
fn about_the_key(paragraphs: &[&str]) -> String {
    let other = "The garden needs water every day in summer. ".repeat(27);
    paragraphs.iter().flat_map(|paragraph| [*paragraph, "\n\n", &other, "\n\n"]).collect()
}

#[test]
fn a_long_message_gives_every_passage_that_answers_and_each_names_its_turn() {
    let (world, ana) = (World::new(), scope("ana"));
    let long =
        about_the_key(&["The spare key lies under the blue pot.", "The spare key for the shed is at Bo's."]);
    world.tell(&ana, "s", &["I like tea", &long, "It may rain today", "Bo is away", "The bus was late"]);
    let every = RecallRequest { every_passage: true, ..RecallRequest::new("where is the spare key") };
    let recalled = world.memory.recall(&ana, &every).unwrap();
    let found: Vec<_> = recalled.items.iter().filter(|item| item.text().contains("key")).collect();
    assert_eq!(found.len(), 2, "{:?}", texts(&recalled));
    assert_eq!(found[0].turn.id, found[1].turn.id);
    assert!(found[0].text().len() + found[1].text().len() < long.len() / 2);
    let one = world.memory.recall(&ana, &RecallRequest { limit: 1, ..every }).unwrap();
    assert_eq!(one.items.len(), 1, "the limit counts items");
    let recalled = world.ask(&ana, "where is the spare key");
    let of_turn = recalled.items.iter().filter(|item| item.turn.id == one.items[0].turn.id);
    assert_eq!(of_turn.count(), 1, "who counts items gets one a turn");
}

#[test]
fn passages_that_answer_and_stand_next_to_each_other_are_one_item() {
    let (world, ana) = (World::new(), scope("ana"));
    let about = |place: &str| format!("The spare key lies {place}. {}", "It is a small key. ".repeat(18));
    let long =
        [&about_the_key(&["The roof is old."])[..], &about("under the pot"), "\n\n", &about("at Bo's")]
            .concat();
    world.tell(&ana, "s", &["I like tea", &long, "It may rain today", "Bo is away", "The bus was late"]);
    let every = RecallRequest { every_passage: true, ..RecallRequest::new("where is the spare key") };
    let recalled = world.memory.recall(&ana, &every).unwrap();
    let item = &recalled.items[0];
    assert!(
        item.text().contains("under the pot") && item.text().contains("at Bo's"),
        "{:?}",
        texts(&recalled)
    );
    assert_eq!(item.text(), &long[item.bytes.0 as usize..item.bytes.1 as usize]);
    assert_eq!(recalled.items.iter().filter(|other| other.turn.id == item.turn.id).count(), 1);
}

#[test]
fn an_erased_user_is_not_found_and_a_new_one_of_that_name_starts_empty() {
    let (world, ana) = (World::new(), scope("ana"));
    let before = world.tell(&ana, "s", &["my cat is called Momo"]);
    assert_eq!(world.ask(&ana, "cat").items.len(), 1);
    let erased = world.memory.erase_user(&ana.user).unwrap();
    assert_eq!((erased.turns, erased.sessions), (1, 1));
    assert!(world.ask(&ana, "cat").items.is_empty());
    let after = world.tell(&ana, "s", &["my dog is called Rex"]);
    assert_ne!(before, after, "ids are never used again");
    assert_eq!(texts(&world.ask(&ana, "what is it called")), ["my dog is called Rex"]);
}

#[test]
fn standing_statements_are_ranked_by_the_question_and_how_late_they_were_said() {
    let (world, ana) = (World::new(), scope("ana"));
    world.tell(&ana, "s", &["I don't drink coffee.", "Never call me before ten.", "I like tea"]);
    world.tell(&ana, "t", &["Always answer in metric.", "It may rain", "Bo is away", "coffee is sold out"]);
    let standing = |query: &str, standing_max: usize, filters: Filters| {
        let request = RecallRequest { standing_max, filters, ..RecallRequest::new(query) };
        let recalled = world.memory.recall(&ana, &request).unwrap();
        recalled.standing.iter().map(|item| item.text().to_owned()).collect::<Vec<_>>()
    };
    let (coffee, call, metric) =
        ("I don't drink coffee.", "Never call me before ten.", "Always answer in metric.");
    assert_eq!(standing("may I offer coffee?", 9, Filters::default()), [coffee, metric, call]);
    assert_eq!(standing("what is the height of Everest?", 2, Filters::default()), [metric, call]);
    let one_session = Filters { sessions: vec![session("s")], ..Filters::default() };
    assert_eq!(standing("what is the height of Everest?", 9, one_session), [call, coffee]);
}
