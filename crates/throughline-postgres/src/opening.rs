//! The opening of a request: several statements in one transaction that only reads, sent with its begin and end at once. So it
//! is one round trip and one moment, through a pooler too.

use throughline::model::{AgentId, Scope};
use throughline::ports::{
    News, OPENING_ROWS_MAX, OPENING_TURN_BYTES_MAX, OPENING_TURNS_MAX, Opening, OpeningAsk, Prefix, Since,
};
use tokio_postgres::Client;

use crate::error::Fault;
use crate::scopes::{self, ScopeKey, limit, number, unsigned};
use crate::statement::{Reply, Statement, column};
use crate::transaction::Transaction;
use crate::{forget, identities, journal, models, profiles, search};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Statements sent so far, and their answers in the same order.
struct Answers(std::vec::IntoIter<Reply>);

impl Answers {
    fn next(&mut self) -> Result<Reply, Fault> {
        self.0.next().ok_or_else(|| Fault::Damaged("the server left an answer out".into()))
    }

    fn next_if(&mut self, wanted: bool) -> Result<Option<Reply>, Fault> {
        wanted.then(|| self.next()).transpose()
    }
}

/// See [`throughline::ports::OpeningStore::opening`].
pub(crate) async fn opening(client: &Client, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, Fault> {
    let key = ScopeKey::of(scope);
    let mut statements = vec![
        Statement::new(
            "SELECT generation, last_row, redactions, last_entry FROM throughline.scopes WHERE scope = $1",
        )
        .with(key.bytes()),
        models::all(),
    ];
    if !ask.chains.is_empty() {
        statements.push(journal::find_thread(&key, ask.session, ask.chains, ask.thread_max));
    }
    statements.extend(ask.session.map(|session| journal::find_head(&key, session)));
    if let Some(since) = ask.since {
        statements.push(new_rows(&key, since));
        statements.push(new_turns(&key, since));
    }
    if ask.prefix {
        let agent = scope.agent.as_ref().map_or("", AgentId::as_str);
        statements.push(identities::newest(scope.tenant(), agent));
        statements.push(profiles::find_slot_schema(scope.tenant()));
        statements.push(profiles::newest(&key));
    }
    if ask.tombstones {
        statements.push(forget::find_tombstones(&key));
    }

    let replies = Transaction::new(client, BEGIN).commit(statements).await?;
    let mut answers = Answers(replies.into_iter());
    let found = answers.next()?;
    let found = found.first();
    let models = models::read(&answers.next()?)?;
    let thread = answers.next_if(!ask.chains.is_empty())?;
    let head = answers.next_if(ask.session.is_some())?;
    let news = match ask.since {
        Some(since) => {
            let (rows, turns) = (answers.next()?, answers.next()?);
            let rows = rows.rows.iter().map(search::search_row).collect::<Result<Vec<_>, _>>()?;
            let turns = turns.rows.iter().map(journal::turn).collect::<Result<_, _>>()?;
            (rows.len() <= OPENING_ROWS_MAX).then_some(News { since, rows, turns })
        }
        None => None,
    };
    let prefix = if ask.prefix {
        let (identity, schema) = (answers.next()?, answers.next()?);
        Some(Prefix {
            identity: identities::read(&identity)?,
            slot_schema: profiles::read_slot_schema(&schema)?,
            profile: profiles::read(&answers.next()?)?,
            is_edited: false,
        })
    } else {
        None
    };
    let tombstones = answers.next_if(ask.tombstones)?.unwrap_or_default();
    let known = |reply: Option<Reply>| {
        reply.unwrap_or_default().rows.iter().map(journal::known_turn).collect::<Result<Vec<_>, Fault>>()
    };
    Ok(Opening {
        revision: found.map(|row| scopes::revision(row, 0)).transpose()?,
        models,
        ledger_end: found.map_or(Ok(0), |row| Ok::<_, Fault>(unsigned(column(row, 3)?)))?,
        thread: known(thread)?,
        head: known(head)?.pop(),
        // Rows of a scope that was never written to, or was erased, lead nowhere.
        news: news.filter(|_| found.is_some()),
        prefix,
        tombstones: forget::read_tombstones(&tombstones)?,
    })
}

/// One more than may come: then there are too many.
fn new_rows(key: &ScopeKey, since: Since) -> Statement<'_> {
    Statement::new(
        "SELECT number, turn, passage, session, body FROM throughline.search
         WHERE scope = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .with(key.bytes())
    .with(number(since.row).unwrap_or(i32::MAX))
    .with(limit(OPENING_ROWS_MAX + 1))
}

fn new_turns(key: &ScopeKey, since: Since) -> Statement<'_> {
    Statement::new(
        "SELECT generation, new.seq, session.name, new.parent, new.chain, new.role, new.time, new.recorded, new.body
         FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) AS bytes FROM (
             SELECT * FROM throughline.turns WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS next) AS new
         JOIN throughline.sessions AS session ON session.scope = $1 AND session.number = new.session
         JOIN throughline.scopes ON scopes.scope = $1
         WHERE new.bytes <= $4 ORDER BY new.seq",
    )
    .with(key.bytes())
    .with(number(since.turn).unwrap_or(i32::MAX))
    .with(limit(OPENING_TURNS_MAX))
    .with(limit(OPENING_TURN_BYTES_MAX))
}
