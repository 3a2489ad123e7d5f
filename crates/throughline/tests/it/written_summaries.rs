//! Summaries that a model writes: what becomes of its sentences, and of the sentences when things change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use throughline::context::ContextBudget;
use throughline::learn::{
    Batch, BatchTurn, ExtractError, Extraction, Extractor, LocalExtractor, Told, ToldSentence, UsageByStage,
};
use throughline::memory::{
    LearnSettings, Learned, Learner, MemoriesRequest, Order, Outcome, Settings, Summaries, SummariesRequest,
};
use throughline::model::{
    Day, MemoryKind, MemoryRecord, MemoryState, Scope, SummaryLevel, TenantId, Usage, UsageStage,
};
use throughline::ports::LlmError;

use crate::support::{World, scope, user};

const CALL: Usage = Usage { calls: 1, prompt_tokens: 300, answer_tokens: 40, cost_nanos: 7 };

type Sentences = Vec<(&'static str, Vec<u64>)>;

type Answer = Result<Sentences, ExtractError>;

/// Extracts by rules, and summarises as it is told to; the last answer again and again.
struct Writer {
    answers: Mutex<Vec<Answer>>,
    asked: AtomicUsize,
}

impl Extractor for Writer {
    fn name(&self) -> &'static str {
        "writer"
    }

    fn extract(&self, batch: &Batch<'_>) -> Result<Extraction, ExtractError> {
        LocalExtractor.extract(batch)
    }

    fn summarise(&self, _: &[BatchTurn]) -> Result<Told, ExtractError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        let sentence = |(text, turns): (&str, Vec<u64>)| ToldSentence { text: text.into(), turns };
        let usage = UsageByStage { summarise: CALL, ..UsageByStage::default() };
        answer.map(|told| Told { sentences: told.into_iter().map(sentence).collect(), usage })
    }
}

fn writer(answers: Vec<Answer>) -> Arc<Writer> {
    Arc::new(Writer { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
}

fn learner(writer: &Arc<Writer>) -> Learner {
    Learner::new(Some(Arc::clone(writer) as _), LearnSettings::default(), None)
}

/// Twelve turns, the first two of which are worth telling.
fn tell(world: &World, ana: &Scope, name: &str, first: [&str; 2]) {
    world.tell(ana, name, &[first.as_slice(), &["Thanks!"; 10]].concat());
}

const MARCH: [&str; 2] = ["I live in Paris, near the old harbour.", "We adopted a greyhound called Biscuit."];

fn good() -> Sentences {
    vec![
        ("The user lives in Paris near the old harbour.", vec![1]),
        ("The user adopted a greyhound called Biscuit.", vec![2]),
        ("The user owns a castle in Scotland.", vec![1]),
    ]
}

/// A world in which the twelve turns were learned from.
fn learned_from(answer: Answer) -> (World, Scope, Arc<Writer>, Learned) {
    let (world, ana, writer) = (World::new(), scope("ana"), writer(vec![answer]));
    tell(&world, &ana, "march", MARCH);
    let learned = learner(&writer).step(&world.memory, None).unwrap().unwrap();
    (world, ana, writer, learned)
}

fn sentences(world: &World, ana: &Scope, level: SummaryLevel) -> Vec<String> {
    let request = SummariesRequest { level, limit: 100, zone: None };
    let summaries = world.memory.summaries(ana, &request).unwrap();
    summaries.into_iter().flat_map(|summary| summary.sentences).map(|sentence| sentence.text).collect()
}

fn memories(world: &World, ana: &Scope) -> Vec<MemoryRecord> {
    world.memory.memories(ana, &MemoriesRequest::default()).unwrap()
}

fn memory(world: &World, ana: &Scope, value: &str) -> MemoryRecord {
    memories(world, ana).into_iter().find(|memory| memory.value == value).unwrap()
}

#[test]
fn what_a_model_wrote_is_told_first_and_nothing_twice() {
    let (world, ana, _, learned) = learned_from(Ok(good()));
    assert_eq!((learned.outcome, learned.summary.len()), (Outcome::Learned, 2));
    // The home and the dog are said by the sentences; nothing was said of a castle.
    let told =
        ["The user lives in Paris near the old harbour.", "The user adopted a greyhound called Biscuit."];
    assert_eq!(sentences(&world, &ana, SummaryLevel::Session), told);
    assert_eq!(sentences(&world, &ana, SummaryLevel::Month).concat().matches("castle").count(), 0);
    // It is a memory like others, and says why.
    let summary = memory(&world, &ana, told[1]);
    assert_eq!((summary.kind, summary.state), (MemoryKind::Summary, MemoryState::Active));
    let why = world.memory.why(&TenantId::single(), summary.id).unwrap().unwrap();
    assert_eq!(why.memory.evidence[0].quote, MARCH[1]);
}

#[test]
fn a_sentence_goes_as_what_it_rests_on_is_superseded_or_taken_back_and_comes_back_with_it() {
    let (world, ana, _, _) = learned_from(Ok(good()));
    let tenant = TenantId::single();
    let paris = memory(&world, &ana, "Paris").id;
    let tells_paris = || {
        [SummaryLevel::Session, SummaryLevel::Month, SummaryLevel::Year, SummaryLevel::User]
            .map(|level| sentences(&world, &ana, level).concat().contains("Paris"))
    };
    world.memory.order(&tenant, paris, Order::Retract).unwrap();
    assert_eq!(tells_paris(), [false; 4]);
    let summary = memory(&world, &ana, "The user lives in Paris near the old harbour.");
    assert_eq!(summary.state, MemoryState::Retracted);
    world.memory.order(&tenant, paris, Order::Restore).unwrap();
    assert_eq!(tells_paris(), [true; 4]);

    world.wait(Duration::from_hours(24));
    world.tell(&ana, "april", &["I moved to Lyon."]);
    while learner(&writer(vec![Ok(vec![])])).step(&world.memory, Some(&ana.user)).unwrap().is_some() {}
    assert_eq!(tells_paris(), [false; 4]);
    let summary = memory(&world, &ana, "The user lives in Paris near the old harbour.");
    assert_eq!(summary.state, MemoryState::Superseded);
    // The other sentence of the same answer stays.
    assert!(sentences(&world, &ana, SummaryLevel::Session).concat().contains("Biscuit"));
}

#[test]
fn what_is_forgotten_is_in_no_summary_no_entry_and_no_file_and_is_not_written_again() {
    let (world, ana, _, _) = learned_from(Ok(good()));
    world.memory.forget_memory(&TenantId::single(), memory(&world, &ana, "Paris").id).unwrap();
    for level in SummaryLevel::ALL {
        assert!(!sentences(&world, &ana, level).concat().contains("Paris"), "{level:?}");
    }
    let entries = world.memory.store().ledger(&ana, 0, 1_000).unwrap();
    assert!(!format!("{entries:?}").contains("Paris"), "{entries:?}");
    // The model says it once more, of what is left of the turns.
    world.wait(Duration::from_hours(24));
    tell(&world, &ana, "april", ["I am from the old harbour of Paris, as I said.", "We have a new sofa."]);
    let again = writer(vec![Ok(vec![("The user is from the old harbour of Paris.", vec![13])])]);
    let learned = learner(&again).step(&world.memory, None).unwrap().unwrap();
    assert_eq!((again.asked.load(Ordering::Relaxed), learned.summary), (1, vec![]));
    let directory = world.closed();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"Paris"));
    }
}

