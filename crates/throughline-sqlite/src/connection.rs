//! Opening the file: who may read it, how SQLite is set up, and what to say when it cannot be opened.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use throughline::ports::StoreError;

use crate::error::{Fault, is_busy};
use crate::options::SqliteOptions;
use crate::schema::{self, FileKind};

/// The store's file in the data directory. SQLite puts a `-wal` and a `-shm` beside it.
pub const FILE_NAME: &str = "throughline.sqlite";

/// A page holds about twenty passages; larger pages are cheaper to write in groups and to read in a row.
pub(crate) const PAGE_BYTES: u32 = 8192;

const STATEMENTS_CACHED: usize = 64;
const WRITER_CACHE_KIB: i64 = 32 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Makes directory and file where they are missing, readable by their owner alone. SQLite gives the files beside it
/// the same mode.
pub(crate) fn prepare(directory: &Path) -> Result<PathBuf, StoreError> {
    let refused = |what: &str, path: &Path, error: &std::io::Error| {
        let path = path.display();
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(format!(
                "{what} {path} cannot be made: {error}; give this user write permission there or choose another data directory"
            )),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(format!(
                "{what} {path} cannot be made: {error}; free disk space or choose another data directory"
            )),
            _ => StoreError::Unavailable(format!(
                "{what} {path} cannot be made: {error}; choose another data directory"
            )),
        }
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| refused("the directory", directory, &error))?;

    let file = directory.join(FILE_NAME);
    let mut options = OpenOptions::new();
    // Never opens a file that is there: closing it again would drop the locks of a store open in this process.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&file) {
        Ok(_) => Ok(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(file),
        Err(error) => Err(refused("the file", &file, &error)),
    }
}

/// The connection that writes, with the newest schema in place.
pub(crate) fn writer(file: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let mut connection = connect(file, options, WRITER_CACHE_KIB)?;
    if connection.is_readonly("main")? {
        return Err(Fault::Store(StoreError::ReadOnly(format!(
            "{} may only be read by this user; give it write permission on the file and its directory",
            file.display()
        ))));
    }
    // Before anything is changed: another program's file stays as it is.
    let kind = schema::file_kind(&connection)?;
    schema::known(kind, file, schema::newest())?;
    if kind == FileKind::Empty {
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    }
    write_ahead(&connection, options.busy_wait_max)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
    // A log that grew under a long read shrinks again.
    let log_bytes = i64::from(options.checkpoint_pages) * i64::from(PAGE_BYTES);
    connection.pragma_update(None, "journal_size_limit", log_bytes)?;
    if let Some(bytes) = options.file_bytes_max {
        let pages = i64::try_from(bytes / u64::from(PAGE_BYTES)).unwrap_or(i64::MAX).max(1);
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    schema::migrate(&mut connection, file)?;
    Ok(connection)
}

/// A connection that can only read.
pub(crate) fn reader(file: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let connection = connect(file, options, READER_CACHE_KIB)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn connect(file: &Path, options: &SqliteOptions, cache_kib: i64) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(options.busy_wait_max)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // Nobody's words in temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// Switches the file to a write-ahead log. SQLite does not wait for another process that is just doing the same,
/// so this does.
fn write_ahead(connection: &Connection, wait_max: Duration) -> Result<(), Fault> {
    let begun = Instant::now();
    loop {
        let switched =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Fault::Store(StoreError::Unavailable(format!(
                    "SQLite stays in journal mode `{mode}`: this file system cannot share memory between processes; choose a data directory on a local disk"
                ))));
            }
            Err(error) if is_busy(&error) && begun.elapsed() < wait_max => std::thread::sleep(RETRY_PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
}
