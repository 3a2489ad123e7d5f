//! Profiles: every version of a scope's structured memory, and the JSON Schema of a tenant's own slots.

use throughline::codec::{decode_profile, encode_profile};
use throughline::model::{Profile, ProfileEpoch, Scope, TenantId, Timestamp};
use throughline::ports::StoreError;
use tokio_postgres::Client;

use crate::calls::Calls;
use crate::error::Fault;
use crate::scopes::{self, ScopeKey, next, number};
use crate::statement::{Reply, Statement, column, text};

/// Asks for the newest version; [`read`] understands the answer.
pub(crate) fn newest(key: &ScopeKey) -> Statement<'_> {
    Statement::new("SELECT body FROM throughline.profiles WHERE scope = $1 ORDER BY epoch DESC LIMIT 1")
        .with(key.bytes())
}

pub(crate) fn read(reply: &Reply) -> Result<Profile, Fault> {
    let Some(row) = reply.first() else { return Ok(Profile::default()) };
    Ok(decode_profile(column(row, 0)?)?)
}

pub(crate) async fn profile(
    client: &Client,
    scope: &Scope,
    epoch: Option<ProfileEpoch>,
) -> Result<Profile, Fault> {
    let key = ScopeKey::of(scope);
    let Some(epoch) = epoch else { return read(&newest(&key).send(client).await?) };
    let Some(epoch) = number(epoch) else { return Ok(Profile::default()) };
    let version = Statement::new("SELECT body FROM throughline.profiles WHERE scope = $1 AND epoch = $2")
        .with(key.bytes())
        .with(epoch);
    read(&version.send(client).await?)
}

/// Takes away all versions but the newest.
pub(crate) fn forget_older(key: &ScopeKey) -> Statement<'_> {
    Statement::new(
        "DELETE FROM throughline.profiles WHERE scope = $1
         AND epoch < (SELECT max(epoch) FROM throughline.profiles WHERE scope = $1)",
    )
    .with(key.bytes())
}

/// The next version after the newest, and what writes it; the same content makes none.
pub(crate) fn change<'a>(
    key: &'a ScopeKey,
    newest: &Profile,
    profile: &Profile,
    now: Timestamp,
) -> Result<(ProfileEpoch, Option<Statement<'a>>), Fault> {
    if newest.epoch != profile.epoch {
        return Err(Fault::Store(StoreError::Conflict));
    }
    if newest.same_content(profile) {
        return Ok((newest.epoch, None));
    }
    let epoch = next(number(newest.epoch).unwrap_or(i32::MAX), "versions of the profile")?;
    let profile = Profile { epoch: scopes::unsigned(epoch), changed: Some(now), ..profile.clone() };
    let statement =
        Statement::new("INSERT INTO throughline.profiles (scope, epoch, body) VALUES ($1, $2, $3)")
            .with(key.bytes())
            .with(epoch)
            .with(encode_profile(&profile));
    Ok((profile.epoch, Some(statement)))
}

pub(crate) fn put(
    calls: &Calls,
    scope: &Scope,
    profile: &Profile,
    now: Timestamp,
) -> Result<ProfileEpoch, StoreError> {
    let key = ScopeKey::of(scope);
    calls.write(async |transaction| {
        let [_, row, found] =
            transaction.round([scopes::create(scope, &key), scopes::lock(&key), newest(&key)]).await?;
        scopes::locked(row.first())?;
        match change(&key, &read(&found)?, profile, now)? {
            (epoch, Some(statement)) => {
                transaction.commit(vec![statement]).await?;
                Ok(epoch)
            }
            (epoch, None) => {
                // Not even the scope, if it was made for this.
                transaction.roll_back().await?;
                Ok(epoch)
            }
        }
    })
}

pub(crate) async fn slot_schema(client: &Client, tenant: &TenantId) -> Result<Option<String>, Fault> {
    read_slot_schema(&find_slot_schema(tenant).send(client).await?)
}

/// Asks for the schema; [`read_slot_schema`] understands the answer.
pub(crate) fn find_slot_schema(tenant: &TenantId) -> Statement<'_> {
    Statement::new("SELECT schema FROM throughline.slot_schemas WHERE tenant = $1").with(tenant.as_str())
}

pub(crate) fn read_slot_schema(reply: &Reply) -> Result<Option<String>, Fault> {
    reply.first().map(|row| text(column(row, 0)?)).transpose()
}

pub(crate) fn put_slot_schema(
    calls: &Calls,
    tenant: &TenantId,
    schema: Option<&str>,
) -> Result<(), StoreError> {
    calls.write(async |transaction| {
        let statement = match schema {
            Some(schema) => set_slot_schema(tenant, schema),
            None => {
                Statement::new("DELETE FROM throughline.slot_schemas WHERE tenant = $1").with(tenant.as_str())
            }
        };
        transaction.commit(vec![statement]).await?;
        Ok(())
    })
}

pub(crate) fn set_slot_schema<'a>(tenant: &'a TenantId, schema: &'a str) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.slot_schemas (tenant, schema) VALUES ($1, $2)
         ON CONFLICT (tenant) DO UPDATE SET schema = excluded.schema",
    )
    .with(tenant.as_str())
    .with(schema.as_bytes())
}
