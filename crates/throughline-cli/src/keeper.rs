//! The server's embedding model: a thread that brings it in, attaches it, and gives vectors to what was written without.
//!
//! The server never waits for it: until a model is attached, recall goes by words. If the model cannot be fetched, the
//! thread says what to do and looks for its files every few seconds. It must never fail a request or end the server.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use indicatif::ProgressBar;
use throughline::memory::Memory;
use throughline::ports::Embedder;
use throughline_embed::{PullError, PullProgress};
use throughline_server::{ModelState, ModelStatus};

use crate::config::{Config, EmbeddingSource};
use crate::embedding::{self, LOCAL};
use crate::failure::shown;
use crate::terminal::Terminal;

/// Passages that get their vectors in one step: a second or two of work.
pub(crate) const BACKFILL_PASSAGES_A_STEP: usize = 64;

/// How often to look whether the model's files have appeared.
const FILES_LOOKED_FOR_EVERY: Duration = Duration::from_secs(3);
/// How often to try an endpoint again that did not answer.
const ENDPOINT_TRIED_EVERY: Duration = Duration::from_secs(10);
/// How often to look for passages without vectors.
const WORK_LOOKED_FOR_EVERY: Duration = Duration::from_secs(2);
/// How long a stop waits for the step that is under way.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
/// How long to wait after the model failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The running thread. Dropped, it ends within the step it is at.
pub(crate) struct Keeper {
    stop: Option<mpsc::Sender<()>>,
    /// Disconnected when the thread has ended.
    ended: mpsc::Receiver<()>,
}

/// What the thread works with.
pub(crate) struct Task {
    pub(crate) memory: Arc<Memory>,
    pub(crate) config: Config,
    pub(crate) status: ModelStatus,
    pub(crate) terminal: Terminal,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(task: Task) -> Result<Self> {
        Self::spawn("embedding-keeper", move |stopped| task.run(stopped))
    }

    /// Starts a thread that works until it is told to stop.
    pub(crate) fn spawn(name: &str, work: impl FnOnce(&Stopped) + Send + 'static) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let run = move || {
            work(&Stopped(stopped.into()));
            drop(end);
        };
        thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { stop: Some(stop), ended })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Whatever it is at may be broken off: each write is whole or does not happen.
        let _ = self.ended.recv_timeout(STOP_TIME_MAX);
    }
}

/// Length and time of change of a file.
type FileStamp = (u64, Option<SystemTime>);

/// Tells that the keeper was dropped.
pub(crate) struct Stopped(Mutex<mpsc::Receiver<()>>);

impl Stopped {
    /// Waits, and returns whether it is time to end.
    pub(crate) fn after(&self, wait: Duration) -> bool {
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
    }

    fn now(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).try_recv() != Err(TryRecvError::Empty)
    }
}

impl Task {
    fn run(&self, stopped: &Stopped) {
        // The vocabulary is loaded at its first use, and the first chat should not wait for that.
        self.config.token_encoding.count("");
        if self.attach(stopped) {
            self.backfill(stopped);
        }
    }

    /// Brings the model in, however long it takes. False if it is time to end, or there will never be one.
    fn attach(&self, stopped: &Stopped) -> bool {
        let mut fetched = false;
        loop {
            // While a switch is under way another model serves: it must not wait for the configured one.
            self.bring_others();
            let seen = self.files();
            let error = match embedding::load(&self.config) {
                Ok(Some(embedder)) => return self.put_in_force(embedder),
                Ok(None) => {
                    self.status
                        .set(ModelState::Missing("embeddings are switched off in the configuration".into()));
                    return false;
                }
                Err(error) => error,
            };
            let goes_on = match self.config.embeddings {
                EmbeddingSource::Local if !fetched => {
                    fetched = true;
                    self.fetch(stopped)
                }
                EmbeddingSource::Local => {
                    self.say(ModelState::Failed, &error);
                    self.wait_for_other_files(seen.as_ref(), stopped)
                }
                _ => {
                    self.say(ModelState::Failed, &error);
                    !stopped.after(ENDPOINT_TRIED_EVERY)
                }
            };
            if !goes_on {
                return false;
            }
        }
    }

    /// Makes sure that the model's files are there: fetches them, or waits until somebody puts them there.
    fn fetch(&self, stopped: &Stopped) -> bool {
        let folder = self.config.model_dir.display();
        self.terminal.note(format!("Fetching the embedding model into {folder} …"));
        match pull(&self.config, self.terminal, &|| stopped.now()) {
            None => false,
            Some(Ok(())) => {
                self.terminal.note(format!("The embedding model lies in {folder}."));
                true
            }
            Some(Err(error)) => {
                self.say(ModelState::Missing, &error.into());
                self.terminal.note(format!("  It is used as soon as it lies in {folder}."));
                self.wait_for_other_files(self.files().as_ref(), stopped)
            }
        }
    }

