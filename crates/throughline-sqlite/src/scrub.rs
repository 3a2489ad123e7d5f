//! Wiping from the file what an erasure or forgetting leaves behind.
//!
//! `secure_delete` overwrites each deleted cell and freed page with zeros, but when SQLite spreads cells over sibling
//! pages (`rebuildPage` in its b-tree) a page keeps, in the gap between its cell pointers and its cells, old bytes
//! of cells that moved away. Such a stray copy of a user's words is not deleted when the user is. So after an
//! erasure every page is looked at and its gap zeroed, through SQLite's own page table `sqlite_dbpage` and hence in
//! ordinary transactions; then the log is moved into the file and cut to nothing. The cost is one read of the file,
//! and a write of the pages that had something in their gap; other writes go on in between.
//!
//! SQLite has that table only if built with `SQLITE_ENABLE_DBPAGE_VTAB` (this workspace's `.cargo/config.toml` sees
//! to it). Without, the file is rewritten by `VACUUM`: the same result, but the whole file is written, twice, and
//! no other write goes on meanwhile.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use throughline::ports::StoreError;

use crate::error::Fault;
use crate::writer::Writer;

/// Pages looked at in one operation of the writer: 4 MiB, a few milliseconds.
const PAGES_PER_STEP: u32 = 512;

/// The first page number whose high byte could make an overflow page look like one of a b-tree. Files of 256 GiB.
const PAGES_TOLD_APART_MAX: u32 = 0x0200_0000;

const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How the file is wiped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Gap by gap.
    Pages,
    /// By rewriting it.
    Vacuum,
}

/// Notes that the file is to be scrubbed: the note survives a crash between taking rows away and that.
pub(crate) fn note(connection: &Connection) -> Result<i64, Fault> {
    connection.execute("INSERT INTO pending_scrubs DEFAULT VALUES", [])?;
    Ok(connection.last_insert_rowid())
}

/// The newest note of an erasure that is not finished.
pub(crate) fn pending(connection: &Connection) -> Result<Option<i64>, Fault> {
    Ok(connection.query_row("SELECT max(number) FROM pending_scrubs", [], |row| row.get(0))?)
}

/// What this build of SQLite and this file allow.
pub(crate) fn means(connection: &Connection) -> Result<Means, Fault> {
    let has_pages: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'sqlite_dbpage')",
        [],
        |row| row.get(0),
    )?;
    Ok(if has_pages && page_count(connection)? < PAGES_TOLD_APART_MAX { Means::Pages } else { Means::Vacuum })
}

fn page_count(connection: &Connection) -> Result<u32, Fault> {
    Ok(connection.pragma_query_value(None, "page_count", |row| row.get(0))?)
}

/// Finishes the erasure with this note and those noted before it: when it returns, no file of the store holds what they
/// took away.
pub(crate) fn finish(writer: &Writer, means: Means, note: i64, wait_max: Duration) -> Result<(), StoreError> {
    match means {
        Means::Pages => {
            let pages = writer.write(page_count)?;
            // Page 1 holds the names of tables and nobody's words.
            let mut first = 2;
            while first <= pages {
                let last = pages.min(first + PAGES_PER_STEP - 1);
                writer.write(move |connection| clear_gaps(connection, first..=last))?;
                first = last + 1;
            }
        }
        Means::Vacuum => writer.alone(|connection| Ok(connection.execute_batch("VACUUM")?))?,
    }
    cut_log(writer, wait_max)?;
    writer.write(move |connection| {
        connection.execute("DELETE FROM pending_scrubs WHERE number <= ?", [note])?;
        Ok(())
    })
}

/// Moves the log into the file and cuts it to nothing. Readers that still look at the log are waited for.
fn cut_log(writer: &Writer, wait_max: Duration) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        let busy: bool = writer.alone(|connection| {
            Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?)
        })?;
        if !busy {
            return Ok(());
        }
        if begun.elapsed() >= wait_max {
            return Err(StoreError::Unavailable(
                "the rows are gone, but a reader keeps the log from being cut; repeat the erasure".into(),
            ));
        }
        std::thread::sleep(RETRY_PAUSE);
    }
}

fn clear_gaps(connection: &Connection, pages: RangeInclusive<u32>) -> Result<(), Fault> {
    let mut read = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?")?;
    let mut write = connection.prepare_cached("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?")?;
    for number in pages {
        let mut rows = read.query([number])?;
        let Some(row) = rows.next()? else { break };
        let cleared = clear_gap(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
        drop(rows);
        if let Some(page) = cleared {
            write.execute(params![page, number])?;
        }
    }
    Ok(())
}

/// The page without what its gap held; none if it is no b-tree page or its gap is clean.
/// Layout: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.
fn clear_gap(page: &[u8]) -> Option<Vec<u8>> {
    const CELLS: usize = 3;
    const CONTENT: usize = 5;
    let header_bytes = match page.first()? {
        2 | 5 => 12,
        10 | 13 => 8,
        _ => return None,
    };
    let number =
        |at: usize| page.get(at..at + 2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])));
    let from = header_bytes + 2 * number(CELLS)?;
    let to = match number(CONTENT)? {
        0 => 65_536,
        to => to,
    };
    let gap = page.get(from..to)?;
    if gap.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut cleared = page.to_vec();
    cleared[from..to].fill(0);
    Some(cleared)
}
