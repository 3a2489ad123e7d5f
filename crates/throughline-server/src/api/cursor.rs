//! Where a list goes on: opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{ApiError, ErrorCode};

/// Which list a cursor is of; a cursor of another list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Turns by number.
    Turns,
    /// Sessions by number.
    Sessions,
    /// Memories by the number of their first entry in the ledger.
    Memories,
    /// Entries of the ledger by number.
    Changes,
    /// Jobs by number.
    Jobs,
}

impl List {
    fn tag(self) -> &'static str {
        match self {
            Self::Turns => "turns:",
            Self::Sessions => "sessions:",
            Self::Memories => "memories:",
            Self::Changes => "changes:",
            Self::Jobs => "jobs:",
        }
    }

    /// The cursor of what comes after a number.
    pub(crate) fn cursor(self, after: u64) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{after}", self.tag()))
    }

    /// The number a cursor stands for; 0 without a cursor.
    pub(crate) fn after(self, cursor: Option<&str>) -> Result<u64, ApiError> {
        let Some(cursor) = cursor else { return Ok(0) };
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
            text.strip_prefix(self.tag())?.parse().ok()
        };
        read().ok_or_else(|| {
            ApiError::of_field(ErrorCode::InvalidCursor, "cursor", "is not a cursor of this list")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_only() {
        let cursor = List::Turns.cursor(17);
        assert_eq!(List::Turns.after(Some(&cursor)), Ok(17));
        assert_eq!(List::Turns.after(None), Ok(0));
        assert_eq!(List::Sessions.after(Some(&cursor)).unwrap_err().code, ErrorCode::InvalidCursor);
        assert_eq!(List::Turns.after(Some("17")).unwrap_err().code, ErrorCode::InvalidCursor);
    }
}
