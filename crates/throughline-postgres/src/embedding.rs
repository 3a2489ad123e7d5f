//! Vectors that come later: which rows wait for one, and putting it in. Which models there are is [`crate::models`]'s part.

use std::collections::{BTreeMap, BTreeSet};

use throughline::ports::{EmbeddedRow, ModelNumber, StoreError, UnembeddedRow};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::models;
use crate::scopes::{self, ScopeKey, ScopeRow, limit, number};
use crate::search::{self, NewRows, Origin};
use crate::statement::{Statement, column, hash};

pub(crate) async fn unembedded(
    client: &Client,
    model: ModelNumber,
    at_most: usize,
) -> Result<Vec<UnembeddedRow>, Fault> {
    let reply = Statement::new(
        "SELECT found.number, turn, passage, session, body, tenant, user_name, agent, app, run
         FROM (SELECT scope, number FROM throughline.unread WHERE model = $1 ORDER BY scope, number LIMIT $2) AS waiting
         JOIN throughline.search AS found ON found.scope = waiting.scope AND found.number = waiting.number
         JOIN throughline.scopes ON scopes.scope = waiting.scope ORDER BY waiting.scope, waiting.number",
    )
    .with(i32::from(model))
    .with(limit(at_most))
    .send(client)
    .await?;
    listed(&reply.rows)
}

pub(crate) async fn outdated(client: &Client, at_most: usize) -> Result<Vec<UnembeddedRow>, Fault> {
    let reply = Statement::new(
        "SELECT found.number, turn, passage, session, body, tenant, user_name, agent, app, run
         FROM (SELECT scope, number FROM throughline.outdated ORDER BY scope, number LIMIT $1) AS waiting
         JOIN throughline.search AS found ON found.scope = waiting.scope AND found.number = waiting.number
         JOIN throughline.scopes ON scopes.scope = waiting.scope ORDER BY waiting.scope, waiting.number",
    )
    .with(limit(at_most))
    .send(client)
    .await?;
    listed(&reply.rows)
}

fn listed(rows: &[Row]) -> Result<Vec<UnembeddedRow>, Fault> {
    let waiting = |row| Ok(UnembeddedRow { scope: scopes::scope(row, 5)?, row: search::search_row(row)? });
    rows.iter().map(waiting).collect()
}

pub(crate) async fn unembedded_count(client: &Client) -> Result<u64, Fault> {
    let awaited = models::models(client).await?.awaited();
    let reply = Statement::new("SELECT count(*) FROM throughline.unread WHERE model = $1")
        .with(i32::from(awaited))
        .send(client)
        .await?;
    let count: i64 = column(reply.first().ok_or(Fault::Again)?, 0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// A row of a scope.
type Place = (ScopeKey, i32);

/// Replaces each row by a new one at the end of its scope's log, so that every copy of the log learns of it.
pub(crate) fn put_embedded(calls: &Calls, rows: &[EmbeddedRow]) -> Result<(), StoreError> {
    let places: Vec<Option<Place>> =
        rows.iter().map(|row| Some((ScopeKey::of(&row.scope), number(row.number)?))).collect();
    // In one order, so that two of these cannot wait for each other.
    let asked: BTreeSet<Place> = places.iter().flatten().copied().collect();
    if asked.is_empty() {
        return Ok(());
    }
    let keys: BTreeSet<ScopeKey> = asked.iter().map(|(key, _)| *key).collect();
    calls.write(async |transaction| {
        let scopes: Vec<&[u8]> = asked.iter().map(|(key, _)| key.bytes()).collect();
        let numbers: Vec<i32> = asked.iter().map(|(_, number)| *number).collect();
        let [locked, models, replaced, unread] = transaction
            .round([
                Statement::new(
                    "SELECT generation, last_turn, last_row, last_session, last_entry, last_recorded, redactions, scope
                     FROM throughline.scopes WHERE scope = ANY($1) ORDER BY scope FOR NO KEY UPDATE",
                )
                .with(keys.iter().map(ScopeKey::bytes).collect::<Vec<_>>()),
                models::all(),
                Statement::new(
                    "SELECT old.scope, old.number, turn, passage, session
                     FROM unnest($1, $2) AS asked (scope, number)
                     JOIN throughline.search AS old ON old.scope = asked.scope AND old.number = asked.number",
                )
                .with(scopes.clone())
                .with(numbers.clone()),
                Statement::new(
                    "SELECT old.scope, old.number, model FROM unnest($1, $2) AS asked (scope, number)
                     JOIN throughline.unread AS old ON old.scope = asked.scope AND old.number = asked.number
                     AND old.model = ANY(SELECT number FROM throughline.model_roles UNION SELECT 1)",
                )
                .with(scopes)
                .with(numbers),
            ])
            .await?;
        let kept = models::read(&models)?.numbers();
        let place = |row: &Row| Ok::<_, Fault>((ScopeKey(hash(row, 0)?), column::<i32>(row, 1)?));
        let mut scopes: BTreeMap<ScopeKey, ScopeRow> = BTreeMap::new();
        for row in &locked.rows {
            scopes.insert(ScopeKey(hash(row, 7)?), ScopeRow::read(row)?);
        }
        let mut old: BTreeMap<Place, Origin> = BTreeMap::new();
        for row in &replaced.rows {
            let of = Origin { turn: column(row, 2)?, passage: column(row, 3)?, session: column(row, 4)? };
            old.insert(place(row)?, of);
        }
        let mut waiting: BTreeMap<Place, Vec<ModelNumber>> = BTreeMap::new();
        for row in &unread.rows {
            let model = ModelNumber::try_from(column::<i32>(row, 2)?).unwrap_or(0);
            waiting.entry(place(row)?).or_default().push(model);
        }

        let mut new = NewRows::default();
        let mut gone: Vec<Place> = Vec::new();
        for (row, place) in rows.iter().zip(&places) {
            let Some((place, of)) = place.as_ref().and_then(|place| Some((place, old.remove(place)?))) else {
                continue;
            };
            let Some(scope) = scopes.get_mut(&place.0) else { continue };
            let unread = waiting.remove(place).unwrap_or_default();
            let unread_by =
                unread.into_iter().filter(|model| kept.contains(model) && !row.read_by.contains(model));
            new.push(&place.0, scope, of, &row.body, unread_by)?;
            gone.push(*place);
        }
        let scopes_gone: Vec<&[u8]> = gone.iter().map(|(key, _)| key.bytes()).collect();
        let numbers_gone: Vec<i32> = gone.iter().map(|(_, number)| *number).collect();
        let mut statements = Vec::from(search::delete(&scopes_gone, &numbers_gone, &kept));
        statements.extend(new.statements());
        statements.push(save_rows(&scopes));
        transaction.commit(statements).await?;
        Ok(())
    })
}

/// Writes back how many search rows each scope has given numbers to.
fn save_rows(scopes: &BTreeMap<ScopeKey, ScopeRow>) -> Statement<'_> {
    Statement::new(
        "UPDATE throughline.scopes SET last_row = saved.last_row FROM unnest($1, $2) AS saved (scope, last_row)
         WHERE scopes.scope = saved.scope AND scopes.last_row <> saved.last_row",
    )
    .with(scopes.keys().map(ScopeKey::bytes).collect::<Vec<_>>())
    .with(scopes.values().map(|row| row.last_row).collect::<Vec<_>>())
}
