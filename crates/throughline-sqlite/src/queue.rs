//! A bounded queue into one thread: a full queue makes the sender wait, and in the end refuses.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why something could not be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Still full after the wait.
    Full,
    /// Nobody takes from it any more.
    Closed,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    items_max: usize,
    added: Condvar,
    taken: Condvar,
}

impl<T> Queue<T> {
    pub(crate) fn new(items_max: usize) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), closed: false });
        Self { state, items_max: items_max.max(1), added: Condvar::new(), taken: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds at the end, after waiting for a place if there is none.
    pub(crate) fn push(&self, item: T, wait_max: Duration) -> Result<(), Refused> {
        let full = |state: &mut State<T>| !state.closed && state.waiting.len() >= self.items_max;
        let (mut state, _) = self
            .taken
            .wait_timeout_while(self.state(), wait_max, full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.items_max {
            return Err(Refused::Full);
        }
        state.waiting.push_back(item);
        self.added.notify_one();
        Ok(())
    }

    /// Takes the first, waiting for one. None once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut state = self
            .added
            .wait_while(self.state(), |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let item = state.waiting.pop_front();
        self.taken.notify_one();
        item
    }

    /// Takes the first if there is one that fits.
    pub(crate) fn pop_if(&self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = self.state();
        if !state.waiting.front().is_some_and(fits) {
            return None;
        }
        let item = state.waiting.pop_front();
        self.taken.notify_one();
        item
    }

    /// Lets what is queued be taken, and nothing be added.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.added.notify_all();
        self.taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_after_the_wait_and_takes_again_when_there_is_room() {
        let queue = Queue::new(1);
        assert_eq!(queue.push(1, Duration::ZERO), Ok(()));
        assert_eq!(queue.push(2, Duration::from_millis(1)), Err(Refused::Full));
        assert_eq!(queue.pop(), Some(1));
        assert_eq!(queue.push(3, Duration::ZERO), Ok(()));
    }

    #[test]
    fn a_sender_that_waits_gets_the_place_that_becomes_free() {
        let queue = Queue::new(1);
        queue.push(1, Duration::ZERO).unwrap();
        std::thread::scope(|threads| {
            let sender = threads.spawn(|| queue.push(2, Duration::from_mins(1)));
            assert_eq!(queue.pop(), Some(1));
            assert_eq!(sender.join().unwrap(), Ok(()));
        });
        assert_eq!(queue.pop(), Some(2));
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
        let queue = Queue::new(2);
        queue.push(1, Duration::ZERO).unwrap();
        queue.close();
        assert_eq!(queue.push(2, Duration::from_mins(1)), Err(Refused::Closed));
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
    }
}
