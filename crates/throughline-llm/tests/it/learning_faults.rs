//! Learning over HTTP from providers that hang, break, and answer what nobody can use: nothing that is true is lost, nothing
//! false is learned, and what was said is recalled all the while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use throughline::learn::{LlmExtractor, LlmSettings, Refusal};
use throughline::memory::{
    LearnSettings, Learned, Learner, MemoriesRequest, Memory, Observation, Outcome, Settings, TurnToObserve,
};
use throughline::model::{
    MemoryKind, MemoryRecord, MemoryState, Role, Scope, SessionId, TenantId, Timestamp, UserId,
};
use throughline::ports::{Job, JobState};
use throughline::recall::RecallRequest;
use throughline_llm::{HttpLlm, HttpLlmConfig};
use throughline_sqlite::{SqliteOptions, SqliteStore};
use throughline_testkit::{Script, ScriptedUpstream, replies};

/// Long enough for an answer of this machine, short enough to be waited for.
const DEADLINE: Duration = Duration::from_secs(5);
/// For an answer that never comes.
const DEADLINE_SHORT: Duration = Duration::from_millis(300);
const ATTEMPTS_MAX: u32 = 2;
const DAY: Duration = Duration::from_hours(24);

/// A memory, and a provider that plays these scripts, the last one again and again.
struct World {
    memory: Arc<Memory>,
    learner: Arc<Learner>,
    upstream: ScriptedUpstream,
    now_s: Arc<AtomicI64>,
    said: Mutex<Vec<&'static str>>,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::with(scripts, DEADLINE, None).await
    }

    async fn with(
        scripts: impl IntoIterator<Item = Script>,
        deadline: Duration,
        tokens_a_day_max: Option<u64>,
    ) -> Self {
        let scripts: Mutex<VecDeque<Script>> = Mutex::new(scripts.into_iter().collect());
        let upstream = ScriptedUpstream::start(move |_| {
            let mut scripts = scripts.lock().unwrap();
            if scripts.len() > 1 { scripts.pop_front() } else { scripts.front().cloned() }.unwrap()
        })
        .await;
        let config =
            HttpLlmConfig { base_url: upstream.url().parse().unwrap(), key: None, model: "small".to_owned() };
        let settings = LlmSettings { deadline, ..LlmSettings::default() };
        let extractor = LlmExtractor::new(HttpLlm::new(config).unwrap(), settings);
        let settings = LearnSettings { attempts_max: ATTEMPTS_MAX, ..LearnSettings::default() };
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let now_s = Arc::new(AtomicI64::new(1_700_000_000));
        let clock = {
            let now_s = Arc::clone(&now_s);
            move || Timestamp::from_second(now_s.load(Ordering::Relaxed)).unwrap()
        };
        Self {
            memory: Arc::new(Memory::open(Arc::new(store), Arc::new(clock), Settings::default()).unwrap()),
            learner: Arc::new(Learner::new(Some(Arc::new(extractor)), settings, tokens_a_day_max)),
            upstream,
            now_s,
            said: Mutex::default(),
            _directory: directory,
        }
    }

    fn tell(&self, text: &'static str) {
        let turn = TurnToObserve::new(Role::User, text);
        self.memory.observe(&ana(), Observation::new(SessionId::new("s").unwrap(), vec![turn])).unwrap();
        self.said.lock().unwrap().push(text);
    }

    fn wait(&self, time: Duration) {
        self.now_s.fetch_add(i64::try_from(time.as_secs()).unwrap(), Ordering::Relaxed);
    }

    /// Learns from a job. However that ends, what was said is recalled, and what holds was said.
    async fn learn(&self) -> Learned {
        let (memory, learner) = (Arc::clone(&self.memory), Arc::clone(&self.learner));
        let step = move || learner.step(&memory, Some(&ana().user)).unwrap().unwrap();
        let done = tokio::task::spawn_blocking(step).await.unwrap();
        let said = self.said.lock().unwrap().clone();
        for text in &said {
            let recalled = self.memory.recall(&ana(), &RecallRequest::new(*text)).unwrap();
            assert!(recalled.items.iter().any(|item| item.text() == *text), "{text} is not recalled");
        }
        for memory in self.holding() {
            assert!(said.iter().any(|said| said.contains(&memory.value)), "{memory:?}");
        }
        done
    }

    fn holding(&self) -> Vec<MemoryRecord> {
        let request = MemoriesRequest { state: Some(MemoryState::Active), ..MemoriesRequest::default() };
        self.memory.memories(&ana(), &request).unwrap()
    }

    fn values(&self) -> Vec<String> {
        self.holding().into_iter().map(|memory| memory.value).collect()
    }

    fn jobs(&self) -> Vec<Job> {
        self.memory.store().jobs(&TenantId::single(), 0, 10).unwrap()
    }

    fn replay(&self) {
        let dead = self.jobs().remove(0);
        assert_eq!(dead.state, JobState::Dead);
        assert!(self.memory.store().replay_job(&TenantId::single(), dead.number, self.memory.now()).unwrap());
    }
}

