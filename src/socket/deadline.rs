//! Deadlines that hold wherever the caller is.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::context::TokioContext;

use crate::engine::Engine;
use crate::engine::events::say;

/// The most that a call may exceed its deadline, if the socket and the caller have
/// different runtimes.
const GRACE: Duration = Duration::from_secs(1);

/// Longer deadlines have no end, and would overflow.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// A deadline without overflow.
pub(super) fn bounded(deadline: Duration) -> Duration {
    deadline.min(FOREVER)
}

/// Runs `work`, which keeps the deadline by the clock of the socket's runtime. The caller may
/// be in another runtime, or in none.
///
/// Returns `None` if nothing drives the runtime of the socket, so that its clock stands still,
/// or if that runtime has ended.
pub(super) async fn keep<T>(
    engine: &Engine,
    deadline: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = Box::pin(TokioContext::new(work, engine.runtime.clone()));
    let work = poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            // The runtime has ended in another thread, since it was looked at.
            Err(_) if engine.orphaned.is_cancelled() => Poll::Ready(None),
            Err(panicked) => resume_unwind(panicked),
        },
    );
    let work = async {
        tokio::select! {
            // First: the clock of a runtime that has ended must not be asked.
            biased;
            () = engine.orphaned.cancelled() => None,
            done = work => done,
        }
    };
    let longest = bounded(deadline) + GRACE;
    match Handle::try_current() {
        Ok(here) if here.id() == engine.runtime.id() => work.await,
        Ok(_) => timeout(longest, work).await.ok().flatten(),
        // Threads of its own drive this runtime.
        Err(_) if engine.runtime.runtime_flavor() != RuntimeFlavor::CurrentThread => work.await,
        Err(_) => {
            tokio::select! {
                biased;
                done = work => done,
                () = passed(longest) => None,
            }
        }
    }
}

/// Waits by the clock of a thread, for callers that have no runtime.
async fn passed(time: Duration) {
    // The thread ends when this is dropped.
    let (_wanted, unwanted) = sync_channel::<()>(1);
    let (tell, told) = oneshot::channel();
    let started = thread::Builder::new()
        .name("aiomsg deadline".to_owned())
        .spawn(move || {
            if let Err(RecvTimeoutError::Timeout) = unwanted.recv_timeout(time) {
                // The caller may have what it waited for.
                let _ = tell.send(());
            }
        });
    if let Err(error) = started {
        say(|| tracing::warn!(%error, "no thread for the deadline of a socket's call"));
        std::future::pending::<()>().await;
    }
    let _ = told.await;
}

/// Waits by polling: other tasks empty buffers and queues in moments, and a notification
/// from each of them would cost every message something.
pub(super) async fn until(is_so: impl Fn() -> bool) {
    let mut pause = Duration::from_millis(1);
    while !is_so() {
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
