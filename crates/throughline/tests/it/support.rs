//! A memory in a directory of its own, a clock that is set by hand, and a model small enough to read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use throughline::journal::Said;
use throughline::memory::{Context, ContextRequest, Exchange, Memory, Observation, Settings, TurnToObserve};
use throughline::model::{Content, Role, Scope, SessionId, TenantId, Timestamp, TurnId, UserId};
use throughline::ports::{EmbedError, EmbedRole, Embedder, Embedding, EmbeddingModel};
use throughline::recall::{RecallRequest, Recalled};
use throughline_sqlite::{SqliteOptions, SqliteStore};

/// 2026-03-02 10:00 UTC, a Monday.
pub(crate) const MONDAY_MS: i64 = 1_772_445_600_000;

pub(crate) struct World {
    pub(crate) memory: Memory,
    now_ms: Arc<AtomicI64>,
    directory: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::in_directory(tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(MONDAY_MS)), settings)
    }

    fn in_directory(directory: TempDir, now_ms: Arc<AtomicI64>, settings: Settings) -> Self {
        let memory = open(directory.path(), &now_ms, settings);
        Self { memory, now_ms, directory }
    }

    /// Closes the store and opens it again, as a restart does.
    pub(crate) fn restarted(self) -> Self {
        let Self { memory, now_ms, directory } = self;
        drop(memory);
        Self::in_directory(directory, now_ms, Settings::default())
    }

    /// Closes the store and leaves its files.
    pub(crate) fn closed(self) -> TempDir {
        drop(self.memory);
        self.directory
    }

    /// As another process has it: a store and a memory of its own, over the same directory and by the same clock.
    pub(crate) fn beside(&self) -> Memory {
        open(self.directory.path(), &self.now_ms, Settings::default())
    }

    pub(crate) fn wait(&self, duration: Duration) {
        self.now_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn tell(&self, scope: &Scope, name: &str, texts: &[&str]) -> Vec<TurnId> {
        let turns = texts.iter().map(|text| TurnToObserve::new(Role::User, *text)).collect();
        self.memory.observe(scope, Observation::new(session(name), turns)).unwrap().turns
    }

    pub(crate) fn ask(&self, scope: &Scope, query: &str) -> Recalled {
        self.memory.recall(scope, &RecallRequest::new(query)).unwrap()
    }

    /// Builds the context of a request as a chat would.
    pub(crate) fn context(&self, scope: &Scope, session: Option<&str>, messages: &[Said]) -> Context {
        let request = ContextRequest {
            session: session.map(self::session),
            messages: messages.to_vec(),
            query: None,
            budget_tokens: None,
            zone: None,
            embed_deadline: Duration::from_secs(5),
        };
        self.memory.context(scope, &request).unwrap()
    }

    /// A whole exchange: the request's context is built, the model answers, both are recorded. Returns the
    /// session it was taken for and how many turns were new.
    pub(crate) fn chat(
        &self,
        scope: &Scope,
        session: Option<&str>,
        messages: &[Said],
        reply: &str,
    ) -> (SessionId, usize) {
        let before = self.turns(scope);
        let named = session.map(self::session);
        let Context { thread, receipt, .. } = self.context(scope, session, messages);
        let exchange = Exchange {
            time: None,
            session: named,
            new_session: thread.session.clone(),
            messages: messages.to_vec(),
            reply: Some(assistant(reply)),
            outcome: None,
            zone: None,
            receipt: Some(receipt),
        };
        self.memory.record(scope, exchange).unwrap();
        (thread.session, self.turns(scope) - before)
    }

    pub(crate) fn turns(&self, scope: &Scope) -> usize {
        let page = throughline::ports::TurnsPage { session: None, after: 0, limit: 10_000 };
        self.memory.store().turns_page(scope, &page).unwrap().len()
    }
}

fn open(directory: &Path, now_ms: &Arc<AtomicI64>, settings: Settings) -> Memory {
    let store = SqliteStore::open(directory, SqliteOptions::default()).unwrap();
    let now_ms = now_ms.clone();
    let clock = move || Timestamp::from_millisecond(now_ms.load(Ordering::Relaxed)).unwrap();
    Memory::open(Arc::new(store), Arc::new(clock), settings).unwrap()
}

pub(crate) fn scope(user: &str) -> Scope {
    Scope::of(TenantId::single(), UserId::new(user).unwrap())
}

pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

pub(crate) fn user(text: &str) -> Said {
    Said { role: Role::User, name: None, content: Content::text(text) }
}

pub(crate) fn assistant(text: &str) -> Said {
    Said { role: Role::Assistant, name: None, content: Content::text(text) }
}

pub(crate) fn texts(recalled: &Recalled) -> Vec<&str> {
    recalled.items.iter().map(throughline::recall::RecalledItem::text).collect()
}

/// Vectors from a table of concepts: each word of a concept points along the concept's axis. Real models are
/// tested elsewhere; here it matters what the engine does with vectors, so they must be foreseeable.
pub(crate) struct Concepts {
    model: EmbeddingModel,
    axis: HashMap<&'static str, usize>,
    failure: Mutex<Option<EmbedError>>,
}

impl Concepts {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        let concepts: [&[&str]; 4] =
            [&["dog", "puppy", "terrier"], &["berlin", "city", "live"], &["tea", "drink"], &["code", "rust"]];
        let axis =
            concepts.iter().enumerate().flat_map(|(axis, words)| words.iter().map(move |word| (*word, axis)));
        let model = EmbeddingModel { name: name.to_owned(), dimensions: 5 };
        Arc::new(Self { model, axis: axis.collect(), failure: Mutex::new(None) })
    }

    /// From now on every call fails so, or works again.
    pub(crate) fn fail(&self, failure: Option<EmbedError>) {
        *self.failure.lock().unwrap() = failure;
    }
}

impl Embedder for Concepts {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn embed(&self, _: EmbedRole, texts: &[&str], _: Duration) -> Result<Vec<Embedding>, EmbedError> {
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        Ok(texts
            .iter()
            .map(|text| {
                let mut vector = [0.0_f32; 5];
                vector[4] = 0.1;
                for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
                    if let Some(axis) = self.axis.get(word) {
                        vector[*axis] += 1.0;
                    }
                }
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                let vector = vector.iter().map(|x| x / length).collect();
                Embedding { vector, ..Embedding::default() }
            })
            .collect())
    }
}
