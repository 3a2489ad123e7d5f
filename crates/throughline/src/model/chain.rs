//! Hashes that recognise a conversation a client sends again.
//!
//! Chat clients resend their history with every request. A turn's [`MessageHash`] covers what was said; its
//! [`ChainHash`] covers that and everything before it, so two histories share a chain exactly as far as they agree.

use super::Role;

/// 128 bits over role and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageHash(pub [u8; 16]);

/// 128 bits over the parent's chain, role and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainHash(pub [u8; 16]);

impl MessageHash {
    /// `content` is the message as the client would send it again: its text, or the JSON of its parts. White space
    /// around it does not count, since clients trim what models answer.
    pub fn of(role: Role, content: &str) -> Self {
        Self(hash("throughline 2026-11 message", &[&[role.code()], content.trim().as_bytes()]))
    }
}

impl ChainHash {
    /// What a conversation is before its first message.
    pub const ROOT: Self = Self([0; 16]);

    /// The chain after one more message.
    #[must_use]
    pub fn then(self, message: MessageHash) -> Self {
        Self(hash("throughline 2026-11 chain", &[&self.0, &message.0]))
    }
}

fn hash(context: &'static str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_depends_on_every_message_before_it_and_on_their_order() {
        let (a, b) = (MessageHash::of(Role::User, "a"), MessageHash::of(Role::User, "b"));
        assert_eq!(ChainHash::ROOT.then(a).then(b), ChainHash::ROOT.then(a).then(b));
        assert_ne!(ChainHash::ROOT.then(a).then(b), ChainHash::ROOT.then(b).then(a));
        assert_ne!(ChainHash::ROOT.then(b), ChainHash::ROOT.then(a).then(b));
    }

    #[test]
    fn the_same_words_of_another_role_are_another_message() {
        assert_ne!(MessageHash::of(Role::User, "a"), MessageHash::of(Role::Assistant, "a"));
    }
}
