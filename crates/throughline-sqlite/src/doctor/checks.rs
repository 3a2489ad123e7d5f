//! Comparing the tables with one another: one query for each invariant, which finds the rows that break it.

use rusqlite::Connection;

use super::{Counts, RESTORE, Report, Severity};
use crate::error::Fault;

/// Examples of one kind of finding that are named; beyond, they are counted.
const EXAMPLES_MAX: usize = 5;

const REPORT_BUG: &str = "the store's own rules are broken: keep a copy of the directory and report it";

struct Check {
    /// What a row of the result means; `{}` stands for its value.
    what: &'static str,
    severity: Severity,
    remedy: &'static str,
    sql: &'static str,
}

const fn wrong(what: &'static str, sql: &'static str) -> Check {
    Check { what, severity: Severity::Error, remedy: REPORT_BUG, sql }
}

// Casts let SQLite join what it has just computed by an index instead of by trying all pairs.
const CHECKS: &[Check] = &[
    wrong(
        "rows of {}, a scope that is not there",
        "SELECT 'sessions ' || session FROM sessions WHERE scope NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'turns ' || turn FROM turns WHERE turn >> 32 NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'search ' || row FROM search WHERE row >> 32 NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'jobs ' || number FROM jobs WHERE session >> 32 NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'receipts ' || hex(id) FROM receipts WHERE scope NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'profiles ' || profile FROM profiles WHERE profile >> 32 NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'ledger ' || entry FROM ledger WHERE entry >> 32 NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'tombstones ' || hex(hash) FROM tombstones WHERE scope NOT IN (SELECT scope FROM scopes)
         UNION ALL SELECT 'idempotency ' || number FROM idempotency WHERE scope NOT IN (SELECT scope FROM scopes)",
    ),
    wrong(
        "scope and number disagree in {}",
        "SELECT 'turns ' || turn FROM turns WHERE turn >> 32 <> scope
         UNION ALL SELECT 'sessions ' || session FROM sessions WHERE session >> 32 <> scope
         UNION ALL SELECT 'idempotency ' || number FROM idempotency WHERE number >> 32 <> scope",
    ),
    wrong(
        "turns of scope {} do not count from 1 to its newest without a gap",
        "SELECT scopes.scope FROM scopes LEFT JOIN turns USING (scope) GROUP BY scopes.scope
         HAVING count(turn) <> last_turn OR coalesce(max(turn) & 0xffffffff, 0) <> last_turn",
    ),
    // The newest may have been taken out since: a number is never given twice.
    wrong(
        "scope {} counts its search rows wrongly",
        "SELECT scope FROM scopes WHERE last_row < coalesce(
         (SELECT max(row) & 0xffffffff FROM search WHERE row BETWEEN scope << 32 AND scope << 32 | 0xffffffff), 0)",
    ),
    wrong(
        "scope {} counts its sessions wrongly",
        "SELECT scopes.scope FROM scopes LEFT JOIN sessions USING (scope) GROUP BY scopes.scope
         HAVING count(session) <> last_session OR coalesce(max(session) & 0xffffffff, 0) <> last_session",
    ),
    wrong(
        "turn {} belongs to no session",
        "SELECT turn FROM turns WHERE (scope << 32 | session) NOT IN (SELECT session FROM sessions)",
    ),
    wrong(
        "session {} does not agree with its turns",
        "SELECT sessions.session FROM sessions LEFT JOIN
         (SELECT CAST(scope << 32 | session AS INTEGER) AS session, count(*) AS counted, min(turn) & 0xffffffff AS lowest,
          max(turn) & 0xffffffff AS highest, min(time) AS soonest, max(time) AS newest
          FROM turns GROUP BY 1) AS actual USING (session)
         WHERE (turns, first, head, earliest, latest) IS NOT (counted, lowest, highest, soonest, newest)",
    ),
    wrong(
        "turn {} lacks search rows, or has too many",
        "SELECT turns.turn FROM turns LEFT JOIN
         (SELECT CAST((row >> 32) << 32 | turn AS INTEGER) AS turn, count(*) AS counted, count(DISTINCT passage) AS different,
          max(passage) AS last FROM search GROUP BY 1) AS actual USING (turn)
         WHERE coalesce(counted, 0) <> passages OR coalesce(different, 0) <> passages OR coalesce(last, -1) <> passages - 1",
    ),
    wrong(
        "search row {} belongs to no turn, or to one of another session",
        "SELECT row FROM search LEFT JOIN turns ON turns.turn = ((row >> 32) << 32 | search.turn)
         WHERE turns.turn IS NULL OR turns.session <> search.session",
    ),
    wrong(
        "search row {} waits for a vector but is not there",
        "SELECT row FROM unread WHERE row NOT IN (SELECT row FROM search)",
    ),
    wrong(
        "search row {} is to be tidied but is not there",
        "SELECT row FROM outdated WHERE row NOT IN (SELECT row FROM search)",
    ),
    wrong(
        "rows wait for embedding model {}, which neither serves nor comes nor served before",
        "SELECT DISTINCT CAST(model AS TEXT) FROM unread WHERE model NOT IN (SELECT number FROM model_roles)
         AND (model <> 1 OR EXISTS (SELECT 1 FROM model_roles))",
    ),
    wrong(
        "the roles of the embedding models contradict each other at `{}`",
        "SELECT role FROM model_roles WHERE number NOT IN (SELECT number FROM embedding_models)
         OR role NOT IN ('serving', 'coming', 'previous')
         UNION ALL SELECT max(role) FROM model_roles GROUP BY number HAVING count(*) > 1
         UNION ALL SELECT max(role) FROM model_roles WHERE role <> 'serving' HAVING count(*) > 1
         UNION ALL SELECT max(role) FROM model_roles HAVING count(*) > 0 AND sum(role = 'serving') <> 1",
    ),
    wrong(
        "learning job {} names turns that are not there",
        "SELECT number FROM jobs
         LEFT JOIN turns AS first ON first.turn = ((jobs.session >> 32) << 32 | jobs.first)
         LEFT JOIN turns AS last ON last.turn = ((jobs.session >> 32) << 32 | jobs.last)
         WHERE jobs.first > jobs.last OR (first.session, last.session) IS NOT
         (jobs.session & 0xffffffff, jobs.session & 0xffffffff)",
    ),
    wrong(
        "learning job {} counts its turns wrongly, or is in a state that is none",
        "SELECT number FROM jobs WHERE turns > last - first + 1 OR turns < 1 OR state NOT IN (0, 1, 2, 3)",
    ),
    wrong(
        "scope {} has two learning jobs in a worker's hands at once",
        "SELECT session >> 32 FROM jobs WHERE state = 1 GROUP BY 1 HAVING count(*) > 1",
    ),
    wrong(
        "the ledger of scope {} does not count from 1 without a gap",
        "SELECT entry >> 32 FROM ledger GROUP BY 1 HAVING max(entry) & 0xffffffff <> count(*)",
    ),
    wrong(
        "ledger entry {} was recorded before the one before it",
        "SELECT later.entry FROM ledger AS earlier JOIN ledger AS later ON later.entry = earlier.entry + 1
         WHERE later.recorded < earlier.recorded",
    ),
    wrong(
        "what users spent on a day, {}, is more than what their tenant did",
        "SELECT day FROM user_usage AS spent GROUP BY tenant, day, stage
         HAVING sum(calls) > coalesce((SELECT calls FROM tenant_usage AS sums
         WHERE sums.tenant = spent.tenant AND sums.day = spent.day AND sums.stage = spent.stage), 0)",
    ),
    Check {
        what: "the store has {} secrets; it needs one to recognise its own context blocks and keys",
        severity: Severity::Error,
        remedy: RESTORE,
        sql: "SELECT count(*) FROM meta WHERE name = 'secret' AND length(value) = 32 HAVING count(*) <> 1",
    },
    Check {
        what: "an erasure (number {}) is not finished: traces may be left in the file",
        severity: Severity::Warning,
        remedy: "repeat the erasure, or open the store again, which finishes it; nothing to do if one is running",
        sql: "SELECT number FROM pending_scrubs",
    },
];

