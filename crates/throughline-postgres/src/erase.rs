//! Erasing a user: taking every row away, in one transaction.
//!
//! What the server's files still hold of dead rows is its own to wipe: see docs/postgres.md.

use throughline::model::UserKey;
use throughline::ports::{Erased, StoreError};

use crate::calls::Calls;
use crate::error::Fault;
use crate::scopes::ScopeKey;
use crate::statement::{Statement, hash};
use crate::transaction::Transaction;
use crate::usage;

/// Each takes away what one table has of the scopes.
const DELETIONS: [&str; 12] = [
    "DELETE FROM throughline.sessions WHERE scope = ANY($1)",
    "DELETE FROM throughline.turns WHERE scope = ANY($1)",
    "DELETE FROM throughline.search WHERE scope = ANY($1)",
    "DELETE FROM throughline.profiles WHERE scope = ANY($1)",
    "DELETE FROM throughline.receipts WHERE scope = ANY($1)",
    // Only claims are counted.
    "WITH gone AS (DELETE FROM throughline.ledger WHERE scope = ANY($1) RETURNING claim)
     SELECT FROM gone WHERE claim IS NOT NULL",
    "DELETE FROM throughline.jobs WHERE scope = ANY($1)",
    "DELETE FROM throughline.idempotency WHERE scope = ANY($1)",
    "DELETE FROM throughline.tombstones WHERE scope = ANY($1)",
    "DELETE FROM throughline.outdated WHERE scope = ANY($1)",
    "DELETE FROM throughline.unread WHERE scope = ANY($1)
     AND model IN (SELECT number FROM throughline.embedding_models UNION SELECT 1)",
    "DELETE FROM throughline.scopes WHERE scope = ANY($1)",
];

pub(crate) fn erase_user(calls: &Calls, user: &UserKey) -> Result<Erased, StoreError> {
    calls.write(async |transaction| erase_within(transaction, user).await)
}

/// Takes away what there is of these scopes.
pub(crate) fn deletions(scopes: &[ScopeKey]) -> [Statement<'_>; DELETIONS.len()] {
    let scopes: Vec<&[u8]> = scopes.iter().map(ScopeKey::bytes).collect();
    DELETIONS.map(|sql| Statement::new(sql).with(scopes.clone()))
}

/// Takes the user away and ends the transaction.
pub(crate) async fn erase_within(transaction: &Transaction<'_>, user: &UserKey) -> Result<Erased, Fault> {
    let find = Statement::new(
        "SELECT scope FROM throughline.scopes WHERE tenant = $1 AND user_name = $2 ORDER BY scope FOR UPDATE",
    )
    .with(user.tenant.as_str())
    .with(user.user.as_str());
    let [found] = transaction.round([find]).await?;
    let keys: Vec<ScopeKey> =
        found.rows.iter().map(|row| Ok(ScopeKey(hash(row, 0)?))).collect::<Result<_, Fault>>()?;
    let mut statements = vec![usage::erase(user)];
    statements.extend(deletions(&keys));
    let replies = transaction.commit(statements).await?;
    let gone: Vec<u64> = replies.iter().map(|reply| reply.affected).collect();
    let [usages, sessions, turns, passages, profiles, receipts, claims, jobs, ..] = gone[..] else {
        return Ok(Erased::default());
    };
    let scopes = keys.len() as u64;
    Ok(Erased { scopes, sessions, turns, passages, profiles, receipts, claims, jobs, usages })
}
