//! The schema and its migrations: numbered SQL files, each applied in one transaction and never changed once released.

use std::path::Path;

use rand::RngCore;
use rusqlite::{Connection, TransactionBehavior};
use throughline::ports::StoreError;

use crate::error::Fault;

/// Marks the file as ours: `Thrl`.
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Thrl");

const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_journal.sql"),
    include_str!("schema/002_model_switch.sql"),
    include_str!("schema/003_learning.sql"),
    include_str!("schema/004_usage.sql"),
    include_str!("schema/005_copy.sql"),
    include_str!("schema/006_rates.sql"),
];

/// What a file is, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Nothing in it yet.
    Empty,
    /// A store with this schema.
    Store(u32),
    /// Some other program's.
    Foreign,
}

/// The schema this code writes.
pub(crate) fn newest() -> u32 {
    count(MIGRATIONS)
}

fn count(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

/// Looks at the header and the list of tables, in one view: another process may be making the file. Changes nothing.
pub(crate) fn file_kind(connection: &Connection) -> Result<FileKind, rusqlite::Error> {
    if connection.is_autocommit() {
        return file_kind(&*connection.unchecked_transaction()?);
    }
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, u32::try_from(version), tables) {
        (APPLICATION_ID, Ok(version @ 1..), 1..) => FileKind::Store(version),
        (0, Ok(0), 0) => FileKind::Empty,
        _ => FileKind::Foreign,
    })
}

/// Brings the file to the newest schema. Several processes may do so at once: each step looks again, inside its
/// transaction, whether it is still to be done.
pub(crate) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), Fault> {
    migrate_with(connection, file, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, file: &Path, migrations: &[&str]) -> Result<(), Fault> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = known(file_kind(&transaction)?, file, count(migrations))?;
        let Some(sql) = usize::try_from(found).ok().and_then(|found| migrations.get(found)) else {
            return Ok(());
        };
        transaction.execute_batch(sql)?;
        if found == 0 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            let mut secret = [0_u8; 32];
            rand::rng().fill_bytes(&mut secret);
            transaction.execute("INSERT INTO meta (name, value) VALUES ('secret', ?)", [&secret[..]])?;
        }
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
        tracing::info!(file = %file.display(), schema = found + 1, "store schema written");
    }
}

/// The schema of a file that this code can work with; an empty one has schema 0.
pub(crate) fn known(kind: FileKind, file: &Path, newest: u32) -> Result<u32, StoreError> {
    match kind {
        FileKind::Empty => Ok(0),
        FileKind::Store(found) if found <= newest => Ok(found),
        FileKind::Store(found) => {
            Err(StoreError::NewerSchema { store: file.display().to_string(), found, known: newest })
        }
        FileKind::Foreign => Err(StoreError::Corrupt(format!(
            "{} is another program's SQLite file; move it away or choose another data directory",
            file.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use throughline::model::TenantId;
    use throughline::ports::JobState;

    use super::*;

    const FIRST: &str = "CREATE TABLE meta (name TEXT, value BLOB)";

    fn migrated(connection: &mut Connection, migrations: &[&str]) -> Result<(), Fault> {
        migrate_with(connection, Path::new("test.sqlite"), migrations)
    }

    #[test]
    fn an_older_schema_is_brought_to_the_newest_step_by_step() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrated(&mut connection, &[FIRST]).unwrap();
        let later = [FIRST, "CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"];
        migrated(&mut connection, &later).unwrap();
        connection.execute("INSERT INTO a (x, y) VALUES (1, 2)", []).unwrap();
        assert_eq!(file_kind(&connection).unwrap(), FileKind::Store(3));
    }

    #[test]
    fn a_file_that_another_process_is_making_is_never_taken_for_a_strangers() {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let file = directory.path().join(round.to_string());
            let connect = || {
                let connection = Connection::open(&file).unwrap();
                connection.busy_timeout(std::time::Duration::from_mins(1)).unwrap();
                connection
            };
            let mut making = connect();
            making.pragma_update(None, "journal_mode", "WAL").unwrap();
            let looking = connect();
            std::thread::scope(|threads| {
                let maker = threads.spawn(move || migrated(&mut making, MIGRATIONS).unwrap());
                while !maker.is_finished() {
                    assert_ne!(file_kind(&looking).unwrap(), FileKind::Foreign);
                }
            });
            assert_eq!(file_kind(&looking).unwrap(), FileKind::Store(newest()));
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_schema_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert!(migrated(&mut connection, &[FIRST, "CREATE TABLE a (x); CREATE TABLE a (x)"]).is_err());
        assert_eq!(file_kind(&connection).unwrap(), FileKind::Store(1));
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn what_waited_for_a_vector_in_schema_1_waits_for_the_model_that_served() {
        for (models, serving) in
            [("", None), ("INSERT INTO embedding_models VALUES (1, 'a', 3), (2, 'b', 4)", Some("b"))]
        {
            let mut connection = Connection::open_in_memory().unwrap();
            migrated(&mut connection, &MIGRATIONS[..1]).unwrap();
            connection.execute_batch("INSERT INTO unembedded VALUES (7), (9)").unwrap();
            connection.execute_batch(models).unwrap();
            migrated(&mut connection, MIGRATIONS).unwrap();
            let found = crate::models::models(&connection).unwrap();
            assert_eq!(found.serving.as_ref().map(|known| known.model.name.as_str()), serving);
            assert_eq!((&found.coming, &found.previous), (&None, &None));
            assert_eq!(crate::embedding::unembedded_count(&connection).unwrap(), 2);
        }
    }

    #[test]
    fn a_session_that_waited_in_schema_2_is_a_waiting_job() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrated(&mut connection, &MIGRATIONS[..2]).unwrap();
        // Turns 3 and 5 of session 2 wait, written at 30 and 50; turn 4 is another session's.
        connection
            .execute_batch(
                "INSERT INTO scopes (scope, tenant, user, agent, app, run, generation) VALUES (1, 't', 'u', '', '', '', 7);
                 CREATE TEMP TABLE numbers (number, session);
                 INSERT INTO numbers VALUES (1, 1), (2, 2), (3, 2), (4, 1), (5, 2);
                 INSERT INTO sessions SELECT (1 << 32) + session, 1, 's' || session, 1, 1, 5, 0, 0
                 FROM numbers GROUP BY session;
                 INSERT INTO turns SELECT (1 << 32) + number, 1, session, NULL, CAST(number AS BLOB), x'', 0, 0, number * 10, 0, x''
                 FROM numbers;
                 INSERT INTO outbox VALUES ((1 << 32) + 2, 3, 5)",
            )
            .unwrap();
        migrated(&mut connection, MIGRATIONS).unwrap();
        let jobs = crate::jobs::jobs(&connection, &TenantId::new("t").unwrap(), 0, 10).unwrap();
        let [job] = &jobs[..] else { panic!("{jobs:?}") };
        assert_eq!((job.session.as_str(), job.turns, job.state), ("s2", (3, 5), JobState::Waiting));
        assert_eq!((job.created.as_millisecond(), job.due.as_millisecond()), (30, 30));
        let (turns, newest): (u32, i64) = connection
            .query_row("SELECT turns, newest FROM jobs", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((turns, newest), (2, 50));
    }

    #[test]
    fn a_newer_schema_is_refused_by_name() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrated(&mut connection, &[FIRST, "CREATE TABLE a (x)"]).unwrap();
        let error = migrated(&mut connection, &[FIRST]).unwrap_err().at(Path::new("test.sqlite"));
        assert_eq!(error, StoreError::NewerSchema { store: "test.sqlite".into(), found: 2, known: 1 });
    }
}
