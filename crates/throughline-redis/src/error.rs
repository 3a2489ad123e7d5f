//! From servers' errors to the store's: each names the server and says what to do.

use throughline::codec::CodecError;
use throughline::model::NameError;
use throughline::ports::StoreError;

/// What went wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection, or a state of the server that passes.
    Passing(String),
    /// What a server answered, as it is: its code and the rest.
    Server(String, String),
    /// A record that cannot be: no version of this software writes it.
    Damaged(String),
    /// Already in the caller's terms.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Passing(what) => Self::Unavailable(what),
            Fault::Damaged(what) => Self::Corrupt(what),
            Fault::Server(code, detail) => of_server(&code, &detail),
        }
    }
}

fn of_server(code: &str, detail: &str) -> StoreError {
    let named = |hint: &str| format!("the server answers `{code} {detail}`; {hint}");
    match code {
        "OOM" => StoreError::Full(named("raise its `maxmemory`, or add a node")),
        "READONLY" => StoreError::ReadOnly(named("it is a replica: give the address of the primary")),
        "MISCONF" => StoreError::ReadOnly(named("it cannot write to its disk: see its log")),
        "NOAUTH" | "WRONGPASS" => {
            StoreError::Unavailable(named("put user and password into the URL of the store"))
        }
        "NOPERM" => {
            StoreError::Unavailable(named("let this user run scripts and commands on the store's keys"))
        }
        "WRONGTYPE" => StoreError::Corrupt(named("another program uses our keys: choose another key prefix")),
        _ => StoreError::Unavailable(named("see its log")),
    }
}
