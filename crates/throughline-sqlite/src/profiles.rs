//! Profiles: every version of a scope's structured memory, and the JSON Schema of a tenant's own slots.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::codec::{decode_profile, encode_profile};
use throughline::model::{Profile, ProfileEpoch, Scope, TenantId, Timestamp};
use throughline::ports::StoreError;

use crate::error::Fault;
use crate::number::{ScopeNumber, next};
use crate::scopes;

fn newest(connection: &Connection, scope: ScopeNumber) -> Result<Profile, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT body FROM profiles WHERE profile BETWEEN ? AND ? ORDER BY profile DESC LIMIT 1",
    )?;
    let body: Option<Vec<u8>> = statement.query_row(scope.keys(), |row| row.get(0)).optional()?;
    Ok(body.map(|body| decode_profile(&body)).transpose()?.unwrap_or_default())
}

pub(crate) fn profile(
    connection: &Connection,
    scope: &Scope,
    epoch: Option<ProfileEpoch>,
) -> Result<Profile, Fault> {
    let Some(scope) = scopes::find(connection, scope)? else { return Ok(Profile::default()) };
    let Some(epoch) = epoch else { return newest(connection, scope.number) };
    let Ok(epoch) = u32::try_from(epoch) else { return Ok(Profile::default()) };
    let mut statement = connection.prepare_cached("SELECT body FROM profiles WHERE profile = ?")?;
    let body: Option<Vec<u8>> =
        statement.query_row([scope.number.key(epoch)], |row| row.get(0)).optional()?;
    Ok(body.map(|body| decode_profile(&body)).transpose()?.unwrap_or_default())
}

/// Takes away all versions but the newest. Returns how many these were.
pub(crate) fn forget_older(connection: &Connection, scope: ScopeNumber) -> Result<u64, Fault> {
    let [lowest, highest] = scope.keys();
    let mut statement = connection.prepare_cached(
        "DELETE FROM profiles WHERE profile BETWEEN ?1 AND ?2
         AND profile < (SELECT max(profile) FROM profiles WHERE profile BETWEEN ?1 AND ?2)",
    )?;
    Ok(statement.execute([lowest, highest])? as u64)
}

/// Writes the next version; the same content as the newest makes none.
pub(crate) fn put(
    connection: &Connection,
    scope: &Scope,
    mut profile: Profile,
    now: Timestamp,
) -> Result<ProfileEpoch, Fault> {
    let newest = match scopes::find(connection, scope)? {
        Some(scope) => newest(connection, scope.number)?,
        None => Profile::default(),
    };
    if newest.epoch != profile.epoch {
        return Err(Fault::Store(StoreError::Conflict));
    }
    if newest.same_content(&profile) {
        return Ok(newest.epoch);
    }
    let scope = scopes::find_or_create(connection, scope)?;
    let epoch = next(u32::try_from(newest.epoch).unwrap_or(u32::MAX), "versions of the profile")?;
    profile.epoch = epoch.into();
    profile.changed = Some(now);
    let mut statement = connection.prepare_cached("INSERT INTO profiles (profile, body) VALUES (?, ?)")?;
    statement.execute(params![scope.number.key(epoch), encode_profile(&profile)])?;
    Ok(profile.epoch)
}

pub(crate) fn slot_schema(connection: &Connection, tenant: &TenantId) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare_cached("SELECT schema FROM slot_schemas WHERE tenant = ?")?;
    Ok(statement.query_row([tenant.as_str()], |row| row.get(0)).optional()?)
}

pub(crate) fn put_slot_schema(
    connection: &Connection,
    tenant: &TenantId,
    schema: Option<&str>,
) -> Result<(), Fault> {
    match schema {
        Some(schema) => connection.execute(
            "INSERT INTO slot_schemas (tenant, schema) VALUES (?, ?)
             ON CONFLICT (tenant) DO UPDATE SET schema = excluded.schema",
            [tenant.as_str(), schema],
        )?,
        None => connection.execute("DELETE FROM slot_schemas WHERE tenant = ?", [tenant.as_str()])?,
    };
    Ok(())
}
