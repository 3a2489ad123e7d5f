//! The behaviours of a vector index, by itself and as a memory writes it. They panic where it differs.

use std::sync::Arc;
use std::time::Duration;

use super::support::{at, scope, scope_of_agent, session};
use super::{ModelStore, WithVectors};
use crate::memory::{Memory, Observation, Settings, TurnToObserve};
use crate::model::{Generation, Role, Scope};
use crate::ports::{
    EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel, VECTOR_CHANGES_MAX, VectorChange,
    VectorConditions, VectorEntry, VectorIndex, VectorKey, VectorMark, VectorSet,
};

const DIMENSIONS: usize = 96;

fn set(scope: Scope) -> VectorSet {
    VectorSet { scope, generation: Generation(0xfedc_ba98_7654_3210), model: 1 }
}

fn mark(row: u64) -> VectorMark {
    VectorMark { row, redactions: 0 }
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

/// Of two components: so far from the first axis.
fn entry(turn: u64, angle: f32) -> VectorEntry {
    let key = VectorKey { turn, passage: 0 };
    VectorEntry { key, role: 0, time_ms: 0, tags: vec![], vector: vec![angle.cos(), angle.sin()] }
}

fn put(index: &dyn VectorIndex, set: &VectorSet, before: u64, after: u64, entries: Vec<VectorEntry>) -> bool {
    let change = VectorChange { before: mark(before), after: mark(after), entries, gone: vec![] };
    index.put(set, &change).expect("a change")
}

fn turns(index: &dyn VectorIndex, set: &VectorSet, conditions: &VectorConditions, limit: usize) -> Vec<u64> {
    let found = index.nearest(set, &[1.0, 0.0], conditions, limit).expect("a search").expect("a set");
    found.keys.into_iter().map(|(key, _)| key.turn).collect()
}

fn keys(index: &dyn VectorIndex, set: &VectorSet) -> Vec<VectorKey> {
    let mut keys = Vec::new();
    index.keys(set, &mut |key| keys.push(key)).expect("keys");
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Reading what was never begun is no error; writing to it does nothing.
pub fn a_set_never_begun_has_nothing_and_takes_nothing(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        assert_eq!(index.mark(&set), Ok(None));
        assert_eq!(index.nearest(&set, &[1.0, 0.0], &VectorConditions::default(), 3), Ok(None));
        assert_eq!(keys(index, &set), []);
        assert!(!put(index, &set, 0, 1, vec![entry(1, 0.0)]));
        assert_eq!(index.mark(&set), Ok(None));
        assert_eq!(index.remove(&set), Ok(()));
        assert_eq!(index.erase_user(&set.scope.user), Ok(()));
        assert_eq!(index.sets(), Ok(vec![]));
    });
}

/// With its cosine, and with the mark it was put with.
pub fn what_was_put_is_found_nearest_first(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        assert_eq!(index.begin(&set), Ok(mark(0)));
        assert_eq!(index.begin(&set), Ok(mark(0)));
        let nothing = index.nearest(&set, &[1.0, 0.0], &VectorConditions::default(), 3);
        assert_eq!(nothing.map(|found| found.map(|found| found.keys)), Ok(Some(vec![])));
        assert!(put(index, &set, 0, 7, vec![entry(1, 1.0), entry(2, 0.1), entry(3, 2.0), entry(4, 0.5)]));
        assert_eq!((index.mark(&set), index.begin(&set)), (Ok(Some(mark(7))), Ok(mark(7))));
        let found = index.nearest(&set, &[1.0, 0.0], &VectorConditions::default(), 3);
        let found = found.expect("a search").expect("a set");
        assert_eq!(found.mark, mark(7));
        for ((key, cosine), (turn, angle)) in found.keys.iter().zip([(2, 0.1_f32), (4, 0.5), (1, 1.0)]) {
            assert_eq!(*key, VectorKey { turn, passage: 0 });
            assert!((cosine - angle.cos()).abs() < 0.01, "{cosine} for {angle}");
        }
        assert_eq!(turns(index, &set, &VectorConditions::default(), 100), [2, 4, 1, 3]);
        assert_eq!(index.sets(), Ok(vec![set]));
    });
}

