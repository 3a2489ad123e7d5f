//! The one thread that writes. It takes what is queued, runs it in one transaction, and answers all of it after one
//! commit: the disk is waited for once per group, not once per write.
//!
//! Each operation has a savepoint of its own, so one that fails takes nothing of the others with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use throughline::ports::StoreError;

use crate::error::Fault;
use crate::queue::{Queue, Refused};

/// Operations that share a commit, at most.
const GROUP_OPERATIONS_MAX: usize = 512;

/// Once a group has run so long, it is committed with what it has.
const GROUP_GATHER_MAX: Duration = Duration::from_millis(2);

/// How the writer runs a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In a transaction, shared with others.
    Grouped,
    /// Alone and outside a transaction, as checkpoints must.
    Alone,
}

trait Job: Send {
    fn kind(&self) -> Kind;
    fn run(&mut self, connection: &Connection, file: &Path) -> Result<(), StoreError>;
    /// Answers; `committed` is the fate of the transaction it ran in.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Operation<T, F> {
    kind: Kind,
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: mpsc::SyncSender<Result<T, StoreError>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, connection: &Connection, file: &Path) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        // A panic is a bug in one operation; the thread all others depend on must outlive it.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| {
                Err(Fault::Store(StoreError::Unavailable("a write failed by a bug; report it".into())))
            })
            .map_err(|fault| fault.at(file));
        let result = outcome.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.outcome = Some(outcome);
        result
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Unavailable("the write was not run; try again".into())),
        };
        // The caller waits for as long as this sender lives; if its thread is gone nobody misses the answer.
        let _ = self.reply.send(answer);
    }
}

/// The writing thread's handle. Dropping it lets what is queued be written, and waits for that.
pub(crate) struct Writer {
    queue: Arc<Queue<Box<dyn Job>>>,
    queue_wait_max: Duration,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        file: PathBuf,
        write_queue_max: usize,
        queue_wait_max: Duration,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(write_queue_max));
        let taking = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("throughline-writer".into())
            .spawn(move || run(&connection, &file, &taking))?;
        Ok(Self { queue, queue_wait_max, thread: Some(thread) })
    }

    /// Runs `work` in a transaction; when this returns `Ok`, it is on disk.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Kind::Grouped, work)
    }

    /// Runs `work` outside a transaction and apart from all else.
    pub(crate) fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Kind::Alone, work)
    }

    fn submit<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Box::new(Operation { kind, work: Some(work), outcome: None, reply });
        self.queue.push(job, self.queue_wait_max).map_err(|refused| {
            StoreError::Unavailable(match refused {
                Refused::Full => {
                    "too many writes are waiting; try again, or raise the write queue's limit".into()
                }
                Refused::Closed => "the store is being closed".into(),
            })
        })?;
        answer.recv().unwrap_or_else(|_| {
            Err(StoreError::Unavailable("the writing thread is gone; open the store again".into()))
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // It catches what its operations may panic with.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, file: &Path, queue: &Queue<Box<dyn Job>>) {
    while let Some(mut job) = queue.pop() {
        match job.kind() {
            Kind::Alone => {
                let _ = job.run(connection, file);
                job.reply(Ok(()));
            }
            Kind::Grouped => group(connection, file, queue, job),
        }
    }
}

/// One transaction: `first` and what else is queued.
fn group(connection: &Connection, file: &Path, queue: &Queue<Box<dyn Job>>, first: Box<dyn Job>) {
    let execute = |sql: &str| {
        let run = || connection.prepare_cached(sql)?.execute([]);
        run().map(|_| ()).map_err(|error| Fault::from(error).at(file))
    };
    let begun = Instant::now();
    let mut ran = Vec::new();
    let mut fate = execute("BEGIN IMMEDIATE");
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        if fate.is_ok() {
            fate = one(connection, file, &execute, job.as_mut());
        }
        ran.push(job);
        // A group that cannot be written is answered at once, with all that waits behind it.
        if ran.len() < GROUP_OPERATIONS_MAX && (fate.is_err() || begun.elapsed() < GROUP_GATHER_MAX) {
            next = queue.pop_if(|job| job.kind() == Kind::Grouped);
        }
    }
    fate = fate.and_then(|()| execute("COMMIT"));
    if fate.is_err() && !connection.is_autocommit() {
        let _ = execute("ROLLBACK");
    }
    for job in ran {
        job.reply(fate.clone());
    }
}

