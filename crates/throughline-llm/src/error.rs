//! What can go wrong between us and the provider.
//!
//! Messages name the host only: URLs and headers may hold credentials.

use std::error::Error;

/// A request that got no reply, or a reply that broke off. A reply with an error status is not an error here: it is
/// forwarded as it came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// No connection could be made; nothing was sent.
    #[error("upstream {host} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The innermost cause, such as `connection refused`.
        reason: String,
    },
    /// The request was sent and no byte of a reply body came in time.
    #[error("upstream {host} did not begin to answer within {waited_ms} ms")]
    FirstByteTimeout {
        /// Host and port.
        host: String,
        /// The limit that was reached.
        waited_ms: u64,
    },
    /// The reply began and then nothing came for too long.
    #[error("upstream {host} sent nothing more for {waited_ms} ms")]
    IdleTimeout {
        /// Host and port.
        host: String,
        /// The limit that was reached.
        waited_ms: u64,
    },
    /// The connection broke, or what came over it is not HTTP. The provider may have done (and billed) the work.
    #[error("the reply of upstream {host} broke off: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// The innermost cause.
        reason: String,
    },
    /// The client could not be set up, or a request could not be built.
    #[error("the client for upstream {host} cannot be set up: {reason}")]
    Setup {
        /// Host and port.
        host: String,
        /// The innermost cause.
        reason: String,
    },
}

impl UpstreamError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check that the upstream URL is right and that the server there is running"
            }
            Self::FirstByteTimeout { .. } => "if the model needs longer to think, raise first_byte_ms_max",
            Self::IdleTimeout { .. } => "if the model pauses longer between tokens, raise idle_ms_max",
            Self::Broken { .. } => "try again; if it persists, look at the upstream's own log",
            Self::Setup { .. } => "check the upstream URL and key, and that the machine has CA certificates",
        }
    }

    /// The upstream it happened with: host and port.
    pub fn host(&self) -> &str {
        match self {
            Self::Unreachable { host, .. }
            | Self::FirstByteTimeout { host, .. }
            | Self::IdleTimeout { host, .. }
            | Self::Broken { host, .. }
            | Self::Setup { host, .. } => host,
        }
    }
}

/// The innermost cause of an error. The outer layers of the HTTP client say little, or say the whole URL.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
