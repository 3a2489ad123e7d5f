//! The opening of a request: one script for all that is of the scope, and beside it, in the same round trip, what lies in other
//! slots: the models and what belongs to the tenant.

use throughline::model::{Generation, Scope, SessionId};
use throughline::ports::{
    KnownTurn, News, OPENING_ROWS_MAX, OPENING_TURN_BYTES_MAX, OPENING_TURNS_MAX, Opening, OpeningAsk, Prefix,
};

use crate::client::Call;
use crate::error::Fault;
use crate::forget;
use crate::journal::Shown;
use crate::keys::Part;
use crate::models::Known;
use crate::profiles;
use crate::reply;
use crate::rows::Page;
use crate::script::OPENING;
use crate::store::RedisStore;

fn flag(wanted: bool) -> Vec<u8> {
    if wanted { b"1".to_vec() } else { b"0".to_vec() }
}

fn digits(number: &impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl RedisStore {
    pub(crate) fn opening(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Result<Opening, Fault> {
        let mut calls = vec![self.opening_call(scope, ask), self.models_call()];
        if ask.prefix {
            calls.push(self.tenant_call(scope));
        }
        let mut answers = self.client.read_all(&calls)?.into_iter();
        let mut next = || answers.next().ok_or_else(|| Fault::Passing("an answer is missing".into()));
        let [ledger_end, page, turns, thread, head, profile, edited, tombstones] = reply::answers(next()?)?;
        let models = Known::read(next()?)?.models;
        let page = Page::read(page)?;
        let turns = Shown::read_all(reply::list(turns)?)?;
        let mut prefix = None;
        if ask.prefix {
            let (identity, slot_schema) = crate::tenants::read_prefix(next()?)?;
            let is_edited = reply::number::<u8>(edited)? == 1;
            prefix = Some(Prefix { identity, slot_schema, profile: profiles::newest(profile)?, is_edited });
        }
        let known = |value| -> Result<Vec<KnownTurn>, Fault> {
            Shown::read_all(reply::list(value)?)?.iter().map(Shown::known).collect()
        };
        let (thread, head) = (known(thread)?, known(head)?.pop());
        let revision = page.as_ref().map(|page| page.revision);
        let generation = revision.map_or(Generation(0), |revision| revision.generation);
        let news = match (ask.since, page) {
            (Some(since), Some(page)) if page.is_last() => Some(News {
                since,
                rows: page.rows.into_iter().map(|(number, record)| record.into_row(number)).collect(),
                turns: turns.iter().map(|shown| shown.turn(generation)).collect::<Result<_, _>>()?,
            }),
            _ => None,
        };
        Ok(Opening {
            revision,
            models,
            ledger_end: reply::number(ledger_end)?,
            thread,
            head,
            news,
            prefix,
            tombstones: forget::read_tombstones(tombstones)?,
        })
    }

    fn opening_call(&self, scope: &Scope, ask: &OpeningAsk<'_>) -> Call {
        let keys = self.keys.scope(scope);
        let mut parts = keys
            .keys([
                Part::Meta,
                Part::Turns,
                Part::Sessions,
                Part::Chains,
                Part::Rows,
                Part::Profiles,
                Part::Tombstones,
            ])
            .to_vec();
        parts.push(self.keys.memory(&keys));
        // No number is larger; scripts would make another one of what is.
        let bounded = |number: u64| digits(&number.min(u64::from(u32::MAX)));
        let since = ask.since.unwrap_or_default();
        let mut arguments = vec![
            flag(ask.prefix),
            flag(ask.tombstones),
            if ask.since.is_some() { bounded(since.row) } else { Vec::new() },
            bounded(since.turn),
            digits(&OPENING_ROWS_MAX),
            digits(&OPENING_TURNS_MAX),
            digits(&OPENING_TURN_BYTES_MAX),
            ask.session.map(SessionId::as_str).unwrap_or_default().into(),
            digits(&ask.thread_max),
        ];
        arguments.extend(ask.chains.iter().map(|chain| chain.0.to_vec()));
        Call::script(&OPENING, &parts, arguments)
    }
}
