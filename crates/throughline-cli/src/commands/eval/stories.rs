//! Plays stories in a memory whose clock is the story's.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use throughline::memory::{
    ContextRequest, Learner, MemoriesRequest, Memory, MemoryPatch, NewMemory, Observation, Order as Operator,
    Outcome, Settings, TurnToObserve,
};
use throughline::model::{
    MemoryKind, MemoryRecord, MemoryState, Role, Scope, SessionId, SlotKey, TenantId, Timestamp, UserId,
};
use throughline_eval::{Fact, Held, HeldState, Order, Rememberer, Step, Story};

use crate::failure::{Failure, Hinting};
use crate::wire;

/// From one thing that happens to the next.
const STEP_MS: i64 = 60_000;

/// A memory that learns from stories, each in a scope of its own.
pub(super) struct Player {
    memory: Arc<Memory>,
    learner: Learner,
    now_ms: Arc<AtomicI64>,
    played: usize,
    degraded: usize,
}

impl Player {
    /// With a new memory in this folder. It recalls by words: learning needs no vectors.
    pub(super) fn new(folder: &Path, learner: Learner) -> Result<Self> {
        let now_ms = Arc::new(AtomicI64::new(0));
        let clock = {
            let now_ms = now_ms.clone();
            move || {
                Timestamp::from_millisecond(now_ms.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        };
        let memory = wire::open_in(folder, Settings::default(), Arc::new(clock))?;
        Ok(Self { memory, learner, now_ms, played: 0, degraded: 0 })
    }

    /// Who extracts.
    pub(super) fn extractor(&self) -> &str {
        self.learner.extractor().name()
    }

    /// Sessions that rules had to learn from in the model's place.
    pub(super) fn degraded(&self) -> usize {
        self.degraded
    }

    fn session(&self, scope: &Scope, session: &SessionId, steps: &[Step]) -> Result<usize> {
        let mut degraded = 0;
        for step in steps {
            match step {
                Step::Said { role, text } => self.say(scope, session, role.as_str().parse(), text)?,
                Step::Echoed(text) => {
                    let context = self.memory.context(scope, &ContextRequest::asking(text))?;
                    let text = format!("{text}{}", context.block.unwrap_or_default());
                    self.say(scope, session, Ok(Role::User), &text)?;
                }
                Step::Ordered(order) => {
                    degraded += self.learn(scope)?;
                    self.order(scope, order)?;
                }
            }
            self.now_ms.fetch_add(STEP_MS, Ordering::Relaxed);
        }
        Ok(degraded + self.learn(scope)?)
    }

    fn say(&self, scope: &Scope, session: &SessionId, role: Result<Role, String>, text: &str) -> Result<()> {
        let turn = TurnToObserve::new(role.map_err(Failure::error)?, text);
        self.memory.observe(scope, Observation::new(session.clone(), vec![turn]))?;
        Ok(())
    }

    /// Learns from all that was said, and counts the jobs that rules did in the model's place.
    fn learn(&self, scope: &Scope) -> Result<usize> {
        let mut degraded = 0;
        while let Some(learned) = self.learner.step(&self.memory, Some(&scope.user))? {
            match learned.outcome {
                Outcome::Failed { reason, .. } => {
                    return Err(Failure::error(format!("the learning model failed: {reason}"))
                        .hint("is it there? `--local` extracts by rules"));
                }
                Outcome::Degraded { .. } => degraded += 1,
                Outcome::Nothing | Outcome::Learned | Outcome::Lost => {}
            }
        }
        Ok(degraded)
    }

    fn order(&self, scope: &Scope, order: &Order) -> Result<()> {
        let (tenant, memory) = (scope.tenant(), &self.memory);
        match order {
            Order::Add(fact) => {
                memory.add_memory(scope, added(fact)?)?;
            }
            Order::Edit(fact, value) => {
                if let Some(held) = self.find(scope, fact)? {
                    let patch = MemoryPatch {
                        value: Some(value.clone()),
                        text: Some(value.clone()),
                        ..MemoryPatch::default()
                    };
                    memory.edit_memory(tenant, held.id, &patch)?;
                }
            }
            Order::Retract(fact) => {
                if let Some(held) = self.find(scope, fact)? {
                    memory.order(tenant, held.id, Operator::Retract)?;
                }
            }
            Order::Restore(fact) => {
                if let Some(held) = self.find(scope, fact)? {
                    memory.order(tenant, held.id, Operator::Restore)?;
                }
            }
            Order::Forget(fact) => {
                if let Some(held) = self.find(scope, fact)? {
                    memory.forget_memory(tenant, held.id)?;
                }
            }
        }
        Ok(())
    }

    fn find(&self, scope: &Scope, fact: &Fact) -> Result<Option<MemoryRecord>> {
        let memories = self.memory.memories(scope, &MemoriesRequest::default())?;
        Ok(memories.into_iter().find(|memory| fact.is(&self.held(memory))))
    }

    fn held(&self, memory: &MemoryRecord) -> Held {
        let state = match memory.state {
            MemoryState::Active if memory.holds_at(self.memory.now()) => HeldState::Current,
            MemoryState::Active => HeldState::ToCome,
            MemoryState::Quarantined | MemoryState::Contested => HeldState::Apart,
            MemoryState::Superseded | MemoryState::Retracted | MemoryState::Expired => HeldState::Past,
        };
        let slot = memory.slot.as_ref().map(ToString::to_string);
        Held { slot, value: memory.value.clone(), text: memory.text.clone(), state }
    }
}

impl Rememberer for Player {
    type Error = anyhow::Error;

    fn play(&mut self, story: &Story) -> Result<Vec<Held>> {
        self.played += 1;
        let scope = Scope::of(TenantId::single(), UserId::new(format!("story-{}", self.played))?);
        for (number, session) in (1..).zip(&story.sessions) {
            self.now_ms.store(session.start.as_millisecond(), Ordering::Relaxed);
            let name = SessionId::new(format!("session-{number}"))?;
            self.degraded += self.session(&scope, &name, &session.steps)?;
        }
        self.now_ms.store(story.seen.as_millisecond(), Ordering::Relaxed);
        let memories = self.memory.memories(&scope, &MemoriesRequest::default())?;
        Ok(memories.iter().map(|memory| self.held(memory)).collect())
    }
}

fn added(fact: &Fact) -> Result<NewMemory> {
    let parts = fact.slot.as_deref().and_then(|slot| slot.split_once('.'));
    let slot = parts.map(|(subject, name)| SlotKey { subject: subject.to_owned(), name: name.to_owned() });
    if fact.words.is_empty() {
        return Err(Failure::error(format!("an operator cannot add {fact} without a value")));
    }
    Ok(NewMemory {
        kind: if slot.is_some() { MemoryKind::Fact } else { MemoryKind::Note },
        slot,
        value: Some(fact.words.clone()),
        text: fact.to_string(),
        importance: None,
        valid_from: None,
        valid_to: None,
    })
}
