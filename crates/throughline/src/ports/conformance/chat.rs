//! What a chat costs in round trips to the store's server. No behaviour: each store's own tests say how many it promises.

use std::sync::Arc;

use crate::journal::Said;
use crate::memory::{ContextRequest, Exchange, Memory, Settings};
use crate::model::{Content, Role, Timestamp};
use crate::ports::{Clock, Store, with_round_trips};

use super::support::{at, scope, session};

/// Round trips for the context of a chat, and for recording it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatRoundTrips {
    /// Of a user who was never heard of.
    pub new_user: (u64, u64),
    /// Of one who has just been served, in a conversation that goes on.
    pub warm: (u64, u64),
    /// The context in a process that has not served the user yet.
    pub cold: u64,
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        at(0)
    }
}

fn said(role: Role, text: &str) -> Said {
    Said { role, name: None, content: Content::text(text) }
}

/// Has a conversation of two exchanges, and asks about it.
pub fn round_trips_of_chats(store: &Arc<dyn Store>) -> ChatRoundTrips {
    let open = || Memory::open(store.clone(), Arc::new(Now), Settings::default()).expect("a memory");
    let (memory, ann) = (open(), scope("acme", "ann"));
    let context = |memory: &Memory, messages: &[Said]| {
        let request = ContextRequest { messages: messages.to_vec(), ..ContextRequest::asking("") };
        let (context, trips) = with_round_trips(|| memory.context(&ann, &request));
        (context.expect("a context"), trips)
    };
    let exchange = |messages: &[Said], reply: Said| {
        let (context, reads) = context(&memory, messages);
        let exchange = Exchange {
            time: None,
            zone: None,
            session: None,
            new_session: context.thread.session,
            messages: messages.to_vec(),
            reply: Some(reply),
            outcome: None,
            receipt: Some(context.receipt),
        };
        let (written, writes) = with_round_trips(|| memory.record(&ann, exchange));
        assert_eq!(written.expect("an exchange").turns.len(), 2);
        (reads, writes)
    };
    let sail = said(Role::User, "I keep my boat in Falmouth.");
    let noted = said(Role::Assistant, "Noted.");
    let new_user = exchange(std::slice::from_ref(&sail), noted.clone());
    let again = [sail, noted, said(Role::User, "And I sail on Sundays.")];
    let warm = exchange(&again, said(Role::Assistant, "Fair winds."));

    let other = [said(Role::User, "Where is my boat, and when do I sail?")];
    // Who has just written finds it, and so does who has never heard of the user.
    for memory in [&memory, &open()] {
        let block = context(memory, &other).0.block.unwrap_or_default();
        assert!(block.contains("Falmouth") && block.contains("Sundays"), "{block}");
    }
    let elsewhere = open();
    let cold = context(&elsewhere, &other).1;
    // With the words at hand, what was written elsewhere comes at once.
    memory
        .record(
            &ann,
            Exchange {
                time: None,
                zone: None,
                session: None,
                new_session: session("another"),
                messages: vec![said(Role::User, "My boat lies in Plymouth now.")],
                reply: None,
                outcome: None,
                receipt: None,
            },
        )
        .expect("an exchange");
    let (found, trips) = context(&elsewhere, &other);
    assert!(found.block.unwrap_or_default().contains("Plymouth"));
    assert_eq!(trips, cold);
    ChatRoundTrips { new_user, warm, cold }
}
