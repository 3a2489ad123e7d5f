//! Forgetting: taking words out of every table in one transaction.

use std::collections::{BTreeMap, HashSet};

use throughline::codec::{TurnBody, decode_entry, decode_receipt, encode_entry, encode_turn};
use throughline::model::{Act, Author, Content, Scope, Tombstone};
use throughline::ports::{EntryDraft, Forget, Forgotten, ModelNumber, RedactedTurn, StoreError};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::ledger::Writing;
use crate::scopes::{self, ScopeKey, ScopeRow, number, unsigned};
use crate::search::{self, NewRows};
use crate::statement::{Reply, Statement, column, hash};
use crate::{jobs, models, profiles, receipts};

/// See [`Forget`].
pub(crate) fn forget(calls: &Calls, scope: &Scope, forget: &Forget) -> Result<Forgotten, StoreError> {
    let key = ScopeKey::of(scope);
    // Of a turn that comes twice the last counts.
    let turns: BTreeMap<i32, &RedactedTurn> =
        forget.turns.iter().filter_map(|turn| Some((number(turn.seq)?, turn))).collect();
    let seqs: Vec<i32> = turns.keys().copied().collect();
    calls.write(async |transaction| {
        let [_, row, models, profile, claims, found, rows, receipts] = transaction
            .round([
                scopes::create(scope, &key),
                scopes::lock(&key),
                models::all(),
                profiles::newest(&key),
                Statement::new(
                    "SELECT entry, body FROM throughline.ledger WHERE scope = $1 AND entry = ANY($2) AND claim IS NOT NULL",
                )
                .with(key.bytes())
                .with(forget.entries.iter().filter_map(|entry| number(*entry)).collect::<Vec<_>>()),
                Statement::new("SELECT seq, session FROM throughline.turns WHERE scope = $1 AND seq = ANY($2)")
                    .with(key.bytes())
                    .with(seqs.clone()),
                // No index leads to them, since nothing else looks for them.
                Statement::new("SELECT number FROM throughline.search WHERE scope = $1 AND turn = ANY($2)")
                    .with(key.bytes())
                    .with(seqs.clone()),
                receipts::of_scope(&key),
            ])
            .await?;
        let mut scope_row = scopes::locked(row.first())?;
        let models = models::read(&models)?.numbers();
        let mut ledger = Writing::after(&scope_row, forget.after, &Reply::default())?;
        let mut statements = vec![put_tombstones(&key, &forget.tombstones)];
        statements.extend(forget_claims(&key, &claims)?);

        let sessions: BTreeMap<i32, i32> =
            found.rows.iter().map(|row| Ok((column(row, 0)?, column(row, 1)?))).collect::<Result<_, Fault>>()?;
        let redacted: HashSet<u64> = sessions.keys().map(|seq| unsigned(*seq)).collect();
        statements.extend(redact(&key, &mut scope_row, &turns, &sessions, &rows, &models)?);

        let going = receipts_of(&receipts, &redacted, forget)?;
        let receipts = going.len() as u64;
        statements.push(Statement::new("DELETE FROM throughline.receipts WHERE id = ANY($1)").with(going));
        if let Some(changed) = &forget.profile {
            let (_, change) = profiles::change(&key, &profiles::read(&profile)?, changed, forget.now)?;
            statements.extend(change);
        }
        statements.push(jobs::forget_failures(&key));
        ledger.push(&EntryDraft { recorded: forget.now, by: Author::Operator, act: Act::Forgotten })?;
        ledger.end(&mut scope_row);
        statements.extend(ledger.statement(&key));
        statements.push(scopes::save(&key, &scope_row));
        statements.push(profiles::forget_older(&key));
        let replies = transaction.commit(statements).await?;
        Ok(Forgotten {
            claims: claims.rows.len() as u64,
            turns: redacted.len() as u64,
            passages: rows.rows.len() as u64,
            profiles: replies.last().map_or(0, |older| older.affected),
            receipts,
        })
    })
}

pub(crate) fn put_tombstones<'a>(key: &'a ScopeKey, tombstones: &'a [Tombstone]) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.tombstones (scope, hash, words, forgotten) SELECT $1, * FROM unnest($2, $3, $4)
         ON CONFLICT (scope, hash) DO NOTHING",
    )
    .with(key.bytes())
    .with(tombstones.iter().map(|tombstone| &tombstone.hash[..]).collect::<Vec<_>>())
    .with(tombstones.iter().map(|tombstone| i32::from(tombstone.words)).collect::<Vec<_>>())
    .with(tombstones.iter().map(|tombstone| tombstone.forgotten.as_millisecond()).collect::<Vec<_>>())
}

