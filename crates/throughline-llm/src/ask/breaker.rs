//! Leaves an endpoint alone that fails again and again.
//!
//! After some failures in a row every question is refused for a while; then one is let through, and its outcome decides. A
//! refusal that shows the endpoint to be there (429, 400) is no failure. Knows no clock: it is told the time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failed questions in a row, each with its own attempts, after which no more are asked.
pub(super) const FAILURES_MAX: u32 = 5;
/// How long no more are asked, unless somebody wants another time.
pub(super) const OPEN_TIME: Duration = Duration::from_mins(1);

/// The state of one endpoint.
#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    open_time: Duration,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// One that is closed, and opens for so long.
    pub(super) fn new(open_time: Duration) -> Self {
        Self { state: Mutex::default(), open_time }
    }

    /// How long no question will be let through; asks for none.
    pub(super) fn rests_for(&self, now: Instant) -> Option<Duration> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.filter(|until| now < *until).map(|until| until - now)
    }

    /// Lets a question through, or says how long none will be.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // This one finds out how things stand; the others wait for it, but not for ever.
                state.open_until = Some(now + self.open_time);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes note of how a question ended: whether the endpoint is there.
    pub(super) fn report(&self, is_alive: bool, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if is_alive {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            state.open_until = Some(now + self.open_time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (Breaker, Instant) {
        let (breaker, now) = (Breaker::new(OPEN_TIME), Instant::now());
        for _ in 0..FAILURES_MAX {
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.report(false, now);
        }
        (breaker, now)
    }

    #[test]
    fn failures_in_a_row_open_it_for_a_while() {
        let (breaker, now) = open();
        let later = now + OPEN_TIME / 4;
        assert_eq!(breaker.rests_for(later), Some(OPEN_TIME * 3 / 4));
        assert_eq!(breaker.admit(later), Err(OPEN_TIME * 3 / 4));
        assert_eq!(breaker.rests_for(now + OPEN_TIME), None);
    }

    #[test]
    fn after_that_one_question_is_let_through_and_decides() {
        let (breaker, now) = open();
        let later = now + OPEN_TIME;
        assert_eq!((breaker.rests_for(later), breaker.admit(later)), (None, Ok(())));
        assert_eq!((breaker.rests_for(later), breaker.admit(later)), (Some(OPEN_TIME), Err(OPEN_TIME)));
        breaker.report(false, later);
        assert_eq!(breaker.admit(later), Err(OPEN_TIME));

        let later = later + OPEN_TIME;
        assert_eq!(breaker.admit(later), Ok(()));
        breaker.report(true, later);
        assert_eq!((breaker.admit(later), breaker.admit(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_sign_of_life_between_failures_keeps_it_closed() {
        let (breaker, now) = (Breaker::new(OPEN_TIME), Instant::now());
        for _ in 0..FAILURES_MAX * 2 {
            breaker.report(false, now);
            breaker.report(true, now);
        }
        assert_eq!(breaker.admit(now), Ok(()));
    }
}
