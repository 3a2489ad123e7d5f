//! How an operation is run: on a lent connection, within a time, and again where that is safe.
#![expect(clippy::needless_pass_by_value, reason = "a closure is written where it is passed")]

use std::time::{Duration, Instant};

use throughline::ports::{Connections, StoreError};
use tokio_postgres::Client;

use crate::address::Address;
use crate::error::Fault;
use crate::options::PostgresOptions;
use crate::pool::Pool;
use crate::transaction::Transaction;

/// How often an operation is begun before its error is the caller's.
const TRIES_MAX: u32 = 8;

/// The pause before the second try; it doubles with each further one, and half of it is random.
const PAUSE_FIRST: Duration = Duration::from_millis(4);

/// How long a change may take that goes through the whole store.
const LONG_CALL_MAX: Duration = Duration::from_hours(4);

/// After the lock, so that it sees what the one before it who had the table for himself has set.
const IN_USE: &str = "; SELECT throughline.expect_in_use()";
const FILLING: &str = "; SELECT throughline.expect_filling()";

/// Runs operations.
pub(crate) struct Calls {
    pool: Pool,
    call_max: Duration,
    begin_write: String,
    begin_change: String,
    begin_fill: String,
    begin_alone: String,
}

/// A failed try.
struct Failed {
    fault: Fault,
    /// It may have happened all the same.
    uncertain: bool,
    /// The connection is not used again.
    broken: bool,
}

impl Calls {
    pub(crate) fn new(address: Address, options: &PostgresOptions) -> Result<Self, StoreError> {
        Ok(Self {
            pool: Pool::new(address, options)?,
            call_max: options.call_max,
            begin_write: begin(options.call_max, "ROW SHARE") + IN_USE,
            begin_change: begin(LONG_CALL_MAX, "EXCLUSIVE") + IN_USE,
            begin_fill: begin(options.call_max, "ROW SHARE") + FILLING,
            begin_alone: begin(LONG_CALL_MAX, "EXCLUSIVE"),
        })
    }

    /// The store, for people.
    pub(crate) fn place(&self) -> &str {
        self.pool.place()
    }

    /// What its connections are doing.
    pub(crate) fn connections(&self) -> Connections {
        self.pool.connections()
    }

    /// Runs what only reads, or is one statement that may be repeated.
    pub(crate) fn read<T>(&self, work: impl AsyncFn(&Client) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.repeat(|left| self.once(left, async |client| work(client).await.map_err(Fault::certain)))
    }

    /// Runs a transaction that writes, with the embedding models as they are locked until its end. `work` may be run several
    /// times; what it commits is committed once.
    pub(crate) fn write<T>(
        &self,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(&self.begin_write, self.call_max, work)
    }

    /// Runs a transaction that changes the embedding models, or goes through the whole store: no write runs beside it.
    pub(crate) fn change<T>(
        &self,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(&self.begin_change, LONG_CALL_MAX, work)
    }

    /// As [`write`](Self::write), by a copy: only while the store is being filled.
    pub(crate) fn fill<T>(
        &self,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(&self.begin_fill, self.call_max, work)
    }

    /// Runs a transaction that says who may write: no write runs beside it.
    pub(crate) fn alone<T>(
        &self,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.transact(&self.begin_alone, LONG_CALL_MAX, work)
    }

    /// Runs a transaction that begins with these statements.
    pub(crate) fn transact<T>(
        &self,
        begin: &str,
        time_max: Duration,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.repeat_within(time_max, |left| {
            self.once(left, async |client| {
                let transaction = Transaction::new(client, begin);
                let done = match work(&transaction).await {
                    Ok(value) if transaction.is_ending() => Ok(value),
                    Ok(value) => transaction.commit(vec![]).await.map(|_| value),
                    Err(fault) => Err(fault),
                };
                let Err(fault) = done else { return done.map_err(Fault::certain) };
                let lost = fault.is_lost_connection();
                let broken = lost || transaction.roll_back().await.is_err();
                Err(Failed { fault, uncertain: lost && transaction.is_ending(), broken })
            })
        })
    }

    fn repeat<T>(&self, run: impl Fn(Duration) -> Result<T, Failed>) -> Result<T, StoreError> {
        self.repeat_within(self.call_max, run)
    }

    fn repeat_within<T>(
        &self,
        time_max: Duration,
        run: impl Fn(Duration) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + time_max;
        let mut pause = PAUSE_FIRST;
        for tried in 1.. {
            let Failed { fault, uncertain, .. } = match run(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            if fault.is_lost_connection() {
                self.pool.forget_idle();
            }
            let again = fault.is_passing() || (fault.is_lost_connection() && !uncertain && tried == 1);
            if !again || tried >= TRIES_MAX || Instant::now() + pause >= deadline {
                return Err(fault.at(self.place()));
            }
            std::thread::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0));
            pause *= 2;
        }
        Err(Fault::Again.at(self.place()))
    }

    /// One try. The connection goes back to the pool unless it is in the middle of something.
    fn once<T>(&self, left: Duration, work: impl AsyncFn(&Client) -> Result<T, Failed>) -> Result<T, Failed> {
        let connection = self.pool.lend().map_err(Fault::certain)?;
        let client = connection.client().map_err(Fault::certain)?;
        let Ok(done) = self.pool.runtime().wait(async { tokio::time::timeout(left, work(client)).await })
        else {
            self.pool.cancel(client);
            let late = format!("{} took longer than {} ms; try again", self.place(), left.as_millis());
            return Err(Failed {
                fault: Fault::Store(StoreError::Unavailable(late)),
                uncertain: true,
                broken: true,
            });
        };
        if !done.as_ref().is_err_and(|failed| failed.broken) {
            connection.clean();
        }
        done
    }
}

impl Fault {
    /// Of a try that had no effect for sure, or whose effect does not matter.
    fn certain(self) -> Failed {
        Failed { broken: self.is_lost_connection(), fault: self, uncertain: false }
    }
}

/// All settings end with the transaction, so that a pooler may give the session to somebody else. Also where the database's
/// default is not to wait for the disk, an acknowledged write is on it.
fn begin(time_max: Duration, lock: &str) -> String {
    let ms = time_max.as_millis();
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
         SELECT set_config('statement_timeout', '{ms}', true),
             set_config('idle_in_transaction_session_timeout', '{ms}', true),
             set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                 ELSE current_setting('synchronous_commit') END, true);
         LOCK TABLE throughline.model_roles IN {lock} MODE"
    )
}
