//! From Postgres's errors to the store's, and which of them are worth another try.

use throughline::codec::CodecError;
use throughline::model::NameError;
use throughline::ports::{StoreError, Transit};
use tokio_postgres::error::SqlState;

/// What our functions `expect_in_use` and `expect_filling` refuse with.
const IN_TRANSIT: &str = "TL001";
const NOT_FILLING: &str = "TL002";

/// What went wrong in an operation, before the store is named.
#[derive(Debug)]
pub(crate) enum Fault {
    Postgres(tokio_postgres::Error),
    /// A row that cannot be: a payload, name, role or time no version of this software writes.
    Damaged(String),
    /// Somebody was faster; the operation finds another state when it is done again.
    Again,
    /// Already in the caller's terms.
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl Fault {
    /// The operation had no effect and may have one when it is done again at once.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Again => true,
            Self::Postgres(error) => error.code().is_some_and(|code| {
                *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
            }),
            Self::Damaged(_) | Self::Store(_) => false,
        }
    }

    /// The connection is of no use any more; what it was asked for may or may not have happened.
    pub(crate) fn is_lost_connection(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        match error.code() {
            // Shutdown, crash, starting up, or a primary that has become a standby.
            Some(code) => {
                [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
                    .contains(code)
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                    || code.code().starts_with("08")
            }
            None => error.is_closed() || io_error(error).is_some(),
        }
    }

    /// Whether a unique index refused a row.
    pub(crate) fn violates(&self, index: &str) -> bool {
        let Self::Postgres(error) = self else { return false };
        error.as_db_error().is_some_and(|error| {
            *error.code() == SqlState::UNIQUE_VIOLATION && error.constraint() == Some(index)
        })
    }

    /// In the caller's terms; `place` is the store without credentials.
    pub(crate) fn at(self, place: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Damaged(what) => StoreError::Corrupt(format!("{place}: {what}; restore it from a backup")),
            Self::Again => {
                StoreError::Unavailable(format!("{place}: others keep changing the same memory; try again"))
            }
            Self::Postgres(error) => of_postgres(&error, place),
        }
    }
}

fn io_error(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

/// What happened, without the `DETAIL` of the server, which repeats rows.
fn what_happened(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn of_postgres(error: &tokio_postgres::Error, place: &str) -> StoreError {
    let named = |hint: &str| format!("{place}: {}; {hint}", what_happened(error));
    let Some(code) = error.code() else {
        return if io_error(error).is_some() || error.is_closed() {
            StoreError::Unavailable(named("check that the server runs and can be reached, and try again"))
        } else {
            // A column of another type than our schema has, or a handshake that failed.
            StoreError::Unavailable(named("check the URL, TLS (`sslmode`) and that the server is Postgres"))
        };
    };
    if [SqlState::DISK_FULL, SqlState::CONFIGURATION_LIMIT_EXCEEDED].contains(code) {
        return StoreError::Full(named("free disk space on the server and try again"));
    }
    if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(code) {
        return StoreError::ReadOnly(named(
            "it must be the primary, and the role needs rights on the schema `throughline`: see docs/postgres.md",
        ));
    }
    if [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_COLUMN].contains(code) {
        return StoreError::Corrupt(named(
            "tables of the store are gone; restore the database from a backup",
        ));
    }
    match code.code() {
        IN_TRANSIT => {
            return Transit::parse(&what_happened(error))
                .map_or_else(|error| error, |transit| transit.refusal());
        }
        NOT_FILLING => return StoreError::Conflict,
        _ => {}
    }
    match &code.code()[..2] {
        "23" | "XX" => StoreError::Corrupt(named("restore the database from a backup, and report it")),
        "28" => StoreError::Unavailable(named("check user and password")),
        "3D" => StoreError::Unavailable(named("make the database first: `createdb`")),
        "57" | "55" => StoreError::Unavailable(named("the server is busy or stopping: try again")),
        "53" => StoreError::Unavailable(named("the server has too little memory or too few connections")),
        "40" => StoreError::Unavailable(named("others keep changing the same memory; try again")),
        _ => StoreError::Unavailable(named("try again, and report it if it stays")),
    }
}
