//! How many requests a tenant may send in a minute, counted for all servers on one store.
//!
//! A server takes requests from the store in blocks, ahead of need, so that most requests cost no round trip; what it does not give
//! away in that minute is lost. While the store cannot be asked, each server counts by itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use throughline::model::TenantId;
use throughline::ports::Minute;

use crate::engine::Engine;
use crate::error::{ApiError, ErrorCode};

/// Blocks of a minute: about so many round trips a minute, and so much of the limit may be lost with each server.
const BLOCKS_A_MINUTE: u32 = 20;

/// Tenants that are known at once; those of minutes that are over go first.
const TENANTS_MAX: usize = 10_000;

/// What a server has of a tenant's minute.
#[derive(Debug, Clone, Copy)]
struct Window {
    minute: Minute,
    /// Taken, and not given away yet.
    in_hand: u32,
    /// Taken in all by this server.
    taken: u32,
    /// Whether the store has no more.
    used_up: bool,
}

/// What is to be done about a request.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Granted,
    Refused,
    /// So many are to be taken first.
    Take(u32),
}

/// The limit, and what was taken.
pub(crate) struct Rates {
    /// 0: no limit.
    requests_a_minute_max: u32,
    windows: Mutex<HashMap<TenantId, Window>>,
}

impl Rates {
    pub(crate) fn new(requests_a_minute_max: u32) -> Self {
        Self { requests_a_minute_max, windows: Mutex::default() }
    }

    /// Counts a request of the tenant.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] if it is one too many; then it is not counted.
    pub(crate) async fn admit(&self, engine: &Engine, tenant: &TenantId) -> Result<(), ApiError> {
        if self.requests_a_minute_max == 0 {
            return Ok(());
        }
        let now = engine.memory().now();
        let minute = Minute::of(now);
        loop {
            match self.ask(tenant, minute) {
                Asked::Granted => return Ok(()),
                Asked::Refused => {
                    let max = self.requests_a_minute_max;
                    let error = ApiError::new(
                        ErrorCode::RateLimited,
                        format!("the tenant has sent its {max} requests of this minute"),
                    );
                    return Err(error.retry_after(minute.seconds_left(now)));
                }
                Asked::Take(count) => {
                    let of = tenant.clone();
                    let take = move |memory: &throughline::memory::Memory| {
                        memory.store().take_requests(&of, minute, count)
                    };
                    let taken = engine.call(take).await;
                    self.taken(tenant, minute, count, taken.ok());
                }
            }
        }
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<TenantId, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, tenant: &TenantId, minute: Minute) -> Asked {
        let mut windows = self.windows();
        if windows.len() >= TENANTS_MAX && !windows.contains_key(tenant) {
            windows.retain(|_, window| window.minute == minute);
        }
        let new = Window { minute, in_hand: 0, taken: 0, used_up: false };
        let window = windows.entry(tenant.clone()).or_insert(new);
        if window.minute != minute {
            *window = new;
        }
        if window.in_hand > 0 {
            window.in_hand -= 1;
            Asked::Granted
        } else if window.used_up {
            Asked::Refused
        } else {
            Asked::Take(self.requests_a_minute_max.div_ceil(BLOCKS_A_MINUTE))
        }
    }

    /// `sum` is what all servers have taken with these; none if the store could not be asked.
    fn taken(&self, tenant: &TenantId, minute: Minute, count: u32, sum: Option<u64>) {
        let mut windows = self.windows();
        let Some(window) = windows.get_mut(tenant).filter(|window| window.minute == minute) else { return };
        let max = u64::from(self.requests_a_minute_max);
        let before = sum.map_or(window.taken.into(), |sum| sum.saturating_sub(count.into()));
        let left = max.saturating_sub(before).min(count.into());
        let left = u32::try_from(left).unwrap_or(count);
        window.in_hand += left;
        window.taken += left;
        window.used_up = left < count;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant() -> TenantId {
        TenantId::single()
    }

    /// One request to a server; `store` is what was taken in all, none if it cannot be asked.
    fn request(rates: &Rates, minute: u32, store: Option<&mut u64>) -> bool {
        let mut store = store;
        loop {
            match rates.ask(&tenant(), Minute(minute)) {
                Asked::Granted => return true,
                Asked::Refused => return false,
                Asked::Take(count) => {
                    let sum = store.as_mut().map(|sum| {
                        **sum += u64::from(count);
                        **sum
                    });
                    rates.taken(&tenant(), Minute(minute), count, sum);
                }
            }
        }
    }

    #[test]
    fn one_server_gives_away_exactly_the_limit_in_each_minute() {
        for max in [1, 7, 20, 1_000] {
            let rates = Rates::new(max);
            for minute in 3..5 {
                let mut store = 0;
                let granted = (0..max + 50).filter(|_| request(&rates, minute, Some(&mut store))).count();
                assert_eq!(granted, max as usize);
            }
        }
    }

    #[test]
    fn while_the_store_cannot_be_asked_a_server_counts_by_itself() {
        let rates = Rates::new(30);
        assert_eq!((0..100).filter(|_| request(&rates, 3, None)).count(), 30);
    }

    proptest! {
        #[test]
        fn several_servers_never_give_away_more_than_the_limit_and_lose_less_than_a_block_each(
            max in 1_u32..200, servers in 1_usize..5, turns in prop::collection::vec(0_usize..5, 300..900),
        ) {
            let all: Vec<Rates> = (0..servers).map(|_| Rates::new(max)).collect();
            let mut store = 0;
            let granted = turns.iter().filter(|turn| request(&all[*turn % servers], 9, Some(&mut store))).count();
            prop_assert!(granted <= max as usize);
            let lost = servers * max.div_ceil(BLOCKS_A_MINUTE) as usize;
            prop_assert!(granted + lost >= (max as usize).min(turns.len()));
        }
    }
}
