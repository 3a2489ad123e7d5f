//! Examines a data directory: is the file whole, and does what is in it hold together?
//!
//! Never writes, and never fails: what keeps it from looking is itself a finding. How the report is shown is left
//! to the caller.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use throughline::ports::EmbeddingModels;

use crate::connection::FILE_NAME;
use crate::error::Fault;
use crate::models;
use crate::schema::{self, FileKind};

mod chains;
mod checks;

/// How long to wait for a lock of a running process.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Lines of SQLite's own integrity check that are reported.
const INTEGRITY_LINES_MAX: u32 = 20;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost or wrong, but somebody should look.
    Warning,
    /// Something is missing, damaged or contradicts the rest.
    Error,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, with its place.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Scopes.
    pub scopes: u64,
    /// Conversations.
    pub sessions: u64,
    /// Turns of the journal.
    pub turns: u64,
    /// Search rows.
    pub passages: u64,
    /// Search rows that wait for a vector of the model that comes, or of the one that serves if none comes.
    pub unembedded: u64,
    /// Sessions that wait to be learned from.
    pub outbox: u64,
    /// Receipts.
    pub receipts: u64,
    /// Size of the file, without its log.
    pub file_bytes: u64,
}

/// What the examination found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file examined.
    pub file: PathBuf,
    /// Its schema, where it could be read.
    pub schema: Option<u32>,
    /// How much is in it, where it could be counted.
    pub counts: Option<Counts>,
    /// The embedding models, where they could be read.
    pub models: Option<EmbeddingModels>,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is damaged; there may be warnings.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }

    fn add(&mut self, severity: Severity, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { severity, what: what.into(), remedy: remedy.into() });
    }

    fn error(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Error, what, remedy);
    }

    fn warning(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, what, remedy);
    }

    /// A step that could not be done.
    fn unreadable(&mut self, step: &str, fault: Fault) {
        let what = format!("{step}: {}", fault.at(&self.file.clone()));
        self.error(what, RESTORE);
    }
}

const RESTORE: &str = "stop every process that uses the directory, keep a copy of it, and restore the last backup; \
    what still reads can be saved by SQLite's `.recover`";

/// Examines the data directory, which other processes may be using.
pub fn doctor(directory: &Path) -> Report {
    let file = directory.join(FILE_NAME);
    let mut report =
        Report { file: file.clone(), schema: None, counts: None, models: None, findings: Vec::new() };
    match std::fs::metadata(&file) {
        Ok(metadata) if metadata.len() == 0 => {
            report.warning(
                format!("{} is empty", file.display()),
                "nothing to do if the store was just made; if it held memory, restore the last backup",
            );
            return report;
        }
        Ok(metadata) => modes(&mut report, directory, &metadata),
        Err(error) => {
            report.error(
                format!("{}: {error}", file.display()),
                "check the data directory's name; `throughline serve` makes a new store",
            );
            return report;
        }
    }
    let connection = match open(&file) {
        Ok(connection) => connection,
        Err(fault) => {
            report.unreadable("the file cannot be opened", fault);
            return report;
        }
    };
    match schema::file_kind(&connection) {
        Ok(FileKind::Store(found)) if found == schema::newest() => report.schema = Some(found),
        Ok(FileKind::Store(found)) if found < schema::newest() => {
            report.schema = Some(found);
            report.warning(
                format!("{} has schema {found}, this version writes {}", file.display(), schema::newest()),
                "open the store once with this version, which brings it to the newest schema, and examine it again",
            );
            return report;
        }
        Ok(kind) => {
            match schema::known(kind, &file, schema::newest()) {
                Ok(_) => report.warning(format!("{} has no tables", file.display()), "open the store once"),
                Err(error) => report.unreadable("it cannot be examined", error.into()),
            }
            return report;
        }
        Err(error) => {
            report.unreadable("the header cannot be read", error.into());
            return report;
        }
    }
    examine(&mut report, &connection);
    report
}

fn open(file: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

fn examine(report: &mut Report, connection: &Connection) {
    // One view for everything: a running process may go on writing.
    if let Err(error) = connection.execute_batch("BEGIN") {
        return report.unreadable("no consistent view can be had", error.into());
    }
    if let Err(fault) = integrity(report, connection) {
        return report.unreadable("SQLite's integrity check stopped", fault);
    }
    // The tables can be read: now whether they agree.
    match checks::counts(connection) {
        Ok(counts) => report.counts = Some(counts),
        Err(fault) => report.unreadable("the rows cannot be counted", fault),
    }
    match models::models(connection) {
        Ok(models) => report.models = Some(models),
        Err(fault) => report.unreadable("the embedding models cannot be read", fault),
    }
    if let Err(fault) = checks::tables(report, connection) {
        report.unreadable("the tables cannot be compared", fault);
    }
    if let Err(fault) = chains::journal(report, connection) {
        report.unreadable("the journal cannot be read through", fault);
    }
}

fn integrity(report: &mut Report, connection: &Connection) -> Result<(), Fault> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({INTEGRITY_LINES_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.error(format!("SQLite: {line}"), RESTORE);
        }
    }
    Ok(())
}

/// Memory is private: others on this machine should not be able to read it.
#[cfg(unix)]
fn modes(report: &mut Report, directory: &Path, file: &std::fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;

    let directory_open = std::fs::metadata(directory).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    if directory_open && file.permissions().mode() & 0o077 != 0 {
        let path = report.file.display().to_string();
        report.warning(format!("{path} can be read by other users"), format!("chmod 600 {path}"));
    }
}

#[cfg(not(unix))]
fn modes(_report: &mut Report, _directory: &Path, _file: &std::fs::Metadata) {}
