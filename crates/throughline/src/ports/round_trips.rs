//! How often a call waited for an answer of a store's server. Counted by thread: the engine is synchronous, so what one call
//! costs is what its thread has counted meanwhile.

use std::cell::Cell;

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

/// Counts one round trip. A store that has a server calls it on the caller's thread, once for all that it sends before it
/// waits, to however many nodes.
pub fn count_round_trip() {
    COUNTED.with(|counted| counted.set(counted.get() + 1));
}

/// Runs a call and returns how many round trips this thread made for it; none with a store that has no server.
pub fn with_round_trips<T>(call: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNTED.with(Cell::get);
    let value = call();
    (value, COUNTED.with(Cell::get) - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_charged_with_its_own_round_trips_alone() {
        count_round_trip();
        let ((), inner) = with_round_trips(|| {
            count_round_trip();
            std::thread::spawn(count_round_trip).join().unwrap();
            count_round_trip();
        });
        assert_eq!(inner, 2);
    }
}
