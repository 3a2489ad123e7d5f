//! What a chat adds to the journal: one request and its answer.

use jiff::tz::TimeZone;

use super::Said;
use crate::model::{Receipt, SessionId, Timestamp};

/// One request of a chat and the model's answer.
///
/// Where it belongs is found when it is written, not when the request came: by then what came before it is written.
/// Write the exchanges of one scope one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// When it was said; the present moment if not known. One that waited for the store names it.
    pub time: Option<Timestamp>,
    /// The conversation, if the client names it.
    pub session: Option<SessionId>,
    /// Its name if it turns out to be a new one.
    pub new_session: SessionId,
    /// The request's messages, system messages left out.
    pub messages: Vec<Said>,
    /// What the model said; none if nothing came.
    pub reply: Option<Said>,
    /// Set if the answer broke off or was an error: kept with the turn as metadata.
    pub outcome: Option<String>,
    /// The user's time zone, if the request named it: kept with each turn as metadata, for "tomorrow" is a day there.
    pub zone: Option<TimeZone>,
    /// The context the request was sent with.
    pub receipt: Option<Receipt>,
}
