//! The ledger: entries in the order they were recorded, read from any number on, and written only by who knows the newest.

use throughline::codec::{decode_entry, encode_entry};
use throughline::model::{Act, Entry, MemoryId, Scope, TenantId};
use throughline::ports::{EntryDraft, LedgerAppend, StoreError};
use tokio_postgres::{Client, Row};

use crate::calls::Calls;
use crate::error::Fault;
use crate::journal::time;
use crate::scopes::{self, ScopeKey, ScopeRow, limit, next, number, unsigned};
use crate::statement::{Reply, Statement, column};
use crate::{jobs, profiles};

pub(crate) async fn entries(
    client: &Client,
    scope: &Scope,
    after: u64,
    at_most: usize,
) -> Result<Vec<Entry>, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT entry, recorded, body FROM throughline.ledger WHERE scope = $1 AND entry > $2 ORDER BY entry LIMIT $3",
    )
    .with(key.bytes())
    .with(number(after).unwrap_or(i32::MAX))
    .with(limit(at_most))
    .send(client)
    .await?;
    let entry = |row: &Row| {
        let (by, act) = decode_entry(column(row, 2)?)?;
        Ok(Entry { number: unsigned(column(row, 0)?), recorded: time(column(row, 1)?)?, by, act })
    };
    reply.rows.iter().map(entry).collect()
}

pub(crate) async fn end(client: &Client, scope: &Scope) -> Result<u64, Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new("SELECT last_entry FROM throughline.scopes WHERE scope = $1")
        .with(key.bytes())
        .send(client)
        .await?;
    reply.first().map_or(Ok(0), |row| Ok(unsigned(column(row, 0)?)))
}

pub(crate) async fn memory_scope(
    client: &Client,
    tenant: &TenantId,
    id: MemoryId,
) -> Result<Option<Scope>, Fault> {
    // Whose it is is looked up, not believed.
    let reply = Statement::new(
        "SELECT tenant, user_name, agent, app, run FROM throughline.ledger JOIN throughline.scopes USING (scope)
         WHERE claim = $1 AND tenant = $2 ORDER BY place LIMIT 1",
    )
    .with(&id.0.as_bytes()[..])
    .with(tenant.as_str())
    .send(client)
    .await?;
    reply.first().map(|row| scopes::scope(row, 0)).transpose()
}

/// See [`LedgerAppend`].
pub(crate) fn append(calls: &Calls, scope: &Scope, append: &LedgerAppend) -> Result<u64, StoreError> {
    let LedgerAppend { after, entries, profile, job, now } = append;
    let key = ScopeKey::of(scope);
    calls.write(async |transaction| {
        let mut asked = vec![
            scopes::create(scope, &key),
            scopes::lock(&key),
            profiles::newest(&key),
            known_claims(&key, entries),
        ];
        asked.extend(job.iter().map(|done| jobs::held(&key, done)));
        let found = transaction.all(asked).await?;
        let mut row = scopes::locked(found[1].first())?;
        let mut writing = Writing::after(&row, *after, &found[3])?;
        for draft in entries {
            writing.push(draft)?;
        }
        let mut statements = Vec::new();
        if let Some(profile) = profile {
            let (_, change) = profiles::change(&key, &profiles::read(&found[2])?, profile, *now)?;
            statements.extend(change);
        }
        if let Some(done) = job {
            statements.extend(jobs::end(scope, &key, done, found.get(4), *now)?);
        }
        let end = writing.end(&mut row);
        statements.extend(writing.statement(&key));
        statements.push(scopes::save(&key, &row));
        transaction.commit(statements).await?;
        Ok(end)
    })
}

/// Which claims of these the scope's ledger has already.
fn known_claims<'a>(key: &'a ScopeKey, entries: &'a [EntryDraft]) -> Statement<'a> {
    let claims = entries.iter().filter_map(|draft| claim(&draft.act)).collect::<Vec<_>>();
    Statement::new("SELECT claim FROM throughline.ledger WHERE scope = $1 AND claim = ANY($2)")
        .with(key.bytes())
        .with(claims)
}

fn claim(act: &Act) -> Option<&[u8]> {
    match act {
        Act::Claimed(claim) => Some(claim.id.0.as_bytes()),
        _ => None,
    }
}

/// The end of a scope's ledger, while entries are added to it.
pub(crate) struct Writing {
    last: i32,
    /// When the newest was recorded.
    recorded: i64,
    known: Vec<Vec<u8>>,
    columns: Columns,
}

/// Entries about to be written, column by column.
#[derive(Default)]
pub(crate) struct Columns {
    entries: Vec<i32>,
    times: Vec<i64>,
    claims: Vec<Option<Vec<u8>>>,
    bodies: Vec<Vec<u8>>,
}

impl Columns {
    /// Adds an entry under its number; `body` is `act` encoded.
    pub(crate) fn push(&mut self, number: i32, recorded: i64, act: &Act, body: Vec<u8>) {
        self.entries.push(number);
        self.times.push(recorded);
        self.claims.push(claim(act).map(<[u8]>::to_vec));
        self.bodies.push(body);
    }

    /// When the newest of these was recorded; none without any.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.times.last().copied()
    }

    /// What writes the entries, if there are any.
    pub(crate) fn statement(self, key: &ScopeKey) -> Option<Statement<'_>> {
        let is_empty = self.entries.is_empty();
        let insert = Statement::new(
            "INSERT INTO throughline.ledger (scope, entry, recorded, claim, body)
             SELECT $1, * FROM unnest($2, $3, $4, $5)",
        );
        let insert =
            insert.with(key.bytes()).with(self.entries).with(self.times).with(self.claims).with(self.bodies);
        (!is_empty).then_some(insert)
    }
}

impl Writing {
    /// Only if this is the newest entry. `known` are the claims that are there already.
    pub(crate) fn after(row: &ScopeRow, after: u64, known: &Reply) -> Result<Self, Fault> {
        if unsigned(row.last_entry) != after {
            return Err(Fault::Store(StoreError::Conflict));
        }
        let known = known.rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
        Ok(Self { known, ..Self::new(row) })
    }

    fn new(row: &ScopeRow) -> Self {
        // Before the first entry there is no time that it must not go behind.
        let recorded = if row.last_entry == 0 { i64::MIN } else { row.last_recorded };
        Self { last: row.last_entry, recorded, known: Vec::new(), columns: Columns::default() }
    }

    /// A claim that is there already adds nothing.
    pub(crate) fn push(&mut self, draft: &EntryDraft) -> Result<(), Fault> {
        let EntryDraft { recorded, by, act } = draft;
        if let Some(claim) = claim(act) {
            if self.known.iter().any(|known| known == claim) {
                return Ok(());
            }
            self.known.push(claim.to_vec());
        }
        self.last = next(self.last, "entries of the ledger")?;
        self.recorded = recorded.as_millisecond().max(self.recorded);
        self.columns.push(self.last, self.recorded, act, encode_entry(*by, act));
        Ok(())
    }

    /// Notes the newest entry in the scope's row, and returns its number.
    pub(crate) fn end(&self, row: &mut ScopeRow) -> u64 {
        if self.columns.newest().is_some() {
            (row.last_entry, row.last_recorded) = (self.last, self.recorded);
        }
        unsigned(self.last)
    }

    /// What writes the entries, if there are any.
    pub(crate) fn statement(self, key: &ScopeKey) -> Option<Statement<'_>> {
        self.columns.statement(key)
    }
}
