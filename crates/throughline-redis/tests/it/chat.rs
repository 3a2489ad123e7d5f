//! What a chat waits for.

use std::sync::Arc;

use throughline::ports::Store;
use throughline::ports::conformance::{ChatRoundTrips, round_trips_of_chats};

use crate::support::open;

/// Stores that are tried. A node that does not know a script yet costs its first use another round trip, and where a store's
/// keys lie is chance: after a few stores every node of a Cluster knows all scripts.
const STORES_MAX: usize = 32;

/// Recording is four: what is known of the conversation, a view of the scope, what leads to the receipt from another slot, and
/// the commit. The first time, the scope takes its place in the list of all scopes, which is two more.
#[test]
fn real_the_context_of_a_chat_is_one_round_trip() {
    for name in ["redis-7", "cluster"] {
        let wanted = ChatRoundTrips { new_user: (1, 6), warm: (1, 4), cold: 1 };
        let mut last = None;
        let is_kept = (0..STORES_MAX).any(|_| {
            let store: Arc<dyn Store> = Arc::new(open(name));
            last = Some(round_trips_of_chats(&store));
            last == Some(wanted)
        });
        assert!(is_kept, "{name}: {last:?} at the end, and never {wanted:?}");
    }
}