fn ana() -> Scope {
    Scope::of(TenantId::single(), UserId::new("ana").unwrap())
}

fn home(place: &str) -> Value {
    json!({
        "turn": 1, "quote": format!("I live in {place}"), "kind": "fact", "subject": "user", "slot": "home",
        "value": place, "text": format!("The user lives in {place}."), "polarity": "affirms", "explicit": true,
        "when": "",
    })
}

fn facts(places: &[&str]) -> String {
    json!({"facts": places.iter().map(|place| home(place)).collect::<Vec<_>>()}).to_string()
}

fn answer(text: &str) -> Script {
    Script::json(200, &replies::completion(text))
}

fn broken() -> Script {
    Script::json(500, &replies::error("down", "down"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_hangs_is_left_at_the_deadline_and_asked_again_later() {
    let scripts = [Script::new().hang(), answer(&facts(&["Paris"]))];
    let world = World::with(scripts, DEADLINE_SHORT, None).await;
    world.tell("I live in Paris.");
    let outcome = world.learn().await.outcome;
    let Outcome::Failed { due, .. } = outcome else { panic!("{outcome:?}") };
    assert!(due > world.memory.now());
    assert_eq!(world.values(), [""; 0]);
    world.wait(DAY);
    assert_eq!(world.learn().await.outcome, Outcome::Learned);
    assert_eq!((world.values(), world.jobs()), (vec!["Paris".to_owned()], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_asked_about_once_more() {
    let world = World::new([answer("Sure! Let me think."), answer(&facts(&["Paris"]))]).await;
    world.tell("I live in Paris.");
    let learned = world.learn().await;
    assert_eq!((learned.outcome, learned.usage.total().calls), (Outcome::Learned, 2));
    assert_eq!((world.values(), world.jobs()), (vec!["Paris".to_owned()], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_garbage_twice_the_local_extractor_learns_and_a_replay_adds_nothing_twice() {
    let garbage = answer("Sure! Let me think.");
    let world = World::new([garbage.clone(), garbage, answer(&facts(&["Paris"]))]).await;
    world.tell("I live in Paris.");
    let outcome = world.learn().await.outcome;
    assert!(matches!(outcome, Outcome::Degraded { .. }), "{outcome:?}");
    let before = world.holding();
    assert_eq!(world.values(), ["Paris"]);
    world.replay();
    assert_eq!(world.learn().await.outcome, Outcome::Learned);
    assert_eq!((world.holding(), world.jobs()), (before, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_another_batch_is_refused() {
    let world = World::new([answer(&facts(&["Rome"]))]).await;
    world.tell("I live in Paris.");
    let learned = world.learn().await;
    assert_eq!(learned.outcome, Outcome::Nothing);
    assert_eq!(learned.refused[0].why, Refusal::NotQuoted);
    assert_eq!(world.memory.memories(&ana(), &MemoriesRequest::default()).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_twice_counts_once() {
    let twice = facts(&["Paris"]).repeat(2);
    let world = World::new([answer(&twice), answer(&facts(&["Paris", "Paris"]))]).await;
    world.tell("I live in Paris.");
    let learned = world.learn().await;
    assert_eq!((learned.outcome, learned.claims.len()), (Outcome::Learned, 1));
    assert_eq!(world.holding()[0].evidence.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_cut_off_makes_nothing_up() {
    let whole = facts(&["Paris", "Rome"]);
    let cut = &whole[..whole.len() - 40];
    let mut reply = replies::completion(cut);
    reply["choices"][0]["finish_reason"] = json!("length");
    let world = World::new([Script::json(200, &reply)]).await;
    world.tell("I live in Paris.");
    world.learn().await;
    assert_eq!(world.values(), ["Paris"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_tried_again_and_in_the_end_done_without() {
    let world = World::new([broken()]).await;
    world.tell("I live in Paris.");
    for _ in 0..ATTEMPTS_MAX {
        let outcome = world.learn().await.outcome;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        world.wait(DAY);
    }
    let asked = world.upstream.requests().len();
    assert!(asked > 1);
    let outcome = world.learn().await.outcome;
    assert!(matches!(outcome, Outcome::Degraded { .. }), "{outcome:?}");
    assert_eq!(world.upstream.requests().len(), asked, "it was done without");
    assert_eq!((world.values(), world.jobs()[0].state), (vec!["Paris".to_owned()], JobState::Dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_spent_the_tokens_of_a_day_learns_locally_and_that_is_no_failure() {
    let world = World::with([answer(&facts(&["Paris"]))], DEADLINE, Some(10)).await;
    world.tell("I live in Paris.");
    assert_eq!(world.learn().await.extractor.as_deref(), Some("small"));
    world.tell("I speak German.");
    let learned = world.learn().await;
    assert_eq!((learned.extractor.as_deref(), learned.outcome), (Some("local"), Outcome::Learned));
    assert_eq!(world.jobs(), []);
    assert_eq!(world.values(), ["Paris", "German"]);
    world.wait(DAY);
    world.tell("I have a dog named Rex.");
    assert_eq!(world.learn().await.extractor.as_deref(), Some("small"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_finds_the_tokens_spent_stays_for_another_day() {
    let garbage = answer("Sure! Let me think.");
    let world = World::with([garbage.clone(), garbage, answer(&facts(&["Paris"]))], DEADLINE, Some(10)).await;
    world.tell("I live in Paris.");
    let outcome = world.learn().await.outcome;
    assert!(matches!(outcome, Outcome::Degraded { .. }), "{outcome:?}");
    world.replay();
    assert_eq!(world.learn().await.extractor.as_deref(), Some("local"));
    world.wait(DAY);
    world.replay();
    let learned = world.learn().await;
    assert_eq!((learned.extractor.as_deref(), learned.outcome), (Some("small"), Outcome::Learned));
    assert_eq!(world.jobs(), []);
}

/// What becomes of a conversation that is long enough to be told in short, of which the provider, asked for that, says these. Its
/// facts are learned whatever that is. Returns the sentences that were kept, and how often the provider was asked for any.
async fn summary(scripts: impl IntoIterator<Item = Script>, deadline: Duration) -> (Vec<String>, u64) {
    let scripts = std::iter::once(answer(&facts(&["Paris"]))).chain(scripts);
    let world = World::with(scripts, deadline, None).await;
    world.tell("I live in Paris.");
    (0..11).for_each(|_| world.tell("Thanks!"));
    let learned = world.learn().await;
    assert_eq!((&learned.outcome, learned.claims.len(), world.jobs()), (&Outcome::Learned, 1, vec![]));
    assert!(world.values().contains(&"Paris".to_owned()));
    let (summaries, facts): (Vec<_>, Vec<_>) =
        world.holding().into_iter().partition(|memory| memory.kind == MemoryKind::Summary);
    assert_eq!(facts.len(), 1);
    (summaries.into_iter().map(|memory| memory.text).collect(), learned.usage.summarise.calls)
}

fn told(lines: &[u64], text: &str) -> String {
    json!({"sentences": [{"turns": lines, "text": text}]}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_is_supported_is_kept_once_however_often_it_is_given() {
    let good = told(&[1], "I live in Paris.");
    let kept = vec!["I live in Paris.".to_owned()];
    assert_eq!(summary([answer(&good)], DEADLINE).await, (kept.clone(), 1));
    assert_eq!(summary([answer(&good.repeat(2))], DEADLINE).await, (kept.clone(), 1));
    assert_eq!(summary([answer("Let me think."), answer(&good)], DEADLINE).await, (kept, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_at_a_summary_takes_nothing_from_what_was_learned() {
    let garbage = answer("Sure! Let me think.");
    assert_eq!(summary([Script::new().hang()], DEADLINE_SHORT).await, (vec![], 0));
    assert_eq!(summary([broken()], DEADLINE_SHORT).await, (vec![], 0));
    assert_eq!(summary([garbage.clone(), garbage], DEADLINE).await, (vec![], 2));
    for made_up in
        [told(&[1], "I live in Rome."), told(&[2], "I live in Paris."), told(&[], "I live in Paris.")]
    {
        assert_eq!(summary([answer(&made_up)], DEADLINE).await.0, [""; 0], "{made_up}");
    }
}
