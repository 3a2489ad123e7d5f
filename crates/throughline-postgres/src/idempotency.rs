//! Idempotency keys: what a repeated append answers. Bounded for each scope by number and by age.

use throughline::model::Timestamp;
use throughline::ports::{AppendedTurn, Idempotency, StoreError};
use tokio_postgres::Row;

use crate::error::Fault;
use crate::scopes::{ScopeKey, next};
use crate::statement::{Statement, column, hash};

/// Keys a scope keeps, the newest.
const KEYS_MAX: i32 = 10_000;

/// How long a key is kept, in milliseconds: 30 days.
const AGE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;

/// Old keys that one append takes away at most, so that none of them pays for a long pause.
const EXPIRED_PER_APPEND_MAX: i64 = 16;

const TURN_BYTES: usize = 8;

/// Looks for the key, and for the number of the newest of all.
pub(crate) fn find<'a>(key: &'a ScopeKey, idempotency: Option<&'a Idempotency>) -> Option<Statement<'a>> {
    let statement = Statement::new(
        "SELECT coalesce(max(number), 0), (SELECT request FROM throughline.idempotency WHERE scope = $1 AND key = $2),
         (SELECT turns FROM throughline.idempotency WHERE scope = $1 AND key = $2)
         FROM throughline.idempotency WHERE scope = $1",
    );
    Some(statement.with(key.bytes()).with(idempotency?.key.as_bytes()))
}

/// What [`find`] found.
pub(crate) struct Found {
    newest: i32,
    /// What the append with this key did, if there was one.
    pub(crate) earlier: Option<Vec<AppendedTurn>>,
}

impl Found {
    pub(crate) fn read(row: &Row, idempotency: &Idempotency) -> Result<Self, Fault> {
        let newest = column(row, 0)?;
        let Some(turns) = column::<Option<&[u8]>>(row, 2)? else { return Ok(Self { newest, earlier: None }) };
        if hash(row, 1)? != idempotency.body {
            return Err(Fault::Store(StoreError::IdempotencyMismatch));
        }
        Ok(Self { newest, earlier: Some(decode(turns)) })
    }

    /// Keeps what this append did, and lets go of keys beyond the bounds.
    pub(crate) fn keep<'a>(
        &self,
        key: &'a ScopeKey,
        idempotency: &'a Idempotency,
        turns: &[AppendedTurn],
        now: Timestamp,
    ) -> Result<[Statement<'a>; 2], Fault> {
        let number = next(self.newest, "idempotency keys")?;
        let now = now.as_millisecond();
        Ok([
            insert(key, number, &idempotency.key, &idempotency.body, turns, now),
            Statement::new(
                "DELETE FROM throughline.idempotency WHERE scope = $1 AND (number <= $2 OR created < $3 AND number IN
                     (SELECT number FROM throughline.idempotency WHERE scope = $1 ORDER BY number LIMIT $4))",
            )
            .with(key.bytes())
            .with(number - KEYS_MAX)
            .with(now - AGE_MS_MAX)
            .with(EXPIRED_PER_APPEND_MAX),
        ])
    }
}

/// Writes a key under its number.
pub(crate) fn insert<'a>(
    scope: &'a ScopeKey,
    number: i32,
    key: &'a str,
    body: &'a [u8; 16],
    turns: &[AppendedTurn],
    created: i64,
) -> Statement<'a> {
    Statement::new(
        "INSERT INTO throughline.idempotency (scope, number, key, request, turns, created)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .with(scope.bytes())
    .with(number)
    .with(key.as_bytes())
    .with(&body[..])
    .with(encode(turns))
    .with(created)
}

fn encode(turns: &[AppendedTurn]) -> Vec<u8> {
    turns.iter().flat_map(|turn| (turn.seq << 1 | u64::from(turn.known)).to_le_bytes()).collect()
}

/// The turns a key's row lists.
pub(crate) fn decode(bytes: &[u8]) -> Vec<AppendedTurn> {
    let (turns, _) = bytes.as_chunks::<TURN_BYTES>();
    turns
        .iter()
        .map(|turn| {
            let number = u64::from_le_bytes(*turn);
            AppendedTurn { seq: number >> 1, known: number & 1 == 1 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_read_back_as_they_were_kept() {
        let turns = [AppendedTurn { seq: 7, known: true }, AppendedTurn { seq: 8, known: false }];
        assert_eq!(decode(&encode(&turns)), turns);
    }
}
