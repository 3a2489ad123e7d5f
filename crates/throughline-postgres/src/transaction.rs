//! One transaction in as few round trips as can be: its beginning goes with the first statements, its end with the last.

use std::cell::Cell;

use futures_util::future::{join, join_all};
use throughline::ports::count_round_trip;
use tokio_postgres::Client;

use crate::error::Fault;
use crate::statement::{Reply, Statement};

/// A transaction that is open, or will be with its first statements.
pub(crate) struct Transaction<'a> {
    client: &'a Client,
    begin: Cell<Option<&'a str>>,
    ending: Cell<bool>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(client: &'a Client, begin: &'a str) -> Self {
        Self { client, begin: Cell::new(Some(begin)), ending: Cell::new(false) }
    }

    /// Sends the statements at once and waits for all answers. Each sees what those before it did, and, once a row is locked,
    /// what others did to it until then.
    pub(crate) async fn round<const N: usize>(
        &self,
        statements: [Statement<'_>; N],
    ) -> Result<[Reply; N], Fault> {
        let replies = self.all(statements.into()).await?;
        replies.try_into().map_err(|_| Fault::Damaged("the server left an answer out".into()))
    }

    /// As [`round`](Self::round), for a number of statements that is not known.
    pub(crate) async fn all(&self, statements: Vec<Statement<'_>>) -> Result<Vec<Reply>, Fault> {
        count_round_trip();
        self.begun(statements).await
    }

    /// The statements, after what begins the transaction if it was not sent yet.
    async fn begun(&self, statements: Vec<Statement<'_>>) -> Result<Vec<Reply>, Fault> {
        // Its first command opens the transaction, so where a later one fails, the statements after it do nothing.
        let begin = async {
            match self.begin.take() {
                Some(begin) => self.client.batch_execute(begin).await,
                None => Ok(()),
            }
        };
        let (started, replies) = join(begin, self.send(&statements)).await;
        started?;
        replies
    }

    /// Runs a script of many statements.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), Fault> {
        self.all(vec![]).await?;
        count_round_trip();
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Sends the last statements and the end of the transaction: with `Ok` it is durable.
    pub(crate) async fn commit(&self, statements: Vec<Statement<'_>>) -> Result<Vec<Reply>, Fault> {
        self.ending.set(true);
        count_round_trip();
        let (replies, ended) = join(self.begun(statements), self.client.batch_execute("COMMIT")).await;
        // Where a statement failed, or what begins the transaction, COMMIT has rolled back: that error is the one.
        let replies = replies?;
        ended?;
        Ok(replies)
    }

    /// Whether its end was sent: from then on nobody knows whether it happened until an answer comes.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    /// Ends it without a trace.
    pub(crate) async fn roll_back(&self) -> Result<(), Fault> {
        self.ending.set(true);
        count_round_trip();
        Ok(self.client.batch_execute("ROLLBACK").await?)
    }

    /// The first error, in the order of the statements: those after it only say that the transaction is over.
    async fn send(&self, statements: &[Statement<'_>]) -> Result<Vec<Reply>, Fault> {
        let sent = statements.iter().map(|statement| statement.send_along(self.client));
        Ok(join_all(sent).await.into_iter().collect::<Result<_, _>>()?)
    }
}
