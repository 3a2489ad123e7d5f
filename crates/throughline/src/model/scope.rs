//! Whose memory it is: the only key to storage.

use super::{AgentId, AppId, RunId, TenantId, UserId};

/// A user of a tenant: what an erasure is asked for. Covers every [`Scope`] of that user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    /// The app.
    pub tenant: TenantId,
    /// Its end user.
    pub user: UserId,
}

/// The unit of isolation, ordering, storage locality and search.
///
/// Two scopes share nothing: a recall in `(tenant, user)` does not see what was said to `(tenant, user, agent)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The user, never without its tenant.
    pub user: UserKey,
    /// Set where an agent keeps its own memory of the user.
    pub agent: Option<AgentId>,
    /// Set where a part of the product keeps its own.
    pub app: Option<AppId>,
    /// Set where one run of an agent keeps its own.
    pub run: Option<RunId>,
}

impl Scope {
    /// The memory a tenant has of a user, no agent, app or run apart.
    pub fn of(tenant: TenantId, user: UserId) -> Self {
        Self { user: UserKey { tenant, user }, agent: None, app: None, run: None }
    }

    /// The app the scope belongs to.
    pub fn tenant(&self) -> &TenantId {
        &self.user.tenant
    }
}

/// A random number a store draws when it makes a scope. A scope erased and made again has another one, so
/// nothing that remembers the old (a shard, a turn id) can be taken for the new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

/// How far a scope's search rows have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Of which life of the scope.
    pub generation: Generation,
    /// The number of the newest search row, 0 before the first.
    pub row: u64,
    /// How often words were taken out of rows: a copy made before one of these times must not be brought up to date, but
    /// made again.
    pub redactions: u64,
}

impl Revision {
    /// Before the first row of the same log.
    #[must_use]
    pub fn beginning(self) -> Self {
        Self { row: 0, ..self }
    }

    /// Whether a copy that has come to one of them is brought to the other by the rows between.
    pub fn same_log(self, other: Self) -> bool {
        self.beginning() == other.beginning()
    }
}
