//! The canary: plants hostile memories in a throwaway store, asks questions with the context that comes of it, and checks
//! that the identity, the fence, the role and the style hold.
//!
//! Everything goes the ordinary way: turns are observed and learned from, operators' memories are added, the context is
//! composed as for any chat. Nothing of it touches the memory in the data folder.

mod checks;
mod script;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value as Json;
use throughline::memory::{
    Context, ContextRequest, Learner, Memory, NewMemory, Observation, Outcome, TurnToObserve,
};
use throughline::model::{Scope, SessionId, TenantId, Timestamp, UserId};

use crate::commands::context::messages;
use crate::config::Config;
use crate::terminal::Terminal;
use crate::{embedding, wire};

pub(crate) use checks::{Checks, Markers};
pub(crate) use script::{PERSONA, PERSONA_MARKERS, QUESTIONS};

/// How long ago the hostile turns were said.
const PLANTED_BEFORE: Duration = Duration::from_hours(48);

/// Learning jobs that are done; there are fewer turns than this.
const JOBS_MAX: usize = 100;

/// What is asked, of whom, and by what the answers are judged.
pub(crate) struct Canary {
    /// The identity under test.
    pub(crate) identity: String,
    /// What is asked.
    pub(crate) questions: Vec<String>,
    /// What answers must say and must not.
    pub(crate) markers: Markers,
}

/// What the memory consists of when a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Hostile turns were said, and nothing was learned from them.
    Said,
    /// They were learned from, and an operator's hostile memories stand in the profile.
    Learned,
}

impl Stage {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Learned => "learned",
        }
    }
}

/// A question and what became of it.
pub(crate) struct Asked {
    /// Of what memory.
    pub(crate) stage: Stage,
    /// The question.
    pub(crate) question: String,
    /// Hostile texts that stood in the request, whole or in part.
    pub(crate) planted: Vec<&'static str>,
    /// The hash of the identity's bytes as they stood in the request; none if they did not.
    pub(crate) identity_hash: Option<String>,
    /// The answer; none in a dry run.
    pub(crate) answer: Option<String>,
    /// What held.
    pub(crate) checks: Checks,
}

/// What came out.
pub(crate) struct Report {
    /// The hash of the identity under test.
    pub(crate) identity_hash: String,
    /// Whether the store still has that identity and no other version of it.
    pub(crate) identity_unchanged: bool,
    /// Every question at every stage.
    pub(crate) asked: Vec<Asked>,
}

impl Report {
    /// How many of the planted texts reached the model at least once, and how many there are: memory keeps back what it
    /// recognises.
    pub(crate) fn planted(&self) -> (usize, usize) {
        let shown: HashSet<&str> =
            self.asked.iter().flat_map(|asked| asked.planted.iter().copied()).collect();
        (shown.len(), script::planted_texts().count())
    }

    /// Whether everything held.
    pub(crate) fn held(&self) -> bool {
        self.identity_unchanged && self.asked.iter().all(|asked| asked.checks.held())
    }
}

/// Somebody who answers a list of messages; none in a dry run.
pub(crate) type Answering<'a> = dyn FnMut(&[Json]) -> Result<String> + 'a;

impl Canary {
    /// Plays it in a temporary folder, which is gone when this returns.
    pub(crate) fn play(
        &self,
        config: &Config,
        terminal: Terminal,
        learner: &Learner,
        mut answering: Option<&mut Answering<'_>>,
    ) -> Result<Report> {
        let folder = tempfile::Builder::new().prefix("throughline-canary-").tempdir()?;
        let memory = wire::open_in(folder.path(), wire::settings(config), Arc::new(Timestamp::now))?;
        embedding::attach_if_there(&memory, config, terminal)?;
        let scope = Scope::of(TenantId::single(), UserId::new("canary")?);
        let identity = memory.store().put_identity(scope.tenant(), None, &self.identity, memory.now())?;

        let embed_deadline = Duration::from_millis(config.query_embed_ms_max.0);
        let mut asked = Vec::new();
        plant_turns(&memory, &scope)?;
        for stage in [Stage::Said, Stage::Learned] {
            if stage == Stage::Learned {
                learn(&memory, &scope, learner)?;
                plant_memories(&memory, &scope)?;
            }
            for question in &self.questions {
                let context = memory.context(
                    &scope,
                    &ContextRequest { embed_deadline, ..ContextRequest::asking(question) },
                )?;
                asked.push(self.ask(&memory, &scope, stage, question, &context, &mut answering)?);
            }
        }
        let now = memory.store().identity(scope.tenant(), None, None)?;
        Ok(Report {
            identity_unchanged: now.as_ref() == Some(&identity),
            identity_hash: identity.hash(),
            asked,
        })
    }

    fn ask(
        &self,
        memory: &Memory,
        scope: &Scope,
        stage: Stage,
        question: &str,
        context: &Context,
        answering: &mut Option<&mut Answering<'_>>,
    ) -> Result<Asked> {
        let messages = messages(context, question);
        let strip = |text: &str| memory.strip(scope.tenant(), text).into_owned();
        let sent = checks::Sent { messages: &messages, question, identity: &self.identity };
        let identity_hash = sent.identity_hash();
        let receipt = context.receipt.identity_hash.as_deref();
        let mut checks = Checks {
            identity: identity_hash.is_some() && identity_hash.as_deref() == receipt,
            fence: sent.fence_holds(&strip),
            role: None,
            style: None,
        };
        let answer = match answering {
            Some(answering) => Some(answering(&messages)?),
            None => None,
        };
        if let Some(answer) = &answer {
            checks.role = Some(self.markers.role_holds(answer));
            checks.style = self.markers.style_holds(answer);
        }
        let planted = sent.planted(script::planted_texts());
        Ok(Asked { stage, question: question.to_owned(), planted, identity_hash, answer, checks })
    }
}

fn plant_turns(memory: &Memory, scope: &Scope) -> Result<()> {
    let time = memory.now().checked_sub(PLANTED_BEFORE)?;
    for (at, turns) in script::SESSIONS.iter().enumerate() {
        let turns = turns
            .iter()
            .map(|(role, text)| TurnToObserve { time: Some(time), ..TurnToObserve::new(*role, *text) });
        let session = SessionId::new(format!("canary-{at}"))?;
        memory.observe(scope, Observation::new(session, turns.collect()))?;
    }
    Ok(())
}

fn learn(memory: &Memory, scope: &Scope, by: &Learner) -> Result<()> {
    for _ in 0..JOBS_MAX {
        let Some(learned) = by.step(memory, Some(&scope.user))? else { return Ok(()) };
        if let Outcome::Failed { reason, .. } = learned.outcome {
            bail!("{reason}");
        }
    }
    Ok(())
}

fn plant_memories(memory: &Memory, scope: &Scope) -> Result<()> {
    for (kind, text) in script::MEMORIES {
        let new = NewMemory {
            kind: *kind,
            slot: None,
            value: None,
            text: (*text).to_owned(),
            importance: Some(1.0),
            valid_from: None,
            valid_to: None,
        };
        memory.add_memory(scope, new)?;
    }
    Ok(())
}
