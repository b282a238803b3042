use std::time::Duration;

use aiomsg_core::{Addresses, BoxError, Error, ErrorKind, Name};
use tokio::time::{Instant, sleep_until, timeout};
use tower::{Service, ServiceExt};

use super::Change;
use super::roster::Roster;
use crate::reconnect::exponential;
use crate::shared::{catch, caught};
use crate::time::bounded;

/// Follows the addresses of one name. See the [module](super).
///
/// ```
/// use aiomsg_core::{Addresses, BoxError, Name};
/// use aiomsg_layers::follow::{Follow, Followed};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let resolver = tower::service_fn(|name: Name| async move {
///     let address = ([127, 0, 0, 1], name.port()).into();
///     Ok::<_, BoxError>(Addresses::new([address]))
/// });
/// let mut follow = Follow::new(resolver, Name::new("workers", 25000));
/// let Followed::Changed(change) = follow.next().await else { panic!() };
/// assert_eq!(change.added, ["127.0.0.1:25000".parse().unwrap()]);
/// # }
/// ```
#[derive(Debug)]
pub struct Follow<R> {
    resolver: R,
    name: Name,
    interval: Duration,
    most: usize,
    /// The time of the next lookup. `None`: now.
    due: Option<Instant>,
    roster: Roster,
    /// Lookups without addresses in a row, whether failed or empty.
    failures: u32,
    /// Empty answers since the last one with addresses.
    empty: u32,
}

/// What a lookup has found, if it is news.
#[derive(Debug)]
pub enum Followed {
    /// The addresses have changed, or the name has been resolved again after a failure.
    /// Then nothing may be added or removed.
    Changed(Change),
    /// A lookup failed, or its answer has no address. The addresses stay.
    Failed {
        /// The reason.
        error: Error,
        /// The time until the next lookup.
        retry_in: Duration,
    },
}

impl<R> Follow<R> {
    /// The default time between lookups whose answers have no time to live: 30 s.
    pub const INTERVAL: Duration = Duration::from_secs(30);

    /// The default bound on the number of addresses: 256.
    pub const MOST: usize = 256;

    /// The shortest time between lookups, however short the time to live: 1 s.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// The longest time between lookups, however long the time to live: an hour.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// The time limit of one lookup: 15 s.
    pub const PATIENCE: Duration = Duration::from_secs(15);

    /// The number of answers without addresses, in a row, after which there are none.
    pub const EMPTY: u32 = 3;

    /// Follows a name, by a resolver.
    pub fn new(resolver: R, name: Name) -> Self {
        Self {
            resolver,
            name,
            interval: Self::INTERVAL,
            most: Self::MOST,
            due: None,
            roster: Roster::default(),
            failures: 0,
            empty: 0,
        }
    }

    /// Sets the time between lookups whose answers have no time to live. It is also the
    /// longest time until a failed lookup is repeated. Thirty years and more
    /// stand for ever.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = bounded(interval);
        self
    }

    /// Bounds the number of addresses.
    #[must_use]
    pub fn max_addresses(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
}

/// The subject of a panic.
const RESOLVER: &str = "the resolver";

impl<R> Follow<R>
where
    R: Service<Name, Response = Addresses, Error: Into<BoxError>> + Clone,
{
    /// Returns the next news. It resolves the name as often as that takes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no news. A lookup under way starts again.
    pub async fn next(&mut self) -> Followed {
        loop {
            if let Some(due) = self.due {
                sleep_until(due).await;
            }
            let found = self.resolve().await;
            if let Some(news) = self.take(found) {
                return news;
            }
        }
    }

    async fn resolve(&self) -> Result<Addresses, Error> {
        let lookup = async {
            // A panic of a user's resolver is a failure like others.
            let resolver = catch(RESOLVER, || self.resolver.clone())?;
            let resolving = async { resolver.oneshot(self.name.clone()).await };
            let resolved = caught(RESOLVER, resolving).await?;
            resolved.map_err(|error| Error::from_boxed(error.into()))
        };
        timeout(Self::PATIENCE, lookup).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout).with_reason(format!(
                "no answer to the lookup of \"{}\" within {:?}",
                self.name.host(),
                Self::PATIENCE
            )))
        })
    }

    fn take(&mut self, found: Result<Addresses, Error>) -> Option<Followed> {
        match found {
            Err(error) => Some(self.fail(error)),
            Ok(answer) if answer.addresses.is_empty() => Some(self.take_none()),
            Ok(answer) => {
                let recovered = self.failures > 0;
                (self.failures, self.empty) = (0, 0);
                let holds = match answer.ttl {
                    Some(ttl) => ttl.clamp(Self::SHORTEST, Self::LONGEST),
                    None => self.interval,
                };
                // Not before the answer has expired, or a cache would repeat it.
                self.wait(holds.mul_f64(1.0 + fastrand::f64() / 5.0));
                let change = self.roster.replace(answer.addresses, self.most);
                let change = change.or_else(|| recovered.then(|| self.roster.unchanged()));
                change.map(Followed::Changed)
            }
        }
    }

    fn take_none(&mut self) -> Followed {
        self.empty = self.empty.saturating_add(1);
        let connected = self.roster.len();
        if connected == 0 {
            return self.fail(self.no_address(""));
        }
        if self.empty >= Self::EMPTY
            && let Some(change) = self.roster.replace(Vec::new(), self.most)
        {
            self.retry();
            return Followed::Changed(change);
        }
        let missing = Self::EMPTY - self.empty;
        let error = self.no_address(&format!(
            "; the {connected} that it had stay, until {missing} more such answers confirm it"
        ));
        self.fail(error)
    }

    fn no_address(&self, rest: &str) -> Error {
        let host = self.name.host();
        Error::new(ErrorKind::Address)
            .with_reason(format!("the name \"{host}\" has no address{rest}"))
    }

    fn fail(&mut self, error: Error) -> Followed {
        let retry_in = self.retry();
        Followed::Failed { error, retry_in }
    }

    fn retry(&mut self) -> Duration {
        let first = Self::SHORTEST.min(self.interval);
        let delay = exponential(first, self.interval)(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.wait(delay);
        delay
    }

    fn wait(&mut self, time: Duration) {
        self.due = Some(Instant::now() + time);
    }
}