/// Of a passage there is one vector; what is gone is not found.
pub fn an_entry_put_again_replaces_the_old(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        index.begin(&set).expect("a set");
        let second = VectorEntry { key: VectorKey { turn: 1, passage: 1 }, ..entry(1, 0.2) };
        assert!(put(index, &set, 0, 1, vec![entry(1, 0.0), entry(2, 1.0), second]));
        assert!(put(index, &set, 1, 2, vec![VectorEntry { role: 1, ..entry(1, 2.0) }]));
        assert_eq!(turns(index, &set, &VectorConditions::default(), 10), [1, 2, 1]);
        let assistant = VectorConditions { roles: vec![1], ..VectorConditions::default() };
        assert_eq!(turns(index, &set, &assistant, 10), [1]);
        let gone = vec![VectorKey { turn: 1, passage: 1 }, VectorKey { turn: 99, passage: 0 }];
        let change = VectorChange { before: mark(2), after: mark(2), entries: vec![], gone };
        assert_eq!(index.put(&set, &change), Ok(true));
        assert_eq!(turns(index, &set, &VectorConditions::default(), 10), [2, 1]);
        assert_eq!(keys(index, &set), [VectorKey { turn: 1, passage: 0 }, VectorKey { turn: 2, passage: 0 }]);
    });
}

/// So of two writers one does it, and a change repeated is done once.
pub fn a_change_from_another_mark_changes_nothing(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        index.begin(&set).expect("a set");
        assert!(put(index, &set, 0, 5, vec![entry(1, 0.0)]));
        assert!(!put(index, &set, 0, 5, vec![entry(2, 0.0)]));
        let forgotten = VectorMark { row: 5, redactions: 1 };
        let change = VectorChange { before: mark(5), after: forgotten, ..VectorChange::default() };
        assert_eq!(index.put(&set, &change), Ok(true));
        assert!(!put(index, &set, 5, 6, vec![entry(2, 0.0)]));
        assert_eq!(index.mark(&set), Ok(Some(forgotten)));
        assert_eq!(turns(index, &set, &VectorConditions::default(), 10), [1]);
        let done = std::thread::scope(|threads| {
            let writers: Vec<_> = (10..14)
                .map(|turn| {
                    let set = &set;
                    let change = VectorChange {
                        before: forgotten,
                        after: mark(turn),
                        entries: vec![entry(10, 0.0)],
                        gone: vec![],
                    };
                    threads.spawn(move || index.put(set, &change).expect("a change"))
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect::<Vec<_>>()
        });
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
        assert_eq!(turns(index, &set, &VectorConditions::default(), 10).len(), 2);
    });
}

/// A writer that was in the middle of it cannot bring it back.
pub fn a_set_taken_away_takes_nothing_any_more(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        index.begin(&set).expect("a set");
        assert!(put(index, &set, 0, 1, vec![entry(1, 0.0)]));
        assert_eq!(index.remove(&set), Ok(()));
        assert!(!put(index, &set, 1, 2, vec![entry(2, 0.0)]));
        assert_eq!((index.mark(&set), index.sets()), (Ok(None), Ok(vec![])));
        assert_eq!(index.begin(&set), Ok(mark(0)));
        assert_eq!(keys(index, &set), []);
        assert_eq!(turns(index, &set, &VectorConditions::default(), 10), [0; 0]);
    });
}

