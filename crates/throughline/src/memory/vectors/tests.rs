//! The index as it is written and asked, over stores in memory; the engines have tests of their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::memory::{Observation, Settings, TURNS_A_WRITE_MAX, TurnToObserve};
use crate::model::{Content, Role, SessionId, TenantId, Timestamp, UserId};
use crate::ports::conformance::{ModelStore, ModelVectors};
use crate::ports::{
    EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel, Forget, LedgerStore as _, NearestVectors,
    ReadStore as _, RedactedTurn, VectorConditions, WriteStore as _,
};
use crate::recall::{Degraded, Filters, RecallRequest, Recalled};

/// More than are ranked in full.
const LARGE_TURNS: usize = 8_400;
/// From here on a scope is indexed; a few turns are enough to see it written.
const TURNS_MIN: usize = 10;

/// Each word a direction of its own, the text their sum. `synonymword` means the same as `word` and is another word.
struct Words(EmbeddingModel);

impl Words {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self(EmbeddingModel { name: name.into(), dimensions: 32 }))
    }
}

impl Embedder for Words {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        let vector = |text: &&str| {
            let mut sum = vec![0.0_f32; self.0.dimensions];
            for word in text.split(' ') {
                let mut bytes = vec![0; self.0.dimensions];
                let mut hasher = blake3::Hasher::new();
                hasher.update(word.trim_start_matches("synonym").as_bytes());
                hasher.finalize_xof().fill(&mut bytes);
                sum.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum += f32::from(byte) - 127.5);
            }
            let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
            Embedding { vector: sum.into_iter().map(|x| x / length).collect(), ..Embedding::default() }
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// An index that can be told to fail, or to do something when a set is begun.
#[derive(Default)]
struct Hooked {
    index: ModelVectors,
    failures: AtomicUsize,
    asked: AtomicUsize,
    on_begin: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl Hooked {
    fn may_fail(&self) -> Result<(), StoreError> {
        let left =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_or(Ok(()), |_| Err(StoreError::Unavailable("the index is down".into())))
    }
}

impl VectorIndex for Hooked {
    fn begin(&self, set: &VectorSet) -> Result<VectorMark, StoreError> {
        let mark = self.index.begin(set);
        if let Some(hook) = &mut *self.on_begin.lock().unwrap() {
            hook();
        }
        mark
    }

    fn mark(&self, set: &VectorSet) -> Result<Option<VectorMark>, StoreError> {
        self.index.mark(set)
    }

    fn put(&self, set: &VectorSet, change: &VectorChange) -> Result<bool, StoreError> {
        self.may_fail()?;
        self.index.put(set, change)
    }

    fn nearest(
        &self,
        set: &VectorSet,
        vector: &[f32],
        conditions: &VectorConditions,
        limit: usize,
    ) -> Result<Option<NearestVectors>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.may_fail()?;
        self.index.nearest(set, vector, conditions, limit)
    }

    fn keys(&self, set: &VectorSet, sink: &mut dyn FnMut(VectorKey)) -> Result<(), StoreError> {
        self.index.keys(set, sink)
    }

    fn sets(&self) -> Result<Vec<VectorSet>, StoreError> {
        VectorIndex::sets(&self.index)
    }

    fn remove(&self, set: &VectorSet) -> Result<(), StoreError> {
        self.index.remove(set)
    }

    fn erase_user(&self, user: &UserKey) -> Result<(), StoreError> {
        self.may_fail()?;
        self.index.erase_user(user)
    }
}

struct World {
    memory: Memory,
    store: Arc<ModelStore>,
    index: Arc<Hooked>,
    scope: Scope,
}

impl World {
    /// A user who has said so much.
    fn new(turns: usize) -> Self {
        let (store, index) = (Arc::new(ModelStore::default()), Arc::new(Hooked::default()));
        let clock = Arc::new(|| Timestamp::from_second(1_772_445_600).unwrap());
        let memory = Memory::open(store.clone(), clock, Settings::default()).unwrap();
        let memory = memory.with_vectors(index.clone(), TURNS_MIN);
        memory.attach(Words::new("first")).unwrap();
        let scope = Scope::of(TenantId::single(), UserId::new("ann").unwrap());
        let world = Self { memory, store, index, scope };
        let texts: Vec<String> = (0..turns).map(text).collect();
        for (number, texts) in texts.chunks(TURNS_A_WRITE_MAX).enumerate() {
            world.say(&format!("session {number}"), texts);
        }
        world
    }

