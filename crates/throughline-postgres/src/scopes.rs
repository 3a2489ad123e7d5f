//! Scopes: each has a key made from its names, a random generation, and the counters its turns, rows, sessions and ledger
//! entries take their numbers from.
//!
//! The key is a hash of the names, so a statement can go straight to a scope's rows without asking for its number first.

use throughline::model::{AgentId, AppId, Generation, Revision, RunId, Scope, TenantId, UserId, UserKey};
use throughline::ports::StoreError;
use tokio_postgres::{Client, Row};

use crate::error::Fault;
use crate::statement::{Statement, column};

/// The key of a scope: never changes, in no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeKey(pub(crate) [u8; 16]);

/// An absent part of a scope; names are never empty.
const NONE: &str = "";

/// Tenant, user, agent, app and run.
pub(crate) fn names(scope: &Scope) -> [&str; 5] {
    [
        scope.user.tenant.as_str(),
        scope.user.user.as_str(),
        scope.agent.as_ref().map_or(NONE, AgentId::as_str),
        scope.app.as_ref().map_or(NONE, AppId::as_str),
        scope.run.as_ref().map_or(NONE, RunId::as_str),
    ]
}

impl ScopeKey {
    /// The first 16 bytes of the BLAKE3 hash of the five names, each with its length before it.
    pub(crate) fn of(scope: &Scope) -> Self {
        let mut hasher = blake3::Hasher::new();
        for name in names(scope) {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Self(key)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A scope as its row has it, while a transaction holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeRow {
    pub(crate) generation: Generation,
    /// The newest number of each, 0 before the first.
    pub(crate) last_turn: i32,
    pub(crate) last_row: i32,
    pub(crate) last_session: i32,
    pub(crate) last_entry: i32,
    /// When the newest entry of the ledger was recorded.
    pub(crate) last_recorded: i64,
    /// How often words were taken out of its search rows.
    pub(crate) redactions: i32,
}

impl ScopeRow {
    /// From the columns of [`lock`].
    pub(crate) fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            generation: Generation(column::<i64>(row, 0)?.cast_unsigned()),
            last_turn: column(row, 1)?,
            last_row: column(row, 2)?,
            last_session: column(row, 3)?,
            last_entry: column(row, 4)?,
            last_recorded: column(row, 5)?,
            redactions: column(row, 6)?,
        })
    }
}

/// Makes the scope's row if it is not there.
pub(crate) fn create<'a>(scope: &'a Scope, key: &'a ScopeKey) -> Statement<'a> {
    let [tenant, user, agent, app, run] = names(scope);
    // Looked for first: an insertion that finds its row there would have drawn a place from the sequence.
    Statement::new(
        "INSERT INTO throughline.scopes (scope, tenant, user_name, agent, app, run, generation)
         SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT FROM throughline.scopes WHERE scope = $1)
         ON CONFLICT DO NOTHING",
    )
    .with(key.bytes())
    .with(tenant)
    .with(user)
    .with(agent)
    .with(app)
    .with(run)
    .with(rand::random::<u64>().cast_signed())
}

/// Locks the scope's row until the transaction ends: writes of one scope go one after the other. What the statements after it
/// see is what the write before left.
pub(crate) fn lock(key: &ScopeKey) -> Statement<'_> {
    Statement::new(
        "SELECT generation, last_turn, last_row, last_session, last_entry, last_recorded, redactions
         FROM throughline.scopes WHERE scope = $1 FOR NO KEY UPDATE",
    )
    .with(key.bytes())
}

/// The row that [`create`] and [`lock`] found. If it went in between, an erasure was faster.
pub(crate) fn locked(row: Option<&Row>) -> Result<ScopeRow, Fault> {
    ScopeRow::read(row.ok_or(Fault::Again)?)
}

/// Writes the counters back.
pub(crate) fn save<'a>(key: &'a ScopeKey, row: &ScopeRow) -> Statement<'a> {
    let ScopeRow { last_turn, last_row, last_session, last_entry, last_recorded, redactions, .. } = *row;
    Statement::new(
        "UPDATE throughline.scopes SET last_turn = $2, last_row = $3, last_session = $4, last_entry = $5,
         last_recorded = $6, redactions = $7 WHERE scope = $1",
    )
    .with(key.bytes())
    .with(last_turn)
    .with(last_row)
    .with(last_session)
    .with(last_entry)
    .with(last_recorded)
    .with(redactions)
}

/// From the columns generation, `last_row`, redactions, of which this is the first.
pub(crate) fn revision(row: &Row, at: usize) -> Result<Revision, Fault> {
    Ok(Revision {
        generation: Generation(column::<i64>(row, at)?.cast_unsigned()),
        row: unsigned(column(row, at + 1)?),
        redactions: unsigned(column(row, at + 2)?),
    })
}

/// From the columns tenant, `user_name`, agent, app, run, of which this is the first.
pub(crate) fn scope(row: &Row, at: usize) -> Result<Scope, Fault> {
    let name = |place: usize| column::<String>(row, at + place);
    let given = |place: usize| Ok::<_, Fault>(Some(name(place)?).filter(|name| name != NONE));
    Ok(Scope {
        user: UserKey { tenant: TenantId::new(name(0)?)?, user: UserId::new(name(1)?)? },
        agent: given(2)?.map(AgentId::new).transpose()?,
        app: given(3)?.map(AppId::new).transpose()?,
        run: given(4)?.map(RunId::new).transpose()?,
    })
}

/// Those whose newest search row has this number or a higher one.
pub(crate) async fn large(client: &Client, row_min: u64) -> Result<Vec<Scope>, Fault> {
    let Some(row_min) = number(row_min) else { return Ok(Vec::new()) };
    let reply = Statement::new(
        "SELECT tenant, user_name, agent, app, run FROM throughline.scopes WHERE last_row >= $1",
    )
    .with(row_min)
    .send(client)
    .await?;
    reply.rows.iter().map(|row| scope(row, 0)).collect()
}

/// The number after `last`.
pub(crate) fn next(last: i32, what: &str) -> Result<i32, Fault> {
    last.checked_add(1).ok_or_else(|| {
        Fault::Store(StoreError::Full(format!("one user cannot have more than {} {what}", i32::MAX)))
    })
}

/// A number of a row, which is never negative.
pub(crate) fn unsigned(number: i32) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A number asked for; none if no row has one so high.
pub(crate) fn number(asked: u64) -> Option<i32> {
    i32::try_from(asked).ok()
}

/// A limit asked for.
pub(crate) fn limit(asked: usize) -> i64 {
    i64::try_from(asked).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_scope_is_the_same_in_every_version_and_every_other_scope_has_another() {
        let user =
            |tenant: &str, user: &str| Scope::of(TenantId::new(tenant).unwrap(), UserId::new(user).unwrap());
        let ann = user("acme", "ann");
        assert_eq!(
            format!("{:02x?}", ScopeKey::of(&ann).0).replace(", ", ""),
            "[542dc42d3a0a30ec716051fcc521a562]"
        );
        let others = [
            user("acm", "eann"),
            Scope { agent: AgentId::new("x").ok(), ..ann.clone() },
            Scope { app: AppId::new("x").ok(), ..ann.clone() },
            Scope { run: RunId::new("x").ok(), ..ann.clone() },
        ];
        let keys: std::collections::HashSet<_> = others.iter().chain([&ann]).map(ScopeKey::of).collect();
        assert_eq!(keys.len(), 5);
    }
}