/// Each by itself and all together, however few meet them.
pub fn conditions_are_exact(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let set = set(scope("acme", "ann"));
        index.begin(&set).expect("a set");
        let entries: Vec<VectorEntry> = (0..400_u16)
            .map(|number| VectorEntry {
                role: (number % 3) as u8,
                time_ms: 1_772_445_600_000 + i64::from(number / 4),
                tags: vec![u32::MAX - u32::from(number % 5), 7 + u32::from(number % 2), u32::from(number)],
                ..entry(u64::from(number), f32::from(number) / 400.0)
            })
            .collect();
        assert!(put(index, &set, 0, 400, entries.clone()));
        let all = VectorConditions {
            roles: vec![0, 2],
            from_ms: Some(1_772_445_600_020),
            until_ms: Some(1_772_445_600_081),
            any_tag: vec![u32::MAX, u32::MAX - 3],
            all_tags: vec![7],
        };
        let none = VectorConditions::default();
        let cases = [
            VectorConditions { roles: all.roles.clone(), ..none.clone() },
            VectorConditions { from_ms: all.from_ms, ..none.clone() },
            VectorConditions { until_ms: all.until_ms, ..none.clone() },
            VectorConditions { any_tag: all.any_tag.clone(), ..none.clone() },
            VectorConditions { all_tags: vec![8, u32::MAX - 1], ..none.clone() },
            VectorConditions { all_tags: vec![399], ..none.clone() },
            VectorConditions { all_tags: vec![400], ..none.clone() },
            all,
            none,
        ];
        for conditions in cases {
            let expected: Vec<u64> =
                entries.iter().filter(|entry| conditions.admit(entry)).map(|entry| entry.key.turn).collect();
            let mut found = turns(index, &set, &conditions, 1_000);
            found.sort_unstable();
            assert_eq!(found, expected, "{conditions:?}");
        }
    });
}

/// Xorshift: the same memories in every run.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// A direction, drawn towards one of so many topics by less than half.
    fn vector(&mut self, topics: &[Vec<f32>]) -> Vec<f32> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of a few topics"
        )]
        let topic = topics.get((self.fraction() * topics.len() as f32) as usize);
        let own = unit((0..DIMENSIONS).map(|_| self.fraction() + self.fraction() - 1.0).collect());
        match topic {
            Some(topic) => unit(own.iter().zip(topic).map(|(own, topic)| own + 0.8 * topic).collect()),
            None => own,
        }
    }
}

/// Recall of the ten nearest of 10,000 memories of 10 users, without a filter but the user and with filters of metadata that
/// half, a tenth and a hundredth of the memories meet: at least 0.99 of them each.
pub fn ten_thousand_memories_of_ten_users_are_found_as_by_exact_search(with_vectors: WithVectors<'_>) {
    const USERS: usize = 10;
    const MEMORIES: u32 = 1_000;
    const QUESTIONS: usize = 20;
    const NEAREST: usize = 10;
    with_vectors(&mut |index| {
        let index = &**index;
        let mut random = Random(88_172_645_463_325_252);
        let topics: Vec<Vec<f32>> = (0..20).map(|_| random.vector(&[])).collect();
        let users: Vec<(VectorSet, Vec<VectorEntry>)> = (0..USERS)
            .map(|user| {
                let entry = |number: u32| VectorEntry {
                    key: VectorKey { turn: u64::from(number), passage: number % 2 },
                    role: (number % 2) as u8,
                    time_ms: i64::from(number),
                    tags: vec![number % 10, 1_000 + number % 100],
                    vector: random.vector(&topics),
                };
                (set(scope("acme", &format!("user {user}"))), (0..MEMORIES).map(entry).collect())
            })
            .collect();
        for (set, entries) in &users {
            index.begin(set).expect("a set");
            let mut before = 0;
            for entries in entries.chunks(VECTOR_CHANGES_MAX.min(400)) {
                let after = before + entries.len() as u64;
                assert!(put(index, set, before, after, entries.to_vec()));
                before = after;
            }
        }
        let none = VectorConditions::default();
        for conditions in [
            none.clone(),
            VectorConditions { roles: vec![1], ..none.clone() },
            VectorConditions { all_tags: vec![3], ..none.clone() },
            VectorConditions { any_tag: vec![1_007], ..none },
        ] {
            let (mut same, mut all) = (0, 0);
            for (set, entries) in &users {
                for _ in 0..QUESTIONS {
                    let question = random.vector(&topics);
                    let cosine = |entry: &VectorEntry| -> f32 {
                        entry.vector.iter().zip(&question).map(|(x, y)| x * y).sum()
                    };
                    let admitted = entries.iter().filter(|entry| conditions.admit(entry));
                    let mut exact: Vec<_> = admitted.map(|entry| (cosine(entry), entry.key)).collect();
                    exact.sort_by(|a, b| b.0.total_cmp(&a.0));
                    exact.truncate(NEAREST);
                    let found = index.nearest(set, &question, &conditions, NEAREST);
                    let found = found.expect("a search").expect("a set").keys;
                    assert_eq!(found.len(), exact.len(), "as many as there are: {conditions:?}");
                    all += exact.len();
                    same +=
                        exact.iter().filter(|(_, key)| found.iter().any(|(other, _)| other == key)).count();
                }
            }
            assert!(same * 100 >= all * 99, "{same} of {all}: {conditions:?}");
        }
    });
}

