//! Requests of a tenant in one minute, as a store counts them for all servers together.

use crate::model::{TenantId, Timestamp};

use super::StoreError;

const SECONDS_A_MINUTE: i64 = 60;

/// A minute since 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub u32);

impl Minute {
    /// The one this moment is in.
    pub fn of(time: Timestamp) -> Self {
        Self(u32::try_from(time.as_second() / SECONDS_A_MINUTE).unwrap_or(0))
    }

    /// Seconds from this moment until it is over, at least 1.
    pub fn seconds_left(self, time: Timestamp) -> u64 {
        let end = (i64::from(self.0) + 1) * SECONDS_A_MINUTE;
        u64::try_from(end - time.as_second()).unwrap_or(0).clamp(1, SECONDS_A_MINUTE.unsigned_abs())
    }
}

/// Counts what servers have taken of a tenant's requests. Minutes that are over are let go.
pub trait RateStore: Send + Sync {
    /// Adds to what was taken in a minute, and returns how many that are with these. Of servers that take at once each gets another
    /// sum, and the greatest is the whole.
    ///
    /// Repeating it counts twice: then some requests are not given to anybody.
    fn take_requests(&self, tenant: &TenantId, minute: Minute, count: u32) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_ends_where_the_next_one_begins() {
        let time = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(Minute::of(time(119)), Minute(1));
        assert_eq!((Minute(1).seconds_left(time(60)), Minute(1).seconds_left(time(119))), (60, 1));
        // A clock that went back waits no longer than a minute.
        assert_eq!((Minute(9).seconds_left(time(0)), Minute(1).seconds_left(time(500))), (60, 1));
    }
}
