use std::sync::Arc;
use std::time::Duration;

use super::pending::Pending;
use super::{AnswersLayer, RequestLayer};
use crate::time::bounded;

/// The requests that wait for their answers.
///
/// The services that ask share the table with the one that receives answers. A clone is
/// another handle to the same table.
///
/// ```
/// use aiomsg_layers::request::Requests;
/// use std::time::Duration;
///
/// let requests = Requests::new().limit(1_000);
/// // Both share the table and the limit.
/// let patient = requests.layer();
/// let quick = requests.clone().timeout(Duration::from_millis(100)).layer();
/// assert!(requests.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Requests {
    pub(super) pending: Arc<Pending>,
    pub(super) timeout: Duration,
    pub(super) deadlines: bool,
}

impl Requests {
    /// The default number of pending requests: 65,536.
    pub const LIMIT: usize = 65_536;

    /// The default time for an answer: 30 s.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// An empty table, with ids of its own.
    pub fn new() -> Self {
        Self {
            pending: Arc::new(Pending::new(Self::LIMIT)),
            timeout: Self::TIMEOUT,
            deadlines: true,
        }
    }

    /// Sets how many requests may be pending, for all services that share the table; at
    /// least 1. Beyond it, a [`Request`](super::Request) is not ready.
    ///
    /// Readiness is not a reservation: the limit may be exceeded by one request
    /// for each service that is ready at the same time.
    #[must_use]
    pub fn limit(self, requests: usize) -> Self {
        self.pending.set_limit(requests.max(1));
        self
    }

    /// Sets how long a request may take, from its call to its answer, for the layers of
    /// this handle and its clones. Layers that were made before keep their time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = bounded(timeout);
        self
    }

    /// Sets whether requests say in a header how long they wait. Default: `true`.
    ///
    /// Only such a request is answered with an error when its handler fails, and it is not
    /// begun by a peer that comes to it when nobody waits any more. The header costs some 40
    /// bytes and, at full speed, about 2 µs of both ends together; peers of the 2019 dialect do
    /// not get it. Layers that were made before keep their setting.
    #[must_use]
    pub fn deadlines(mut self, said: bool) -> Self {
        self.deadlines = said;
        self
    }

    // ===== layers =====

    /// The layer that sends requests.
    pub fn layer(&self) -> RequestLayer {
        RequestLayer::new(self.clone())
    }

    /// The layer that takes the answers out of the received messages.
    pub fn answers(&self) -> AnswersLayer {
        AnswersLayer::new(self.clone())
    }

    // ===== numbers =====

    /// How many requests are pending.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no request is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many answers came to requests that were not pending any more: their time was
    /// up, their futures were dropped, or they had been answered before.
    pub fn late(&self) -> u64 {
        self.pending.late()
    }

    /// How many answers came with an unknown id, or from another peer than the one that
    /// was asked.
    pub fn unknown(&self) -> u64 {
        self.pending.unknown()
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}
