//! The scripts, each known to servers by its hash.

use std::sync::LazyLock;

/// A script and its hash.
pub(crate) struct Script {
    pub(crate) text: &'static str,
    hash: LazyLock<String>,
}

impl Script {
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {
        $(pub(crate) static $name: Script = {
            const TEXT: &str = concat!($(include_str!($file)),+);
            Script { text: TEXT, hash: LazyLock::new(|| redis::Script::new(TEXT).get_hash().to_owned()) }
        };)+
    };
}

scripts! {
    READ = "lua/read.lua";
    COMMIT = "lua/commit.lua";
    JOURNAL = "lua/turns.lua" "lua/journal.lua";
    ROWS = "lua/rows_page.lua" "lua/rows.lua";
    OPENING = "lua/turns.lua" "lua/rows_page.lua" "lua/edit_of.lua" "lua/opening.lua";
    LOCATE = "lua/locate.lua";
    LIST = "lua/list.lua";
    EDIT = "lua/edit_of.lua" "lua/edit.lua";
    USAGE = "lua/usage.lua";
    JOBS = "lua/jobs.lua";
    VECTORS_BEGIN = "lua/vectors_begin.lua";
    VECTORS_PUT = "lua/vectors_put.lua";
    VECTORS_REMOVE = "lua/vectors_remove.lua";
}
