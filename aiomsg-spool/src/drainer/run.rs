//! The loop of a drainer.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{BoxError, MessageId, Outbound, Weight};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tower::{Service, ServiceExt};

use super::sending::{Outcome, Sending, Sent};
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

type Settling = Pin<Box<dyn Future<Output = Result<(), SpoolError>> + Send>>;

/// What a drainer has taken out of the store.
pub(super) struct Run<F> {
    front: Arc<Front>,
    /// What was taken out of the store, and not yet sent.
    waiting: VecDeque<Stored>,
    /// Messages with the id of one that is on its way: a producer has sent them again. At
    /// the same time they could not have the same id.
    twins: Vec<Stored>,
    asking: Option<Answer<Vec<Stored>>>,
    sending: FuturesUnordered<Sending<F>>,
    /// The places of the messages that are being sent.
    on_their_way: HashMap<MessageId, u64>,
    /// The outcomes that the store is noting.
    settling: FuturesUnordered<Settling>,
    /// The payloads and headers of all these, in bytes.
    bytes: usize,
    /// The pause after the last message, if it was refused.
    pause: Option<Duration>,
}

impl<F> Run<F> {
    pub(super) fn new(front: Arc<Front>) -> Self {
        Self {
            front,
            waiting: VecDeque::new(),
            twins: Vec::new(),
            asking: None,
            sending: FuturesUnordered::new(),
            on_their_way: HashMap::new(),
            settling: FuturesUnordered::new(),
            bytes: 0,
            pause: None,
        }
    }
}

impl<F, T, E> Run<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    /// Sends messages until the service is closed, or `stop` is ready.
    pub(super) async fn all<S>(
        &mut self,
        mut service: S,
        mut stop: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<(), SpoolError>
    where
        S: Service<Outbound, Response = T, Error = E, Future = F>,
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
        S: Service<Outbound, Response = T, Error = E, Future = F>,
    {
        while let Some(stored) = self.waiting.pop_front() {
            let Entry::Vacant(vacant) = self.on_their_way.entry(stored.entry.id) else {
                self.twins.push(stored);
                continue;
            };
            vacant.insert(stored.seq);
            let (sent, message) = Sent::take(stored);
            self.sending.push(Sending::new(sent, service.call(message)));
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
            let Sent { seq, id, bytes, .. } = outcome.sent;
            self.bytes -= bytes;
            self.on_their_way.remove(&id);
            let fate = outcome.fate(self.front.settings().max_tries);
            // A message that no peer has acknowledged in time holds up no other one.
            let in_time = outcome.error.as_ref().is_some_and(|it| !it.is_timeout());
            refused |= in_time && matches!(fate, Fate::Failed);
            open &= !matches!(fate, Fate::Returned);
            settled.push((id, Settled { seq, fate }));
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
}

/// What it has taken and not settled is for the next one.
impl<F> Drop for Run<F> {
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