/// In the order in which they were set.
pub(crate) async fn tombstones(client: &Client, scope: &Scope) -> Result<Vec<Tombstone>, Fault> {
    read_tombstones(&find_tombstones(&ScopeKey::of(scope)).send(client).await?)
}

/// Asks for the tombstones; [`read_tombstones`] understands the answer.
pub(crate) fn find_tombstones(key: &ScopeKey) -> Statement<'_> {
    Statement::new(
        "SELECT hash, words, forgotten FROM throughline.tombstones WHERE scope = $1 ORDER BY forgotten, hash",
    )
    .with(key.bytes())
}

pub(crate) fn read_tombstones(reply: &Reply) -> Result<Vec<Tombstone>, Fault> {
    let tombstone = |row: &Row| {
        let words = column::<i32>(row, 1)?;
        Ok(Tombstone {
            hash: hash(row, 0)?,
            words: words.try_into().unwrap_or_default(),
            forgotten: time(column(row, 2)?)?,
        })
    };
    reply.rows.iter().map(tombstone).collect()
}

/// False if there is none of this hash.
pub(crate) fn lift_tombstone(calls: &Calls, scope: &Scope, hash: [u8; 16]) -> Result<bool, StoreError> {
    let key = ScopeKey::of(scope);
    calls.write(async |transaction| {
        let delete = Statement::new("DELETE FROM throughline.tombstones WHERE scope = $1 AND hash = $2")
            .with(key.bytes())
            .with(&hash[..]);
        let [_, lifted] = transaction.round([scopes::lock(&key), delete]).await?;
        Ok(lifted.affected > 0)
    })
}

/// Leaves of each entry who made it, and that it was forgotten.
fn forget_claims<'a>(key: &'a ScopeKey, claims: &Reply) -> Result<Option<Statement<'a>>, Fault> {
    let (mut entries, mut bodies) = (Vec::new(), Vec::new());
    for row in &claims.rows {
        let (by, _) = decode_entry(column(row, 1)?)?;
        entries.push(column::<i32>(row, 0)?);
        bodies.push(encode_entry(by, &Act::Forgotten));
    }
    let update = Statement::new(
        "UPDATE throughline.ledger SET claim = NULL, body = remains.body FROM unnest($2, $3) AS remains (entry, body)
         WHERE ledger.scope = $1 AND ledger.entry = remains.entry",
    );
    Ok((!entries.is_empty()).then(|| update.with(key.bytes()).with(entries).with(bodies)))
}

/// What is left of the turns, and the new search rows at the end of the scope's log. `sessions` names the turns that are there.
fn redact<'a>(
    key: &'a ScopeKey,
    scope: &mut ScopeRow,
    turns: &BTreeMap<i32, &'a RedactedTurn>,
    sessions: &BTreeMap<i32, i32>,
    rows: &Reply,
    models: &[ModelNumber],
) -> Result<Vec<Statement<'a>>, Fault> {
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let (mut seqs, mut bodies, mut new) = (Vec::new(), Vec::new(), NewRows::default());
    for (seq, session) in sessions {
        let Some(RedactedTurn { name, content, metadata, passages, .. }) = turns.get(seq) else { continue };
        let content: Content = content.clone();
        seqs.push(*seq);
        bodies.push(encode_turn(TurnBody { name: name.clone(), content, metadata: metadata.clone() }));
        new.push_passages(key, scope, *seq, *session, passages, models)?;
    }
    scope.redactions += 1;
    let old: Vec<i32> = rows.rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
    let mut statements = Vec::from(search::delete(&vec![key.bytes(); old.len()], &old, models));
    statements.push(
        Statement::new(
            "UPDATE throughline.turns SET body = remains.body, redacted = TRUE
             FROM unnest($2, $3) AS remains (seq, body) WHERE turns.scope = $1 AND turns.seq = remains.seq",
        )
        .with(key.bytes())
        .with(seqs)
        .with(bodies),
    );
    statements.extend(new.statements());
    Ok(statements)
}

/// The ids of receipts that are named, or cite a redacted turn.
fn receipts_of(receipts: &Reply, redacted: &HashSet<u64>, forget: &Forget) -> Result<Vec<Vec<u8>>, Fault> {
    let mut going = Vec::new();
    for row in &receipts.rows {
        let receipt = decode_receipt(column(row, 0)?)?;
        let cites = receipt.items.iter().any(|item| redacted.contains(&item.turn));
        if cites || forget.receipts.contains(&receipt.id) {
            going.push(receipt.id.0.as_bytes().to_vec());
        }
    }
    Ok(going)
}
