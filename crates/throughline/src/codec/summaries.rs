//! The summaries of a receipt: by what they cite, without words.

use serde::{Deserialize, Serialize};

use super::{CodecError, time};
use crate::model::{Citation, MemoryId, ReceiptSummaries, ReceiptSummary, SessionId, SummaryOf};

#[derive(Serialize, Deserialize)]
pub(super) struct SummariesJson {
    ledger_end: u64,
    lines: Vec<(OfJson, Vec<CitationJson>, u32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfJson {
    /// Its name, and the millisecond it began.
    Session(String, i64),
    Month(i16, i8),
    Year(i16),
    User,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CitationJson {
    Memory(uuid::Uuid),
    /// turn, first byte, byte after the last
    Words(u64, u32, u32),
}

pub(super) fn encode(summaries: &ReceiptSummaries) -> Option<SummariesJson> {
    let of = |of: &SummaryOf| match of {
        SummaryOf::Session { session, began } => {
            OfJson::Session(session.as_str().to_owned(), began.as_millisecond())
        }
        SummaryOf::Month(year, month) => OfJson::Month(*year, *month),
        SummaryOf::Year(year) => OfJson::Year(*year),
        SummaryOf::User => OfJson::User,
    };
    let cited = |cited: &Citation| match cited {
        Citation::Memory(id) => CitationJson::Memory(id.0),
        Citation::Words { turn, bytes: (from, to) } => CitationJson::Words(*turn, *from, *to),
    };
    let line = |line: &ReceiptSummary| (of(&line.of), line.cites.iter().map(cited).collect(), line.tokens);
    let lines: Vec<_> = summaries.lines.iter().map(line).collect();
    (!lines.is_empty()).then_some(SummariesJson { ledger_end: summaries.ledger_end, lines })
}

pub(super) fn decode(json: SummariesJson) -> Result<ReceiptSummaries, CodecError> {
    let of = |of| {
        Ok(match of {
            OfJson::Session(session, began) => SummaryOf::Session {
                session: SessionId::new(session).map_err(|error| CodecError::Damaged(error.to_string()))?,
                began: time(began)?,
            },
            OfJson::Month(year, month) => SummaryOf::Month(year, month),
            OfJson::Year(year) => SummaryOf::Year(year),
            OfJson::User => SummaryOf::User,
        })
    };
    let read = |json| match json {
        CitationJson::Memory(id) => Citation::Memory(MemoryId(id)),
        CitationJson::Words(turn, from, to) => Citation::Words { turn, bytes: (from, to) },
    };
    let lines = json.lines.into_iter().map(|(summary_of, cites, tokens)| {
        let cites = cites.into_iter().map(read).collect();
        Ok(ReceiptSummary { of: of(summary_of)?, cites, tokens })
    });
    Ok(ReceiptSummaries { ledger_end: json.ledger_end, lines: lines.collect::<Result<_, CodecError>>()? })
}