#[test]
fn a_model_that_fails_or_answers_nonsense_leaves_the_facts_and_the_words_themselves() {
    let usage = UsageByStage { summarise: CALL, ..UsageByStage::default() };
    let hangs = LlmError::DeadlineExceeded(Duration::from_secs(1));
    let made_up: Answer = Ok(vec![("The user owns a castle in Scotland.", vec![2]), ("Nothing.", vec![77])]);
    for answer in [
        Err(ExtractError::Provider { error: hangs, usage }),
        Err(ExtractError::Unusable { reason: "no JSON".into(), usage }),
        made_up,
        Ok(vec![]),
    ] {
        let (world, ana, _, learned) = learned_from(answer);
        assert_eq!((&learned.outcome, learned.summary.len()), (&Outcome::Learned, 0));
        assert_eq!(world.memory.store().jobs(ana.tenant(), 0, 10).unwrap(), []);
        let told = sentences(&world, &ana, SummaryLevel::Session);
        assert!(told.contains(&"Home: Paris.".to_owned()), "{told:?}");
        let days = world.memory.store().user_usage(&ana.user, Day::MIN..=Day::MAX).unwrap();
        assert_eq!((days.len(), days[0].stage, days[0].usage), (1, UsageStage::Summarise, CALL));
        assert_eq!(learned.spent_today, Some(CALL));
    }
}

#[test]
fn a_sentence_given_twice_is_one_memory() {
    let twice = [good(), good()].concat();
    let (world, ana, _, _) = learned_from(Ok(twice));
    let summaries = memories(&world, &ana).into_iter().filter(|memory| memory.kind == MemoryKind::Summary);
    assert_eq!(summaries.count(), 2);
}

#[test]
fn a_model_is_asked_once_in_twelve_turns_and_not_at_all_if_that_is_set() {
    for (summaries, asked) in [(Summaries::Model, 2), (Summaries::Extractive, 0)] {
        let (world, ana, writer) = (World::new(), scope("ana"), writer(vec![Ok(vec![])]));
        let settings = LearnSettings { summaries, ..LearnSettings::default() };
        let learner = Learner::new(Some(Arc::clone(&writer) as _), settings, None);
        for _ in 0..15 {
            world.tell(&ana, "s", &["I live in Paris.", "We adopted a greyhound."]);
            while learner.step(&world.memory, Some(&ana.user)).unwrap().is_some() {}
        }
        assert_eq!(writer.asked.load(Ordering::Relaxed), asked, "{summaries:?}");
    }
}

#[test]
fn what_a_model_wrote_stands_in_a_context_and_is_replayed_to_the_byte() {
    let budget =
        ContextBudget { recalled_tokens: 120, summary_tokens: 120, ..ContextBudget::of_total(2_000) };
    let world = World::with(Settings { budget, ..Settings::default() });
    let ana = scope("ana");
    let leaks =
        |part: &str| format!("My accordion {part} leaks near the seam, and its reeds are out of tune again.");
    let said: Vec<String> =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
            .map(leaks)
            .into();
    world.tell(&ana, "march", &said.iter().map(String::as_str).collect::<Vec<_>>());
    let sentences = [
        ("The user's accordion leaks near the seam.", (1..=4).collect()),
        ("The accordion's reeds are out of tune.", (5..=8).collect()),
        ("The reeds of the user's accordion are out of tune again.", (9..=12).collect()),
    ];
    let writer = writer(vec![Ok(sentences.to_vec())]);
    learner(&writer).step(&world.memory, None).unwrap().unwrap();
    world.wait(Duration::from_hours(24 * 30));
    let context = world.context(&ana, None, &[user("What is wrong with my accordion?")]);
    let block = context.block.unwrap();
    let told = sentences.iter().any(|(text, _)| block.contains(text));
    assert!(told, "{block}");
    let id = context.receipt.id;
    world.memory.keep_receipt(&ana, context.receipt).unwrap();
    let replay = world.memory.replay(&TenantId::single(), id).unwrap().unwrap();
    assert_eq!((replay.same, replay.block), (true, Some(block)));
}
