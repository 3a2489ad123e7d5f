//! Where the context goes in a request, whatever the request's format.
//!
//! The prefix is a message of its own before all others, so the caller's system message stays as it is. The block is
//! added to the last message of the user and to no other; that makes no new message, so nothing can come between an
//! assistant's tool calls and the tools' results.

/// The role the prefix takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixRole {
    /// The usual one.
    System,
    /// What a request that begins with a `developer` message uses in its place.
    Developer,
}

impl PrefixRole {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
        }
    }
}

/// Where the context goes in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The place of the prefix among the messages: before the first.
    pub prefix_at: usize,
    /// The prefix's role.
    pub prefix_role: PrefixRole,
    /// The message to append the block to, by its place before the prefix was put in. None if the user says nothing
    /// in the request: then there is no block.
    pub block_on: Option<usize>,
}

/// Decides by the roles of a request's messages, as they are named on the wire, in order.
pub fn place<'a>(roles: impl IntoIterator<Item = &'a str>) -> Placement {
    let mut placement = Placement { prefix_at: 0, prefix_role: PrefixRole::System, block_on: None };
    for (at, role) in roles.into_iter().enumerate() {
        match role {
            "user" => placement.block_on = Some(at),
            "developer" if at == 0 => placement.prefix_role = PrefixRole::Developer,
            _ => {}
        }
    }
    placement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(roles: &str, prefix_role: PrefixRole, block_on: Option<usize>) {
        let placement = place(roles.split_whitespace());
        assert_eq!(placement, Placement { prefix_at: 0, prefix_role, block_on }, "{roles}");
    }

    #[test]
    fn the_block_goes_to_the_last_message_of_the_user() {
        check("user", PrefixRole::System, Some(0));
        check("system user assistant user", PrefixRole::System, Some(3));
        check("user user system", PrefixRole::System, Some(1));
    }

    #[test]
    fn tool_calls_and_their_results_stay_together() {
        check("system user assistant tool tool", PrefixRole::System, Some(1));
        check("user assistant tool assistant tool", PrefixRole::System, Some(0));
    }

    #[test]
    fn without_a_message_of_the_user_there_is_no_block() {
        check("", PrefixRole::System, None);
        check("system assistant tool", PrefixRole::System, None);
    }

    #[test]
    fn a_request_led_by_a_developer_message_gets_a_developer_prefix() {
        check("developer user", PrefixRole::Developer, Some(1));
        check("system developer user", PrefixRole::System, Some(2));
    }
}
