//! Work that may wait for a file: a pipe that nobody writes to, a network that is
//! away.

use super::failure::{Failure, Outcome};

/// Does it where it holds up nothing else.
///
/// # Cancel safety
///
/// When the future is dropped, the work goes on, and nobody waits for it.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::because(&error)),
    }
}