/// Runs every check.
pub(super) fn tables(report: &mut Report, connection: &Connection) -> Result<(), Fault> {
    for check in CHECKS {
        let mut statement = connection.prepare(check.sql)?;
        let mut rows = statement.query([])?;
        let mut found = 0_usize;
        while let Some(row) = rows.next()? {
            found += 1;
            if found <= EXAMPLES_MAX {
                let value = match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => named(number),
                    value => value.as_str().unwrap_or("?").to_owned(),
                };
                report.add(check.severity, check.what.replace("{}", &value), check.remedy);
            }
        }
        if found > EXAMPLES_MAX {
            let more = found - EXAMPLES_MAX;
            report.add(
                check.severity,
                format!("{more} more: {}", check.what.replace("{}", "…")),
                check.remedy,
            );
        }
    }
    Ok(())
}

/// A packed number shows its parts.
pub(super) fn named(number: i64) -> String {
    if number >> 32 == 0 {
        number.to_string()
    } else {
        format!("{} of scope {}", number & 0xffff_ffff, number >> 32)
    }
}

/// How much there is.
pub(super) fn counts(connection: &Connection) -> Result<Counts, Fault> {
    let count = |what: &str| connection.query_row(&format!("SELECT {what}"), [], |row| row.get::<_, u64>(0));
    let table = |table: &str| count(&format!("count(*) FROM {table}"));
    Ok(Counts {
        scopes: table("scopes")?,
        sessions: table("sessions")?,
        turns: table("turns")?,
        passages: table("search")?,
        unembedded: crate::embedding::unembedded_count(connection)?,
        outbox: crate::jobs::sessions(connection)?,
        receipts: table("receipts")?,
        file_bytes: count("page_count * page_size FROM pragma_page_count, pragma_page_size")?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn no_check_compares_every_row_with_every_other() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, Path::new("test.sqlite")).unwrap();
        for check in CHECKS {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", check.sql)).unwrap();
            let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            // A joined table is searched; only the first one of a query is scanned.
            for step in steps.map(Result::unwrap) {
                assert!(!(step.starts_with("SCAN") && step.contains("JOIN")), "{}: {step}", check.sql);
            }
        }
    }
}
