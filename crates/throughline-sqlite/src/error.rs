//! From SQLite's errors to the store's: each names the file and says what to do.

use std::path::Path;

use rusqlite::ffi::{self, ErrorCode};
use throughline::codec::CodecError;
use throughline::model::NameError;
use throughline::ports::StoreError;

/// What went wrong in an operation, before the file is named.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    /// A row that cannot be: a payload, name, role or time no version of this software writes.
    Damaged(String),
    /// Already in the caller's terms.
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
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
    /// In the caller's terms.
    pub(crate) fn at(self, file: &Path) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Damaged(what) => StoreError::Corrupt(format!(
                "{}: {what}; run `throughline doctor` on its directory",
                file.display()
            )),
            Self::Sqlite(error) => of_sqlite(&error, file),
        }
    }
}

fn of_sqlite(error: &rusqlite::Error, file: &Path) -> StoreError {
    let named = |hint: &str| format!("{}: {error}; {hint}", file.display());
    let Some(code) = error.sqlite_error_code() else {
        // Not SQLite itself: a column of another type than our schema has.
        return StoreError::Corrupt(named("run `throughline doctor` on its directory"));
    };
    match code {
        ErrorCode::DiskFull => {
            StoreError::Full(named("free disk space, or raise the store's size limit, and try again"))
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            StoreError::ReadOnly(named("give this user write permission on the file and its directory"))
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            StoreError::Corrupt(named(
                "run `throughline doctor` on its directory; restore the file from a backup",
            ))
        }
        ErrorCode::NotADatabase => StoreError::Corrupt(named(
            "it is no SQLite file, or its beginning was overwritten: move it away, or restore it from a backup",
        )),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Unavailable(named("another process holds its lock: try again"))
        }
        ErrorCode::CannotOpen => StoreError::Unavailable(named(
            "check that the directory exists and that this user may read and write it and the files in it",
        )),
        ErrorCode::SystemIoFailure => StoreError::Unavailable(named(
            "reading or writing the disk failed: check the disk and its limits",
        )),
        _ if error.sqlite_error().is_some_and(|e| e.code == ErrorCode::OutOfMemory) => {
            StoreError::Unavailable(named("there is no memory left"))
        }
        _ => StoreError::Unavailable(named("try again, and report it if it stays")),
    }
}

/// Whether this is only another process's lock.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error(),
        Some(ffi::Error { code: ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, .. })
    )
}
