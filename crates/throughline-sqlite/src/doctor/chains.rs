//! Reading the journal through: every payload can be read, every hash is the hash of what it stands for (or stood for,
//! where words were forgotten), every turn follows an older one of its session.

use rusqlite::{Connection, OptionalExtension, Row};
use throughline::codec::{decode_entry, decode_profile, decode_receipt, decode_turn};
use throughline::model::{Act, ChainHash, MessageHash};

use super::checks::named;
use super::{RESTORE, Report};
use crate::error::Fault;
use crate::journal::role;
use crate::number::ScopeNumber;

/// Damaged rows that are named; a file with more is beyond telling them apart.
const DAMAGED_MAX: usize = 20;

/// Goes through turns, profiles, the ledger and receipts.
pub(super) fn journal(report: &mut Report, connection: &Connection) -> Result<(), Fault> {
    let mut damaged = 0;
    let mut check = |what: String, result: Result<(), String>| {
        if let Err(why) = result {
            damaged += 1;
            if damaged <= DAMAGED_MAX {
                report.error(format!("{what}: {why}"), RESTORE);
            }
        }
    };
    let mut parents = connection.prepare("SELECT chain, session FROM turns WHERE turn = ?")?;
    let mut parent_of = |turn: i64, parent: u32| {
        let key = ScopeNumber::of(turn).key(parent);
        parents.query_row([key], |row| Ok((ChainHash(row.get(0)?), row.get(1)?))).optional()
    };
    let mut statement = connection.prepare(
        "SELECT turn, session, parent, chain, message, role, body, redacted FROM turns ORDER BY turn",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        check(format!("turn {}", named(key)), turn(row, key, &mut parent_of));
    }

    let mut statement = connection.prepare("SELECT profile, body FROM profiles")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let profile = decode_profile(&row.get::<_, Vec<u8>>(1)?);
        check(format!("profile {}", named(row.get(0)?)), profile.map(|_| ()).map_err(|e| e.to_string()));
    }

    let mut statement = connection.prepare("SELECT entry, claim, body FROM ledger")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (claim, body): (Option<[u8; 16]>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        check(format!("ledger entry {}", named(row.get(0)?)), entry(claim, &body));
    }

    let mut statement = connection.prepare("SELECT hex(id), id, body FROM receipts")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, body): ([u8; 16], Vec<u8>) = (row.get(1)?, row.get(2)?);
        let receipt = match decode_receipt(&body) {
            Ok(receipt) if *receipt.id.0.as_bytes() == id => Ok(()),
            Ok(receipt) => Err(format!("its body is that of {}", receipt.id)),
            Err(error) => Err(error.to_string()),
        };
        check(format!("receipt {}", row.get::<_, String>(0)?), receipt);
    }

    if damaged > DAMAGED_MAX {
        report.error(format!("{} more rows are damaged", damaged - DAMAGED_MAX), RESTORE);
    }
    Ok(())
}

fn entry(claim: Option<[u8; 16]>, body: &[u8]) -> Result<(), String> {
    let (_, act) = decode_entry(body).map_err(|error| error.to_string())?;
    let said = match &act {
        Act::Claimed(claim) => Some(*claim.id.0.as_bytes()),
        _ => None,
    };
    if said == claim { Ok(()) } else { Err("it is not found by its claim".into()) }
}

fn turn(
    row: &Row<'_>,
    key: i64,
    parent_of: &mut impl FnMut(i64, u32) -> rusqlite::Result<Option<(ChainHash, u32)>>,
) -> Result<(), String> {
    let broken = |error: rusqlite::Error| error.to_string();
    let session: u32 = row.get(1).map_err(broken)?;
    let parent: Option<u32> = row.get(2).map_err(broken)?;
    let chain = ChainHash(row.get(3).map_err(broken)?);
    let message = MessageHash(row.get(4).map_err(broken)?);
    let role = role(row.get(5).map_err(broken)?).map_err(|_| "it has no known role".to_owned())?;
    let body: Vec<u8> = row.get(6).map_err(broken)?;
    let redacted: bool = row.get(7).map_err(broken)?;

    let body = decode_turn(&body).map_err(|error| error.to_string())?;
    if !redacted && MessageHash::of(role, body.content.hashed()) != message {
        return Err("its words are not those its hash was made of".into());
    }
    let before = match parent {
        None => ChainHash::ROOT,
        Some(parent) if i64::from(parent) >= key & 0xffff_ffff => {
            return Err(format!("it follows turn {parent}, which is not older"));
        }
        Some(parent) => match parent_of(key, parent).map_err(broken)? {
            None => return Err(format!("it follows turn {parent}, which is not there")),
            Some((_, other)) if other != session => {
                return Err(format!("it follows turn {parent}, which is of another session"));
            }
            Some((chain, _)) => chain,
        },
    };
    if before.then(message) == chain {
        Ok(())
    } else {
        Err("its chain does not continue its parent's".into())
    }
}