    fn say(&self, session: &str, texts: &[String]) {
        let metadata = json!({"kept": true}).to_string();
        let turns = texts
            .iter()
            .map(|text| TurnToObserve {
                metadata: (!text.contains("w700 ")).then(|| metadata.clone()),
                ..TurnToObserve::new(Role::User, text.as_str())
            })
            .collect();
        self.memory.observe(&self.scope, Observation::new(SessionId::new(session).unwrap(), turns)).unwrap();
    }

    fn index_all(&self) -> usize {
        std::iter::from_fn(|| Some(self.memory.index_vectors().unwrap()).filter(|rows| *rows > 0)).sum()
    }

    fn ask(&self, request: &RecallRequest) -> Recalled {
        self.memory.recall(&self.scope, request).unwrap()
    }

    fn turns(&self, request: &RecallRequest) -> HashSet<u64> {
        self.ask(request).items.iter().map(|item| item.turn.id.seq).collect()
    }

    /// What a check finds: missing and stale entries, and rows not looked at yet; one for each model.
    fn check(&self, repair: bool) -> Vec<(usize, usize, u64)> {
        let checks = self.memory.check_vectors(None, repair).unwrap();
        let differences = checks.into_iter().map(|VectorsCheck { status, missing, stale }| {
            (missing, stale, status.row - status.indexed.unwrap_or(0))
        });
        differences.collect()
    }

    fn set(&self) -> VectorSet {
        VectorIndex::sets(&self.index.index).unwrap().remove(0)
    }
}

/// Twelve of a thousand words, a few of them in most texts.
fn text(number: usize) -> String {
    let word = |at: usize| {
        (number.wrapping_mul(2_654_435_761).wrapping_add(at * 40_503) >> 7) % (1 << (at % 10 + 1))
    };
    let words: Vec<String> = (0..12).map(|at| format!("w{}", word(at))).collect();
    words.join(" ")
}

fn asking(text: &str) -> RecallRequest {
    RecallRequest { limit: 10, ..RecallRequest::new(text) }
}

#[test]
fn a_large_scope_is_searched_through_its_index_nearly_as_by_ranking_every_turn() {
    let world = World::new(LARGE_TURNS);
    assert_eq!(world.index_all(), LARGE_TURNS);
    let (mut same, mut all) = (0, 0);
    for number in (0..LARGE_TURNS).step_by(1_800) {
        let text = text(number);
        let question: Vec<&str> = text.split(' ').step_by(2).collect();
        let request = asking(&question.join(" "));
        assert_eq!(world.ask(&request).degraded, None);
        let exact = world.turns(&RecallRequest { exact: true, ..request.clone() });
        same += world.turns(&request).intersection(&exact).count();
        all += exact.len();
    }
    assert!(world.index.asked.load(Ordering::Relaxed) > 0);
    assert!(same * 100 >= all * 95, "{same} of {all}");
}

#[test]
fn what_the_index_does_not_have_yet_is_searched_exactly_and_filters_are_exact_either_way() {
    let world = World::new(LARGE_TURNS);
    world.index_all();
    world.say("new", &["zebra quagga".into(), "zebra quagga w700 ".into()]);
    let kept = json!({"kept": true}).as_object().unwrap().clone();
    let filters = Filters { metadata: kept, ..Filters::default() };
    let request = asking("synonymzebra synonymquagga");
    for asked in 1..=2 {
        let answer = world.ask(&request);
        assert_eq!((answer.degraded, answer.items.len()), (None, 10));
        assert_eq!(answer.items[0].text(), "zebra quagga");
        assert!(answer.items[1].turn.metadata.is_none());
        let filtered = world.ask(&RecallRequest { filters: filters.clone(), ..request.clone() });
        assert_eq!((filtered.degraded, filtered.items.len()), (None, 10));
        assert_eq!(filtered.items[0].text(), "zebra quagga");
        assert!(filtered.items.iter().all(|item| item.turn.metadata.is_some()));
        assert_eq!(world.index.asked.load(Ordering::Relaxed), 2 * asked);
        world.index_all();
    }
}

#[test]
fn an_answer_says_that_the_index_is_behind_or_down_and_one_that_is_down_is_left_alone() {
    let world = World::new(LARGE_TURNS);
    world.say("new", &["zebra quagga".into()]);
    let answer = world.ask(&asking("synonymzebra synonymquagga"));
    assert_eq!(answer.degraded, Some(Degraded::VectorIndexBehind));
    assert_eq!(answer.items[0].text(), "zebra quagga", "the newest are searched");
    let by_words = world.ask(&asking(&text(17)));
    assert_eq!(by_words.items[0].text(), text(17), "the others are found by their words");
    world.index_all();
    assert_eq!(world.ask(&asking(&text(17))).degraded, None);

    world.index.failures.store(usize::MAX, Ordering::Relaxed);
    let asked = world.index.asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        let answer = world.ask(&asking(&text(17)));
        assert_eq!(answer.degraded, Some(Degraded::VectorIndexFailed));
        assert_eq!(answer.items[0].text(), text(17));
    }
    assert_eq!(world.index.asked.load(Ordering::Relaxed), asked + 1);
}

