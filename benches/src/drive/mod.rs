//! The loops of the roles, the same for all libraries.
//!
//! A library brings the two ends of its sockets, an [`Outlet`] and an [`Inlet`].
//! What is sent, how it is checked, counted and timed is here.

mod call;
mod echo;
mod latencies;
mod paced;
mod pacer;
mod ping;
mod pipeline;
mod receive;
mod relay;
mod send;
mod serve;
mod sizes;
mod source;
mod tally;
mod tasks;
mod timing;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Interval, MissedTickBehavior, interval};

pub use crate::process::cpu_time;
pub use call::{Caller, call};
pub use echo::echo;
pub use latencies::Latencies;
pub use ping::ping;
pub use pipeline::pipeline;
pub use receive::receive;
pub use relay::relay;
pub use send::send;
pub use serve::{Served, serve};
pub use sizes::Sizes;
pub use source::Source;
pub use tally::{Incoming, Tally};
pub use tasks::{Locked, send_from_tasks};
pub use timing::Timing;

use crate::library::{Failure, Outcome};

/// How often a role that waits for messages looks at anything else.
const LOOK: Duration = Duration::from_millis(20);

/// After how long without a message no more are waited for, once all are sent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Every how many messages the clock is read.
const STRIDE: u64 = 64;

/// Where messages go into a library.
pub trait Outlet: Send + 'static {
    /// Waits until messages can be sent to as many peers. Libraries that cannot
    /// know do what is usual with them.
    fn prepare(&mut self, _peers: usize) -> impl Future<Output = Outcome> + Send {
        async { Ok(()) }
    }

    /// Sends a message.
    fn send(&mut self, message: Bytes) -> impl Future<Output = Outcome> + Send;

    /// Sends what was held back to be sent with more.
    fn flush(&mut self) -> impl Future<Output = Outcome> + Send {
        async { Ok(()) }
    }

    /// Sends all that is left.
    fn finish(&mut self) -> impl Future<Output = Outcome> + Send {
        self.flush()
    }
}

/// Where messages come out of a library.
pub trait Inlet: Send + 'static {
    /// A message, as the library hands it over.
    type Message: Incoming + Send;

    /// Receives a message. `None` comes from libraries that block: nothing has
    /// come for a while.
    fn recv(&mut self) -> impl Future<Output = Result<Option<Self::Message>, Failure>> + Send;

    /// Whether another message is there for certain, so that what is to be flushed may wait.
    fn has_more(&self) -> bool {
        false
    }
}

/// How several sockets of a role go on at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// As tasks of one runtime with one thread.
    Tasks,
    /// In a thread each: for libraries that block.
    Threads,
}

/// Runs a future on a runtime of its own, with one thread.
///
/// # Errors
///
/// Those of the future, and when there can be no runtime.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Does the same with each socket, and waits for all. What each returns is kept
/// until then, so that no connection ends before.
async fn with_each<T, R, F>(
    together: Together,
    sockets: Vec<T>,
    run: impl Fn(usize, T) -> F,
) -> Result<Vec<R>, Failure>
where
    F: Future<Output = Result<R, Failure>> + Send + 'static,
    R: Send + 'static,
{
    let mut results = Vec::with_capacity(sockets.len());
    let mut running = Vec::with_capacity(sockets.len());
    for (nth, socket) in sockets.into_iter().enumerate() {
        let future = run(nth, socket);
        running.push(match together {
            Together::Tasks => tokio::spawn(future),
            Together::Threads => tokio::task::spawn_blocking(|| block_on(future)),
        });
    }
    for result in running {
        results.push(result.await??);
    }
    Ok(results)
}

fn looks() -> Interval {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// What comes next, or nothing when `give_up` says so. A future that waits for a
/// message is not dropped before that: not all libraries bear it.
async fn next<I: Inlet>(
    inlet: &mut I,
    looks: &mut Interval,
    mut give_up: impl FnMut() -> bool,
) -> Result<Option<I::Message>, Failure> {
    loop {
        let mut recv = pin!(inlet.recv());
        let received = loop {
            if let Some(received) = recv_or_tick(recv.as_mut(), looks).await {
                break received?;
            }
            if give_up() {
                return Ok(None);
            }
        };
        if received.is_some() || give_up() {
            return Ok(received);
        }
    }
}

/// What is received, or `None` at a tick. By hand, since `select!` asks the
/// runtime each time whether it may go on.
#[inline]
async fn recv_or_tick<F: Future>(mut recv: Pin<&mut F>, looks: &mut Interval) -> Option<F::Output> {
    poll_fn(|cx| {
        if let Poll::Ready(received) = recv.as_mut().poll(cx) {
            return Poll::Ready(Some(received));
        }
        looks.poll_tick(cx).map(|_| None)
    })
    .await
}