/// Vectors of another length are of another model.
pub fn two_models_and_two_lives_never_mix(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let first = set(scope("acme", "ann"));
        let second = VectorSet { model: 2, ..first.clone() };
        let earlier = VectorSet { generation: Generation(1), ..first.clone() };
        for set in [&first, &second, &earlier] {
            index.begin(set).expect("a set");
        }
        assert!(put(index, &first, 0, 3, vec![entry(1, 0.0)]));
        let longer = VectorEntry { vector: vec![0.0, 0.6, 0.8], ..entry(2, 0.0) };
        assert!(put(index, &second, 0, 4, vec![longer]));
        assert!(put(index, &earlier, 0, 5, vec![entry(3, 0.0)]));
        assert_eq!(turns(index, &first, &VectorConditions::default(), 10), [1]);
        assert_eq!(turns(index, &earlier, &VectorConditions::default(), 10), [3]);
        let found = index.nearest(&second, &[0.0, 0.0, 1.0], &VectorConditions::default(), 10);
        let found = found.expect("a search").expect("a set");
        assert_eq!((found.mark, found.keys.len()), (mark(4), 1));
        assert!((found.keys[0].1 - 0.8).abs() < 0.01, "{found:?}");
        index.remove(&earlier).expect("a removal");
        let sets = index.sets().expect("sets");
        assert!(sets.len() == 2 && sets.contains(&first) && sets.contains(&second), "{sets:?}");
    });
}

/// In every scope, by every model, in every life; and nobody else's.
pub fn an_erased_user_leaves_no_vectors(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let index = &**index;
        let first = set(scope("acme", "ann"));
        let gone = [
            first.clone(),
            VectorSet { model: 2, ..first.clone() },
            VectorSet { generation: Generation(7), ..first },
            set(scope_of_agent("ann", "x/{1}")),
        ];
        let stay = [set(scope("other", "ann")), set(scope("acme", "anna"))];
        for set in gone.iter().chain(&stay) {
            index.begin(set).expect("a set");
            assert!(put(index, set, 0, 1, vec![entry(1, 0.0)]));
        }
        index.erase_user(&gone[0].scope.user).expect("an erasure");
        for set in &gone {
            assert_eq!(index.mark(set), Ok(None));
            assert_eq!(keys(index, set), []);
            assert!(!put(index, set, 1, 2, vec![entry(2, 0.0)]));
        }
        for set in &stay {
            assert_eq!(turns(index, set, &VectorConditions::default(), 10), [1]);
        }
        assert_eq!(index.sets().expect("sets").len(), stay.len());
    });
}

/// The words' letters, counted: enough to tell texts apart.
struct Letters(EmbeddingModel);

impl Embedder for Letters {
    fn model(&self) -> &EmbeddingModel {
        &self.0
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        let vector = |text: &&str| {
            let mut counts = vec![1.0_f32; self.0.dimensions];
            text.bytes().for_each(|byte| counts[usize::from(byte) % self.0.dimensions] += 1.0);
            Embedding { vector: unit(counts), ..Embedding::default() }
        };
        Ok(texts.iter().map(vector).collect())
    }
}