#[test]
fn entries_that_recall_misses_are_put_back() {
    let world = World::new(LARGE_TURNS);
    world.index_all();
    let lost = |key: &VectorKey| key.turn > 100;
    let mut keys = Vec::new();
    world.index.keys(&world.set(), &mut |key| keys.push(key)).unwrap();
    keys.iter().filter(|key| lost(key)).for_each(|key| world.index.index.lose(&world.set(), *key));
    let request = asking("synonymw1 synonymw3 synonymw6");
    assert_eq!(world.ask(&request).degraded, Some(Degraded::VectorIndexBehind));
    assert_eq!(world.index_all(), LARGE_TURNS - 100);
    assert_eq!(world.check(false), [(0, 0, 0)]);
    assert_eq!(world.ask(&request).degraded, None);
}

#[test]
fn a_check_finds_what_is_missing_stale_and_not_yet_there_and_repairs_it() {
    let world = World::new(20);
    world.index_all();
    world.index.index.lose(&world.set(), VectorKey { turn: 3, passage: 0 });
    let mark = world.index.mark(&world.set()).unwrap().unwrap();
    let unknown = VectorEntry {
        key: VectorKey { turn: 99, passage: 0 },
        role: 0,
        time_ms: 0,
        tags: vec![],
        vector: vec![1.0; 32],
    };
    let change = VectorChange { before: mark, after: mark, entries: vec![unknown], gone: vec![] };
    assert!(world.index.put(&world.set(), &change).unwrap());
    world.say("new", &["one".into(), "two".into()]);
    assert_eq!(world.check(true), [(1, 1, 2)]);
    assert_eq!(world.check(false), [(0, 0, 2)]);
    assert_eq!(world.index_all(), 2);
    assert_eq!(world.check(false), [(0, 0, 0)]);
}

#[test]
fn a_writer_that_is_cut_off_goes_on_where_it_stopped() {
    let world = World::new(3 * VECTOR_CHANGES_MAX - 10);
    assert_eq!(world.memory.index_vectors().unwrap(), VECTOR_CHANGES_MAX);
    world.index.failures.store(1, Ordering::Relaxed);
    assert!(world.memory.index_vectors().is_err());
    let status = world.memory.vectors_status().unwrap();
    assert_eq!(status[0].indexed, Some(VECTOR_CHANGES_MAX as u64));
    assert_eq!(world.index_all(), 2 * VECTOR_CHANGES_MAX - 10);
    assert_eq!(world.check(false), [(0, 0, 0)]);
}

