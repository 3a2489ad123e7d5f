//! Search rows: a log for each scope.

use throughline::model::{Revision, Scope};
use throughline::ports::{ModelNumber, PassageDraft, SearchRow};
use tokio_postgres::{Client, Row};

use crate::error::Fault;
use crate::scopes::{self, ScopeKey, ScopeRow, next, number, unsigned};
use crate::statement::{Statement, column};

/// Rows about to be written, column by column: one statement takes them all.
#[derive(Default)]
pub(crate) struct NewRows<'a> {
    scopes: Vec<&'a [u8]>,
    numbers: Vec<i32>,
    turns: Vec<i32>,
    passages: Vec<i32>,
    sessions: Vec<i32>,
    bodies: Vec<&'a [u8]>,
    unread: Unread<'a>,
}

#[derive(Default)]
struct Unread<'a> {
    models: Vec<i32>,
    scopes: Vec<&'a [u8]>,
    numbers: Vec<i32>,
}

/// Where a row belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) turn: i32,
    pub(crate) passage: i32,
    pub(crate) session: i32,
}

impl<'a> NewRows<'a> {
    /// Adds a row under the scope's next number, which waits for the models named.
    pub(crate) fn push(
        &mut self,
        key: &'a ScopeKey,
        scope: &mut ScopeRow,
        of: Origin,
        body: &'a [u8],
        unread_by: impl IntoIterator<Item = ModelNumber>,
    ) -> Result<(), Fault> {
        scope.last_row = next(scope.last_row, "search rows")?;
        self.push_at(key, scope.last_row, of, body, unread_by);
        Ok(())
    }

    /// Adds a row under this number.
    pub(crate) fn push_at(
        &mut self,
        key: &'a ScopeKey,
        number: i32,
        of: Origin,
        body: &'a [u8],
        unread_by: impl IntoIterator<Item = ModelNumber>,
    ) {
        self.scopes.push(key.bytes());
        self.numbers.push(number);
        self.turns.push(of.turn);
        self.passages.push(of.passage);
        self.sessions.push(of.session);
        self.bodies.push(body);
        for model in unread_by {
            self.unread.models.push(model.into());
            self.unread.scopes.push(key.bytes());
            self.unread.numbers.push(number);
        }
    }

    /// Adds the rows of a turn's passages; each waits for those of the models that have not read it.
    pub(crate) fn push_passages(
        &mut self,
        key: &'a ScopeKey,
        scope: &mut ScopeRow,
        turn: i32,
        session: i32,
        passages: &'a [PassageDraft],
        models: &[ModelNumber],
    ) -> Result<(), Fault> {
        for (passage, draft) in (0..).zip(passages) {
            let unread_by = models.iter().filter(|model| !draft.read_by.contains(model)).copied();
            self.push(key, scope, Origin { turn, passage, session }, &draft.body, unread_by)?;
        }
        Ok(())
    }

    /// The statements that write them, if there are any.
    pub(crate) fn statements(self) -> Vec<Statement<'a>> {
        let mut statements = Vec::new();
        if !self.numbers.is_empty() {
            statements.push(
                Statement::new(
                    "INSERT INTO throughline.search (scope, number, turn, passage, session, body)
                     SELECT * FROM unnest($1, $2, $3, $4, $5, $6)",
                )
                .with(self.scopes)
                .with(self.numbers)
                .with(self.turns)
                .with(self.passages)
                .with(self.sessions)
                .with(self.bodies),
            );
        }
        if !self.unread.numbers.is_empty() {
            statements.push(
                Statement::new(
                    "INSERT INTO throughline.unread (model, scope, number) SELECT * FROM unnest($1, $2, $3)",
                )
                .with(self.unread.models)
                .with(self.unread.scopes)
                .with(self.unread.numbers),
            );
        }
        statements
    }
}

/// The statements that take rows away, with what waits for them.
pub(crate) fn delete<'a>(scopes: &[&'a [u8]], numbers: &[i32], models: &[ModelNumber]) -> [Statement<'a>; 3] {
    let delete = |sql| Statement::new(sql).with(scopes.to_vec()).with(numbers.to_vec());
    [
        delete(
            "DELETE FROM throughline.search AS old USING unnest($1, $2) AS gone (scope, number)
             WHERE old.scope = gone.scope AND old.number = gone.number",
        ),
        delete(
            "DELETE FROM throughline.outdated AS old USING unnest($1, $2) AS gone (scope, number)
             WHERE old.scope = gone.scope AND old.number = gone.number",
        ),
        delete(
            "DELETE FROM throughline.unread AS old USING unnest($1, $2) AS gone (scope, number)
             WHERE old.model = ANY($3) AND old.scope = gone.scope AND old.number = gone.number",
        )
        .with(models.iter().map(|model| i32::from(*model)).collect::<Vec<_>>()),
    ]
}

pub(crate) async fn revision(client: &Client, scope: &Scope) -> Result<Option<Revision>, Fault> {
    let key = ScopeKey::of(scope);
    let reply =
        Statement::new("SELECT generation, last_row, redactions FROM throughline.scopes WHERE scope = $1")
            .with(key.bytes())
            .send(client)
            .await?;
    reply.first().map(|row| scopes::revision(row, 0)).transpose()
}

/// The rows after a number and the revision they lead to, in one statement and so in one view.
pub(crate) async fn rows(
    client: &Client,
    scope: &Scope,
    after: u64,
) -> Result<(Option<Revision>, Vec<Row>), Fault> {
    let key = ScopeKey::of(scope);
    let reply = Statement::new(
        "SELECT found.number, turn, passage, session, body, generation, last_row, redactions
         FROM throughline.scopes LEFT JOIN throughline.search AS found ON found.scope = $1 AND found.number > $2
         WHERE scopes.scope = $1 ORDER BY found.number",
    )
    .with(key.bytes())
    .with(number(after).unwrap_or(i32::MAX))
    .send(client)
    .await?;
    let revision = reply.first().map(|row| scopes::revision(row, 5)).transpose()?;
    let mut rows = reply.rows;
    // A scope without such rows still has a revision.
    if let Some(row) = rows.first()
        && column::<Option<i32>>(row, 0)?.is_none()
    {
        rows.clear();
    }
    Ok((revision, rows))
}

pub(crate) async fn rows_at(client: &Client, scope: &Scope, numbers: &[u64]) -> Result<Vec<Row>, Fault> {
    let key = ScopeKey::of(scope);
    let numbers: Vec<i32> = numbers.iter().filter_map(|asked| number(*asked)).collect();
    let reply = Statement::new(
        "SELECT number, turn, passage, session, body FROM throughline.search
         WHERE scope = $1 AND number = ANY($2) ORDER BY number",
    )
    .with(key.bytes())
    .with(numbers)
    .send(client)
    .await?;
    Ok(reply.rows)
}

/// From the columns number, turn, passage, session, body.
pub(crate) fn search_row(row: &Row) -> Result<SearchRow, Fault> {
    let short = |at| Ok::<_, Fault>(u32::try_from(column::<i32>(row, at)?).unwrap_or(0));
    Ok(SearchRow {
        number: unsigned(column(row, 0)?),
        turn: unsigned(column(row, 1)?),
        passage: short(2)?,
        session: short(3)?,
        body: column(row, 4)?,
    })
}
