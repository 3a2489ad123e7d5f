//! Being copied and being a copy: what the other modules do not read, and writing rows as they were in another store.

mod restore;

use std::collections::BTreeMap;

use throughline::model::{AgentId, Generation, Identity, Scope, TenantId, UserKey};
use throughline::ports::{
    CopiedKey, CopiedRow, ModelNumber, ScopeMark, ScopeRecord, ScopesPage, StoreError, StoreRecord,
    TenantRecord, Transit,
};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::scopes::{self, ScopeKey, limit, number, unsigned};
use crate::statement::{Statement, bytes, column, hash, text};
use crate::{credentials, erase, idempotency, jobs, models, schema, search, usage};

pub(crate) use restore::restore;

const TRANSIT: &str = "transit";

pub(crate) async fn transit(client: &Client) -> Result<Option<Transit>, Fault> {
    let reply = Statement::new("SELECT value FROM throughline.meta WHERE name = $1")
        .with(TRANSIT)
        .send(client)
        .await?;
    let Some(row) = reply.first() else { return Ok(None) };
    Ok(Some(Transit::parse(&text(column(row, 0)?)?)?))
}

pub(crate) fn set_transit(calls: &Calls, transit: Option<&Transit>) -> Result<(), StoreError> {
    calls.alone(async |transaction| {
        let change = match transit {
            Some(transit) => schema::set(TRANSIT, transit.text().into_bytes()),
            None => Statement::new("DELETE FROM throughline.meta WHERE name = $1").with(TRANSIT),
        };
        transaction.commit(vec![change]).await?;
        Ok(())
    })
}

fn unsigned_long(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed_long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number a sequence gave last, 0 before the first.
async fn last_of(client: &Client, sequence: &str) -> Result<u64, Fault> {
    let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM throughline.{sequence}");
    let reply = Statement::new(sql).send(client).await?;
    Ok(unsigned_long(column(reply.first().ok_or(Fault::Again)?, 0)?))
}

const PLACES: &str = "scope_places";
const JOBS: &str = "jobs_number_seq";

pub(crate) async fn store_record(client: &Client) -> Result<StoreRecord, Fault> {
    let last = Statement::new("SELECT coalesce(max(number), 0) FROM throughline.embedding_models")
        .send(client)
        .await?;
    let last_model: i32 = column(last.first().ok_or(Fault::Again)?, 0)?;
    Ok(StoreRecord {
        secret: schema::secret(client).await?,
        models: models::models(client).await?,
        last_model: ModelNumber::try_from(last_model).unwrap_or(0),
        last_job: last_of(client, JOBS).await?,
        last_place: last_of(client, PLACES).await?,
        keys: credentials::keys(client).await?,
        tenants: tenants(client).await?,
    })
}

async fn tenants(client: &Client) -> Result<Vec<TenantRecord>, Fault> {
    let mut found = BTreeMap::new();
    let of = |found: &mut BTreeMap<TenantId, TenantRecord>, row: &Row| {
        let tenant = TenantId::new(column::<&str>(row, 0)?)?;
        let empty = |tenant| TenantRecord { tenant, slot_schema: None, identities: vec![], usage: vec![] };
        found.entry(tenant.clone()).or_insert_with(|| empty(tenant.clone()));
        Ok::<_, Fault>(tenant)
    };
    let identities = Statement::new(
        "SELECT tenant, agent, version, created, text FROM throughline.identities ORDER BY tenant, agent, version",
    );
    for row in &identities.send(client).await?.rows {
        let tenant = of(&mut found, row)?;
        let agent = Some(column::<String>(row, 1)?).filter(|agent| !agent.is_empty());
        let version = u32::try_from(column::<i32>(row, 2)?).unwrap_or(0);
        let identity = Identity { version, created: time(column(row, 3)?)?, text: text(column(row, 4)?)? };
        if let Some(record) = found.get_mut(&tenant) {
            record.identities.push((agent.map(AgentId::new).transpose()?, identity));
        }
    }
    let schemas = Statement::new("SELECT tenant, schema FROM throughline.slot_schemas");
    for row in &schemas.send(client).await?.rows {
        let tenant = of(&mut found, row)?;
        let schema = text(column(row, 1)?)?;
        if let Some(record) = found.get_mut(&tenant) {
            record.slot_schema = Some(schema);
        }
    }
    for row in &usage::of_all_tenants().send(client).await?.rows {
        let tenant = of(&mut found, row)?;
        let usage = usage::day_usage(row, 1)?;
        if let Some(record) = found.get_mut(&tenant) {
            record.usage.push(usage);
        }
    }
    Ok(found.into_values().collect())
}

/// In the order of their keys, which is the order of the index; a page goes on after the number that a key is.
pub(crate) async fn scopes(
    client: &Client,
    after: Option<&str>,
    at_most: usize,
) -> Result<ScopesPage, Fault> {
    let after = after.and_then(|after| after.parse::<u128>().ok()).map(u128::to_be_bytes);
    let reply = Statement::new(
        "SELECT tenant, user_name, agent, app, run, scope FROM throughline.scopes WHERE scope > $1 ORDER BY scope LIMIT $2",
    )
    .with(after.as_ref().map_or(&[][..], |after| &after[..]))
    .with(limit(at_most))
    .send(client)
    .await?;
    let next = reply.rows.last().map(|row| Ok::<_, Fault>(u128::from_be_bytes(hash(row, 5)?).to_string()));
    let scopes = reply.rows.iter().map(|row| scopes::scope(row, 0)).collect::<Result<_, _>>()?;
    Ok(ScopesPage { scopes, next: next.transpose()? })
}

pub(crate) async fn scope_record(client: &Client, scope: &Scope) -> Result<Option<ScopeRecord>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT place, generation, last_turn, last_row, last_session, last_entry, redactions,
             (SELECT coalesce(max(number), 0) FROM throughline.idempotency WHERE scope = $1),
             (SELECT count(*) FROM throughline.receipts WHERE scope = $1)
         FROM throughline.scopes WHERE scope = $1",
    )
    .with(key.bytes())
    .send(client)
    .await?;
    let Some(row) = reply.first() else { return Ok(None) };
    let short = |at| Ok::<_, Fault>(unsigned(column(row, at)?));
    Ok(Some(ScopeRecord {
        place: unsigned_long(column(row, 0)?),
        generation: Generation(column::<i64>(row, 1)?.cast_unsigned()),
        last_turn: short(2)?,
        last_row: short(3)?,
        last_session: short(4)?,
        last_entry: short(5)?,
        redactions: short(6)?,
        last_key: short(7)?,
        receipts: unsigned_long(column(row, 8)?),
        jobs: jobs::of_scope(client, &key).await?,
    }))
}

