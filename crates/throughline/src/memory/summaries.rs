//! Summaries of a scope, made when they are asked for: see [`learn::of_session`](crate::learn::of_session).

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::learn::{
    Known, MONTH_SENTENCES_MAX, SESSION_SENTENCES_MAX, Sources, YEAR_SENTENCES_MAX, of_period, of_session,
    of_user,
};
use crate::model::{Scope, SessionId, Summary, SummaryLevel, SummaryOf, SummarySentence, Timestamp, Turn};
use crate::ports::{Opening, OpeningAsk, SessionSummary, StoreError, TurnsPage};

use super::{Memory, MemoryError};

/// Sessions read from the store in one step.
const SESSIONS_A_READ: usize = 1_000;

/// Conversations that one request for summaries reads, the newest first.
pub const SUMMARISED_SESSIONS_MAX: usize = 2_000;

/// Turns that are read of a conversation.
pub const SUMMARISED_TURNS_MAX: usize = 2_000;

/// Which summaries.
#[derive(Debug, Clone, PartialEq)]
pub struct SummariesRequest {
    /// Of what.
    pub level: SummaryLevel,
    /// At most so many, the newest first.
    pub limit: usize,
    /// Where months begin and end; as in the settings if not given.
    pub zone: Option<TimeZone>,
}

impl Memory {
    /// The scope's summaries of a level, newest first. One that has nothing to say is left out.
    pub fn summaries(&self, scope: &Scope, request: &SummariesRequest) -> Result<Vec<Summary>, MemoryError> {
        let beliefs = self.beliefs(scope)?;
        let now = self.now();
        let zone = request.zone.as_ref().unwrap_or(&self.settings.zone);
        let known = Known::new(&beliefs.memories, now);
        let (most, period): (usize, fn(Date) -> SummaryOf) = match request.level {
            SummaryLevel::User => {
                let sentences = of_user(&beliefs.memories, now);
                let summary = Summary { of: SummaryOf::User, sentences };
                return Ok(Some(summary)
                    .filter(|summary| !summary.sentences.is_empty())
                    .into_iter()
                    .collect());
            }
            SummaryLevel::Session => {
                let mut summaries = Vec::new();
                for session in self.newest_sessions(scope)? {
                    if summaries.len() == request.limit {
                        break;
                    }
                    let sentences =
                        self.session_sentences(scope, &session.session, &known, SESSION_SENTENCES_MAX)?;
                    let of = SummaryOf::Session { session: session.session, began: session.first };
                    summaries.extend(Some(Summary { of, sentences }).filter(|one| !one.sentences.is_empty()));
                }
                return Ok(summaries);
            }
            SummaryLevel::Month => (MONTH_SENTENCES_MAX, month),
            SummaryLevel::Year => (YEAR_SENTENCES_MAX, year),
        };
        let mut sessions = self.newest_sessions(scope)?.into_iter().peekable();
        let mut summaries = Vec::new();
        let of = |session: &SessionSummary| period(day(session.first, zone));
        while let Some(first) = sessions.peek().filter(|_| summaries.len() < request.limit) {
            let period = of(first);
            let mut of_sessions = Vec::new();
            while let Some(session) = sessions.next_if(|session| of(session) == period) {
                of_sessions.push(self.session_sentences(
                    scope,
                    &session.session,
                    &known,
                    SESSION_SENTENCES_MAX,
                )?);
            }
            let of_sessions: Vec<&[SummarySentence]> = of_sessions.iter().map(Vec::as_slice).collect();
            let sentences = of_period(&of_sessions, &known, most);
            if !sentences.is_empty() {
                summaries.push(Summary { of: period, sentences });
            }
        }
        Ok(summaries)
    }

    /// At most `most` sentences about a conversation.
    pub(super) fn session_sentences(
        &self,
        scope: &Scope,
        session: &SessionId,
        known: &Known<'_>,
        most: usize,
    ) -> Result<Vec<SummarySentence>, MemoryError> {
        let page = TurnsPage { session: Some(session.clone()), after: 0, limit: SUMMARISED_TURNS_MAX };
        let opening = self.open_to_search(scope, &OpeningAsk::default())?;
        self.sentences_of(scope, &opening, &self.store.turns_page(scope, &page)?, known, most)
    }

    /// The same of turns that are at hand.
    pub(super) fn sentences_of(
        &self,
        scope: &Scope,
        opening: &Opening,
        turns: &[Turn],
        known: &Known<'_>,
        most: usize,
    ) -> Result<Vec<SummarySentence>, MemoryError> {
        let model = self.at_hand_of(opening.models.clone()).serving.map(|serving| serving.number);
        let log = (opening.revision, opening.news.as_ref());
        let sources = Sources { known, turns };
        let sentences = self.shards.with(&*self.store, scope, model, log, |shard| {
            of_session(turns, &sources, &|word| shard.lexical.rarity(word, 0.0), most)
        })?;
        Ok(sentences.unwrap_or_default())
    }

    /// The scope's newest conversations by when they began, newest first.
    fn newest_sessions(&self, scope: &Scope) -> Result<Vec<SessionSummary>, StoreError> {
        let mut sessions: Vec<SessionSummary> = Vec::new();
        loop {
            let after = sessions.last().map_or(0, |session| session.number);
            let page = self.store.sessions(scope, after, SESSIONS_A_READ)?;
            let last = page.len() < SESSIONS_A_READ;
            sessions.extend(page);
            if last {
                break;
            }
        }
        sessions.sort_by_key(|session| std::cmp::Reverse((session.first, session.number)));
        sessions.truncate(SUMMARISED_SESSIONS_MAX);
        Ok(sessions)
    }
}

/// The day of a moment.
pub(super) fn day(time: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(time).date()
}

/// The month of a day.
pub(super) fn month(day: Date) -> SummaryOf {
    SummaryOf::Month(day.year(), day.month())
}

/// The year of a day.
pub(super) fn year(day: Date) -> SummaryOf {
    SummaryOf::Year(day.year())
}
