//! A lane: a queue of texts and the threads that embed them, a slice at a time.
//!
//! Requests of many callers share forward passes, and take turns: after each slice a long request goes to the back,
//! so a client that adds one turn does not wait for another's import. Queries and passages have a lane each, with as
//! many threads as the machine has cores; the operating system then shares the cores, and a query never waits for
//! passages to finish. A lane never holds more than the texts its callers are waiting for.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use throughline::ports::{EmbedError, Embedding};

use crate::encoder::{SentenceEncoder, TEXT_TOKENS_MAX};

/// Tokens of one forward pass. More gain little speed and make others wait; fewer cannot hold the longest text.
const SLICE_TOKENS_MAX: usize = TEXT_TOKENS_MAX;

/// Requests that may wait in a lane; each is a blocked caller, so more means that the machine is far behind.
const WAITING_REQUESTS_MAX: usize = 1024;

/// Threads and the queue they serve. Dropping it ends them after the slice they are at.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    encoder: Arc<SentenceEncoder>,
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    closed: bool,
}

/// A request and the first of its texts that no thread has taken yet.
struct Waiting {
    request: Arc<Request>,
    next: usize,
}

struct Request {
    texts: Vec<Vec<u32>>,
    progress: Mutex<Progress>,
    finished: Condvar,
}

struct Progress {
    embeddings: Vec<Embedding>,
    missing: usize,
    failure: Option<EmbedError>,
    abandoned: bool,
}

/// A text of a slice.
struct Place {
    request: Arc<Request>,
    index: usize,
}

impl Lane {
    /// Starts `threads` threads named `name`.
    pub(crate) fn start(name: &str, encoder: &Arc<SentenceEncoder>, threads: usize) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { encoder: encoder.clone(), queue: Mutex::default(), work: Condvar::new() });
        let mut lane = Self { shared: shared.clone(), threads: Vec::with_capacity(threads) };
        for _ in 0..threads {
            let shared = shared.clone();
            let thread = thread::Builder::new().name(name.to_owned()).spawn(move || shared.serve())?;
            lane.threads.push(thread);
        }
        Ok(lane)
    }

    /// The embeddings of these tokenised texts, or an error at `until` at the latest.
    pub(crate) fn embed(&self, texts: Vec<Vec<u32>>, until: Instant) -> Result<Vec<Embedding>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let count = texts.len();
        let embeddings = vec![Embedding::default(); count];
        let progress = Progress { embeddings, missing: count, failure: None, abandoned: false };
        let request = Arc::new(Request { texts, progress: Mutex::new(progress), finished: Condvar::new() });
        self.shared.enqueue(request.clone())?;
        request.wait(until)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A slice that panicked has told its callers already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn enqueue(&self, request: Arc<Request>) -> Result<(), EmbedError> {
        let mut queue = lock(&self.queue);
        if queue.waiting.len() >= WAITING_REQUESTS_MAX {
            return Err(EmbedError::Unavailable(format!(
                "{WAITING_REQUESTS_MAX} requests are waiting for it"
            )));
        }
        queue.waiting.push_back(Waiting { request, next: 0 });
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    fn serve(&self) {
        while let Some(slice) = self.next_slice() {
            let texts: Vec<&[u32]> =
                slice.iter().map(|place| &place.request.texts[place.index][..]).collect();
            match catch_unwind(AssertUnwindSafe(|| self.encoder.encode(&texts))) {
                Ok(embeddings) => {
                    for (place, embedding) in slice.iter().zip(embeddings) {
                        place.request.deliver(place.index, embedding);
                    }
                }
                Err(_) => {
                    for place in &slice {
                        place.request.fail(EmbedError::Rejected("the forward pass panicked on it".into()));
                    }
                }
            }
        }
    }

    /// Waits for texts and takes up to [`SLICE_TOKENS_MAX`] tokens of them; `None` when the lane is closed.
    fn next_slice(&self) -> Option<Vec<Place>> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.closed {
                return None;
            }
            let slice = queue.take_slice();
            if !slice.is_empty() {
                if !queue.waiting.is_empty() {
                    self.work.notify_one();
                }
                return Some(slice);
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Queue {
    fn take_slice(&mut self) -> Vec<Place> {
        let (mut slice, mut tokens) = (Vec::new(), 0);
        while let Some(mut waiting) = self.waiting.pop_front() {
            if waiting.request.is_over() {
                continue;
            }
            let texts = &waiting.request.texts;
            while let Some(text) = texts.get(waiting.next)
                && (slice.is_empty() || tokens + text.len() <= SLICE_TOKENS_MAX)
            {
                tokens += text.len();
                slice.push(Place { request: waiting.request.clone(), index: waiting.next });
                waiting.next += 1;
            }
            if waiting.next < texts.len() {
                self.waiting.push_back(waiting);
                break;
            }
        }
        slice
    }
}

impl Request {
    fn deliver(&self, index: usize, embedding: Embedding) {
        let mut progress = lock(&self.progress);
        progress.embeddings[index] = embedding;
        progress.missing -= 1;
        if progress.missing == 0 {
            self.finished.notify_all();
        }
    }

    fn fail(&self, error: EmbedError) {
        lock(&self.progress).failure = Some(error);
        self.finished.notify_all();
    }

    /// True if nobody waits for more of it.
    fn is_over(&self) -> bool {
        let progress = lock(&self.progress);
        progress.abandoned || progress.failure.is_some()
    }

    fn wait(&self, until: Instant) -> Result<Vec<Embedding>, EmbedError> {
        let mut progress = lock(&self.progress);
        loop {
            if let Some(error) = progress.failure.take() {
                progress.abandoned = true;
                return Err(error);
            }
            if progress.missing == 0 {
                return Ok(std::mem::take(&mut progress.embeddings));
            }
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                progress.abandoned = true;
                return Err(EmbedError::DeadlineExceeded);
            };
            progress = self.finished.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A panic in a forward pass is caught before it can leave a lock's contents half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
