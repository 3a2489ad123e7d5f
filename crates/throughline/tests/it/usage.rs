//! What learning costs is counted where every process sees it, and a budget holds for all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use throughline::learn::{Batch, ExtractError, Extraction, Extractor};
use throughline::memory::{LearnSettings, Learned, Learner, Memory, Outcome};
use throughline::model::{Day, Usage, UsageByStage, UsageStage};
use throughline::ports::{DayUsage, LlmError};

use crate::support::{World, scope};

/// Each answer of [`Priced`].
const CALL: Usage = Usage { calls: 1, prompt_tokens: 90, answer_tokens: 10, cost_nanos: 7 };

/// A model that has nothing to say, and counts how often it was asked.
#[derive(Default)]
struct Priced {
    asked: AtomicU64,
    /// How its answers end, for all that they cost.
    fails: Option<fn(UsageByStage) -> ExtractError>,
}

impl Extractor for Priced {
    fn name(&self) -> &'static str {
        "priced"
    }

    fn extract(&self, _: &Batch<'_>) -> Result<Extraction, ExtractError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let usage = UsageByStage { extract: CALL, ..UsageByStage::default() };
        match self.fails {
            None => Ok(Extraction { proposals: Vec::new(), usage }),
            Some(error) => Err(error(UsageByStage { repair: CALL, ..usage })),
        }
    }
}

fn learner(model: &Arc<Priced>, tokens_a_day_max: u64) -> Learner {
    Learner::new(Some(Arc::clone(model) as _), LearnSettings::default(), Some(tokens_a_day_max))
}

fn step(memory: &Memory, learner: &Learner) -> Learned {
    learner.step(memory, Some(&scope("ana").user)).unwrap().unwrap()
}

/// Tells so many sessions of which each is a job of its own.
fn tell(world: &World, sessions: std::ops::Range<usize>) {
    for number in sessions {
        world.tell(&scope("ana"), &number.to_string(), &["I live in Paris."]);
    }
}

/// The names of those that extracted.
fn who(learned: &Learned) -> (&str, bool) {
    (learned.extractor.as_deref().unwrap(), learned.over_budget)
}

#[test]
fn a_budget_holds_for_two_processes_together() {
    let (world, model) = (World::new(), Arc::new(Priced::default()));
    let (other, [here, there]) = (world.beside(), [learner(&model, 300), learner(&model, 300)]);
    tell(&world, 0..5);
    assert_eq!(who(&step(&world.memory, &here)), ("priced", false));
    assert_eq!(who(&step(&other, &there)), ("priced", false));
    let third = step(&world.memory, &here);
    assert_eq!((who(&third), third.spent_today), (("priced", false), Some(CALL + CALL + CALL)));
    // Neither of them has spent 300 itself.
    for (memory, learner) in [(&other, &there), (&world.memory, &here)] {
        let learned = step(memory, learner);
        assert_eq!((who(&learned), learned.outcome.clone()), (("local", true), Outcome::Learned));
    }
    assert_eq!(model.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_budget_holds_through_a_restart_and_begins_anew_at_midnight_in_utc() {
    let (world, model) = (World::new(), Arc::new(Priced::default()));
    tell(&world, 0..3);
    assert_eq!(who(&step(&world.memory, &learner(&model, 100))), ("priced", false));
    let world = world.restarted();
    assert_eq!(who(&step(&world.memory, &learner(&model, 100))), ("local", true));
    // It was ten o'clock.
    world.wait(Duration::from_hours(14));
    assert_eq!(who(&step(&world.memory, &learner(&model, 100))), ("priced", false));
    let counted = world.memory.store().tenant_usage(scope("ana").tenant(), Day::MIN..=Day::MAX).unwrap();
    let day = |day| DayUsage { day: Day::constant(2026, 3, day), stage: UsageStage::Extract, usage: CALL };
    assert_eq!(counted, [day(2), day(3)]);
}

#[test]
fn what_was_spent_is_counted_whatever_became_of_it() {
    let cases: [fn(UsageByStage) -> ExtractError; 2] = [
        |usage| ExtractError::Unusable { reason: "prose".into(), usage },
        |usage| ExtractError::Provider { error: LlmError::Failed("503".into()), usage },
    ];
    for fails in cases {
        let (world, model) = (World::new(), Arc::new(Priced { fails: Some(fails), ..Priced::default() }));
        tell(&world, 0..1);
        let learned = step(&world.memory, &learner(&model, 1_000));
        assert_eq!(learned.usage.total(), CALL + CALL);
        let days = Day::MIN..=Day::MAX;
        let counted = world.memory.store().user_usage(&scope("ana").user, days).unwrap();
        let counted: Vec<_> = counted.into_iter().map(|count| (count.stage, count.usage)).collect();
        assert_eq!(counted, [(UsageStage::Extract, CALL), (UsageStage::Repair, CALL)]);
    }
}

#[test]
fn another_tenant_has_a_budget_of_its_own() {
    let (world, model) = (World::new(), Arc::new(Priced::default()));
    let mut stranger = scope("ana");
    stranger.user.tenant = throughline::model::TenantId::new("acme").unwrap();
    tell(&world, 0..2);
    world.tell(&stranger, "s", &["I live in Paris."]);
    let learner = learner(&model, 100);
    assert_eq!(who(&step(&world.memory, &learner)), ("priced", false));
    assert_eq!(who(&step(&world.memory, &learner)), ("local", true));
    let theirs = learner.step(&world.memory, Some(&stranger.user)).unwrap().unwrap();
    assert_eq!(who(&theirs), ("priced", false));
}
