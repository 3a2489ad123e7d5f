//! Exchanges that wait on this machine's disk because the store could not be reached, oldest first.
//!
//! An exchange is in it or in the store when whoever recorded it goes on; both is harmless, since recording the same twice
//! changes nothing. It is bounded in bytes: one more is refused, never an older one dropped. What a process leaves behind is
//! taken over by the next one that uses the folder. Methods block.

mod file;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use throughline::codec::{CodecError, decode_exchange, encode_exchange};
use throughline::memory::Exchange;
use throughline::model::{Scope, UserKey};
use tokio::sync::Notify;

use file::{Frame, HEAD_BYTES, Payload, SpoolFile};

/// A file that has grown to this is not written to any more; one that was delivered whole is removed. So much may be
/// delivered once more after a crash.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where exchanges wait, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolConfig {
    /// Made if it is not there. Several processes may share it.
    pub folder: PathBuf,
    /// Bytes on disk at most, for this process.
    pub bytes_max: u64,
}

/// Why an exchange was not taken.
#[derive(Debug, Error)]
pub(super) enum SpoolError {
    #[error("the spool has {0} bytes and takes no more")]
    Full(u64),
    #[error("the spool cannot be written to: {0}")]
    Io(#[from] io::Error),
}

/// Exchanges that wait. Those of one scope are delivered in the order they were put in.
#[derive(Debug)]
pub struct Spool {
    config: SpoolConfig,
    waiting: Mutex<Waiting>,
    /// Told of each exchange that is put in.
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Oldest first; only the last is written to, and none is empty.
    files: VecDeque<Spooled>,
    /// How many exchanges of each scope wait.
    scopes: HashMap<Scope, usize>,
}

#[derive(Debug)]
struct Spooled {
    file: SpoolFile,
    /// What was not delivered yet.
    frames: VecDeque<(Frame, Scope)>,
}

impl Spool {
    /// Opens the folder and takes over what other processes have left behind in it.
    ///
    /// # Errors
    /// If the folder cannot be made, read or written to.
    pub fn open(config: SpoolConfig) -> io::Result<Self> {
        std::fs::create_dir_all(&config.folder)?;
        let mut waiting = Waiting::default();
        for (file, payloads) in SpoolFile::left_behind(&config.folder)? {
            let frame = |Payload { frame, bytes }| Ok((frame, decode_exchange(&bytes)?.0));
            match payloads.into_iter().map(frame).collect::<Result<_, CodecError>>() {
                Ok(frames) => waiting.take_over(Spooled { file, frames })?,
                // A newer version may have written it, and can read it: it stays where it is.
                Err(error) => {
                    tracing::error!(%error, file = %file, "a spool file cannot be read and is left alone");
                }
            }
        }
        let spool = Self { config, waiting: Mutex::new(waiting), filled: Notify::new() };
        spool.filled.notify_one();
        Ok(spool)
    }

    /// Puts an exchange last. It is on disk when this returns.
    pub(super) fn put(&self, scope: &Scope, exchange: &Exchange) -> Result<(), SpoolError> {
        let payload = encode_exchange(scope, exchange);
        let mut waiting = self.waiting();
        let bytes = waiting.bytes();
        if bytes + (HEAD_BYTES + payload.len()) as u64 > self.config.bytes_max {
            return Err(SpoolError::Full(bytes));
        }
        if waiting.files.back().is_none_or(|last| last.file.len() >= FILE_BYTES_MAX) {
            let file = SpoolFile::create(&self.config.folder)?;
            waiting.files.push_back(Spooled { file, frames: VecDeque::new() });
        }
        let last = waiting.files.back_mut().expect("one was just made sure of");
        match last.file.append(&payload) {
            Ok(frame) => last.frames.push_back((frame, scope.clone())),
            Err(error) => {
                waiting.remove_delivered()?;
                return Err(error.into());
            }
        }
        *waiting.scopes.entry(scope.clone()).or_default() += 1;
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Whether something of the scope waits: what comes after it must wait too.
    pub(super) fn holds(&self, scope: &Scope) -> bool {
        self.waiting().scopes.contains_key(scope)
    }

    /// The oldest exchange, if any waits. An exchange whose bytes were damaged is left out.
    pub(super) fn first(&self) -> io::Result<Option<(Scope, Exchange)>> {
        let mut waiting = self.waiting();
        while let Some(first) = waiting.files.front() {
            let Some((frame, _)) = first.frames.front() else { break };
            let read = first.file.read(*frame)?.map(|payload| decode_exchange(&payload));
            if let Some(Ok(exchange)) = read {
                return Ok(Some(exchange));
            }
            tracing::error!("a spooled exchange is damaged and is left out");
            waiting.remove_first()?;
        }
        Ok(None)
    }

    /// Takes the oldest away, since it was delivered or never can be.
    pub(super) fn remove_first(&self) -> io::Result<()> {
        self.waiting().remove_first()
    }

    /// Takes away, from the disk as well, all that waits of a user. Returns how many exchanges that were.
    pub(super) fn remove_user(&self, user: &UserKey) -> io::Result<usize> {
        let mut waiting = self.waiting();
        let of_user: usize =
            waiting.scopes.iter().filter(|(scope, _)| scope.user == *user).map(|(_, count)| count).sum();
        // Also what was delivered lies in the files until they are removed, so all are written anew. Until then nothing changes: if
        // that fails, or the process dies, what waits is there, perhaps twice.
        let mut others = Waiting::default();
        for spooled in &waiting.files {
            let mut rewritten =
                Spooled { file: SpoolFile::create(&self.config.folder)?, frames: VecDeque::new() };
            for (frame, scope) in spooled.frames.iter().filter(|(_, scope)| scope.user != *user) {
                if let Some(payload) = spooled.file.read(*frame)? {
                    rewritten.frames.push_back((rewritten.file.append(&payload)?, scope.clone()));
                }
            }
            others.take_over(rewritten)?;
        }
        let before = std::mem::replace(&mut *waiting, others);
        before.files.into_iter().try_for_each(|spooled| spooled.file.remove())?;
        Ok(of_user)
    }

    /// How many exchanges wait, and the bytes they take on disk.
    pub(crate) fn size(&self) -> (usize, u64) {
        let waiting = self.waiting();
        (waiting.scopes.values().sum(), waiting.bytes())
    }

    /// Returns when something was put in, or was there from the beginning.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|spooled| spooled.file.len()).sum()
    }

    /// Puts a file last, unless nothing in it waits.
    fn take_over(&mut self, spooled: Spooled) -> io::Result<()> {
        for (_, scope) in &spooled.frames {
            *self.scopes.entry(scope.clone()).or_default() += 1;
        }
        self.files.push_back(spooled);
        self.remove_delivered()
    }

    fn remove_first(&mut self) -> io::Result<()> {
        let first = self.files.front_mut().and_then(|first| first.frames.pop_front());
        if let Some((_, scope)) = first
            && let Some(count) = self.scopes.get_mut(&scope)
        {
            *count -= 1;
            if *count == 0 {
                self.scopes.remove(&scope);
            }
        }
        self.remove_delivered()
    }

    fn remove_delivered(&mut self) -> io::Result<()> {
        while let Some(delivered) = self.files.pop_front_if(|spooled| spooled.frames.is_empty()) {
            delivered.file.remove()?;
        }
        // A file that was made and could not be written to may stand last.
        while let Some(empty) = self.files.pop_back_if(|spooled| spooled.frames.is_empty()) {
            empty.file.remove()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
