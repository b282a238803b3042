//! Sending what is stored.

use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{Error, ErrorKind, MessageId, Outbound, Weight};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::unconstrained;
use tower::{Service, ServiceExt};

use crate::SpoolError;
use crate::front::Front;
use crate::store::{Answer, Fate, Settled, Stored};

/// The pause after a message that the service refused, and the longest one. It doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The most outcomes that are settled at once, and the most such groups that the store has
/// not yet noted.
const GROUP: usize = 4096;
const GROUPS: usize = 8;

/// Sends the messages of a spool through a service. See
/// [`Spool::drainer`](crate::Spool::drainer).
#[derive(Debug)]
#[must_use = "nothing is sent unless it runs"]
pub struct Drainer<S> {
    front: Arc<Front>,
    service: Option<S>,
}

/// A message whose outcome is known.
struct Outcome {
    seq: u64,
    id: MessageId,
    tries: u32,
    bytes: usize,
    error: Option<Error>,
}

type Sending = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Settling = Pin<Box<dyn Future<Output = Result<(), SpoolError>> + Send>>;

impl<S> Drainer<S> {
    pub(crate) fn new(front: Arc<Front>, service: S) -> Self {
        Self {
            front,
            service: Some(service),
        }
    }
}

impl<S> Drop for Drainer<S> {
    fn drop(&mut self) {
        self.front.untake();
    }
}

impl<S> Drainer<S>
where
    S: Service<Outbound> + Send + 'static,
    S::Error: Into<aiomsg_core::BoxError>,
    S::Future: Send + 'static,
{
    /// Runs until the service or the spool is closed. The messages that are on their way
    /// when the service is closed get their outcome first.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the messages in the store.
    pub async fn run(self) -> Result<(), SpoolError> {
        self.run_until(std::future::pending()).await
    }

    /// The same, and ends when `stop` is ready: it takes no more messages out of the store
    /// then, and returns when those that are on their way have their outcome.
    ///
    /// # Errors
    ///
    /// As for [`run`](Drainer::run).
    ///
    /// # Cancel safety
    ///
    /// As for [`run`](Drainer::run).
    pub async fn run_until(
        mut self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), SpoolError> {
        let Some(service) = self.service.take() else {
            return Ok(());
        };
        let mut run = Run {
            front: Arc::clone(&self.front),
            waiting: VecDeque::new(),
            twins: Vec::new(),
            asking: None,
            sending: FuturesUnordered::new(),
            on_their_way: HashMap::new(),
            settling: FuturesUnordered::new(),
            bytes: 0,
            pause: None,
        };
        // It waits for thousands of futures. With tokio's budget, most would be polled again
        // and again, and have nothing left of it.
        match unconstrained(run.all(service, pin!(stop))).await {
            Err(SpoolError::Closed) => Ok(()),
            ended => ended,
        }
    }
}

struct Run {
    front: Arc<Front>,
    /// What was taken out of the store, and not yet sent.
    waiting: VecDeque<Stored>,
    /// Messages with the id of one that is on its way: a producer has sent them again. At
    /// the same time they could not have the same id.
    twins: Vec<Stored>,
    asking: Option<Answer<Vec<Stored>>>,
    sending: FuturesUnordered<Sending>,
    /// The places of the messages that are being sent.
    on_their_way: HashMap<MessageId, u64>,
    /// The outcomes that the store is noting.
    settling: FuturesUnordered<Settling>,
    /// The payloads and headers of all these, in bytes.
    bytes: usize,
    /// The pause after the last message, if it was refused.
    pause: Option<Duration>,
}