/// A memory of one user over this store and index, as each process opens its own.
fn memory(store: &Arc<ModelStore>, index: &Arc<dyn VectorIndex>) -> Memory {
    let memory = Memory::open(store.clone(), Arc::new(|| at(0)), Settings::default()).expect("a memory");
    let memory = memory.with_vectors(index.clone(), 1);
    let model = EmbeddingModel { name: "letters".into(), dimensions: 16 };
    memory.attach(Arc::new(Letters(model))).expect("a model");
    memory
}

fn say(memory: &Memory, scope: &Scope, name: &str, turns: usize) {
    let said = (0..turns).map(|number| TurnToObserve::new(Role::User, format!("{name} {number}"))).collect();
    memory.observe(scope, Observation::new(session(name), said)).expect("turns");
}

fn index_all(memory: &Memory) -> usize {
    let step = || memory.index_vectors().expect("a step");
    std::iter::from_fn(|| Some(step()).filter(|rows| *rows > 0)).sum()
}

/// Of the only set: missing, stale, and rows that are not there yet.
fn differences(memory: &Memory, repair: bool) -> (usize, usize, u64) {
    let checks = memory.check_vectors(None, repair).expect("a check");
    let [check] = &checks[..] else { panic!("{checks:?}") };
    (check.missing, check.stale, check.status.row - check.status.indexed.unwrap_or(0))
}

/// What one process did not come to another goes on with; what is missing is found and put back; it can all be made anew.
pub fn a_memory_writes_it_from_its_log_and_finds_what_differs(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let (store, ann) = (Arc::new(ModelStore::default()), scope("acme", "ann"));
        let first = memory(&store, index);
        say(&first, &ann, "first", VECTOR_CHANGES_MAX);
        say(&first, &ann, "more", 40);
        assert_eq!(first.index_vectors().expect("a step"), VECTOR_CHANGES_MAX);
        drop(first);
        let second = memory(&store, index);
        assert_eq!(differences(&second, false), (0, 0, 40));
        assert_eq!(index_all(&second), 40);
        let set = index.sets().expect("sets").remove(0);
        let mark = index.mark(&set).expect("a mark").expect("a set");
        let gone = vec![VectorKey { turn: 7, passage: 0 }, VectorKey { turn: 1_020, passage: 0 }];
        let unknown = VectorEntry { vector: vec![0.25; 16], ..entry(9_999, 0.0) };
        let harm = VectorChange { before: mark, after: mark, entries: vec![unknown], gone };
        assert_eq!(index.put(&set, &harm), Ok(true));
        assert_eq!(differences(&second, true), (2, 1, 0));
        assert_eq!(differences(&second, false), (0, 0, 0));
        assert_eq!(second.empty_vectors(None).expect("nothing"), 1);
        assert_eq!(index_all(&second), VECTOR_CHANGES_MAX + 40);
        assert_eq!(differences(&second, false), (0, 0, 0));
    });
}

/// Two processes at once write it once; whoever is erased is gone from it, and what came late is swept away.
pub fn a_memory_erases_a_user_from_it(with_vectors: WithVectors<'_>) {
    with_vectors(&mut |index| {
        let (store, ann, bob) = (Arc::new(ModelStore::default()), scope("acme", "ann"), scope("acme", "bob"));
        let (one, other) = (memory(&store, index), memory(&store, index));
        say(&one, &ann, "s", 30);
        say(&one, &bob, "s", 30);
        std::thread::scope(|threads| {
            threads.spawn(|| index_all(&one));
            threads.spawn(|| index_all(&other));
        });
        index_all(&one);
        assert_eq!(one.vectors_status().expect("a status").len(), 2);
        one.erase_user(&ann.user).expect("an erasure");
        assert_eq!(index.sets().expect("sets").len(), 1);
        assert_eq!(differences(&other, false), (0, 0, 0));
        let late = VectorSet { scope: ann, generation: Generation(1), model: 1 };
        index.begin(&late).expect("a set");
        assert_eq!(other.sweep_vectors().expect("a sweep"), 1);
        assert_eq!(index.sets().map(|sets| sets.len()), Ok(1));
    });
}