#[test]
fn forgotten_words_leave_the_index_too() {
    let world = World::new(20);
    world.index_all();
    let redacted = |seq, passages| RedactedTurn {
        seq,
        name: None,
        content: Content::text("…"),
        metadata: None,
        passages,
    };
    let forget = Forget {
        after: 0,
        tombstones: vec![],
        entries: vec![],
        turns: vec![redacted(5, vec![]), redacted(9, vec![])],
        receipts: vec![],
        profile: None,
        now: world.memory.now(),
    };
    world.store.forget(&world.scope, forget).unwrap();
    assert!(world.index_all() > 0);
    let mut turns = Vec::new();
    world.index.keys(&world.set(), &mut |key| turns.push(key.turn)).unwrap();
    assert_eq!((turns.len(), turns.contains(&5), turns.contains(&9)), (18, false, false));
    assert_eq!(world.check(false), [(0, 0, 0)]);
}

#[test]
fn an_erasure_is_done_when_the_index_has_done_it_too() {
    let world = World::new(20);
    world.index_all();
    world.index.failures.store(1, Ordering::Relaxed);
    let refused = world.memory.erase_user(&world.scope.user).unwrap_err();
    assert!(refused.to_string().contains("erase the user again"), "{refused}");
    assert_eq!(world.memory.erase_user(&world.scope.user).unwrap().turns, 0);
    assert_eq!(VectorIndex::sets(&*world.index), Ok(vec![]));
}

#[test]
fn a_writer_in_the_middle_of_an_erasure_brings_nothing_back() {
    let world = World::new(20);
    let (store, user) = (world.store.clone(), world.scope.user.clone());
    let erase = move || {
        store.erase_user(&user).unwrap();
    };
    *world.index.on_begin.lock().unwrap() = Some(Box::new(erase));
    assert_eq!(world.memory.index_vectors().unwrap(), 0);
    assert_eq!(VectorIndex::sets(&*world.index), Ok(vec![]));
}

#[test]
fn sets_of_lives_that_are_over_and_of_models_given_up_are_swept_away() {
    let world = World::new(20);
    world.index_all();
    world.memory.switch_model(Words::new("second")).unwrap();
    assert_eq!(world.memory.vectors_status().unwrap().len(), 2);
    while world.memory.backfill(64).unwrap() > 0 {}
    world.index_all();
    assert_eq!(world.check(false), [(0, 0, 0), (0, 0, 0)]);
    assert_eq!(world.memory.sweep_vectors().unwrap(), 0);
    world.memory.forget_previous_model().unwrap();
    assert_eq!(world.memory.sweep_vectors().unwrap(), 1);
    assert_eq!(world.check(false), [(0, 0, 0)]);
    world.store.erase_user(&world.scope.user).unwrap();
    assert_eq!(world.memory.sweep_vectors().unwrap(), 1);
    assert_eq!(VectorIndex::sets(&*world.index), Ok(vec![]));
}

#[test]
fn an_emptied_set_is_written_anew_from_the_store() {
    let world = World::new(20);
    world.index_all();
    assert_eq!(world.memory.empty_vectors(Some(&world.scope)).unwrap(), 1);
    assert_eq!(VectorIndex::sets(&*world.index), Ok(vec![]));
    assert_eq!(world.index_all(), 20);
    assert_eq!(world.check(false), [(0, 0, 0)]);
}

#[test]
fn a_set_ahead_of_a_store_that_was_set_back_begins_anew() {
    let world = World::new(20);
    world.index_all();
    let before = world.index.mark(&world.set()).unwrap().unwrap();
    let after = VectorMark { row: 1_000, ..before };
    world.index.put(&world.set(), &VectorChange { before, after, ..VectorChange::default() }).unwrap();
    assert_eq!(world.memory.index_vectors().unwrap(), 0);
    assert_eq!(world.index_all(), 20);
    assert_eq!(world.store.revision(&world.scope).unwrap().unwrap().row, 20);
    assert_eq!(world.check(false), [(0, 0, 0)]);
}

#[test]
fn a_small_scope_has_no_set() {
    let world = World::new(TURNS_MIN - 1);
    assert_eq!(world.index_all(), 0);
    assert_eq!(VectorIndex::sets(&*world.index), Ok(vec![]));
}