pub(crate) async fn rows(
    client: &Client,
    scope: &Scope,
    after: u64,
    at_most: usize,
) -> Result<Vec<CopiedRow>, Fault> {
    let key = ScopeKey::of(scope);
    let kept = models::models(client).await?.numbers();
    let reply = Statement::new(
        "SELECT number, turn, passage, session, body,
             EXISTS (SELECT FROM throughline.outdated WHERE outdated.scope = $1 AND outdated.number = found.number),
             ARRAY(SELECT model FROM throughline.unread
                 WHERE model = ANY($4) AND unread.scope = $1 AND unread.number = found.number)
         FROM throughline.search AS found WHERE scope = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .with(key.bytes())
    .with(number(after).unwrap_or(i32::MAX))
    .with(limit(at_most))
    .with(kept.iter().map(|model| i32::from(*model)).collect::<Vec<_>>())
    .send(client)
    .await?;
    let copied = |row: &Row| {
        let unread: Vec<i32> = column(row, 6)?;
        let has_read = |model: &&ModelNumber| !unread.contains(&i32::from(**model));
        Ok(CopiedRow {
            row: search::search_row(row)?,
            read_by: kept.iter().filter(has_read).copied().collect(),
            is_outdated: column(row, 5)?,
        })
    };
    reply.rows.iter().map(copied).collect()
}

pub(crate) async fn keys(
    client: &Client,
    scope: &Scope,
    after: u64,
    at_most: usize,
) -> Result<Vec<CopiedKey>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT number, key, request, turns, created FROM throughline.idempotency
         WHERE scope = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .with(key.bytes())
    .with(number(after).unwrap_or(i32::MAX))
    .with(limit(at_most))
    .send(client)
    .await?;
    let copied = |row: &Row| {
        Ok(CopiedKey {
            number: unsigned(column(row, 0)?),
            key: text(column(row, 1)?)?,
            body: hash(row, 2)?,
            turns: idempotency::decode(column(row, 3)?),
            created: time(column(row, 4)?)?,
        })
    };
    reply.rows.iter().map(copied).collect()
}

pub(crate) async fn restored(client: &Client, scope: &Scope) -> Result<Option<ScopeMark>, Fault> {
    let key = ScopeKey::of(scope);
    let reply =
        Statement::new("SELECT copied FROM throughline.scopes WHERE scope = $1 AND copied IS NOT NULL")
            .with(key.bytes())
            .send(client)
            .await?;
    reply.first().map(|row| bytes(row, 0)).transpose()
}

pub(crate) fn drop_user(calls: &Calls, user: &UserKey) -> Result<(), StoreError> {
    calls.fill(async |transaction| erase::erase_within(transaction, user).await.map(drop))
}

/// Puts this in place of what is there, but for scopes.
pub(crate) fn restore_store(calls: &Calls, record: &StoreRecord) -> Result<(), StoreError> {
    let StoreRecord { secret, models, last_model, last_job, last_place, keys, tenants } = record;
    calls.fill(async |transaction| {
        let clear = |table: &str| Statement::new(format!("DELETE FROM throughline.{table}"));
        let mut statements: Vec<Statement<'_>> =
            ["api_keys", "identities", "slot_schemas", "tenant_usage", "tenant_days"].map(clear).into();
        statements.push(schema::set("secret", secret.to_vec()));
        statements.extend(models::restore(models, *last_model));
        statements.push(set_last(JOBS, *last_job));
        statements.push(set_last(PLACES, *last_place));
        statements.extend(keys.iter().map(credentials::insert));
        for TenantRecord { tenant, slot_schema, identities, usage } in tenants {
            let schema = slot_schema.as_deref();
            statements.extend(schema.map(|schema| crate::profiles::set_slot_schema(tenant, schema)));
            let versions = identities.iter();
            statements.extend(
                versions.map(|(agent, identity)| crate::identities::insert(tenant, agent.as_ref(), identity)),
            );
            statements.extend(usage.iter().map(|usage| usage::restore_of_tenant(tenant, usage)));
        }
        statements.push(usage::sum_up_days());
        transaction.commit(statements).await?;
        Ok(())
    })
}

/// Has a sequence go on after this number.
fn set_last(sequence: &str, last: u64) -> Statement<'static> {
    let name = format!("throughline.{sequence}");
    Statement::new("SELECT setval($1::text::regclass, greatest($2, 1), $2 > 0)")
        .with(name)
        .with(signed_long(last))
}
