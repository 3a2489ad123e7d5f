//! Whether the store can be reached, found out by asking it once a second.
//!
//! While it cannot, nobody else asks it: a chat is not held up by the time limits of calls that cannot succeed, and threads do
//! not pile up in them. Knows nothing of what is asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use throughline::memory::Memory;
use throughline::ports::StoreError;

use crate::engine::Engine;
use crate::error::{ApiError, ErrorCode};

/// How long a store that answers may take for the smallest of questions. A failover shorter than this is waited out.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// The pause between two questions.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// What is known of the way to the store.
#[derive(Debug, Default)]
pub(crate) struct Reach(Mutex<Option<String>>);

impl Reach {
    /// The error that a call would end with, if the store cannot be reached.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        why.as_ref().map_or(Ok(()), |why| Err(ApiError::new(ErrorCode::StoreUnavailable, why.clone())))
    }

    fn is(&self, found: Result<(), String>) {
        let mut why = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (why.as_ref(), &found) {
            (None, Err(error)) => {
                tracing::error!(error, "the store cannot be reached: chats go on without memory");
            }
            (Some(_), Ok(())) => tracing::warn!("the store is back"),
            _ => {}
        }
        *why = found.err();
    }
}

/// Asks the store again and again. Never ends by itself.
pub(crate) async fn watch(engine: Engine) {
    loop {
        let memory = std::sync::Arc::clone(engine.memory());
        let mut answer = tokio::task::spawn_blocking(move || ask(&memory));
        let found = if let Ok(found) = tokio::time::timeout(ANSWERS_WITHIN, &mut answer).await {
            found
        } else {
            let seconds = ANSWERS_WITHIN.as_secs();
            engine.reach().is(Err(format!("the store has not answered for {seconds} seconds")));
            // Its time limit ends it; another question meanwhile would only be a second thread that hangs.
            answer.await
        };
        engine.reach().is(found.unwrap_or_else(|panic| Err(panic.to_string())));
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

/// Any answer is an answer: what is wrong with it, whoever needs it will say.
fn ask(memory: &Memory) -> Result<(), String> {
    match memory.store().embedding_models() {
        Err(error @ StoreError::Unavailable(_)) => Err(error.to_string()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_away_refuses_with_the_reason_until_it_is_back() {
        let reach = Reach::default();
        assert_eq!(reach.check(), Ok(()));
        reach.is(Err("10.0.0.7 refused".into()));
        let refused = reach.check().unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (ErrorCode::StoreUnavailable, "10.0.0.7 refused")
        );
        reach.is(Ok(()));
        assert_eq!(reach.check(), Ok(()));
    }
}
