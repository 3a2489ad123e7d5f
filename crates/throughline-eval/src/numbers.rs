//! How numbers are written in reports.

use std::time::Duration;

/// A share from 0 to 1 in per cent.
pub(crate) fn per_cent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A difference of shares in percentage points, with its sign.
pub(crate) fn points(difference: f64) -> String {
    format!("{:+.1}", 100.0 * difference)
}

/// The bounds of a share, or a dash without any; always as wide.
pub(crate) fn bounds(interval: Option<(f64, f64)>) -> String {
    let shown =
        interval.map_or("–".into(), |(low, high)| format!("[{:>5}, {:>5}]", per_cent(low), per_cent(high)));
    format!("{shown:14}")
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
