//! Idempotency keys: what a repeated append answers. Bounded for each scope by number and by age.

use rusqlite::{Connection, OptionalExtension, params};
use throughline::model::Timestamp;
use throughline::ports::{AppendedTurn, Idempotency, StoreError};

use crate::error::Fault;
use crate::number::{ScopeNumber, next, within};

/// Keys a scope keeps, the newest.
const KEYS_MAX: u32 = 10_000;

/// How long a key is kept, in milliseconds: 30 days.
const AGE_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;

/// Old keys that one append takes away at most, so that none of them pays for a long pause.
const EXPIRED_PER_APPEND_MAX: u32 = 16;

const TURN_BYTES: usize = 8;

/// What the append with this key did, if there was one.
pub(crate) fn earlier(
    connection: &Connection,
    scope: ScopeNumber,
    idempotency: &Idempotency,
) -> Result<Option<Vec<AppendedTurn>>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT request, turns FROM idempotency WHERE scope = ? AND key = ?")?;
    let found: Option<([u8; 16], Vec<u8>)> = statement
        .query_row(params![scope.0, idempotency.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        None => Ok(None),
        Some((request, _)) if request != idempotency.body => {
            Err(Fault::Store(StoreError::IdempotencyMismatch))
        }
        Some((_, turns)) => Ok(Some(decode(&turns))),
    }
}

/// Keeps what this append did, and lets go of keys beyond the bounds.
pub(crate) fn keep(
    connection: &Connection,
    scope: ScopeNumber,
    idempotency: &Idempotency,
    turns: &[AppendedTurn],
    now: Timestamp,
) -> Result<(), Fault> {
    let [lowest, highest] = scope.keys();
    let mut statement =
        connection.prepare_cached("SELECT max(number) FROM idempotency WHERE number BETWEEN ? AND ?")?;
    let newest: Option<i64> = statement.query_row([lowest, highest], |row| row.get(0))?;
    let number = next(newest.map_or(0, within), "idempotency keys")?;
    let now = now.as_millisecond();
    let mut statement = connection.prepare_cached(
        "INSERT INTO idempotency (number, scope, key, request, turns, created) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    statement.execute(params![
        scope.key(number),
        scope.0,
        idempotency.key,
        idempotency.body,
        encode(turns),
        now
    ])?;

    let mut statement = connection.prepare_cached("DELETE FROM idempotency WHERE number BETWEEN ? AND ?")?;
    statement.execute([lowest, scope.key(number.saturating_sub(KEYS_MAX))])?;
    let mut statement = connection.prepare_cached(
        "DELETE FROM idempotency WHERE created < ?1 AND number IN
         (SELECT number FROM idempotency WHERE number BETWEEN ?2 AND ?3 ORDER BY number LIMIT ?4)",
    )?;
    statement.execute(params![now - AGE_MS_MAX, lowest, highest, EXPIRED_PER_APPEND_MAX])?;
    Ok(())
}

pub(crate) fn encode(turns: &[AppendedTurn]) -> Vec<u8> {
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
    use std::path::Path;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn key(number: u32) -> Idempotency {
        Idempotency { key: format!("key {number}"), body: [1; 16] }
    }

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, Path::new("test.sqlite")).unwrap();
        connection
    }

    #[test]
    fn turns_read_back_as_they_were_kept() {
        let turns = [AppendedTurn { seq: 7, known: true }, AppendedTurn { seq: 8, known: false }];
        assert_eq!(decode(&encode(&turns)), turns);
    }

    #[test]
    fn only_the_newest_keys_are_kept() {
        let connection = database();
        let scope = ScopeNumber(3);
        for number in 0..=KEYS_MAX {
            keep(&connection, scope, &key(number), &[], at(0)).unwrap();
        }
        assert_eq!(earlier(&connection, scope, &key(0)).unwrap(), None);
        assert_eq!(earlier(&connection, scope, &key(1)).unwrap(), Some(vec![]));
        assert_eq!(earlier(&connection, scope, &key(KEYS_MAX)).unwrap(), Some(vec![]));
    }

    #[test]
    fn a_key_older_than_a_month_is_let_go() {
        let connection = database();
        let (scope, other) = (ScopeNumber(3), ScopeNumber(4));
        keep(&connection, scope, &key(0), &[], at(0)).unwrap();
        keep(&connection, other, &key(0), &[], at(0)).unwrap();
        keep(&connection, scope, &key(1), &[], at(AGE_MS_MAX + 1)).unwrap();
        assert_eq!(earlier(&connection, scope, &key(0)).unwrap(), None);
        assert_eq!(earlier(&connection, other, &key(0)).unwrap(), Some(vec![]));
    }
}