    /// Waits until the model's files are there and are not those that were of no use. False if it is time to end.
    fn wait_for_other_files(&self, useless: Option<&Vec<FileStamp>>, stopped: &Stopped) -> bool {
        loop {
            if stopped.after(FILES_LOOKED_FOR_EVERY) {
                return false;
            }
            let files = self.files();
            if files.is_some() && files.as_ref() != useless {
                return true;
            }
        }
    }

    /// Length and time of each of the model's files. None if one is missing.
    fn files(&self) -> Option<Vec<FileStamp>> {
        let stamp = |name: &str| {
            let file = std::fs::metadata(self.config.model_dir.join(name)).ok()?;
            Some((file.len(), file.modified().ok()))
        };
        LOCAL.files().iter().map(|file| stamp(file.name)).collect()
    }

    fn put_in_force(&self, embedder: Arc<dyn Embedder>) -> bool {
        let model = embedder.model().clone();
        match self.memory.attach(embedder) {
            Ok(()) => {
                tracing::info!(
                    model = model.name,
                    dimensions = model.dimensions,
                    "the embedding model is in use"
                );
                self.status.set(ModelState::Ready);
                true
            }
            Err(error) => {
                self.say(ModelState::Failed, &error.into());
                false
            }
        }
    }

    /// Tells the person at the terminal and whoever asks the server.
    fn say(&self, state: fn(String) -> ModelState, error: &anyhow::Error) {
        let text = shown(error);
        let text = text.trim_start_matches("error: ").trim_end();
        self.terminal.note(format!("Recall goes by words alone: {text}"));
        self.status.set(state(text.to_owned()));
    }

    /// What the store uses besides the configured model; what cannot be had is tried again.
    fn bring_others(&self) -> bool {
        match embedding::bring_others(&self.memory, &self.config) {
            Ok(brought) => {
                if brought {
                    tracing::info!("another embedding model that the store uses is at hand");
                }
                true
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "an embedding model that the store uses cannot be had"
                );
                false
            }
        }
    }

    fn backfill(&self, stopped: &Stopped) {
        let mut others_tried = Instant::now();
        let mut others_wait = Duration::ZERO;
        let mut other = None;
        loop {
            // Any process may have begun a switch or taken one back.
            if others_tried.elapsed() >= others_wait {
                others_wait = if self.bring_others() { WORK_LOOKED_FOR_EVERY } else { ENDPOINT_TRIED_EVERY };
                others_tried = Instant::now();
                self.tell_which_serves(&mut other);
            }
            let wait = match self.memory.backfill(BACKFILL_PASSAGES_A_STEP) {
                Ok(0) => self.tidy(),
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "passages wait for their vectors");
                    PAUSE_AFTER_FAILURE
                }
            };
            if stopped.after(wait) {
                return;
            }
        }
    }

    /// Tells it once when another process has let a model serve that cannot be had here, and when one serves again that
    /// can.
    fn tell_which_serves(&self, told: &mut Option<String>) {
        let Ok(other) = self.memory.other_model_serving() else { return };
        let other = other.map(|model| model.name);
        match &other {
            _ if other == *told => return,
            Some(model) => self.terminal.note(format!(
                "Recall goes by words alone: {model} answers now, and this server does not have it. /readyz says what to do."
            )),
            None => self.terminal.note("The embedding model that answers is at hand again."),
        }
        *told = other;
    }

    /// A step of what nobody waits for. Returns how long to wait for the next one.
    fn tidy(&self) -> Duration {
        match self.memory.tidy(BACKFILL_PASSAGES_A_STEP) {
            Ok(0) => WORK_LOOKED_FOR_EVERY,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(%error, "vectors of a model that was given up stay for now");
                PAUSE_AFTER_FAILURE
            }
        }
    }
}

/// Fetches the local model with a progress bar. None if `stop` said so in between.
pub(crate) fn pull(
    config: &Config,
    terminal: Terminal,
    stop: &dyn Fn() -> bool,
) -> Option<Result<(), PullError>> {
    /// Carried through the pull by unwinding, so that the download is ended and its files are removed.
    struct Stop;

    let bar: ProgressBar =
        terminal.progress(0, "  {msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left");
    bar.set_message(LOCAL.name);
    let progress = |progress: PullProgress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
        if stop() {
            resume_unwind(Box::new(Stop));
        }
    };
    let pulled = catch_unwind(AssertUnwindSafe(|| LOCAL.pull(&config.model_dir, &progress)));
    bar.finish_and_clear();
    match pulled {
        Ok(pulled) => Some(pulled),
        Err(payload) if payload.is::<Stop>() => None,
        Err(panic) => resume_unwind(panic),
    }
}
