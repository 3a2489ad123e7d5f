//! Identities: versions of a tenant's or an agent's system prompt, never changed.

use throughline::model::{AgentId, Identity, IdentityVersion, TenantId, Timestamp};
use throughline::ports::StoreError;
use tokio_postgres::Client;

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::statement::{Reply, Statement, column, text};

/// Asks for the newest of the agent's own, else of the tenant's, whose agent is the empty name and so comes last.
pub(crate) fn newest<'a>(tenant: &'a TenantId, agent: &'a str) -> Statement<'a> {
    Statement::new(
        "SELECT version, text, created FROM throughline.identities
         WHERE tenant = $1 AND agent = ANY($2) ORDER BY agent DESC, version DESC LIMIT 1",
    )
    .with(tenant.as_str())
    .with(vec![agent, ""])
}

fn find<'a>(
    tenant: &'a TenantId,
    agent: Option<&'a AgentId>,
    version: Option<IdentityVersion>,
) -> Statement<'a> {
    Statement::new(
        "SELECT version, text, created FROM throughline.identities
         WHERE tenant = $1 AND agent = $2 AND ($3 IS NULL OR version = $3) ORDER BY version DESC LIMIT 1",
    )
    .with(tenant.as_str())
    .with(agent.map_or("", AgentId::as_str))
    .with(version.map(i64::from))
}

pub(crate) fn read(reply: &Reply) -> Result<Option<Identity>, Fault> {
    let Some(row) = reply.first() else { return Ok(None) };
    Ok(Some(Identity {
        version: IdentityVersion::try_from(column::<i32>(row, 0)?).unwrap_or(0),
        text: text(column(row, 1)?)?,
        created: time(column(row, 2)?)?,
    }))
}

pub(crate) async fn identity(
    client: &Client,
    tenant: &TenantId,
    agent: Option<&AgentId>,
    version: Option<IdentityVersion>,
) -> Result<Option<Identity>, Fault> {
    read(&find(tenant, agent, version).send(client).await?)
}

pub(crate) fn put(
    calls: &Calls,
    tenant: &TenantId,
    agent: Option<&AgentId>,
    words: &str,
    now: Timestamp,
) -> Result<Identity, StoreError> {
    calls.write(async |transaction| {
        let [newest] = transaction.round([find(tenant, agent, None)]).await?;
        let version = match read(&newest)? {
            Some(newest) if newest.text == words => return Ok(newest),
            Some(newest) => newest.version + 1,
            None => 1,
        };
        let identity = Identity { version, text: words.to_owned(), created: time(now.as_millisecond())? };
        let [inserted] = transaction.round([insert(tenant, agent, &identity)]).await?;
        if inserted.affected == 0 {
            return Err(Fault::Again);
        }
        Ok(identity)
    })
}

/// Writes a version unless it is there.
pub(crate) fn insert<'a>(
    tenant: &'a TenantId,
    agent: Option<&'a AgentId>,
    identity: &Identity,
) -> Statement<'a> {
    let Identity { version, created, text } = identity;
    Statement::new(
        "INSERT INTO throughline.identities (tenant, agent, version, created, text) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .with(tenant.as_str())
    .with(agent.map_or("", AgentId::as_str))
    .with(i32::try_from(*version).unwrap_or(i32::MAX))
    .with(created.as_millisecond())
    .with(text.as_bytes().to_vec())
}