/// One operation in its savepoint. An error is one of the whole transaction; the operation keeps its own.
fn one(
    connection: &Connection,
    file: &Path,
    execute: &impl Fn(&str) -> Result<(), StoreError>,
    job: &mut dyn Job,
) -> Result<(), StoreError> {
    execute("SAVEPOINT operation")?;
    if let Err(error) = job.run(connection, file) {
        // A full disk or a read error may make SQLite give up the transaction, and with it the operations before.
        if connection.is_autocommit() {
            return Err(error);
        }
        execute("ROLLBACK TO operation")?;
    }
    execute("RELEASE operation")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (tempfile::TempDir, Writer, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("w.sqlite");
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (x INTEGER UNIQUE)").unwrap();
        let reader = Connection::open(&file).unwrap();
        (directory, Writer::start(connection, file, 64, Duration::from_mins(1)).unwrap(), reader)
    }

    fn insert(x: i64) -> impl FnOnce(&Connection) -> Result<(), Fault> + Send + 'static {
        move |connection| Ok(connection.execute("INSERT INTO t VALUES (?)", [x]).map(|_| ())?)
    }

    fn all(reader: &Connection) -> Vec<i64> {
        let mut statement = reader.prepare("SELECT x FROM t ORDER BY x").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Holds the writer until the returned sender is dropped, so that what is sent meanwhile forms one group.
    fn hold<'scope>(
        writer: &'scope Writer,
        threads: &'scope std::thread::Scope<'scope, '_>,
    ) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        threads.spawn(move || {
            writer.alone(move |_| {
                started.send(()).unwrap();
                let _ = held.recv();
                Ok(())
            })
        });
        start.recv().unwrap();
        release
    }

    #[test]
    fn one_operation_that_fails_takes_nothing_of_its_group_with_it() {
        let (_directory, writer, reader) = writer();
        writer.write(insert(1)).unwrap();
        std::thread::scope(|threads| {
            let release = hold(&writer, threads);
            let waiting: Vec<_> = [2, 1, 3]
                .map(|x| {
                    threads.spawn({
                        let writer = &writer;
                        move || (x, writer.write(insert(x)).is_ok())
                    })
                })
                .into();
            drop(release);
            for thread in waiting {
                let (x, ok) = thread.join().unwrap();
                assert_eq!(ok, x != 1, "{x}");
            }
        });
        assert_eq!(all(&reader), [1, 2, 3]);
    }

    #[test]
    fn a_half_done_operation_leaves_nothing() {
        let (_directory, writer, reader) = writer();
        let failed: Result<(), _> = writer.write(|connection| {
            connection.execute("INSERT INTO t VALUES (1)", [])?;
            Err(Fault::Store(StoreError::Conflict))
        });
        assert_eq!(failed, Err(StoreError::Conflict));
        assert_eq!(all(&reader), [0_i64; 0]);
    }

    #[test]
    fn a_panic_in_one_operation_leaves_the_writer_alive() {
        let (_directory, writer, reader) = writer();
        let failed = writer.write(|_| -> Result<(), Fault> { panic!("on purpose") });
        assert!(matches!(failed, Err(StoreError::Unavailable(_))));
        writer.write(insert(1)).unwrap();
        assert_eq!(all(&reader), [1]);
    }

    #[test]
    fn a_lost_transaction_fails_every_operation_in_it() {
        let (_directory, writer, reader) = writer();
        let failed = writer.write(|connection| {
            connection.execute("INSERT INTO t VALUES (1)", [])?;
            // What SQLite does by itself on some disk errors.
            connection.execute_batch("ROLLBACK")?;
            Err::<(), _>(Fault::Store(StoreError::Full("disk".into())))
        });
        assert_eq!(failed, Err(StoreError::Full("disk".into())));
        writer.write(insert(2)).unwrap();
        assert_eq!(all(&reader), [2]);
    }

    #[test]
    fn closing_writes_what_was_queued() {
        let (_directory, writer, reader) = writer();
        std::thread::scope(|threads| {
            let release = hold(&writer, threads);
            let sent = threads.spawn(|| writer.write(insert(1)));
            drop(release);
            sent.join().unwrap().unwrap();
        });
        drop(writer);
        assert_eq!(all(&reader), [1]);
    }
}
