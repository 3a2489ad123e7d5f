//! What a chat waits for.

use std::sync::Arc;

use throughline::ports::Store;
use throughline::ports::conformance::{ChatRoundTrips, round_trips_of_chats};

use crate::support::open;

/// Recording is four: what is known of the conversation, a view of the scope, what leads to the receipt from another slot, and
/// the commit. The first time, the scope takes its place in the list of all scopes, which is two more.
#[test]
fn real_the_context_of_a_chat_is_one_round_trip() {
    for name in ["redis-7", "cluster"] {
        let wanted = ChatRoundTrips { new_user: (1, 6), warm: (1, 4), cold: 1 };
        // The first use of a script costs another round trip: a server does not know it yet.
        let stores: [Arc<dyn Store>; 2] = [Arc::new(open(name)), Arc::new(open(name))];
        let [_, found] = stores.each_ref().map(round_trips_of_chats);
        assert_eq!(found, wanted, "{name}");
    }
}
