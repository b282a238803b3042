//! Reasons of failures in the log: the first of each kind at once, and then one line a minute.

mod collected;
mod dials;
mod kinds;
mod quiet;

#[cfg(feature = "tls")]
mod certificates;

use super::*;
use collected::Collected;

const MINUTE: Duration = Duration::from_secs(60);

/// A little more than a minute, in which all lines about it come.
async fn a_minute_goes_by() {
    tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
}
