//! What a chat waits for.

use std::sync::Arc;

use throughline::ports::Store;
use throughline::ports::conformance::{ChatRoundTrips, round_trips_of_chats};

/// Recording is three: what is known of the conversation, a lock with what is asked under it, and the writes with the commit.
#[test]
fn real_the_context_of_a_chat_is_one_round_trip() {
    for server in [&crate::database::POSTGRES, &crate::database::PGBOUNCER] {
        let database = server.database();
        let wanted = ChatRoundTrips { new_user: (1, 3), warm: (1, 3), cold: 1 };
        let store: Arc<dyn Store> = Arc::new(database.open());
        assert_eq!(round_trips_of_chats(&store), wanted);
    }
}