impl Run {
    async fn all<S>(
        &mut self,
        mut service: S,
        mut stop: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<(), SpoolError>
    where
        S: Service<Outbound> + Send + 'static,
        S::Error: Into<aiomsg_core::BoxError>,
        S::Future: Send + 'static,
    {
        loop {
            self.ask();
            let sends = !self.waiting.is_empty();
            let asks = self.asking.is_some();
            let settles = self.settling.len() < GROUPS;
            tokio::select! {
                () = &mut stop => return self.finish().await,
                Some(settled) = self.settling.next(), if !self.settling.is_empty() => settled?,
                Some(outcome) = self.sending.next(), if settles && !self.sending.is_empty() => {
                    if !self.settle(outcome) {
                        return self.finish().await;
                    }
                }
                stored = asked(&mut self.asking), if asks => {
                    self.asking = None;
                    let stored = stored?;
                    self.bytes += stored.iter().map(|it| it.entry.weight()).sum::<usize>();
                    self.waiting.extend(stored);
                }
                open = async { service.ready().await.is_ok() }, if sends => {
                    if !open {
                        return self.finish().await;
                    }
                    self.send(&mut service);
                }
            }
            if let Some(pause) = self.pause {
                tokio::select! {
                    () = &mut stop => return self.finish().await,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }

    /// Waits for the outcomes of what is on its way: the service is closed.
    async fn finish(&mut self) -> Result<(), SpoolError> {
        while let Some(outcome) = self.sending.next().await {
            self.settle(outcome);
        }
        while let Some(settled) = self.settling.next().await {
            settled?;
        }
        Ok(())
    }

    /// Asks the store for more, if there is room for them on their way.
    fn ask(&mut self) {
        let settings = self.front.settings();
        let on_the_way = self.waiting.len() + self.twins.len() + self.sending.len();
        let room = settings.window.saturating_sub(on_the_way);
        // A few at a time would be as many trips to the store.
        let enough = room > settings.window / 4 && self.bytes < settings.window_bytes;
        if self.asking.is_none() && enough && self.waiting.is_empty() {
            self.asking = Some(self.front.store().next(room));
        }
    }

    /// Sends as many messages as the service takes now. It is ready for the first one.
    fn send<S>(&mut self, service: &mut S)
    where
        S: Service<Outbound> + Send + 'static,
        S::Error: Into<aiomsg_core::BoxError>,
        S::Future: Send + 'static,
    {
        while let Some(stored) = self.waiting.pop_front() {
            if self.on_their_way.contains_key(&stored.entry.id) {
                self.twins.push(stored);
                continue;
            }
            let (seq, tries, entry) = (stored.seq, stored.tries, stored.entry);
            let (id, bytes) = (entry.id, entry.weight());
            self.on_their_way.insert(id, seq);
            let mut message = Outbound::new(entry.payload)
                .with_id(id)
                .with_headers(entry.headers)
                .until_acked();
            if let Some(peer) = entry.peer {
                message = message.to(peer);
            }
            let sent = service.call(message);
            self.sending.push(Box::pin(async move {
                let error = sent.await.err().map(|it| Error::from_boxed(it.into()));
                Outcome {
                    seq,
                    id,
                    tries,
                    bytes,
                    error,
                }
            }));
            if !matches!(service.ready().now_or_never(), Some(Ok(_))) {
                return;
            }
        }
    }

    /// Settles what has come to an end. Returns whether the service is still open.
    fn settle(&mut self, first: Outcome) -> bool {
        let mut outcomes = vec![first];
        while outcomes.len() < GROUP
            && let Some(Some(outcome)) = self.sending.next().now_or_never()
        {
            outcomes.push(outcome);
        }
        let (mut open, mut refused) = (true, false);
        let mut settled = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            self.bytes -= outcome.bytes;
            self.on_their_way.remove(&outcome.id);
            let fate = self.fate(&outcome);
            // A message that no peer has acknowledged in time holds up no other one.
            let in_time = outcome.error.as_ref().is_some_and(|it| !it.is_timeout());
            refused |= in_time && matches!(fate, Fate::Failed);
            open &= !matches!(fate, Fate::Returned);
            settled.push((
                outcome.id,
                Settled {
                    seq: outcome.seq,
                    fate,
                },
            ));
        }
        self.pause = refused.then(|| {
            let doubled = self.pause.map(|it| it * 2);
            doubled.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE)
        });
        self.settling.push(Box::pin(self.front.settle(settled)));
        self.release_twins();
        open
    }

    /// Lets messages go whose twins have arrived or failed.
    fn release_twins(&mut self) {
        if self.twins.is_empty() {
            return;
        }
        let (stay, go) = std::mem::take(&mut self.twins)
            .into_iter()
            .partition(|it| self.on_their_way.contains_key(&it.entry.id));
        self.twins = stay;
        for stored in Vec::into_iter(go).rev() {
            self.waiting.push_front(stored);
        }
    }

    fn fate(&self, outcome: &Outcome) -> Fate {
        let Some(error) = &outcome.error else {
            return Fate::Done;
        };
        match error.kind() {
            // It stays in the store.
            ErrorKind::Closed => Fate::Returned,
            ErrorKind::TooLarge => Fate::Dead(error.chain().to_string()),
            _ if outcome.tries.saturating_add(1) >= self.front.settings().max_tries => {
                Fate::Dead(error.chain().to_string())
            }
            _ => {
                tracing::debug!(error = %error.chain(), tries = outcome.tries + 1, "a stored message failed");
                Fate::Failed
            }
        }
    }
}

/// What it has taken and not settled is for the next one.
impl Drop for Run {
    fn drop(&mut self) {
        let held = self.waiting.iter().chain(&self.twins);
        let held = held.map(|it| (it.entry.id, it.seq));
        let all = held.chain(self.on_their_way.drain());
        let returned = all.map(|(id, seq)| {
            let fate = Fate::Returned;
            (id, Settled { seq, fate })
        });
        let returned: Vec<_> = returned.collect();
        if !returned.is_empty() {
            let runtime = self.front.runtime();
            runtime.spawn(self.front.settle(returned));
        }
    }
}

async fn asked(asking: &mut Option<Answer<Vec<Stored>>>) -> Result<Vec<Stored>, SpoolError> {
    match asking {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}
